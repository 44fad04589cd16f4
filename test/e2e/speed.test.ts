import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "puppeteer";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseResult } from "../../bench/measure/parse.ts";
import { extended, isFault, type Result } from "../../bench/measure/result.ts";
import { measure } from "../../bench/measure/suite.ts";
import { speedTest } from "../../bench/speed.ts";
import { openWebGPU } from "../../bench/webgpu.ts";
import { apart } from "../../demos/parts/apart.ts";
import { toLink } from "../../demos/speed/link.ts";
import { shippedPeers } from "../../demos/speed/shipping.ts";
import { summaryOf, textOf } from "../../demos/speed/summary.ts";
import { serveFolder } from "../browser/static.ts";
import { expectAccessible, expectLight, scriptSizes, widthOf } from "./judged.ts";
import { hash, type OpenOptions, site, text } from "./pages.ts";
import { losable, lose, withoutWebGPU } from "./spoiled.ts";

const demos = new URL("../../demos/", import.meta.url).pathname;
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tilegrad-speed-"));
});
afterAll(() => rm(folder, { recursive: true }));

// WebGPU is what this page measures; in WebAssembly, it is in without-webgpu.test.ts.
const { open: openPage } = site("speed");
const open = (hash = "", options: OpenOptions = {}) => openPage(hash, { backend: "webgpu", ...options });

const ready = (page: Page) => page.waitForSelector("#measure:enabled");

/** Waits until there is a first bar, and fails with what the page says if there will be none. */
async function climbing(page: Page): Promise<void> {
  await page.waitForSelector(".ladder, .notice");
  expect(await page.$$eval(".notice", (all) => all.map(({ textContent }) => textContent))).toEqual([]);
}

/** The fields of a result and of its rows. */
const fieldsOf = ({ kernels, steps, ceilings, version: _, ...about }: Result) => ({
  about: Object.keys(about).sort(),
  ceilings: Object.keys(ceilings).sort(),
  rows: new Map(
    [
      ...kernels.map((row) => [`${row.family} ${row.shape} ${row.variant}`, row] as const),
      ...steps.map((row) => [row.name, row] as const),
    ].map(([name, row]) => [name, Object.keys(row).sort()]),
  ),
});

/** Catches what the page offers for download. */
const catchDownloads = (page: Page) =>
  page.evaluate(() => {
    const { createObjectURL } = URL;
    URL.createObjectURL = (blob) => {
      Object.assign(globalThis, { offered: blob });
      return createObjectURL.call(URL, blob);
    };
  });

const offered = (page: Page): Promise<string> =>
  page.evaluate(() => (globalThis as unknown as { offered: Blob }).offered.text());

describe("the speed test", () => {
  test("measures limits and a ladder, as the bench of the terminal does, and loads little", async () => {
    const only = "sum 1024";
    const page = await open(`#only=${encodeURIComponent(only)}`);
    await ready(page);
    expect(await text(page, ".adapter")).toMatch(/^Runs on \S/);
    await page.click("#measure");
    await page.waitForSelector("progress");
    await page.waitForSelector("#measure:enabled");
    for (const limit of ["gflops", "gbPerSec", "dispatchUs", "submitUs", "readbackMs"])
      expect(await text(page, `#${limit}`)).toMatch(/^(\d|–)/);
    expect(await page.$$eval(".ladder h3", (all) => all.map(({ textContent }) => textContent))).toEqual([
      "reduce sum 1024×1024",
    ]);
    const names = await page.$$eval(".ladder .name", (all) => all.map(({ textContent }) => textContent));
    expect(names[0]).toBe("naive");
    expect(await text(page, ".ladder .chosen .name")).not.toBe("");

    await catchDownloads(page);
    await page.click("#json");
    const own = parseResult(await offered(page), "page.json");
    expect(own).toMatchObject({ place: "page", quick: true, runtime: expect.stringMatching(/^\w+ \d+/) });
    expect(own.kernels.filter(isFault)).toEqual([]);
    const options = { filter: only, quick: true, scaling: false, speed: true };
    let terminal: Result | undefined;
    await measure("node", { gpu: await openWebGPU() }, speedTest, options, (report) => {
      terminal = extended(terminal, report);
    });
    const [here, there] = [fieldsOf(own), fieldsOf(terminal!)];
    expect([here.about, here.ceilings]).toEqual([there.about, there.ceilings]);
    // Each adapter has the variants that fit it; the definition always does.
    const both = [...here.rows.keys()].filter((name) => there.rows.has(name));
    expect(both[0]).toBe("reduce sum 1024×1024 naive");
    for (const name of both) expect(here.rows.get(name), name).toEqual(there.rows.get(name));

    expect(await page.$eval("#card", (image) => image.getAttribute("alt"))).toBe(textOf(summaryOf(own)));
    await page.click("#png");
    await page.waitForFunction(() => (globalThis as unknown as { offered: Blob }).offered.type === "image/png");
    expect((await offered(page)).slice(1, 4)).toBe("PNG");
    await expectLight(page, 141);

    // The address holds the result: who follows it sees the same card.
    await page.waitForFunction(() => location.hash.includes("card="));
    const shown = await page.$eval("#card", (image) => image.getAttribute("alt"));
    await page.reload();
    await page.waitForSelector("#card");
    expect(await page.$eval("#card", (image) => image.getAttribute("alt"))).toBe(shown);
    expect(await page.$("#json")).toBeNull();
  });

  test("stops at once, keeps what it has, and can start over", async () => {
    const page = await open("#only=layerNorm");
    await ready(page);
    await page.click("#measure");
    await climbing(page);
    await page.click("#stop");
    await ready(page);
    expect(await text(page, ".remark")).toMatch(/^Incomplete: stopped by the visitor, at \d of \d\.$/);
    expect(await page.$$eval(".ladder li", (all) => all.length)).toBeGreaterThan(0);
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("measure");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#stop");
    await page.waitForFunction(() => document.querySelector("#gflops strong")?.textContent !== "–");
    await page.click("#stop");
    await ready(page);
  });

  test("says that nothing has the wanted name", async () => {
    const page = await open("#only=softmacks");
    await ready(page);
    await page.click("#measure");
    await page.waitForSelector(".notice");
    expect(await text(page, ".notice")).toMatch(/has "softmacks" in its name/);
  });

  test("compares with results that come with it, and with files", async () => {
    const summary = { ...summaryOf(imported), adapter: "mine" };
    const page = await open(`#card=${await toLink(summary)}`);
    const results = join(demos, "speed/results");
    const shipped = readdirSync(results);
    await page.waitForSelector(`tbody tr:nth-child(${1 + shipped.length})`);
    const rows = () => page.$$eval("tbody th", (all) => all.map(({ textContent }) => textContent));
    const before = await rows();
    expect(before[0]).toBe("This page: mine, Node 20.0.0, Linux, 2026-01-02");
    expect(before.length).toBe(1 + shipped.length);
    // Of more than one adapter and place, so that there is something to compare.
    for (const name of ["google swiftshader, Chrome", "google swiftshader, Node", "mesa lavapipe, Node"])
      expect(before.filter((row) => row?.startsWith(name))).toHaveLength(1);

    const good = join(folder, "theirs.json");
    const bad = join(folder, "bad.json");
    await writeFile(good, JSON.stringify({ ...imported, steps: [{ ...imported.steps[0]!, ms: 4 }] }));
    await writeFile(bad, JSON.stringify({ ...imported, cpu: "yes" }));
    const input = (await page.$("input[type=file]"))!;
    await input.uploadFile(good, bad);
    await page.waitForFunction((n) => document.querySelectorAll("tbody tr").length > n, {}, before.length);
    expect(await text(page, ".comparison .notice")).toBe('bad.json: cpu is "yes", expected true or false');
    expect((await rows()).at(-1)).toBe("theirs, Node 20.0.0, Linux, 2026-01-02");
    // The bars stand beside the file's at once: 2 ms here, 4 there.
    expect(await text(page, ".steps .beside")).toBe("2.00 × as fast");
    expect(await hash(page)).toContain("beside=theirs.json");
    await page.select("::-p-aria(Compare with[role='combobox'])", "");
    await page.waitForFunction(() => document.querySelector(".beside") === null);
  });

  test("shows a result in which axe finds nothing, and which fits a small phone", async () => {
    const page = await open(`#card=${await toLink(summaryOf(imported))}`);
    await page.waitForSelector(".adapter");
    await page.waitForSelector("#card");
    await expectAccessible(page);
    await page.setViewport({ width: 320, height: 700 });
    expect(await widthOf(page)).toBe(320);
  });

  test("measures in the page where workers have no WebGPU, and says so", async () => {
    const page = await open("#only=sum%201024", { spoilWorkers: withoutWebGPU });
    await ready(page);
    expect(await text(page, ".adapter")).toMatch(/workers have no WebGPU in this browser\.$/);
    await page.click("#measure");
    await page.waitForFunction(() => document.querySelector("#gflops strong")?.textContent !== "–");
    await page.click("#stop");
    await ready(page);
  });

  test("says what to do when the GPU is lost, and keeps what it has", async () => {
    const page = await open("#only=sum%201024", { spoil: losable });
    await ready(page);
    await page.click("#measure");
    await climbing(page);
    await lose(page);
    await page.waitForSelector(".notice");
    expect(await text(page, ".notice")).toMatch(/GPU was lost/);
    expect(await text(page, ".remark")).toMatch(/^Incomplete: the GPU was lost/);
    await page.waitForFunction(() => location.hash.includes("card="));
    await page.click(".notice button");
    await ready(page);
    await page.waitForSelector(".ladder");
  });

  const isInstalled = existsSync(join(import.meta.dirname, "../../bench/peers/node_modules"));
  test.runIf(isInstalled)("times other libraries beside tilegrad where the site brings them", async () => {
    const page = await open();
    await ready(page);
    const scripts = async () => [...(await scriptSizes(page)).keys()].filter((name) => /library|race/.test(name));
    expect(await scripts()).toEqual([]);
    await page.click("#race");
    await page.waitForSelector(".race");
    expect(await page.$$eval(".race:first-child .value", (all) => all.map(({ textContent }) => textContent))).toEqual(
      Array(3).fill(expect.stringMatching(/^[\d.]+ ms$/)),
    );
    expect(await page.$(".fault")).toBeNull();
    await page.click("#stop-race");
    await page.waitForSelector("#race:enabled");
  });

  test("where the site does not bring other libraries, says how to have them, and ships nothing of them", async () => {
    const without = join(folder, "without");
    await build({
      ...{ root: demos, base: "./", configFile: false, logLevel: "error" },
      plugins: [apart(), shippedPeers(folder)],
      worker: { format: "es", plugins: () => [apart()] },
      build: { outDir: without, rolldownOptions: { input: join(demos, "speed/index.html") } },
    });
    expect(readdirSync(join(without, "assets")).filter((name) => /library/.test(name))).toEqual([]);
    const server = await serveFolder(without);
    // The page is another host's than the site's.
    const page = await open("", { allowed: /^http/ });
    await page.goto(`${server.url}speed/`);
    await ready(page);
    expect(await text(page, ".peers")).toMatch(/built without them.*npm ci --prefix bench\/peers/s);
    expect(await page.$("#race")).toBeNull();
    await expectAccessible(page);
    await server.close();
  });
});

const timing = { ms: 8, bestMs: 8, spread: 0.01, samples: 5, runs: 1, clock: "wall", compileMs: 1 } as const;
const imported: Result = {
  ...{ place: "node", adapter: "theirs", cpu: true, runtime: "Node 20.0.0", system: "Linux" },
  ...{ date: "2026-01-02T03:04:05.000Z", quick: true },
  ceilings: { gflops: 10, gbPerSec: 5, dispatchUs: 12, submitUs: 40, readbackMs: 0.5 },
  kernels: ["naive", "serial"].map((variant, i) => ({
    ...{ ...timing, family: "softmax", shape: "softmax 1024×1024", variant, chosen: i === 1, dispatches: 1 },
    ...{ flops: 8e6, bytes: 8e6, gflops: 1 + i, gbPerSec: 1 + i, ofRoofline: 0.5 },
  })),
  steps: [
    {
      ...{ ...timing, name: "784-128-10 ReLU, batch 64, Adam", dispatches: 8, submits: 1, bytes: 1, flops: 1 },
      ...{ ms: 2, gflops: 1, ofRoofline: 0.5, dispatching: 0.1, longest: [] },
    },
  ],
};
