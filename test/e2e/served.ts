import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import axe from "axe-core";
import type { Page } from "puppeteer";
import { serveFolder } from "../browser/static.ts";

/** As strict as can be: no inline scripts or styles, no eval, nothing from elsewhere. Icons and cards are data URLs. */
const policy =
  "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:";

/** Serves a built site under a policy as strict as can be. */
export const serveStrictly = (folder: string) => serveFolder(folder, { "Content-Security-Policy": policy });

/** What axe finds on a page: rules, each with the elements that break it. */
export async function violations(page: Page): Promise<(readonly [rule: string, elements: readonly string[]])[]> {
  await page.evaluate(axe.source);
  type Axe = { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
  const found = await page.evaluate(async () => (await (globalThis as unknown as { axe: Axe }).axe.run()).violations);
  return found.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)] as const);
}

/** KiB of all scripts that a page and its workers have loaded, gzipped, by name. @param folder of the site. */
export async function scriptSizes(page: Page, folder: string): Promise<Map<string, number>> {
  const loaded = () => performance.getEntriesByType("resource").map(({ name }) => name);
  const workers = page.workers();
  const all = [await page.evaluate(loaded), ...(await Promise.all(workers.map((worker) => worker.evaluate(loaded))))];
  const urls = new Set([...all.flat(), ...workers.map((worker) => worker.url())]);
  const sizes = [...urls]
    .filter((url) => url.endsWith(".js"))
    .map(async (url) => {
      const { pathname } = new URL(url);
      return [pathname, gzipSync(await readFile(join(folder, pathname))).length / 1024] as const;
    });
  return new Map(await Promise.all(sizes));
}

/** Runs in a page or worker first: it then has no WebGPU. */
export const withoutWebGPU = (): void => {
  Object.defineProperty(Object.getPrototypeOf(navigator), "gpu", { value: undefined });
};

/** Runs in a page or worker first: `lose()` then takes its device away. */
export const losable = (): void => {
  if (!("GPUAdapter" in globalThis)) return;
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    const device = await requestDevice.call(this, descriptor);
    Object.assign(globalThis, { lose: () => device.destroy() });
    return device;
  };
};
