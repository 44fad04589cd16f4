/**
 * `tilegrad/wasm`: the same programs where there is no WebGPU, as WebAssembly on the CPU.
 */
export { createWasm, wasmTarget } from "./device.ts";
