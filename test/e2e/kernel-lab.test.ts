import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
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

type Options = Omit<Parameters<typeof openPage>[2], "path">;

const open = (hash = "", options: Options = {}) =>
  openPage(browser, server.url, { ...options, path: `kernels/${hash}` });

const openSpoiled = (hash: string, options: Options) =>
  openPage(browser, spoiled.url, { ...options, path: `kernels/${hash}` });

/** Waits until nothing more is measured. */
const measured = (page: Page) =>
  page.waitForFunction(
    () =>
      document.querySelector("#measure")?.textContent === "Measure again" &&
      document.querySelector("tbody td:not(.waits)") !== null,
  );

/** The texts of a variant's cells. */
const row = (page: Page, variant: string) =>
  page.$$eval(`tr[data-variant="${variant}"] td`, (cells) => cells.map((cell) => cell.textContent));

const hash = (page: Page) => page.evaluate(() => location.hash);

/** KiB of all scripts that page and worker have loaded, compressed. */
async function scriptsOf(page: Page): Promise<number> {
  const loaded = () => performance.getEntriesByType("resource").map(({ name }) => name);
  const [worker] = page.workers();
  const urls = [...(await page.evaluate(loaded)), worker!.url(), ...(await worker!.evaluate(loaded))];
  const files = [...new Set(urls.filter((url) => url.endsWith(".js")).map((url) => new URL(url).pathname))];
  const sizes = await Promise.all(files.map(async (file) => gzipSync(await readFile(join(folder, file))).length));
  return sizes.reduce((sum, size) => sum + size, 0) / 1024;
}

describe("the kernel lab", () => {
  test("shows a ladder, checks and times each variant, draws the roofline, and loads little", async () => {
    const { page, faults } = await open("#work=sum-rows&sizes=64-64");
    await measured(page);
    expect(await page.$$eval("tbody tr", (rows) => rows.map((tr) => (tr as HTMLElement).dataset.variant))).toEqual([
      "naive",
      "serial",
      "columns",
      "tree",
    ]);
    const [error, median, spread, runs, gflops, bytes, times, share] = await row(page, "naive");
    expect(error).toMatch(/^\d\.\de-\d+ right$|^0 right$/);
    expect(median).toMatch(/^[\d.]+ (µs|ms)$/);
    expect(spread).toMatch(/^± [\d.]+ %$/);
    expect(runs).toMatch(/^\d+ × [\d,]+$/);
    for (const rate of [gflops, bytes]) expect(Number(rate)).toBeGreaterThan(0);
    expect(times).toBe("1");
    expect(share).toMatch(/^[\d.]+ %$/);
    expect(await row(page, "columns")).toEqual(["Cannot run here: it needs results in contiguous groups of 4."]);
    expect(await text(page, ".ladder .notes")).toMatch(/page’s clock, which moves in steps of [\d.]+ (µs|ms)\./);
    expect(await page.$$eval(".roofline .dot text", (all) => all.map(({ textContent }) => textContent).sort())).toEqual(
      ["naive", "serial", "tree"],
    );
    expect(await text(page, ".roofline .card-head p")).toMatch(/^Measured here: [\d.]+ GFLOP\/s .* [\d.]+ GB\/s/);
    expect(await text(page, ".wgsl")).toContain("@compute @workgroup_size");
    expect(await text(page, ".adapter")).toMatch(/^Runs on \S/);
    expect(await scriptsOf(page)).toBeLessThan(120);
    expect(faults).toEqual([]);
    await page.close();
  });

  test("takes awkward shapes in one click and own ones by typing, and keeps all in its address", async () => {
    const { page, faults } = await open("#work=softmax&sizes=3-5");
    await measured(page);
    await page.click("::-p-aria(tree[role='radio'])");
    await page.waitForFunction(() => document.querySelector("#source-title")!.textContent === "tree as WGSL");
    expect(await hash(page)).toBe("#work=softmax&sizes=3-5&variant=tree");

    await page.click("::-p-text(NaN in the input)");
    await page.waitForFunction(() => document.querySelector(".ladder .notes")?.textContent.includes("NaN"));
    await measured(page);
    // All numbers of the row with the NaN, and no others.
    expect(await text(page, ".ladder .notes")).toContain(" 10 results are NaN in the reference");
    expect((await row(page, "tree"))[0]).toMatch(/right$/);
    expect(await hash(page)).toBe("#work=softmax&sizes=64-10&nan=1&variant=tree");

    await page.click("::-p-text(Primes)");
    await page.focus("::-p-aria(rows[role='spinbutton'])");
    await page.keyboard.down("Control");
    await page.keyboard.press("a");
    await page.keyboard.up("Control");
    await page.keyboard.type("11");
    await page.keyboard.press("Tab");
    await page.waitForFunction(() => location.hash.includes("sizes=11-127"));
    await measured(page);
    const before = await hash(page);
    await page.reload();
    await measured(page);
    expect(await hash(page)).toBe(before);
    expect(await text(page, "#source-title")).toBe("tree as WGSL");
    expect(faults).toEqual([]);
    await page.close();
  });

  test("ignores what means nothing in an address, and says what sizes it cannot take", async () => {
    const { page, faults } = await open("#work=rnn&sizes=0-1-9999-2&variant=fastest&kernel=-1&nan=1");
    await measured(page);
    expect(await page.$eval("input[type=number]", (input) => (input as HTMLInputElement).value)).toBe("12");
    expect(await text(page, "#source-title")).toBe("naive as WGSL");
    await page.$eval("input[type=number]", (input) => {
      (input as HTMLInputElement).value = "1e9";
      input.dispatchEvent(new Event("change", { bubbles: true }));
    });
    expect(await page.$eval("input[type=number]", (input) => (input as HTMLInputElement).validationMessage)).toBe(
      "steps must be a whole number from 1 to 256",
    );
    expect(faults).toEqual([]);
    await page.close();
  });

  test("gives no number that its clock cannot carry", async () => {
    const spoilWorkers = () => {
      const now = performance.now.bind(performance);
      performance.now = () => Math.floor(now() / 100) * 100;
    };
    const { page } = await openSpoiled("#work=gather&sizes=1-1", { spoil: () => {}, spoilWorkers });
    await measured(page);
    expect((await row(page, "naive"))[1]).toMatch(
      /^Too short for this clock, which moves in steps of (100 ms|more than 10 ms)\.$/,
    );
    await page.close();
  });

  test("says what is wrong with a kernel, and does not time it", async () => {
    const spoilWorkers = () => {
      const { createShaderModule } = GPUDevice.prototype;
      GPUDevice.prototype.createShaderModule = function (descriptor) {
        const code = descriptor.code.replace("total = 0.0", "total = 100.0").replace("var sum = 0.0", "var sum = 7.0");
        return createShaderModule.call(this, { ...descriptor, code });
      };
    };
    const { page } = await openSpoiled("#sizes=3-4-5", { spoil: () => {}, spoilWorkers });
    await page.waitForSelector('tr[data-variant="naive"] td.fault');
    expect(await row(page, "naive")).toEqual([
      expect.stringMatching(/^Wrong, so not timed: y\[0\] is [67]\.\d+, expected -?0\.\d+\.$/),
    ]);
    await page.close();
  });

  test("without WebGPU says what to do", async () => {
    const spoil = () => Object.defineProperty(Object.getPrototypeOf(navigator), "gpu", { value: undefined });
    const { page, faults } = await openSpoiled("", { spoil });
    await page.waitForSelector(".unsupported");
    expect(await text(page, ".unsupported")).toMatch(/Chrome or Edge.*Safari.*Firefox/s);
    expect(await page.$("#measure")).toBeNull();
    expect(faults).toEqual([]);
    await page.close();
  });

  test("opens a fresh device when the GPU is lost, and says so", async () => {
    const spoil = () => {
      if (!("GPUAdapter" in globalThis)) return;
      const { requestDevice } = GPUAdapter.prototype;
      GPUAdapter.prototype.requestDevice = async function (descriptor) {
        const device = await requestDevice.call(this, descriptor);
        Object.assign(globalThis, { lose: () => device.destroy() });
        return device;
      };
    };
    const { page } = await openSpoiled("#work=gather&sizes=2-2", { spoil });
    await measured(page);
    await page.workers()[0]!.evaluate(() => (globalThis as unknown as { lose(): void }).lose());
    await page.waitForSelector(".notice");
    expect(await text(page, ".notice")).toMatch(/GPU was lost.*fresh GPU device/);
    await page.click("#measure");
    await measured(page);
    expect((await row(page, "naive"))[0]).toMatch(/right$/);
    await page.close();
  });
});
