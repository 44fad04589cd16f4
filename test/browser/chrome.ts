import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import puppeteer, { type Browser, type LaunchOptions } from "puppeteer";
import { unpack } from "../../src/node/unpack.ts";
import { mayHaveGpu } from "../../src/node/vulkan.ts";

const SOFTWARE = ["--use-webgpu-adapter=swiftshader"];
const WEBGPU = ["--enable-unsafe-webgpu", "--enable-features=Vulkan"];
const COMMON = [
  "--disable-background-networking",
  "--disable-component-update",
  "--accept-lang=en-US", // With a POSIX locale, pages would see a language that Intl rejects.
];

/** As most machines without a GPU: the browser has WebGPU, but no adapter. */
const WITHOUT_ADAPTER = ["--disable-gpu"];

/**
 * Starts a headless Chrome that has a WebGPU adapter: `CHROME_PATH`, Puppeteer's own, an installed one, or npm's.
 * `TILEGRAD_ADAPTER` picks the adapter; `auto`, the default, uses a real GPU if Chrome can use one.
 * @throws when there is no Chrome, with what to install, or no GPU where one is requested.
 */
export async function launchChrome(options: LaunchOptions = {}): Promise<Browser> {
  const launch = await launcher(options);
  const wanted = process.env.TILEGRAD_ADAPTER || "auto";
  if (wanted === "hardware" || (wanted === "auto" && mayHaveGpu())) {
    const browser = await launch(WEBGPU);
    if (await hasHardware(browser)) return browser;
    await browser.close();
    if (wanted === "hardware") throw new Error("Chrome found no GPU: see chrome://gpu for the reason");
  }
  return launch([...WEBGPU, ...SOFTWARE]);
}

/** Starts the same Chrome on a machine that has no adapter for WebGPU. */
export async function launchWithoutAdapter(): Promise<Browser> {
  const launch = await launcher({});
  return launch(WITHOUT_ADAPTER);
}

/** Starts a Chrome with some flags. */
async function launcher(options: LaunchOptions): Promise<(flags: string[]) => Promise<Browser>> {
  const chrome = findChrome() ?? (await unpackChrome());
  if (!chrome) {
    throw new Error(
      "no Chrome found: install Chrome or Chromium (on Debian: apt-get install chromium), " +
        "or set CHROME_PATH to the executable, or run `npx puppeteer browsers install chrome`",
    );
  }
  return (flags) =>
    puppeteer.launch({
      protocolTimeout: 0,
      ...chrome,
      ...options,
      args: [...COMMON, ...flags, ...(chrome.args ?? []), ...(options.args ?? [])],
    });
}

/** How to start an installed Chrome. On Linux without its sandbox, which neither root nor a container can set up. */
function findChrome(): LaunchOptions | undefined {
  const executablePath = candidates().find((path) => existsSync(path));
  if (process.env.CHROME_PATH && executablePath !== process.env.CHROME_PATH) {
    throw new Error(`CHROME_PATH is not a file: ${process.env.CHROME_PATH}`);
  }
  return executablePath ? { executablePath, args: process.platform === "linux" ? ["--no-sandbox"] : [] } : undefined;
}

function candidates(): string[] {
  const programs = [process.env.PROGRAMFILES, process.env["PROGRAMFILES(X86)"], process.env.LOCALAPPDATA];
  const applications = ["/Applications", join(homedir(), "Applications")];
  const usual: Partial<Record<NodeJS.Platform, string[]>> = {
    linux: [
      ...["google-chrome", "google-chrome-stable", "chromium", "chromium-browser"].map((name) => `/usr/bin/${name}`),
      "/opt/google/chrome/chrome",
      "/snap/bin/chromium",
    ],
    darwin: applications.flatMap((folder) =>
      ["Google Chrome", "Chromium"].map((name) => `${folder}/${name}.app/Contents/MacOS/${name}`),
    ),
    win32: programs.flatMap((folder) => (folder ? [join(folder, "Google/Chrome/Application/chrome.exe")] : [])),
  };
  return [process.env.CHROME_PATH, puppeteersOwn(), ...(usual[process.platform] ?? [])].filter(
    (path) => path !== undefined,
  );
}

/** The Chrome in Puppeteer's cache, if there is one. */
function puppeteersOwn(): string | undefined {
  try {
    return puppeteer.executablePath();
  } catch {
    return undefined;
  }
}

/** npm's Chrome: a headless shell, with the libraries and fonts that a bare machine lacks. */
async function unpackChrome(): Promise<LaunchOptions | undefined> {
  const folder = await unpack("chromium", ["chromium.br", "swiftshader.tar.br", "al2023.tar.br", "fonts.tar.br"]);
  if (!folder) return undefined;
  const fonts = join(folder, "fonts.conf");
  await writeFile(
    fonts,
    `<fontconfig><dir>${folder}/fonts</dir><cachedir>${folder}/fonts-cache</cachedir></fontconfig>`,
  );
  const libraries = [folder, join(folder, "lib"), process.env.LD_LIBRARY_PATH].filter(Boolean).join(":");
  return {
    executablePath: join(folder, "chromium"),
    headless: "shell",
    args: ["--no-sandbox", "--no-zygote"],
    env: {
      ...process.env,
      LD_LIBRARY_PATH: libraries,
      ...(existsSync("/etc/fonts") ? {} : { FONTCONFIG_FILE: fonts }),
    },
  };
}

async function hasHardware(browser: Browser): Promise<boolean> {
  const page = await browser.newPage();
  await page.goto(pathToFileURL(tmpdir()).href); // WebGPU needs a secure context, which about:blank is not.
  const found = await page.evaluate(async () => {
    const adapter = await navigator.gpu?.requestAdapter();
    return Boolean(adapter && !adapter.info.isFallbackAdapter);
  });
  await page.close();
  return found;
}
