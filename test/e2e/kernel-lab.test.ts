import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "puppeteer";
import { describe, expect, test } from "vitest";
import { isWriting, typeOver, writtenIn } from "./editing.ts";
import { expectAccessible, expectLight } from "./judged.ts";
import { hash, isDisabled, type OpenOptions, site, text } from "./pages.ts";
import { losable, lose } from "./spoiled.ts";

// WebGPU is what this page measures; in WebAssembly, it is in without-webgpu.test.ts.
const { open: openPage } = site("kernels");
const open = (hash = "", options: OpenOptions = {}) => openPage(hash, { backend: "webgpu", ...options });

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

describe("the kernel lab", () => {
  test("shows a ladder, checks and times each variant, draws the roofline, and loads little", async () => {
    const page = await open("#work=sum-rows&sizes=64-64");
    await measured(page);
    expect(await page.$$eval("tbody tr", (rows) => rows.map((tr) => (tr as HTMLElement).dataset.variant))).toEqual([
      "naive",
      "serial",
      "columns",
      "tree",
      "tile",
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
      ["naive", "serial", "tile", "tree"],
    );
    expect(await text(page, ".roofline .card-head p")).toMatch(/^Measured here: [\d.]+ GFLOP\/s .* [\d.]+ GB\/s/);
    expect(await text(page, ".code")).toContain("@compute @workgroup_size");
    expect(await text(page, ".adapter")).toMatch(/^Runs on \S/);
    await expectLight(page, 143); // more than other pages: it has the reference and the bench
    await page.setViewport({ width: 390, height: 800 });
    const cells = await page.$$eval(".ladder td[data-label]", (all) =>
      all.map(({ clientWidth, scrollWidth, clientHeight }) => ({ over: scrollWidth - clientWidth, clientHeight })),
    );
    expect(cells.length).toBe(4 * 8);
    expect(Math.max(...cells.map(({ over }) => over))).toBe(0);
    expect(new Set(cells.map(({ clientHeight }) => clientHeight)).size).toBe(1); // no figure or name breaks
  });

  test("takes awkward shapes in one click and own ones by typing, and keeps all in its address", async () => {
    const page = await open("#work=softmax&sizes=3-5");
    await measured(page);
    await page.click("::-p-aria(tree[role='radio'])");
    await page.waitForFunction(() => document.querySelector("#source-title")?.textContent === "tree as WGSL");
    expect(await hash(page)).toBe("#work=softmax&sizes=3-5&variant=tree");

    await page.click("::-p-text(NaN in the input)");
    await page.waitForFunction(() => document.querySelector(".ladder .notes")?.textContent.includes("NaN"));
    await measured(page);
    // All numbers of the row with the NaN, and no others.
    expect(await text(page, ".ladder .notes")).toContain(" 10 results are NaN in the reference");
    expect((await row(page, "tree"))[0]).toMatch(/right$/);
    expect(await hash(page)).toBe("#work=softmax&sizes=50-10&nan=1&variant=tree");

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
  });

  test("ignores what means nothing in an address, and says what sizes it cannot take", async () => {
    const page = await open("#work=rnn&sizes=0-1-9999-2&variant=fastest&kernel=-1&nan=1");
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
  });

  test("gives no number that its clock cannot carry", async () => {
    const spoilWorkers = () => {
      const now = performance.now.bind(performance);
      performance.now = () => Math.floor(now() / 100) * 100;
    };
    const page = await open("#work=gather&sizes=1-1", { spoilWorkers });
    await measured(page);
    expect((await row(page, "naive"))[1]).toMatch(
      /^Too short for this clock, which moves in steps of (100 ms|more than 10 ms)\.$/,
    );
  });

  test("says what is wrong with a kernel, and does not time it", async () => {
    const spoilWorkers = () => {
      const { createShaderModule } = GPUDevice.prototype;
      GPUDevice.prototype.createShaderModule = function (descriptor) {
        const code = descriptor.code.replace("total = 0.0", "total = 100.0").replace("var sum = 0.0", "var sum = 7.0");
        return createShaderModule.call(this, { ...descriptor, code });
      };
    };
    const page = await open("#sizes=3-4-5", { spoilWorkers });
    await page.waitForSelector('tr[data-variant="naive"] td.fault');
    expect(await row(page, "naive")).toEqual([
      expect.stringMatching(/^Wrong, so not timed: y\[0\] is [67]\.\d+, expected -?0\.\d+\.$/),
    ]);
  });

  test("edits a kernel: errors while typing, a check before the clock, a limit for loops, a link", async () => {
    const page = await open("#work=cumsum&sizes=3-4&variant=naive");
    await page.waitForSelector("#edit");
    await page.click("#edit");
    await isWriting(page, ".editor");
    await expectLight(page, 300);
    const type = (wgsl: string) => typeOver(page, ".editor", wgsl);
    const kernel = (body: string) => `@group(0) @binding(0) var<storage, read> x: array<f32, 12>;
@group(0) @binding(1) var<storage, read_write> y: array<f32, 12>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= 3u) { return; }
  var sum = 0.0;
  ${body}
}`;
    const sums = "for (var t = 0u; t < 4u; t++) { sum += x[id.x * 4u + t]; y[id.x * 4u + t] = sum; }";
    await type(kernel("sum += nothing;"));
    await page.waitForFunction(() => document.querySelector(".faults li"));
    expect(await text(page, ".faults li")).toMatch(/^Line 6, column 10: unresolved value 'nothing'/);
    const marked = (what: string) =>
      page.$eval(".editor", (editor, what) => editor.shadowRoot!.querySelector(what)?.textContent, what);
    await expect.poll(() => marked(".fault")).toBe("nothing");
    expect(await marked(".fault-line")).toBe("6");
    expect(await isDisabled(page, "#run-draft")).toBe(true);

    const run = async (): Promise<(string | null)[]> => {
      await page.waitForFunction(() => document.querySelector("#run-draft:enabled"));
      await page.click("#run-draft");
      await measured(page);
      return row(page, "own");
    };
    await measured(page);
    await type(kernel(sums.replace("t = 0u", "t = 1u")));
    expect(await run()).toEqual([expect.stringMatching(/^Wrong, so not timed: y\[0\] is .*, expected .*\.$/)]);
    await type(kernel("loop { sum += 1.0; if (sum < 0.0) { break; } }"));
    expect(await run()).toEqual([expect.stringMatching(/^The loop at line 6 turned more than a million times/)]);
    await type(kernel(sums));
    expect((await run())[0]).toMatch(/right$/);

    await page.select("::-p-aria(naive beside[role='combobox'])", "own");
    await page.waitForFunction(() => document.querySelector(".diff")?.shadowRoot?.querySelector(".cm-changedLine"));
    const address = await hash(page);
    expect(address).toMatch(/^#work=cumsum&sizes=3-4&variant=naive&beside=own&text=[\w-]+$/);
    await page.reload();
    await isWriting(page, ".editor");
    await page.waitForSelector('tr[data-variant="own"] td.right');
    expect(await hash(page)).toBe(address);
    await page.waitForFunction(() => document.querySelector("#drop-draft"));
    await page.click("#drop-draft");
    await page.waitForSelector("#edit");
    expect(await hash(page)).not.toContain("text=");
  });

  test("finds races in the text that is edited", async () => {
    const page = await open("#work=softmax&sizes=3-130&variant=tree");
    await measured(page);
    const sound = (await text(page, ".code"))!;
    await page.click("#edit");
    await isWriting(page, ".editor");
    const check = async (): Promise<string | null> => {
      await page.waitForFunction(() => document.querySelector("#find-races:enabled"));
      await page.click("#find-races");
      await page.waitForFunction(() => document.querySelector("#races p, #races li"));
      return text(page, "#races");
    };
    expect(await check()).toMatch(/^No races, missed barriers or indices out of range/);
    const result = "return workgroupUniformLoad(&partial[0]);";
    expect(sound).toContain(result);
    await typeOver(page, ".editor", sound.replaceAll(result, "workgroupBarrier(); return partial[0];"));
    expect(await check()).toMatch(
      /race: "partial" \[0\] is read by invocation \d+ \(line \d+: workgroupBarrier\(\); return partial\[0\];\) and written/,
    );
    expect(sound).toContain("exp(x[at]");
    await typeOver(page, ".editor", sound.replaceAll("exp(x[at]", "exp(x[at + 1000u]"));
    expect(await check()).toMatch(
      /^No races or missed barriers at these sizes\.Some invocations load past the end of x: /,
    );
  });

  test("models the shown kernel on described GPUs, and the edited text in its place", async () => {
    const page = await open("#work=softmax&sizes=64-256&variant=naive");
    await measured(page);
    await page.click("#model");
    const modelled = () =>
      page.$$eval(".modelled tr[data-gpu]", (rows) =>
        rows.map((tr) => [
          (tr as HTMLElement).dataset.gpu,
          ...[...tr.querySelectorAll("td")].map(({ textContent }) => textContent),
        ]),
      );
    const operands = () =>
      page.$$eval(".operands tbody tr", (rows) =>
        rows.map((tr) => [...tr.querySelectorAll("td")].map(({ textContent }) => textContent)),
      );
    await page.waitForSelector(".modelled tr[data-gpu]");
    const rows = await modelled();
    expect(rows.map(([gpu]) => gpu)).toEqual(["integrated", "laptop", "data centre"]);
    for (const [, ms, above, limit, arithmetic, memory, caches, busy] of rows) {
      for (const time of [arithmetic, memory, caches, ms]) expect(time).toMatch(/^[\d.e-]+ (µs|ms)$/);
      expect(busy).toMatch(/^[\d.]+ %$/);
      expect(["arithmetic", "memory", "cache", "occupancy"]).toContain(limit);
      expect(Number(above!.replaceAll(",", ""))).toBeGreaterThanOrEqual(1);
    }
    expect(await text(page, ".modelled .card-head p")).toBe("Modelled, not timed");
    // The definition reads each row three times, and writes it once.
    expect(await operands()).toEqual([
      ["64", "3", expect.any(String), "0"],
      ["64", "0", "0", "1"],
    ]);
    await page.click("#edit");
    await isWriting(page, ".editor");
    const twice = (await writtenIn(page, ".editor")).replaceAll("x[", "x[0u] + x[");
    await typeOver(page, ".editor", twice);
    await expect.poll(async () => (await operands())[0]?.[1]).toBe("6");
    await expectLight(page, 330);
  });

  test("puts an edited kernel into the training of digits", async () => {
    const page = await open("#work=linear&sizes=50-784-128");
    await page.waitForSelector("#in-digits");
    const address = () => page.$eval("#in-digits", (link) => (link as HTMLAnchorElement).href.split("/digits/")[1]);
    const there = "#model=mlp&dropout=0&kernel=mlp.matmul.naive.0";
    expect(await address()).toBe(there);
    await page.click("#edit");
    await isWriting(page, ".editor");
    await typeOver(page, ".editor", (await writtenIn(page, ".editor")).replaceAll("sum", "total"));
    await expect.poll(address).toMatch(new RegExp(`^${there}&use=1&text=[\\w-]+$`));
    await page.click("#in-digits");
    await page.waitForSelector("#figures");
    expect(await text(page, "#runs")).toBe(
      "The training runs your text in place of matmul/naive, number 1 of its family.",
    );
    await isWriting(page, ".editor");
    expect(await writtenIn(page, ".editor")).toContain("total += a[");
  });

  test("shows a sweep as a heat map, and results of another machine beside its own", async () => {
    const page = await open("#work=scatter-add&sizes=2-2");
    await measured(page);
    const typed = async (sizes: string) => {
      await page.$eval(
        "#swept",
        (input, sizes) => {
          (input as HTMLInputElement).value = sizes;
          input.dispatchEvent(new Event("change", { bubbles: true }));
        },
        sizes,
      );
      return page.$eval("#swept", (input) => (input as HTMLInputElement).validationMessage);
    };
    expect(await typed("8, 999")).toBe("999 invocations: a workgroup of this adapter has at most 256.");
    expect(await typed("8, 24, 96")).toBe("");
    expect(await hash(page)).toBe("#work=scatter-add&sizes=2-2&swept=8-24-96");
    await page.click("#sweep-workgroups");
    await page.waitForFunction(() => document.querySelectorAll(".heat tbody tr").length === 3);
    await page.waitForFunction(() => document.querySelector("#busy")?.textContent === "");
    expect(await page.$$eval(".heat td", (cells) => cells.map((cell) => /^heat-[1-8]$/.test(cell.className)))).toEqual(
      Array.from({ length: 3 }, () => true),
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
  });

  test("has nothing that axe finds, in light, in dark and on a phone", async () => {
    const page = await open("#work=cumsum&sizes=8-8&beside=blocks");
    await measured(page);
    await page.click("#edit");
    for (const part of [".editor", ".diff"]) await isWriting(page, part);
    await expectAccessible(page);
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
    const page = await open("#work=gather&sizes=2-2", { spoil, spoilWorkers });
    await page.waitForSelector(".notice");
    expect(await text(page, ".notice")).toMatch(/no answer for 60 seconds\. The page has a fresh GPU device now\.$/);
    expect(await row(page, "naive")).toEqual(["–"]);
    expect(await isDisabled(page, "#measure")).toBe(false);
  });

  test("opens a fresh device when the GPU is lost, and says so", async () => {
    const page = await open("#work=gather&sizes=2-2", { spoil: losable });
    await measured(page);
    await lose(page);
    await page.waitForSelector(".notice");
    expect(await text(page, ".notice")).toMatch(/GPU was lost.*fresh GPU device/);
    await page.click("#measure");
    await measured(page);
    expect((await row(page, "naive"))[0]).toMatch(/right$/);
  });
});
