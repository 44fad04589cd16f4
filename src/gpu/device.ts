import { type Backend, backendOfEnvironment, checkBackend, checkThreads, reasons } from "../backend.ts";
import { AttributeError, checkChoice, checkHas, DeviceError } from "../errors.ts";
import type { AdapterTraits } from "../kernels/traits.ts";
import { gpuHere, hardwareHere, isSoftware, isWasm, lackHere, nameOf } from "./adapter.ts";

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
   * What computes: "webgpu", on whatever adapter there is, or "wasm", WebAssembly on the CPU, which is loaded when it is
   * needed. Default: in Node, what the environment variable `TILEGRAD_BACKEND` says; else "webgpu" where there is a
   * hardware adapter, and "wasm" where there is none or only one in software. `engine.backend` and `engine.backendReason`
   * tell. A `device`, `adapter` or `gpu` is taken as it is, and a `backend` that contradicts it is an error.
   */
  readonly backend?: Backend;
  /**
   * How many threads compute with WebAssembly, from 1 to 64; default one for each core, up to 8, where they can share
   * memory. With WebGPU, it changes nothing.
   */
  readonly threads?: number;
}

/** The name of the adapter that is no GPU. */
export const wasmName = "webassembly simd";

export const deviceOptions = {
  device: undefined,
  adapter: undefined,
  gpu: undefined,
  powerPreference: undefined,
  backend: undefined,
  threads: undefined,
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
  /** Where it came from, and where its successor comes from. */
  readonly options: DeviceOptions;
  /** Why it was taken. */
  readonly reason: string;
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
 * Without a hardware adapter, the CPU computes with WebAssembly, unless the options name a GPU or ask for WebGPU.
 * @throws DeviceError when there is none of what the options ask for; the message says what to do.
 * @throws AttributeError for options that are out of range or contradict one another.
 */
export async function openDevice(options: DeviceOptions): Promise<OpenDevice> {
  const { powerPreference = "high-performance", threads } = options;
  for (const [name, method] of Object.entries(methods))
    checkHas(
      "Engine.create",
      name,
      options[name as keyof DeviceOptions],
      method,
      `an object with ${method}(), awaited`,
    );
  checkChoice("Engine.create", "powerPreference", powerPreference, ["high-performance", "low-power"]);
  if (options.backend !== undefined) checkBackend("Engine.create", "backend", options.backend);
  if (threads !== undefined) checkThreads("Engine.create", threads);
  if (options.device) {
    checkAgrees(options, options.device.adapterInfo);
    return describe(options.device, options, "the app gave the device");
  }
  const { adapter, from, reason } = await chosen(options, powerPreference);
  checkAgrees(options, adapter.info);
  const requiredLimits = Object.fromEntries(wantedLimits.map((name) => [name, adapter.limits[name]]));
  const requiredFeatures = wantedFeatures.filter((name) => adapter.features.has(name));
  const more = isWasm(adapter.info) && threads !== undefined ? { threads } : {};
  try {
    const device = await adapter.requestDevice({ label: "tilegrad", requiredLimits, requiredFeatures, ...more });
    return describe(device, { ...options, ...from }, reason, adapter.info);
  } catch (cause) {
    if (cause instanceof DeviceError) throw cause;
    throw new DeviceError(`the adapter returned no device: ${(cause as Error).message}`, { cause });
  }
}

/** Refuses a `backend` that contradicts the device, adapter or gpu that was given. */
function checkAgrees(options: DeviceOptions, info: GPUAdapterInfo | undefined): void {
  const { backend, gpu } = options;
  if (backend === undefined || (backend === "wasm") === isWasm(info)) return;
  const given = (["device", "adapter", "gpu"] as const).find((name) => options[name]);
  if (backend === "wasm")
    throw new AttributeError(
      `Engine.create: backend is "wasm", but the ${given} is WebGPU's (${nameOf(info)}): leave one of them out`,
    );
  const reason = given === "gpu" && reasons.get(gpu!);
  if (reason)
    throw new DeviceError(
      `Engine.create: backend is "webgpu", but createGPU() gave WebAssembly (${reason}): createGPU({ adapter: "software" }) gives WebGPU on the CPU`,
    );
  throw new AttributeError(
    `Engine.create: backend is "webgpu", but the ${given} is WebAssembly's: leave one of them out`,
  );
}

/** An adapter, and why it was chosen. */
interface Choice {
  readonly adapter: GPUAdapter;
  /** What leads to its like again, after a loss. */
  readonly from: DeviceOptions;
  readonly reason: string;
}

/** Whoever names a GPU wants no other; then counts what is asked for, then what there is. */
async function chosen(options: DeviceOptions, powerPreference: GPUPowerPreference): Promise<Choice> {
  if (options.adapter) return { adapter: options.adapter, from: {}, reason: "the app gave the adapter" };
  if (options.gpu) {
    const reason = reasons.get(options.gpu) ?? "the app gave the gpu";
    return { adapter: await adapterOf(options.gpu, powerPreference, "gpu"), from: {}, reason };
  }
  const asked = options.backend ?? backendOfEnvironment("Engine.create");
  const by = options.backend ? "backend" : "TILEGRAD_BACKEND";
  const from = { backend: "webgpu" } as const;
  if (asked === "webgpu")
    return { adapter: await adapterOf(gpuHere(), powerPreference, by), from, reason: `asked for by ${by}` };
  const hardware = asked ? undefined : await hardwareHere({ powerPreference });
  if (hardware) return { adapter: hardware, from, reason: "a hardware adapter" };
  const { createWasm } = await import("../wasm/index.ts");
  const gpu = createWasm();
  const reason = asked ? `asked for by ${by}` : await lackHere();
  reasons.set(gpu, reason);
  return { adapter: await adapterOf(gpu, powerPreference, by), from: { gpu }, reason };
}

/** @param by what asks for it. @throws DeviceError when there is none; the message says what to do. */
async function adapterOf(gpu: GPU | undefined, powerPreference: GPUPowerPreference, by: string): Promise<GPUAdapter> {
  const adapter = await gpu?.requestAdapter({ powerPreference });
  if (adapter) return adapter;
  const lack = gpu
    ? "WebGPU found no adapter: the GPU or its driver is blocked or missing (Chrome says more at chrome://gpu)"
    : `WebGPU is not available: there is ${await lackHere()}`;
  throw new DeviceError(`${lack}. Without ${by}, the engine would compute on the CPU, in WebAssembly.`);
}

function describe(
  device: GPUDevice,
  options: DeviceOptions,
  reason: string,
  info: GPUAdapterInfo = device.adapterInfo,
): OpenDevice {
  const { limits } = device;
  return {
    device,
    options,
    owned: !options.device,
    reason,
    name: nameOf(info),
    traits: {
      cpu: isSoftware(info),
      ...(isWasm(info) && { wasm: true }),
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
