import { createServer } from "vite";
import { launchChrome } from "../../test/browser/chrome.ts";
import type { Pair, Speeds } from "./page.ts";

/*
 * Epochs per second of the playground's network (2-4-2-1, tanh, SGD, batches of 10, 250 points to train on), beside a
 * network in plain JavaScript that trains sample by sample as TensorFlow Playground does, in one Chrome:
 * `npx tsx bench/playground/run.ts`.
 */

async function measure(): Promise<Speeds> {
  const root = new URL("../../", import.meta.url).pathname;
  const server = await createServer({
    root,
    configFile: false,
    cacheDir: `${root}.cache/vite-bench`,
    logLevel: "error",
    server: { port: 0, hmr: false, watch: null },
    optimizeDeps: { entries: ["bench/playground/page.html"] },
  });
  await server.listen();
  const browser = await launchChrome();
  try {
    const page = await browser.newPage();
    await page.goto(`${server.resolvedUrls!.local[0]!}bench/playground/page.html`);
    await page.waitForFunction(() => "measurePlayground" in globalThis);
    return await page.evaluate(() => globalThis.measurePlayground(5));
  } finally {
    await browser.close();
    await server.close();
  }
}

const { adapter, ...rows } = await measure();
const names: Readonly<Record<keyof typeof rows, string>> = {
  alone: "training alone",
  drawn: "an epoch a drawing",
  full: "all that fits a frame",
};
console.log(`Epochs per second on ${adapter}, medians of 5 rounds in one Chrome\n`);
console.log(["", "tilegrad", "plain JavaScript", "ratio"].map((cell) => cell.padStart(22)).join(""));
for (const [row, { tilegrad, persample }] of Object.entries(rows) as [keyof typeof rows, Pair][]) {
  const cells = [names[row], tilegrad.toFixed(0), persample.toFixed(0), (tilegrad / persample).toFixed(2)];
  console.log(cells.map((cell) => cell.padStart(22)).join(""));
}
