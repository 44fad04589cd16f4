import type { AdapterTraits } from "../src/kernels/traits.ts";
import { wasmVariants } from "../src/kernels/wasmVariants.ts";

/** The traits of a typical WebGPU adapter, as a GPU and as a CPU adapter: tests of the passes need no device. */
export const gpu: AdapterTraits = {
  cpu: false,
  maxStorageBuffers: 8,
  maxInvocations: 256,
  maxWorkgroupBytes: 16384,
  maxWorkgroups: 65535,
  maxBinding: 2 ** 27,
  maxBuffer: 2 ** 28,
  features: new Set(),
  extra: wasmVariants,
};

export const software: AdapterTraits = { ...gpu, cpu: true };
