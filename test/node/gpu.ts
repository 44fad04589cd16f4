import { globals } from "webgpu";
import { createGPU } from "../../src/node/index.ts";
import { mayHaveGpu } from "../../src/node/vulkan.ts";

// Pages define these: `navigator.gpu` and the WebGPU names (GPUBufferUsage, GPUMapMode, GPUValidationError, …).
Object.assign(globalThis, globals);
globalThis.navigator ??= {} as Navigator; // Node 20 has none.
/**
 * A GPU if there is one, else SwiftShader, as in Chrome. Not lavapipe, even if installed: it computes faster, but
 * compiles too slowly for all of these tests.
 */
const { TILEGRAD_ADAPTER, VK_DRIVER_FILES, VK_ICD_FILENAMES } = process.env;
const told = (TILEGRAD_ADAPTER && TILEGRAD_ADAPTER !== "auto") || VK_DRIVER_FILES || VK_ICD_FILENAMES;
const gpu = told
  ? await createGPU()
  : await (mayHaveGpu() ? createGPU({ adapter: "hardware" }) : Promise.reject()).catch(() =>
      createGPU({ adapter: "swiftshader" }),
    );
Object.defineProperty(globalThis.navigator, "gpu", { value: gpu, configurable: true });
