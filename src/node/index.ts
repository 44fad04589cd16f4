export { type AdapterChoice, createGPU, type GPUOptions } from "./gpu.ts";
