export { loadCheckpoint, saveCheckpoint, type Training } from "./checkpoint.ts";
export { type SafetensorsDType, type SafetensorsTensor, toFloat32 } from "./dtypes.ts";
export type { Named } from "./named.ts";
export { parseSafetensors, type Safetensors, serializeSafetensors } from "./safetensors.ts";
export { type LoadOptions, loadSafetensors, MismatchError, saveSafetensors, type Unmatched } from "./weights.ts";
