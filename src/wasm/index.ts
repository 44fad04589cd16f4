/**
 * `tilegrad/wasm`: the same programs where there is no WebGPU, as WebAssembly on the CPU.
 */
export { createWasm, type WasmOptions, wasmTarget } from "./device.ts";
