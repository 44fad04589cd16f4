import { DeviceError } from "../errors.ts";
import { openDeno } from "./deno.ts";
import { withDriver } from "./driver.ts";
import { napWhilePending } from "./naps.ts";
import { findLavapipe, findSwiftShader, loadVulkan, mayHaveGpu } from "./vulkan.ts";

/**
 * Which kind of adapter to use: a real GPU; the CPU, by lavapipe or SwiftShader, whichever is there in this order; one of the two; or
 * a real GPU where there is one, else the CPU.
 */
export type AdapterChoice = "auto" | "hardware" | "software" | "lavapipe" | "swiftshader";

export interface GPUOptions {
  /** Default: the environment variable `TILEGRAD_ADAPTER`, else `"auto"`. */
  adapter?: AdapterChoice;
  /** Options of Dawn, such as `"enable-dawn-features=dump_shaders"` or `"backend=vulkan"`; Deno takes none. Default: none. */
  flags?: string[];
}

const choices: readonly string[] = [
  "auto",
  "hardware",
  "software",
  "lavapipe",
  "swiftshader",
] satisfies AdapterChoice[];

/** Dawn rounds timestamps to 65.5 µs, against pages that spy on others: nothing that a program of one's own has to fear. */
function withExactClock(flags: readonly string[]): string[] {
  const disabled = "disable-dawn-features=";
  const others = flags.filter((flag) => flag.startsWith(disabled)).map((flag) => flag.slice(disabled.length));
  return [...flags, disabled + ["timestamp_quantization", ...others].join(",")]; // The last of one kind counts.
}

type Dawn = typeof import("webgpu");

/**
 * WebGPU for Node and its workers: what `navigator.gpu` is in a browser, made of the npm package `webgpu` (Dawn). In Deno, its
 * own `navigator.gpu`.
 *
 * Where there is no GPU, Linux computes on the CPU: with an installed lavapipe, which is three to four times as fast as SwiftShader and
 * has f16, where Dawn accepts it (Mesa 23 or later: `mesa-vulkan-drivers`); else, on x64, with SwiftShader, an installed Chrome's or the
 * one in the npm package `@sparticuz/chromium`, which is unpacked on first use. `engine.adapter` says which it is. Unless `hardware` is
 * asked for, a driver named by `VK_DRIVER_FILES` or `VK_ICD_FILENAMES` comes first, whatever it runs on.
 * @throws DeviceError when a package is missing or no such adapter can be had, with what to install.
 */
export async function createGPU(options: GPUOptions = {}): Promise<GPU> {
  const { adapter = process.env.TILEGRAD_ADAPTER || "auto", flags = [] } = options;
  if (!choices.includes(adapter))
    fail(
      `no adapter is called "${adapter}": TILEGRAD_ADAPTER is ${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`,
    );
  if (process.versions["deno"]) return openDeno(adapter);
  const gpu = await open(await importDawn(), adapter, withExactClock(flags));
  alive.add(gpu);
  return gpu;
}

/** Dawn's devices do not hold the instance they came from: once it is garbage, using them crashes the process. */
const alive = new Set<GPU>();

async function open(dawn: Dawn, adapter: string, flags: string[]): Promise<GPU> {
  switch (adapter) {
    case "hardware":
      return (await openHardware(dawn, flags)) ?? fail(NO_HARDWARE);
    case "software":
      return (await openSoftware(dawn, flags)) ?? fail(NO_SOFTWARE);
    case "lavapipe":
      return (await openSoftware(dawn, flags, adapter)) ?? fail(NO_LAVAPIPE);
    case "swiftshader":
      return (await openSoftware(dawn, flags, adapter)) ?? fail(NO_SOFTWARE);
    default:
      return (
        (mayHaveGpu() ? await openHardware(dawn, flags) : undefined) ??
        (await openSoftware(dawn, flags)) ??
        fail(`${NO_HARDWARE}; ${NO_SOFTWARE}`)
      );
  }
}

const NO_HARDWARE = `no GPU found: install its driver${process.platform === "linux" ? " for Vulkan" : ""}`;
const NO_LAVAPIPE =
  "no lavapipe found that Dawn accepts: install Mesa 23 or later (mesa-vulkan-drivers), or name its driver in VK_DRIVER_FILES";
const NO_SOFTWARE =
  process.platform === "linux" && process.arch === "x64"
    ? "no software adapter found: npm install @sparticuz/chromium, or install Chrome or Chromium and libvulkan1"
    : "the software adapter is there for Linux on x64 only; elsewhere VK_DRIVER_FILES can name a Vulkan driver";

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

/** What adapters say of themselves. */
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

/** A GPU of one driver; `undefined` where Dawn refuses it, or it is of another kind. */
async function openDriver(
  { create, globals }: Dawn,
  flags: string[],
  driver: string,
  kind?: keyof typeof called,
): Promise<GPU | undefined> {
  const gpu = create(flags);
  // The loader looks for drivers at the first request of this instance, and never again.
  const adapter = await withDriver(driver, () => gpu.requestAdapter());
  if (!adapter) return undefined;
  const { vendor, architecture, device, description } = adapter.info;
  if (kind && !called[kind].test([vendor, architecture, device, description].join(" "))) return undefined;
  napWhilePending(globals);
  return gpu;
}
