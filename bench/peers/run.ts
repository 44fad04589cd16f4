import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "puppeteer";
import { run } from "../../demos/terminal/command.ts";
import { launchChrome } from "../../test/browser/chrome.ts";
import { type Footprint, footprints } from "./footprint.ts";
import { openPage } from "./opening.ts";
import { help, type Options, parseOptions } from "./options.ts";
import { footprintTable, isFaulty, pages, ratios, timeHeading, timeLine } from "./report.ts";
import { serve } from "./site.ts";
import { type Timed, time } from "./timing.ts";

/*
 * Times tilegrad against jax-js and TensorFlow.js in one headless Chrome: on WebGPU, with WebAssembly, or both.
 *
 * - All get the same numbers: weights and data follow from seeds. The outputs are compared: results of kernels, and the
 *   losses of 20 steps (with --quick, of five if a row varies another, and at most half a minute's). A library that
 *   deviates from what the others agree on is called wrong; that may also be tilegrad.
 * - Each library is used in the way its documentation calls fastest: tilegrad compiles a program; jax-js has whole
 *   steps, optimizer included, under one jit; TensorFlow.js uses its fused products and convolutions, and
 *   `optimizer.minimize`.
 * - Kernels find their inputs on the GPU. A training step gets its batch from host memory, as in a user's loop.
 * - Work is started several times in a row, equally often for each library (`perAwait` of rows.ts), then
 *   `onSubmittedWorkDone` is awaited; for steps, the last loss is also read. Nothing is lazy at that point: jax-js
 *   submits deferred work when its result is requested, and TensorFlow.js is flushed.
 * - With WebAssembly, all compute on as many threads (`--threads`). For one, their pages have no SharedArrayBuffer, as
 *   in pages that are not isolated: jax-js then computes where it is called, and TensorFlow.js takes its build with
 *   SIMD and without threads.
 * - Each row has a fresh page per library. The libraries take turns, starting with another one each round; the median
 *   of all samples is reported. Absolute times mean little on other machines; ratios hold better.
 */

const folder = import.meta.dirname;

const npm = (...args: string[]) => execFileSync("npm", args, { stdio: "inherit", shell: process.platform === "win32" });

/** Installs missing peers; tilegrad itself needs none of them. */
function install(): void {
  if (existsSync(join(folder, "node_modules/@tensorflow/tfjs-backend-wasm"))) return;
  console.log("Installing the peers on first use: npm ci --prefix bench/peers");
  npm("ci", "--prefix", folder);
}

function defaultJson(): string {
  const results = join(folder, "../results");
  mkdirSync(results, { recursive: true });
  return join(results, "peers.json");
}

async function adapterOf(browser: Browser, url: string): Promise<string> {
  const page = await browser.newPage();
  await page.goto(`${url}tilegrad/tilegrad.html`);
  const name = await page.evaluate(async () => {
    const { vendor, architecture, description } = (await navigator.gpu.requestAdapter())!.info;
    return [vendor, architecture, description].filter(Boolean).join(" ");
  });
  await page.close();
  return name;
}

const versionOf = (name: string): string =>
  JSON.parse(readFileSync(join(folder, "node_modules", name, "package.json"), "utf8")).version;

async function main(options: Options, stop: AbortSignal): Promise<void> {
  const { columns } = options;
  install();
  // Compare the package as users get it.
  npm("run", "build", "--silent", "--prefix", join(folder, "../.."));
  const site = await serve(["bench", ...pages]);
  const browser = await launchChrome();
  const times = new Map<string, Map<string, Timed>>();
  let costs: Map<string, Footprint> | undefined;
  try {
    const adapter = await adapterOf(browser, site.url);
    const versions = { jaxjs: versionOf("@jax-js/jax"), tfjs: versionOf("@tensorflow/tfjs-core") };
    console.log(`${adapter}, ${await browser.version()}; jax-js ${versions.jaxjs}, TensorFlow.js ${versions.tfjs}\n`);
    console.log(timeHeading(columns));
    for (const row of options.rows) {
      if (stop.aborted) return;
      const keys = columns.map(({ key }) => key);
      const timed = await time(row, keys, (key) => openPage(browser, site.url, key, options.threads), options);
      times.set(row.key, timed);
      console.log(timeLine(row.title, columns, timed));
    }
    if (options.pages && !stop.aborted) {
      costs = await footprints(browser, site.url, pages, options);
      console.log(`\n${footprintTable(costs)}`);
    }
    const rows = [...times].map(([key, timed]) => [
      key,
      { ...Object.fromEntries(timed), ratios: ratios(columns, timed) },
    ]);
    const results = { adapter, threads: options.threads, versions, rows: Object.fromEntries(rows) };
    writeFileSync(
      options.json,
      `${JSON.stringify({ ...results, pages: costs && Object.fromEntries(costs) }, null, 2)}\n`,
    );
    if ([...times.values()].flatMap((timed) => [...timed.values()]).some(isFaulty)) process.exitCode = 1;
  } finally {
    await browser.close();
    await site.close();
  }
}

await run({ name: "npm run bench:peers", help, parse: (args) => parseOptions(args, defaultJson), main });
