import type { Page } from "puppeteer";
import { describe, expect, test } from "vitest";
import { launchWithoutAdapter } from "../browser/chrome.ts";
import { number, policy, site, text } from "./pages.ts";

/*
 * The site in a Chrome without an adapter, as on most machines without a GPU: everything runs in WebAssembly.
 */

const { openPage } = site("", launchWithoutAdapter);

/** Waits for a number of an element to pass a bound, and fails at once where the page shows what went wrong. */
async function passes(page: Page, selector: string, least: number): Promise<void> {
  const shown = await page.waitForFunction(
    (selector, least) =>
      document.querySelector(".notice, .unsupported, .mistake")?.textContent ||
      Number.parseFloat(document.querySelector(selector)?.textContent?.replaceAll(",", "") ?? "") >= least,
    {},
    selector,
    least,
  );
  expect(await shown.jsonValue()).toBe(true);
}

const saysSo = async (page: Page): Promise<void> => {
  await page.waitForSelector(".adapter");
  expect(await text(page, ".adapter")).toBe(
    "Runs in WebAssembly on the CPU (1 thread): this browser found no GPU it may use.",
  );
  // Below the heading, before everything else.
  expect(await page.$eval(".adapter, .card", ({ className }) => className)).toBe("adapter");
};

test("digits trains both networks until they read, in its worker", async () => {
  const page = await openPage("digits/#model=both&images=1000");
  await saysSo(page);
  await passes(page, "#accuracy-test-mlp", 60);
  await passes(page, "#accuracy-test-cnn", 60);
});

test("the playground trains", async () => {
  const page = await openPage("playground/");
  await saysSo(page);
  await passes(page, "#steps", 100);
  expect(await number(page, "#train-loss")).toBeLessThan(0.6);
});

test("the page of texts trains, and writes", async () => {
  const page = await openPage("text/#hidden=16&batch=8");
  await saysSo(page);
  await passes(page, "#steps", 20);
});

test("an ONNX model runs", async () => {
  const page = await openPage("onnx/");
  await saysSo(page);
  await (await page.waitForSelector(".sample:enabled"))!.click();
  await page.waitForSelector(".bars li");
  expect(await text(page, ".bars .index")).toBe("2");
});

describe("the course", () => {
  test.each([
    ["neuron", 6],
    ["xor", 5],
  ])("the lesson %s runs from its first cell to its last", async (name, last) => {
    const page = await openPage(`course/${name}.html`);
    await saysSo(page);
    await page.click("#bar .primary");
    // From its last cell that is no exercise on, nothing runs.
    await page.waitForFunction(
      (last) => / s$/.test(document.querySelector(last)?.textContent ?? ""),
      {},
      `#cell-${last} .state`,
    );
    expect(await page.$$eval(".mistake", (all) => all.map(({ textContent }) => textContent))).toEqual([]);
  });
});

test("the kernel lab measures, and the speed test too", async () => {
  const lab = await openPage("kernels/#work=softmax&sizes=3-5");
  await saysSo(lab);
  await lab.waitForSelector(".roofline .dot");
  expect(await lab.$(".ladder .fault")).toBeNull();
  const speed = await openPage("speed/#only=layerNorm");
  await saysSo(speed);
  await (await speed.waitForSelector("#measure:enabled"))!.click();
  await passes(speed, "#gflops strong", 0.01);
  await speed.waitForSelector(".ladder li");
});

test("the kernel lab folds what cannot run, and opens it", async () => {
  const page = await openPage("kernels/#sizes=50-64-32");
  const rows = () => page.$$eval("tr[data-variant]", ({ length }) => length);
  const fold = (await page.waitForSelector(".ladder .more button"))!;
  const [folded, all] = (await text(page, ".ladder .more")).match(/\d+/g)!.map(Number);
  expect(await text(page, ".ladder .more")).toBe(`${folded} of ${all} variants cannot run here`);
  // Also where the chosen variant has a file of its own.
  expect(await text(page, ".ladder code")).toBe("shaders/matmul.wgsl.ts");
  expect(await rows()).toBe(all! - folded!);
  await fold.click();
  await page.waitForSelector(".ladder [aria-expanded=true]");
  expect(await rows()).toBe(all);
  const reasons = await page.$$eval("td.lacks", (cells) => cells.map(({ textContent }) => textContent));
  expect(reasons.filter((reason) => /^Cannot run here: it needs \S/.test(reason)).length).toBe(folded);
});

test.each(["digits/", "onnx/", "course/neuron.html"])("%s says that it does not know a backend", async (path) => {
  const page = await openPage(`${path}?backend=wsam`);
  await saysSo(page);
  expect(await text(page, "#unread")).toMatch(/does not understand a part of the link: backend=wsam\./);
});

describe("where the page's policy does not let WebAssembly run", () => {
  const strict = site("", launchWithoutAdapter, policy.replace(" 'wasm-unsafe-eval'", ""));

  test("the page says which permission is missing", async () => {
    const page = await strict.openPage("digits/", { allowed: /wasm|WebAssembly/ });
    await page.waitForSelector(".unsupported");
    expect(await text(page, ".unsupported")).toMatch(
      /Content-Security-Policy.*add 'wasm-unsafe-eval' to its script-src/,
    );
  });
});
