import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import axe from "axe-core";
import type { Browser, Page } from "puppeteer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchChrome } from "../browser/chrome.ts";
import { serveFolder } from "../browser/static.ts";
import { builtSite } from "./built.ts";
import { openPage, text } from "./pages.ts";

/* The built page under a policy without inline scripts, inline styles and eval. */

const policy =
  "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:";
let folder = "";
let browser: Browser;
let server: Awaited<ReturnType<typeof serveFolder>>;
/** The same without a policy, for tests that run code in workers first. */
let spoiled: typeof server;
beforeAll(async () => {
  folder = await builtSite();
  server = await serveFolder(folder, { "Content-Security-Policy": policy });
  spoiled = await serveFolder(folder);
  browser = await launchChrome();
});
afterAll(async () => {
  await browser?.close();
  await Promise.all([server?.close(), spoiled?.close()]);
});

const open = (hash = "", options: Omit<Parameters<typeof openPage>[2], "path"> = {}) =>
  openPage(browser, server.url, { ...options, path: `text/${hash}` });

const number = async (page: Page, selector: string) => Number((await text(page, selector)).replaceAll(",", ""));

const hash = (page: Page) => page.evaluate(() => location.hash);

/** Waits until the page shows a step. Fails at once where it shows what went wrong. */
const reached = (page: Page, from: number, to: number) =>
  page.waitForFunction(
    (from, to) => {
      const trouble = document.querySelector(".notice, .unsupported");
      if (trouble) throw new Error(trouble.textContent!);
      const step = Number(document.querySelector("#steps")?.textContent?.replaceAll(",", ""));
      return step >= from && step <= to;
    },
    {},
    from,
    to,
  );

const atLeast = (page: Page, step: number) => reached(page, step, Number.MAX_SAFE_INTEGER);
const atStep = (page: Page, step: number) => reached(page, step, step);

/** The JavaScript that a page and its worker have loaded, in KiB of gzip. */
async function loaded(page: Page): Promise<number> {
  const worker = page.workers()[0]!;
  const names = () => performance.getEntriesByType("resource").map(({ name }) => name);
  const urls = [...(await page.evaluate(names)), worker.url(), ...(await worker.evaluate(names))];
  const files = [...new Set(urls.filter((url) => url.endsWith(".js")))];
  const sizes = files.map(async (url) => gzipSync(await readFile(join(folder, new URL(url).pathname))).length);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0) / 1024;
}

describe("the page of texts", () => {
  test("starts by itself, learns names, writes while it does, and loads little", async () => {
    const { page, faults } = await open();
    await atLeast(page, 210);
    const baseline = await number(page, "#baseline-bits");
    expect(baseline).toBeGreaterThan(4);
    expect(await number(page, "#train-bits")).toBeLessThan(baseline - 1);
    expect(await number(page, "#validation-bits")).toBeLessThan(baseline - 1);
    expect(await text(page, "#writing-title")).toMatch(/^What it writes, after 200 steps$/);
    expect(await page.$$eval(".earlier .when", (all) => all.map((when) => when.textContent))).toEqual([
      "100 steps",
      "50 steps",
      "0 steps",
    ]);
    // Names are words with a capital letter; at first, it wrote noise.
    const share = (names: string) => {
      const all = names.split(/ · |\n/);
      return all.filter((name) => /^[A-Z][a-z]{1,11}$/.test(name)).length / all.length;
    };
    expect(share(await text(page, "#sample"))).toBeGreaterThan(0.7);
    expect(share(await text(page, ".earlier li:last-child .sample"))).toBeLessThan(0.3);
    expect(await text(page, ".adapter")).toMatch(/^Runs on \S/);
    expect(page.workers()).toHaveLength(1);
    expect(await loaded(page)).toBeLessThan(120);
    expect(faults).toEqual([]);
    await page.close();
  });

  test.each([
    ["light", 1280],
    ["dark", 390],
  ] as const)("has nothing that axe finds, in %s at %i pixels", async (scheme, width) => {
    const { page, faults } = await open("#model=chess&source=own&hidden=3&seed=x&own=%%&paused=1", {
      viewport: { width, height: 844 },
    });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await atStep(page, 0);
    expect(await hash(page)).toBe("#paused=1"); // What means nothing in an address is ignored.
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    await page.evaluate(axe.source);
    type Axe = { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    const found = await page.evaluate(async () => (await (globalThis as unknown as { axe: Axe }).axe.run()).violations);
    expect(found.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
    expect(faults).toEqual([]);
    await page.close();
  });

  test("without WebGPU says what to do", async () => {
    const spoil = () => Object.defineProperty(Object.getPrototypeOf(navigator), "gpu", { value: undefined });
    const { page, faults } = await openPage(browser, spoiled.url, { path: "text/", spoil });
    await page.waitForSelector(".unsupported");
    expect(await text(page, ".unsupported")).toMatch(/only through WebGPU/);
    expect(await page.$("#play")).toBeNull();
    expect(faults).toEqual([]);
    await page.close();
  });
});
