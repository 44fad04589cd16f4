import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
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
    expect(await text(page, ".code")).toContain("@compute @workgroup_size");
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

  test("edits a kernel: errors while typing, a check before the clock, a limit for loops, a link", async () => {
    const { page, faults } = await open("#sizes=3-4-5&variant=naive");
    await page.waitForSelector("#edit");
    await page.click("#edit");
    await page.waitForFunction(() => document.querySelector(".editor")?.shadowRoot?.querySelector(".cm-line"));
    expect(await scriptsOf(page)).toBeLessThan(300);
    /** Replaces the whole text, as one who types. */
    const type = async (wgsl: string) => {
      await page.$eval(".editor", (editor) => editor.shadowRoot!.querySelector<HTMLElement>(".cm-content")!.focus());
      await page.keyboard.down("Control");
      await page.keyboard.press("a");
      await page.keyboard.up("Control");
      await page.keyboard.sendCharacter(wgsl);
    };
    const kernel = (body: string) => `@group(0) @binding(0) var<storage, read> a: array<f32, 12>;
@group(0) @binding(1) var<storage, read> b: array<f32, 20>;
@group(0) @binding(2) var<storage, read_write> y: array<f32, 16>;
@compute @workgroup_size(8, 8) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= 5u || id.y >= 3u) { return; }
  var sum = 0.0;
  ${body}
  y[id.y * 5u + id.x] = sum;
}`;
    const product = "for (var k = 0u; k < 4u; k++) { sum += a[id.y * 4u + k] * b[k * 5u + id.x]; }";
    await type(kernel("sum += nothing;"));
    await page.waitForFunction(() => document.querySelector(".faults li"));
    expect(await text(page, ".faults li")).toMatch(/^Line 7, column 10: unresolved value 'nothing'/);
    await page.waitForFunction(() =>
      document.querySelector(".editor")!.shadowRoot!.querySelector(".cm-lintRange-error"),
    );
    expect(await page.$eval("#run-draft", (button) => (button as HTMLButtonElement).disabled)).toBe(true);

    const run = async (): Promise<(string | null)[]> => {
      await page.waitForFunction(() => document.querySelector("#run-draft:enabled"));
      await page.click("#run-draft");
      await measured(page);
      return row(page, "own");
    };
    await measured(page);
    await type(kernel(product.replace("k < 4u", "k < 3u")));
    expect(await run()).toEqual([expect.stringMatching(/^Wrong, so not timed: y\[0\] is .*, expected .*\.$/)]);
    await type(kernel("loop { sum += 1.0; if (sum < 0.0) { break; } }"));
    expect(await run()).toEqual([expect.stringMatching(/^The loop at line 7 turned more than a million times/)]);
    await type(kernel(product));
    expect((await run())[0]).toMatch(/right$/);

    await page.select("::-p-aria(naive beside[role='combobox'])", "own");
    await page.waitForFunction(() => document.querySelector(".diff")?.shadowRoot?.querySelector(".cm-changedLine"));
    const address = await hash(page);
    expect(address).toMatch(/^#sizes=3-4-5&variant=naive&beside=own&text=[\w-]+$/);
    await page.reload();
    await page.waitForFunction(() => document.querySelector(".editor")?.shadowRoot?.querySelector(".cm-line"));
    await page.waitForSelector('tr[data-variant="own"] td.right');
    expect(await hash(page)).toBe(address);
    await page.waitForFunction(() => document.querySelector("#drop-draft"));
    await page.click("#drop-draft");
    await page.waitForSelector("#edit");
    expect(await hash(page)).not.toContain("text=");
    // CodeMirror does without the style attributes that the policy drops.
    expect(faults.filter((fault) => !fault.startsWith("Applying inline style violates"))).toEqual([]);
    await page.close();
  });

  test("shows a sweep as a heat map, and results of another machine beside its own", async () => {
    const { page, faults } = await open("#work=scatter-add&sizes=2-2");
    await measured(page);
    await page.click("#sweep-workgroups");
    await page.waitForFunction(() => document.querySelectorAll(".heat tbody tr").length === 7);
    await page.waitForFunction(() => document.querySelector("#busy")!.textContent === "");
    expect(await page.$$eval(".heat td", (cells) => cells.map((cell) => /^heat-[1-8]$/.test(cell.className)))).toEqual(
      Array.from({ length: 7 }, () => true),
    );
    const theirs = {
      ...{ format: "tilegrad kernel lab", version: 1, date: "2026-01-02T00:00:00.000Z", tilegrad: "0.1.0" },
      ...{ adapter: "acme one", cpu: false, clock: "gpu", browser: "Chrome 150", os: "Linux", roof: null },
      results: [
        {
          problem: { work: "scatter-add", sizes: [2, 2], nan: false },
          variant: "naive",
          outcome: { state: "right", time: { ms: 0.001, runs: 10, samples: 5 } },
        },
      ],
    };
    const files = await mkdtemp(join(tmpdir(), "tilegrad-results-"));
    await writeFile(join(files, "theirs.json"), JSON.stringify(theirs));
    await (await page.$("input#open-results"))!.uploadFile(join(files, "theirs.json"));
    await page.waitForSelector(".results table");
    expect(await text(page, ".results thead")).toContain("acme oneChrome 150, Linux, 2026-01-02, tilegrad 0.1.0");
    expect(await text(page, ".results tbody tr")).toMatch(/^naive[\d.]+ [µm]s1 µs, [\d.,]+ × as fast$/);
    await rm(files, { recursive: true });
    expect(faults).toEqual([]);
    await page.close();
  });

  test.each([
    ["light", 1280],
    ["dark", 1280],
    ["light", 390],
  ] as const)("has nothing that axe finds, in %s at %i pixels", async (scheme, width) => {
    const { page } = await open("#work=cumsum&sizes=8-8&beside=blocks", { viewport: { width, height: 844 } });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await measured(page);
    await page.click("#edit");
    for (const part of [".editor", ".diff"])
      await page.waitForFunction(
        (part) => document.querySelector(part)?.shadowRoot?.querySelector(".cm-line"),
        {},
        part,
      );
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    await page.evaluate(axe.source);
    type Axe = { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    const found = await page.evaluate(async () => (await (globalThis as unknown as { axe: Axe }).axe.run()).violations);
    expect(found.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
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

  test("opens a fresh device when the GPU gives no answer, and says so", async () => {
    const spoil = () => {
      const wait = setTimeout;
      const soon = (act: () => void, ms?: number) => wait(act, ms === 60_000 ? 3000 : ms);
      globalThis.setTimeout = soon as unknown as typeof setTimeout;
    };
    const spoilWorkers = () => {
      GPUQueue.prototype.onSubmittedWorkDone = () => new Promise(() => {});
    };
    const { page } = await openSpoiled("#work=gather&sizes=2-2", { spoil, spoilWorkers });
    await page.waitForSelector(".notice");
    expect(await text(page, ".notice")).toMatch(/no answer for 60 seconds\. The page has a fresh GPU device now\.$/);
    expect(await row(page, "naive")).toEqual(["–"]);
    expect(await page.$eval("#measure", (button) => (button as HTMLButtonElement).disabled)).toBe(false);
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
