import { checkChoice, checkHas, DeviceError } from "../errors.ts";
import type { AdapterTraits } from "../kernels/traits.ts";

/** Where an engine gets its GPU. */
export interface DeviceOptions {
  /** The app's own device, which the engine never destroys. Default: the engine opens one. */
  readonly device?: GPUDevice;
  /** The adapter to open a device on; default the one that `gpu` returns. */
  readonly adapter?: GPUAdapter;
  /** Entry to WebGPU; default `navigator.gpu`. In Node, `createGPU()` of tilegrad/node. */
  readonly gpu?: GPU;
  /** Which adapter to prefer on machines with two; default "high-performance". */
  readonly powerPreference?: GPUPowerPreference;
  /**
   * What computes: a GPU, or the CPU with WebAssembly, which is loaded when it is needed. Default: "webgpu" where there is
   * an adapter, else "wasm"; `engine.backend` tells. Without `device`, `adapter` and `gpu` only.
   */
  readonly backend?: Backend;
}

/** The name of the adapter that is no GPU. */
export const wasmName = "webassembly simd";

/** What computes: WebGPU, or WebAssembly on the CPU. */
export type Backend = "webgpu" | "wasm";

export const deviceOptions = {
  device: undefined,
  adapter: undefined,
  gpu: undefined,
  powerPreference: undefined,
  backend: undefined,
};

/** A device, its capabilities, and its name. */
export interface OpenDevice {
  readonly device: GPUDevice;
  readonly traits: AdapterTraits;
  /**
   * `vendor architecture`, as far as the browser reports it: "nvidia hopper", "google swiftshader"; always "mesa
   * lavapipe" for lavapipe.
   */
  readonly name: string;
  /** Whether the engine opened it, and so must destroy it. */
  readonly owned: boolean;
  /** Where it came from. */
  readonly options: DeviceOptions;
}

/** The method that each option must have. */
const methods = { adapter: "requestDevice", gpu: "requestAdapter" };

const wantedLimits = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupStorageSize",
] as const;

const wantedFeatures: readonly GPUFeatureName[] = ["shader-f16", "subgroups", "timestamp-query"];

/**
 * Opens a device with the adapter's own limits, or uses the given one.
 * Without WebGPU or an adapter, the CPU computes with WebAssembly, unless the options name a GPU or ask for WebGPU.
 * @throws DeviceError when there is none of what the options ask for; the message says what to do.
 */
export async function openDevice(options: DeviceOptions): Promise<OpenDevice> {
  const { powerPreference = "high-performance" } = options;
  for (const [name, method] of Object.entries(methods))
    checkHas(
      "Engine.create",
      name,
      options[name as keyof DeviceOptions],
      method,
      `an object with ${method}(), awaited`,
    );
  checkChoice("Engine.create", "powerPreference", powerPreference, ["high-performance", "low-power"]);
  if (options.backend !== undefined) checkChoice("Engine.create", "backend", options.backend, ["webgpu", "wasm"]);
  if (options.device) return describe(options.device, options);
  // Whoever names a GPU wants no other.
  const isGiven = options.gpu || options.adapter;
  if (options.backend === "wasm" && !isGiven) return openWasm(options);
  const gpu = options.gpu ?? (globalThis.navigator as Navigator | undefined)?.gpu;
  const adapter = options.adapter ?? (await gpu?.requestAdapter({ powerPreference }));
  if (!adapter) {
    if (!isGiven && options.backend === undefined) return openWasm(options);
    throw new DeviceError(
      gpu
        ? "WebGPU found no adapter: the GPU or its driver is blocked or missing (see chrome://gpu)."
        : "WebGPU is not available here: a page needs https or localhost. In Node, pass { gpu: await createGPU() } of tilegrad/node.",
    );
  }
  const requiredLimits = Object.fromEntries(wantedLimits.map((name) => [name, adapter.limits[name]]));
  const requiredFeatures = wantedFeatures.filter((name) => adapter.features.has(name));
  try {
    const device = await adapter.requestDevice({ label: "tilegrad", requiredLimits, requiredFeatures });
    return describe(device, options, adapter.info);
  } catch (cause) {
    throw new DeviceError(`the adapter returned no device: ${(cause as Error).message}`, { cause });
  }
}

/** The CPU, for those without a GPU. */
async function openWasm(options: DeviceOptions): Promise<OpenDevice> {
  const { createWasm } = await import("../wasm/index.ts");
  return openDevice({ ...options, gpu: createWasm() });
}

function describe(device: GPUDevice, options: DeviceOptions, info: GPUAdapterInfo = device.adapterInfo): OpenDevice {
  const { limits } = device;
  // Some browsers and Deno report PCI IDs instead of words.
  const spoken = [info?.vendor, info?.architecture].filter((word) => word && !/^(0x[\da-f]+|\d+)$/i.test(word));
  const words = `${spoken.join(" ")} ${info?.device ?? ""} ${info?.description ?? ""}`;
  // One name per adapter: Dawn reports "mesa software", Deno "llvmpipe (LLVM 15.0.6, 256 bits)".
  const lavapipe = /llvmpipe|mesa software/i.test(words) ? "mesa lavapipe" : "";
  const name = lavapipe || spoken.join(" ") || info?.description || "unnamed adapter";
  return {
    device,
    options,
    owned: !options.device,
    name,
    traits: {
      cpu: info?.isFallbackAdapter === true || /swiftshader|llvmpipe|lavapipe|software|basic render/i.test(words),
      ...(info?.subgroupMinSize && { subgroupSize: info.subgroupMinSize }),
      maxStorageBuffers: limits.maxStorageBuffersPerShaderStage,
      maxInvocations: limits.maxComputeInvocationsPerWorkgroup,
      maxWorkgroupBytes: limits.maxComputeWorkgroupStorageSize,
      maxWorkgroups: limits.maxComputeWorkgroupsPerDimension,
      maxBinding: limits.maxStorageBufferBindingSize,
      maxBuffer: limits.maxBufferSize,
      features: new Set(device.features),
    },
  };
}
