import { globals } from "webgpu";
import { createGPU } from "../../src/node/index.ts";

// What a page has by itself: `navigator.gpu` and the WebGPU names (GPUBufferUsage, GPUMapMode, GPUValidationError, …).
Object.assign(globalThis, globals);
globalThis.navigator ??= {} as Navigator; // Node 20 has none.
Object.defineProperty(globalThis.navigator, "gpu", { value: await createGPU(), configurable: true });
