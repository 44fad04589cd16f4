import type { EngineOptions } from "../src/index.ts";
import { inChrome } from "./place.ts";

/** `TILEGRAD_VARIANT`; in Chrome, whose compiler and driver are those of Node, `gpu` by default, so that both ladders are climbed. */
const asked = (): string =>
  ((import.meta.env as ImportMetaEnv | undefined)?.TILEGRAD_VARIANT ?? globalThis.process?.env.TILEGRAD_VARIANT) ||
  (inChrome ? "gpu" : "");

/** Whether the variants of each program are measured before it is compiled: `tuned`. */
export const tuned = (): boolean => asked() === "tuned";

/** The engine of the golden tests: kernels as the adapter is given them, as a GPU is (`gpu`), or by name, see {@link forcedVariants}. */
export function forced(): EngineOptions {
  if (asked() === "gpu") return { gpu: disguised(navigator.gpu) };
  return tuned() ? {} : { variants: forcedVariants(asked()) };
}

/**
 * Variants as the engine takes them: one name for all families (`naive`), or `matmul=tiled,conv2d=quads`.
 * @throws Error naming what is neither.
 */
export function forcedVariants(text: string): Record<string, string> {
  const parts = text.split(",").filter((part) => part !== "");
  return Object.fromEntries(
    parts.map((part) => {
      const [, family = "*", variant] = part.match(/^(?:(\w+)=)?(\w+)$/) ?? [];
      if (!variant) throw new Error(`TILEGRAD_VARIANT holds "${part}", expected a variant or family=variant`);
      return [family, variant];
    }),
  );
}

/** The same adapters and devices, of which none tells that it is a CPU. */
export function disguised(gpu: GPU): GPU {
  const info = { vendor: "a", architecture: "gpu" };
  const mute = {
    async requestAdapter(options?: GPURequestAdapterOptions) {
      const adapter = await gpu.requestAdapter(options);
      if (!adapter) return null;
      const { limits, features } = adapter;
      const requestDevice = async (descriptor?: GPUDeviceDescriptor) =>
        Object.defineProperty(await adapter.requestDevice(descriptor), "adapterInfo", { value: info });
      return { info, limits, features, requestDevice };
    },
  };
  return mute as unknown as GPU;
}
