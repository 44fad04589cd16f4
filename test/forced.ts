import type { Forced } from "../src/graph/op.ts";
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
 * Variants as the engine takes them, wherever they fit: one name for all families (`naive`), or `matmul=tiled,conv2d=quads`.
 * @throws Error naming what is neither.
 */
export function forcedVariants(text: string): Forced {
  const parts = text.split(",").filter((part) => part !== "");
  const named = Object.fromEntries(
    parts.map((part) => {
      const [, family = "*", variant] = part.match(/^(?:(\w+)=)?(\w+)$/) ?? [];
      if (!variant) throw new Error(`TILEGRAD_VARIANT holds "${part}", expected a variant or family=variant`);
      return [family, variant];
    }),
  );
  return wherever(named);
}

/** Variants by family that are to be taken wherever they fit. */
export const wherever = (variants: Readonly<Record<string, string>>): Forced =>
  Object.fromEntries(Object.entries(variants).map(([family, variant]) => [family, { ifFits: variant }]));

/** The same adapters and devices, of which none tells that it is a CPU. @param other limits that a device tells instead of its own. */
export function disguised(gpu: GPU, other: Partial<GPUSupportedLimits> = {}): GPU {
  const info = { vendor: "a", architecture: "gpu" };
  const mute = {
    async requestAdapter(options?: GPURequestAdapterOptions) {
      const adapter = await gpu.requestAdapter(options);
      if (!adapter) return null;
      const { limits, features } = adapter;
      const requestDevice = async (descriptor?: GPUDeviceDescriptor) => {
        const device = await adapter.requestDevice(descriptor);
        Object.defineProperty(device, "limits", { value: telling(device.limits, other), configurable: true });
        return Object.defineProperty(device, "adapterInfo", { value: info });
      };
      return { info, limits, features, requestDevice };
    },
  };
  return mute as unknown as GPU;
}

/** Limits, some of them others. */
const telling = (limits: GPUSupportedLimits, other: Partial<GPUSupportedLimits>): GPUSupportedLimits =>
  new Proxy(limits, {
    get: (_, name) => other[name as keyof GPUSupportedLimits] ?? limits[name as keyof GPUSupportedLimits],
  });

/** Runs `use` while a device says that it takes so few workgroups along an axis: what is compiled meanwhile is laid out over three. */
export async function withFewWorkgroups<T>(device: GPUDevice, most: number, use: () => Promise<T>): Promise<T> {
  const { limits } = device;
  const few = telling(limits, { maxComputeWorkgroupsPerDimension: most });
  Object.defineProperty(device, "limits", { value: few, configurable: true });
  try {
    return await use();
  } finally {
    Object.defineProperty(device, "limits", { value: limits, configurable: true });
  }
}
