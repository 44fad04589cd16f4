import { backendOfEnvironment, reasons } from "../backend.ts";
import { DeviceError, optionsOf, refuse } from "../errors.ts";
import { createWasm } from "../wasm/index.ts";
import { openDeno } from "./deno.ts";
import { withDriver } from "./driver.ts";
import { napWhilePending } from "./naps.ts";
import { findLavapipe, findSwiftShader, loadVulkan, mayHaveGpu } from "./vulkan.ts";

/**
 * Which adapter to use. `"hardware"`: a GPU. `"software"`: the CPU, through lavapipe if installed, else SwiftShader.
 * `"lavapipe"`, `"swiftshader"`: that one. `"wasm"`: WebAssembly on the CPU, without WebGPU, as of tilegrad/wasm.
 * `"auto"`: a GPU if there is one, else lavapipe if installed, else WebAssembly.
 */
export type AdapterChoice = "auto" | "hardware" | "software" | "lavapipe" | "swiftshader" | "wasm";

/** Which adapter `createGPU` finds. */
export interface GPUOptions {
  /**
   * Default: the environment variable `TILEGRAD_ADAPTER`; else, if `TILEGRAD_BACKEND` is "wasm", that, and if it is
   * "webgpu", a GPU, or the software adapter where there is none; else `"auto"`.
   */
  adapter?: AdapterChoice;
  /**
   * Dawn options, such as `"enable-dawn-features=dump_shaders"` or `"backend=vulkan"`; Deno ignores them. Default:
   * none.
   */
  flags?: string[];
}

const choices: readonly string[] = [
  "auto",
  "hardware",
  "software",
  "lavapipe",
  "swiftshader",
  "wasm",
] satisfies AdapterChoice[];

/** Options that createGPU lacks, and what to write instead. */
const elsewhere: ReadonlyMap<string, string> = new Map([
  ["backend", 'adapter: "wasm" asks for WebAssembly, adapter: "hardware" or "software" for WebGPU'],
  ["threads", "it goes into Engine.create"],
]);

/** Dawn rounds timestamps to 65.5 µs to protect users from web pages. A Node program has no need of it. */
function withExactClock(flags: readonly string[]): string[] {
  const disabled = "disable-dawn-features=";
  const others = flags.filter((flag) => flag.startsWith(disabled)).map((flag) => flag.slice(disabled.length));
  return [...flags, disabled + ["timestamp_quantization", ...others].join(",")]; // The last of each kind counts.
}

type Dawn = typeof import("webgpu");

/**
 * WebGPU for Node and its workers: what `navigator.gpu` is in a browser, from the npm package `webgpu` (Dawn). In Deno,
 * Deno's own `navigator.gpu`.
 *
 * Without a GPU, the CPU computes. An installed lavapipe comes first, where Dawn accepts it (Mesa 23 or later:
 * `mesa-vulkan-drivers`), since it has f16. Otherwise kernels become WebAssembly (tilegrad/wasm), which is several times
 * as fast as SwiftShader. `"software"` and `"swiftshader"` ask for WebGPU on the CPU: on x64, SwiftShader is an installed
 * Chrome's, or that of the npm package `@sparticuz/chromium`, unpacked on first use. `engine.adapter` names the result.
 * Unless you ask for `hardware`, a driver named by `VK_DRIVER_FILES` or `VK_ICD_FILENAMES` comes first, whatever it runs
 * on.
 * @throws DeviceError when a package or such an adapter is missing; the message says what to install.
 * @throws AttributeError for unknown options, adapters, and values of `TILEGRAD_ADAPTER` and `TILEGRAD_BACKEND`.
 */
export async function createGPU(options: GPUOptions = {}): Promise<GPU> {
  const defaults = { adapter: undefined, flags: [] as string[] };
  const { flags, ...where } = optionsOf("createGPU", options, defaults, elsewhere);
  const { adapter, by } = wanted(where.adapter);
  if (adapter === "wasm") return because(`asked for by ${by}`, createWasm());
  if (process.versions["deno"]) {
    const gpu = await openDeno(adapter === "webgpu" ? "auto" : adapter);
    return because(by ? `asked for by ${by}` : "Deno has it", gpu);
  }
  const gpu = await openNode(adapter, withExactClock(flags), by);
  alive.add(gpu);
  return gpu;
}

/** Which adapter is asked for, and by what, if by anything. */
function wanted(option: string | undefined): { readonly adapter: string; readonly by?: string } {
  const by = option === undefined ? "TILEGRAD_ADAPTER" : "adapter";
  const adapter = option ?? (process.env.TILEGRAD_ADAPTER || undefined); // Empty, a variable asks for nothing.
  if (adapter !== undefined && !choices.includes(adapter))
    refuse("createGPU", by, adapter, `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`);
  if (adapter && adapter !== "auto") return { adapter, by };
  const backend = adapter ? undefined : backendOfEnvironment("createGPU");
  return backend ? { adapter: backend, by: "TILEGRAD_BACKEND" } : { adapter: "auto" };
}

/** A GPU whose engines say why it was taken. */
function because(reason: string, gpu: GPU): GPU {
  reasons.set(gpu, reason);
  return gpu;
}

/** Dawn's devices do not keep their instance alive: using one after its instance is collected crashes the process. */
const alive = new Set<GPU>();

async function openNode(adapter: string, flags: string[], by: string | undefined): Promise<GPU> {
  const dawn = await importDawn().catch((error) => {
    if (adapter !== "auto") throw error;
  });
  if (!dawn) return because('the package "webgpu" is not installed', createWasm());
  const hardware = () => openHardware(dawn, flags);
  const software = (only?: "lavapipe" | "swiftshader") => openSoftware(dawn, flags, only);
  const asked = `asked for by ${by}`;
  switch (adapter) {
    case "hardware":
      return because(asked, (await hardware()) ?? fail(NO_HARDWARE));
    case "software":
      return because(asked, (await software()) ?? fail(NO_SOFTWARE));
    case "lavapipe":
      return because(asked, (await software(adapter)) ?? fail(NO_LAVAPIPE));
    case "swiftshader":
      return because(asked, (await software(adapter)) ?? fail(NO_SOFTWARE));
    case "webgpu":
      return because(asked, (mayHaveGpu() && (await hardware())) || (await software()) || fail(NO_SOFTWARE));
    default: {
      const found = mayHaveGpu() ? await hardware() : undefined;
      if (found) return because("a GPU was found", found);
      // A driver that the environment names comes first, whatever it runs on.
      const isNamed = process.env["VK_DRIVER_FILES"] || process.env["VK_ICD_FILENAMES"];
      const driver = await software(isNamed ? undefined : "lavapipe");
      if (driver)
        return because(isNamed ? "the environment names its driver" : "no GPU was found, but lavapipe", driver);
      return because("neither a GPU nor lavapipe was found", createWasm());
    }
  }
}

const NO_HARDWARE = `no GPU found: install its driver${process.platform === "linux" ? " for Vulkan" : ""}`;
const NO_LAVAPIPE =
  "no lavapipe found that Dawn accepts: install Mesa 23 or later (mesa-vulkan-drivers), or name its driver in VK_DRIVER_FILES";
const NO_SOFTWARE =
  process.platform === "linux" && process.arch === "x64"
    ? "no software adapter found: npm install @sparticuz/chromium, or install Chrome or Chromium and libvulkan1"
    : "the software adapter needs Linux on x64; elsewhere, name a Vulkan driver in VK_DRIVER_FILES";

function fail(message: string): never {
  throw new DeviceError(message);
}

async function importDawn(): Promise<Dawn> {
  try {
    return await import("webgpu");
  } catch (cause) {
    throw new DeviceError('WebGPU in Node needs the package "webgpu": npm install webgpu', { cause });
  }
}

const isSoftware = (adapter: GPUAdapter) => adapter.info.isFallbackAdapter;

async function openHardware({ create }: Dawn, flags: string[]): Promise<GPU | undefined> {
  await loadVulkan();
  const gpu = create(flags);
  const adapter = await gpu.requestAdapter();
  return adapter && !isSoftware(adapter) ? gpu : undefined;
}

/** How adapters identify themselves. */
const called = { lavapipe: /llvmpipe|lavapipe|mesa software/i, swiftshader: /swiftshader/i };

async function openSoftware(dawn: Dawn, flags: string[], only?: "lavapipe" | "swiftshader"): Promise<GPU | undefined> {
  if (!(await loadVulkan())) return undefined;
  const named = process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES;
  if (named) return openDriver(dawn, flags, named, only);
  for (const driver of only === "swiftshader" ? [] : findLavapipe()) {
    const gpu = await openDriver(dawn, flags, driver, "lavapipe");
    if (gpu) return gpu;
  }
  const driver = only === "lavapipe" ? undefined : await findSwiftShader();
  return driver ? openDriver(dawn, flags, driver) : undefined;
}

/** A GPU that uses one driver; `undefined` if Dawn refuses the driver or it is of another kind. */
async function openDriver(
  { create, globals }: Dawn,
  flags: string[],
  driver: string,
  kind?: keyof typeof called,
): Promise<GPU | undefined> {
  const gpu = create(flags);
  // The loader searches for drivers at this instance's first request, and never again.
  const adapter = await withDriver(driver, () => gpu.requestAdapter());
  if (!adapter) return undefined;
  const { vendor, architecture, device, description } = adapter.info;
  if (kind && !called[kind].test([vendor, architecture, device, description].join(" "))) return undefined;
  napWhilePending(globals);
  return gpu;
}
