export { folderStore } from "./folder.ts";
export { type AdapterChoice, createGPU, type GPUOptions } from "./gpu.ts";
export { tuningFile } from "./tuning.ts";
