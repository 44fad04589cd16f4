import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isFault, type Result } from "../../bench/measure/result.ts";
import { html } from "../../bench/report/html.ts";
import { launchChrome } from "../browser/chrome.ts";
import { interruptAt, run } from "./command.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tilegrad-bench-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("Ctrl-C keeps the rows so far, and the report says that it is incomplete", async () => {
  const asked = ["--quick", "--in", "node", "--filter", "matmul 1×32×16", "--to", folder];
  const { code, output, errors } = await run("bench/run.ts", asked, interruptAt("naive"));
  expect(code).toBe(130);
  expect(errors).toMatch(/^node {2}.*: ceilings$/m);
  expect(errors).toMatch(/^node {2}1 of 2: matmul 1×32×16$/m);
  expect(output).toMatch(/^kernel +shape +variant/m);
  expect(output).toMatch(/Incomplete: Ctrl-C, at [12] of 2\./);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a pipe must not get these
  expect(output + errors).not.toMatch(/\x1b|\r/);

  const [adapter] = await readdir(folder);
  const files = await readdir(join(folder, adapter!));
  expect(files.sort()).toEqual(["node-quick-matmul-1-32-16-stopped.json", "report-quick-matmul-1-32-16-stopped.html"]);
  const result: Result = JSON.parse(await readFile(join(folder, adapter!, files[0]!), "utf8"));
  expect(result.kernels.length).toBeGreaterThan(0);
  expect(result.kernels[0]).toMatchObject({ family: "matmul", shape: "1×32×16", variant: "naive" });
  expect(result.kernels.filter(isFault)).toEqual([]);

  const fault = { ...result.kernels[0]!, variant: "tiled", wrong: "y[0] is NaN, expected 1" };
  const twice = { ...result.kernels[0]!, variant: "twice", ms: (result.kernels[0] as { ms: number }).ms / 2 };
  const report = join(folder, "report.html");
  await writeFile(report, await html([{ ...result, kernels: [result.kernels[0]!, twice, fault] }]));
  const browser = await launchChrome();
  try {
    const page = await browser.newPage();
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(String(error)));
    await page.setViewport({ width: 390, height: 800 });
    await page.goto(pathToFileURL(report).href);
    const notes = await page.$$eval(".notes li", (notes) => notes.map(({ textContent }) => textContent));
    expect(notes.join("\n")).toMatch(/Incomplete: Ctrl-C.*WRONG: matmul 1×32×16 tiled: y\[0\] is NaN/s);
    expect(await page.$$eval("h5", (shapes) => shapes.map(({ textContent }) => textContent))).toEqual(["1×32×16"]);
    const bars = await page.$$eval(".bars li", (bars) => bars.map(({ textContent }) => textContent));
    expect(bars).toEqual([
      expect.stringMatching(/^naive/),
      expect.stringMatching(/^twice.*2\.00 × naive$/),
      expect.stringMatching(/^tiled.*WRONG/),
    ]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    expect(faults).toEqual([]);
  } finally {
    await browser.close();
  }
});

test("a filter that matches nothing is reported before anything is measured", async () => {
  const { code, errors } = await run("bench/run.ts", [
    "--quick",
    "--in",
    "node",
    "--filter",
    "softmacks",
    "--to",
    folder,
  ]);
  expect(code).toBe(1);
  expect(errors).toMatch(/^nothing of --quick on .* has "softmacks" in its name$/m);
  expect(errors).not.toMatch(/ceilings/);
});
