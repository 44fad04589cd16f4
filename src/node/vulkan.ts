import { existsSync, readdirSync } from "node:fs";
import { constants, homedir } from "node:os";
import { join } from "node:path";
import { unpack } from "./unpack.ts";

const LOADER = "libvulkan.so.1";
const DRIVER = "vk_swiftshader_icd.json";
/** A flag of glibc's dlopen that Node does not define: the library stays loaded after its handle is closed. */
const RTLD_NODELETE = 0x1000;

/** Whether this machine has any graphics device. Without one, the search for a driver is skipped. */
export function mayHaveGpu(): boolean {
  if (process.platform !== "linux") return true;
  const devices = readdirSync("/dev").concat(existsSync("/dev/dri") ? readdirSync("/dev/dri") : []);
  return devices.some((name) => /^(nvidia\d|dxg$|renderD)/.test(name));
}

/** Mesa's name for this CPU architecture. */
const machine = { x64: "x86_64", arm64: "aarch64" }[process.arch as string] ?? process.arch;

/**
 * Paths of the driver descriptions of lavapipe, Mesa's CPU driver, in the folders that the Vulkan loader searches:
 * github.com/KhronosGroup/Vulkan-Loader, docs/LoaderDriverInterface.md, "Driver Discovery on Linux".
 */
export function findLavapipe(): string[] {
  const { XDG_CONFIG_HOME, XDG_CONFIG_DIRS, XDG_DATA_HOME, XDG_DATA_DIRS } = process.env;
  const roots = [
    XDG_CONFIG_HOME || join(homedir(), ".config"),
    ...(XDG_CONFIG_DIRS || "/etc/xdg").split(":"),
    "/usr/local/etc",
    "/etc",
    XDG_DATA_HOME || join(homedir(), ".local/share"),
    ...(XDG_DATA_DIRS || "/usr/local/share:/usr/share").split(":"),
  ];
  return [...new Set(roots)].flatMap((root) => {
    const folder = join(root, "vulkan/icd.d");
    const names = process.platform === "linux" && existsSync(folder) ? readdirSync(folder) : [];
    // Skip drivers named after other architectures.
    const own = names.filter((name) => name === "lvp_icd.json" || name === `lvp_icd.${machine}.json`);
    return own.map((name) => join(folder, name));
  });
}

/** Path of SwiftShader's driver description: an installed Chrome's, else npm's. */
export async function findSwiftShader(): Promise<string | undefined> {
  const installed = ["/usr/lib/chromium", "/usr/lib/chromium-browser", "/opt/google/chrome"];
  const folder = installed.find((folder) => existsSync(join(folder, DRIVER))) ?? (await unpackSwiftShader());
  return folder && join(folder, DRIVER);
}

const unpackSwiftShader = () => unpack("swiftshader", ["swiftshader.tar.br"]);

/**
 * Makes sure that Dawn finds a Vulkan loader: the system's, else npm's. Dawn loads it by name, and a library that is
 * already loaded is found by name wherever it lies.
 * @returns whether there is one
 */
export async function loadVulkan(): Promise<boolean> {
  if (process.platform !== "linux" || load(LOADER)) return true;
  const folder = await unpackSwiftShader();
  return folder !== undefined && load(join(folder, LOADER));
}

/**
 * Environment variables with which another program finds SwiftShader, and a Vulkan loader where the system has none.
 * Undefined where there is no SwiftShader.
 */
export async function softwareEnvironment(): Promise<Record<string, string> | undefined> {
  const driver = await findSwiftShader();
  if (!driver) return undefined;
  const folder = load(LOADER) ? undefined : await unpackSwiftShader();
  const libraries = [process.env.LD_LIBRARY_PATH, folder].filter(Boolean).join(":");
  return { VK_ICD_FILENAMES: driver, ...(libraries && { LD_LIBRARY_PATH: libraries }) };
}

/** The part of Deno's API used here. */
declare const Deno: { dlopen(library: string, symbols: object): unknown };

function load(library: string): boolean {
  try {
    if (process.versions["deno"]) return Boolean(Deno.dlopen(library, {}));
    process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_LAZY | RTLD_NODELETE);
  } catch (error) {
    // Node loads the library first, and only then complains that it is not a Node module.
    return String(error).includes("did not self-register");
  }
  return true;
}
