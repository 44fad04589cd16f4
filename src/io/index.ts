export { loadCheckpoint, saveCheckpoint, type Training } from "./checkpoint.ts";
export { type SafetensorsDType, type SafetensorsTensor, toFloat32 } from "./dtypes.ts";
export { MismatchError, type Unmatched } from "./mismatch.ts";
export type { Named } from "./named.ts";
export { parseSafetensors, type Safetensors, serializeSafetensors } from "./safetensors.ts";
export { type LoadOptions, loadSafetensors, saveSafetensors } from "./weights.ts";
