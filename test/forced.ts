import type { EngineOptions } from "../src/index.ts";
import type { Forced } from "../src/kernels/traits.ts";
import { inChrome } from "./place.ts";

/**
 * `TILEGRAD_VARIANT`. In Chrome, which has Node's compiler and driver, `gpu` by default, so that both sets of kernels
 * are tested.
 */
const asked = (): string =>
  ((import.meta.env as ImportMetaEnv | undefined)?.TILEGRAD_VARIANT ?? globalThis.process?.env.TILEGRAD_VARIANT) ||
  (inChrome ? "gpu" : "");

/** Whether to measure the variants of each program before compiling it: `tuned`. */
export const tuned = (): boolean => asked() === "tuned";

/**
 * Options of the golden tests' engine: the adapter's own kernels, a GPU's (`gpu`), or named ones, see {@link
 * forcedVariants}.
 */
export function forced(): EngineOptions {
  if (asked() === "gpu") return { gpu: disguised(navigator.gpu) };
  return tuned() ? {} : { variants: forcedVariants(asked()) };
}

/**
 * Variants to force wherever they fit: one name for all families (`naive`), or `matmul=tiled,conv2d=quads`.
 * @throws Error for a part that is neither.
 */
export function forcedVariants(text: string): Forced {
  const parts = text.split(",").filter((part) => part !== "");
  const named = Object.fromEntries(
    parts.map((part) => {
      const [, family = "*", variant] = part.match(/^(?:(\w+)=)?(\w+)$/) ?? [];
      if (!variant) throw new Error(`TILEGRAD_VARIANT contains "${part}", expected a variant or family=variant`);
      return [family, variant];
    }),
  );
  return wherever(named);
}

/** Variants by family to use wherever they fit. */
export const wherever = (variants: Readonly<Record<string, string>>): Forced =>
  Object.fromEntries(Object.entries(variants).map(([family, variant]) => [family, { ifFits: variant }]));

/**
 * The same adapters and devices, but none reports that it is a CPU.
 * @param other limits that a device reports instead of its own.
 */
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

/** Limits with some of them replaced. */
const telling = (limits: GPUSupportedLimits, other: Partial<GPUSupportedLimits>): GPUSupportedLimits =>
  new Proxy(limits, {
    get: (_, name) => other[name as keyof GPUSupportedLimits] ?? limits[name as keyof GPUSupportedLimits],
  });

/** Runs `use` while a device reports that few workgroups fit along an axis, so that grids are folded over three. */
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
