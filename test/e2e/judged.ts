import { gzipSync } from "node:zlib";
import axe from "axe-core";
import type { Page } from "puppeteer";
import { expect } from "vitest";

/** What axe finds on a page: rules, each with the elements that break it. */
async function violations(page: Page): Promise<(readonly [rule: string, elements: readonly string[]])[]> {
  await page.evaluate(axe.source);
  type Axe = { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
  const found = await page.evaluate(async () => (await (globalThis as unknown as { axe: Axe }).axe.run()).violations);
  return found.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)] as const);
}

/** How wide the content of a page is: at most as wide as its window, or it must be scrolled sideways. */
export const widthOf = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth);

/** Holds a page to axe: in light, in dark, and on a phone, where nothing is wider than the window. */
export async function expectAccessible(page: Page): Promise<void> {
  for (const value of ["light", "dark"]) {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value }]);
    expect(await violations(page), value).toEqual([]);
  }
  await page.setViewport({ width: 390, height: 844 });
  expect(await widthOf(page)).toBe(390);
  expect(await violations(page), "390 pixels").toEqual([]);
}

/** KiB of all scripts that a page and its workers have loaded, gzipped, by path. */
export async function scriptSizes(page: Page): Promise<Map<string, number>> {
  const loaded = () => performance.getEntriesByType("resource").map(({ name }) => name);
  const workers = page.workers();
  const all = [await page.evaluate(loaded), ...(await Promise.all(workers.map((worker) => worker.evaluate(loaded))))];
  const urls = new Set([...all.flat(), ...workers.map((worker) => worker.url())]);
  const sizes = [...urls]
    .filter((url) => url.endsWith(".js"))
    .map(async (url) => {
      const script = await (await fetch(url)).arrayBuffer();
      return [new URL(url).pathname, gzipSync(script).length / 1024] as const;
    });
  return new Map(await Promise.all(sizes));
}

/** What only machines without a GPU load: the compiler of kernels to WebAssembly, and kernels for it. */
const withoutGpu = /\/wasm(Part)?-[^/]*$/;

/** Holds a page to a limit of KiB of scripts, gzipped. @param late are names of scripts that come later on purpose. */
export async function expectLight(page: Page, limit: number, late?: RegExp): Promise<void> {
  const sizes = [...(await scriptSizes(page))].filter(([path]) => !late?.test(path) && !withoutGpu.test(path));
  const total = sizes.reduce((sum, [, size]) => sum + size, 0);
  expect(total, JSON.stringify(sizes)).toBeLessThan(limit);
}
