import { gzipSync } from "node:zlib";
import type { Browser, HTTPResponse, Page } from "puppeteer";
import { median } from "./compare.ts";
import type { Options } from "./options.ts";
import { type Gpu, watch } from "./watch.ts";

/** What the pages define: see pages/first.ts and watch.ts. */
declare const trainer: { readonly firstStep: number; step(): Promise<number> };
declare const gpu: Gpu;

/** The cost of a page that trains 784-128-10. */
export interface Footprint {
  /** JavaScript loaded by the first step, gzipped. */
  readonly gzipBytes: number;
  /** From the start of navigation to the first loss. */
  readonly firstStepSeconds: number;
  /** Loss of the eleventh step: the same for all, up to rounding. */
  readonly loss: number;
  /** GPU buffers after ten steps. */
  readonly buffers: number;
  readonly bufferBytes: number;
  /** In the eleventh step. */
  readonly dispatches: number;
  readonly submits: number;
  readonly made: number;
  /** Growth over 2,000 steps; scaled if fewer `steps` were measured. */
  readonly growth: { readonly steps: number; readonly bufferBytes: number; readonly heapBytes: number };
}

const wholeGrowth = 2000;

/** Loads the pages in turns, then watches one of each. */
export async function footprints(
  browser: Browser,
  url: string,
  names: readonly string[],
  options: Options,
): Promise<Map<string, Footprint>> {
  const seconds = new Map(names.map((name) => [name, [] as number[]]));
  for (let i = 0; i < options.loads; i++) {
    for (const name of names) {
      seconds.get(name)!.push(await load(browser, url, name));
    }
  }
  const result = new Map<string, Footprint>();
  for (const name of names) {
    const seen = await held(browser, url, name, options);
    result.set(name, { ...seen, firstStepSeconds: median(seconds.get(name)!) });
  }
  return result;
}

/** Opens a page with an empty cache. */
async function load(browser: Browser, url: string, name: string): Promise<number> {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const ms = await trained(page, url, name);
  await context.close();
  return ms / 1000;
}

async function trained(page: Page, url: string, name: string): Promise<number> {
  const fault = new Promise<never>((_, reject) => page.on("pageerror", reject));
  fault.catch(() => undefined);
  await page.goto(`${url}${name}/${name}.html`);
  await Promise.race([fault, page.waitForFunction(() => "trainer" in globalThis)]);
  return page.evaluate(() => trainer.firstStep);
}

async function held(browser: Browser, url: string, name: string, { growthSteps, growthSeconds }: Options) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const scripts: HTTPResponse[] = [];
  page.on("response", (response) => {
    if (response.request().resourceType() === "script") scripts.push(response);
  });
  await page.evaluateOnNewDocument(watch);
  await trained(page, url, name);
  const texts = await Promise.all(scripts.map((script) => script.buffer()));
  const gzipBytes = texts.reduce((sum, text) => sum + gzipSync(text).length, 0);

  await steps(page, 9, growthSeconds);
  const { buffers, bytes: bufferBytes, ...before } = await page.evaluate(() => gpu.count());
  const loss = await page.evaluate(() => trainer.step());
  const after = await page.evaluate(() => gpu.count());

  await steps(page, 50, growthSeconds);
  const early = await memory(page);
  const taken = await steps(page, growthSteps, growthSeconds);
  const late = await memory(page);
  await context.close();
  const scale = wholeGrowth / taken;
  return {
    gzipBytes,
    loss,
    buffers,
    bufferBytes,
    dispatches: after.dispatches - before.dispatches,
    submits: after.submits - before.submits,
    made: after.made - before.made,
    growth: {
      steps: taken,
      bufferBytes: (late.bytes - early.bytes) * scale,
      heapBytes: (late.heap - early.heap) * scale,
    },
  };
}

/** Runs steps, fewer if time is up. @returns how many. */
const steps = (page: Page, wanted: number, seconds: number): Promise<number> =>
  page.evaluate(
    async (wanted, ms) => {
      const end = performance.now() + ms;
      let taken = 0;
      while (taken < wanted && (taken === 0 || performance.now() < end)) {
        await trainer.step();
        taken++;
      }
      return taken;
    },
    wanted,
    seconds * 1000,
  );

/** Memory in use after garbage collection. */
async function memory(page: Page): Promise<{ bytes: number; heap: number }> {
  const session = await page.createCDPSession();
  // Twice, with a turn of the event loop in between: objects finalised in one collection are freed in the next.
  for (let i = 0; i < 2; i++) {
    await session.send("HeapProfiler.collectGarbage");
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 50)));
  }
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  const { bytes } = await page.evaluate(() => gpu.count());
  await session.detach();
  return { bytes, heap: usedSize };
}
