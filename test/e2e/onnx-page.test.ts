import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "puppeteer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { imageAt, unpack } from "../../demos/digits/images.ts";
import { packed } from "../../demos/digits/packing.ts";
import { packs, side } from "../../demos/digits/packs.ts";
import { decode } from "../../src/onnx/elements.ts";
import { readTensor } from "../../src/onnx/model.ts";
import { png } from "../../src/plot/png.ts";
import { info, int, model, node, tensor } from "../onnxFile.ts";
import { expectAccessible, expectLight, widthOf } from "./judged.ts";
import { choose, dropFiles, isDisabled, type OpenOptions, showsAnother, site, text } from "./pages.ts";
import { losable, lose, withoutWebGPU } from "./spoiled.ts";

const { open } = site("onnx");

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tilegrad-onnx-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** Waits until nothing is under way. */
const rested = (page: Page) =>
  page.waitForFunction(
    () =>
      document.querySelector("#run") &&
      [...document.querySelectorAll(".status")].every((one) => one.textContent === ""),
  );

const sampleOf = (digit: number): string => `::-p-aria(A handwritten ${digit}[role='button'])`;

/** Lets the sample read a digit. */
async function read(page: Page, digit: number): Promise<void> {
  await page.waitForSelector(".sample:enabled");
  await page.click(sampleOf(digit));
  await page.waitForFunction(
    (wanted) => document.querySelector("canvas")?.ariaLabel?.startsWith(wanted) && document.querySelector(".bars li"),
    {},
    `${digit}.png`,
  );
  await rested(page);
}

/** The page with its sample, which has run. */
async function openRun(options?: OpenOptions): Promise<Page> {
  const page = await open("", options);
  await read(page, 2);
  return page;
}

const drop = async (page: Page, files: Readonly<Record<string, Uint8Array>>) => {
  await dropFiles(page, ".onnx", files);
  await rested(page);
};

const run = async (page: Page) => {
  await page.click("#run");
  await rested(page);
};

/** All numbers of the output that is shown. */
const numbers = async (page: Page) =>
  (await text(page, "details pre")).split(/[\s,]+/).map((one) => Number(one.replace("−", "-")));

/** The places of the largest numbers, from the largest on. */
const ranking = (page: Page) => page.$$eval(".bars .index", (all) => all.map(({ textContent }) => Number(textContent)));

/** Types numbers into an input. */
async function type(page: Page, name: string, values: ArrayLike<number> | string): Promise<void> {
  const input = `::-p-xpath(//fieldset[legend/code[text()='${name}']])`;
  await page.select(`${input} select`, "typed");
  const area = (await (await page.waitForSelector(input))!.$("textarea"))!;
  await area.evaluate(
    (area, value) => {
      area.value = value;
      area.dispatchEvent(new InputEvent("input", { bubbles: true }));
    },
    typeof values === "string" ? values : Array.from(values).join(" "),
  );
}

/** The tensors of a case in test/onnx. */
async function caseOf(name: string) {
  const at = join(import.meta.dirname, "../onnx", name);
  const numbersIn = async (file: string) => {
    const bytes = new Uint8Array(await readFile(join(at, "test_data_set_0", `${file}.pb`)));
    return decode(file, readTensor(bytes));
  };
  return { file: new Uint8Array(await readFile(join(at, "model.onnx"))), numbersIn };
}

describe("the page of ONNX models", () => {
  test("loads little, and reads its sample by a click", async () => {
    const page = await open();
    await page.waitForSelector(".sample:enabled");
    expect(page.workers()).toHaveLength(1);
    await expectLight(page, 83);
    await read(page, 2);
    expect(await text(page, ".about h2")).toBe("digits.onnx");
    expect(await text(page, "#producer")).toBe("tilegrad");
    expect(await text(page, "#opset")).toBe("17");
    expect(await text(page, "#nodes")).toBe("10");
    expect(await text(page, "#weights")).toMatch(/^7,4\d\d in 10 tensors$/);
    expect(await text(page, "#ops")).toMatch(/Conv × 2.*Gemm/);
    expect(await text(page, ".facts")).toMatch(/image \[batch, 1, 28, 28\].*votes \[batch, 10\]/);
    expect((await ranking(page))[0]).toBe(2);
    expect(await text(page, ".bars .best")).toMatch(/^2largest\d+\.\d %$/);
    expect(await text(page, "#took")).toMatch(/^\d+\.\d+ m?s with feeding.*to import and compile\.$/);
    for (const digit of [8, 7]) {
      await read(page, digit);
      expect((await ranking(page))[0]).toBe(digit);
    }
    // The importer of all ops came with the first model.
    await expectLight(page, 163);
    await expectAccessible(page);
  });

  test("takes an image of the visitor's, of any size and with dark ink, and several samples of it", async () => {
    const { test: digits } = unpack(packs.first, new Uint8Array(await packed(packs.first)));
    const seven = imageAt(digits, digits.labels.indexOf(7));
    // Twice as large, black on white, in colour, and with margins that are cut off.
    const [wide, high] = [2 * side + 20, 2 * side];
    const pixels = new Uint8Array(wide * high * 3).fill(255);
    for (let y = 0; y < high; y++)
      for (let x = 0; x < 2 * side; x++)
        pixels.fill(255 - seven[(y >> 1) * side + (x >> 1)]!, 3 * (y * wide + x + 10), 3 * (y * wide + x + 11));
    await writeFile(join(folder, "seven.png"), png(pixels, wide, high, 3));
    const page = await openRun();
    const image = (await page.$(".image input[type=file]"))!;
    await choose(page, "Scaled to", "dark");
    const before = await text(page, ".bars");
    await image.uploadFile(join(folder, "seven.png"));
    await showsAnother(page, ".bars", before);
    expect((await ranking(page))[0]).toBe(7);
    await page.focus("::-p-aria(batch[role='textbox'])");
    await page.keyboard.press("Backspace");
    await page.keyboard.type("3");
    await run(page);
    expect(await text(page, "#shape")).toBe("[3, 10]");
    const all = await numbers(page);
    expect(all).toHaveLength(30);
    expect(all.slice(20)).toEqual(all.slice(0, 10));
    await writeFile(join(folder, "no.png"), "no image");
    await image.uploadFile(join(folder, "no.png"));
    await page.waitForSelector("#refused");
    expect(await text(page, "#refused")).toBe("no.png is no image that this browser can read.");
  });

  test("runs a file that is dropped on it, with numbers that are typed", async () => {
    const page = await openRun();
    const { file, numbersIn } = await caseOf("node/test_gemm_alpha");
    await drop(page, { "gemm.onnx": file });
    expect(await text(page, ".about h2")).toBe("gemm.onnx");
    expect(await page.$("#took")).toBeNull();
    await type(page, "a", "1, 2, three");
    await run(page);
    expect(await text(page, "#refused")).toBe("a: “three” is not a number.");
    await type(page, "a", "1, 2");
    await run(page);
    expect(await text(page, "#refused")).toBe("a: there are 2 numbers, [3, 5] takes 15.");
    for (const [i, name] of ["a", "b", "c"].entries()) await type(page, name, await numbersIn(`input_${i}`));
    await run(page);
    expect(await page.$("#refused")).toBeNull();
    const wanted = await numbersIn("output_0");
    const found = await numbers(page);
    expect(found).toHaveLength(12);
    found.forEach((value, i) => {
      expect(Math.abs(value - wanted[i]!)).toBeLessThan(1e-4 * Math.abs(wanted[i]!));
    });
    // The bars of the second row.
    await page.$eval(".results input", (field) => {
      (field as HTMLInputElement).value = "1";
      field.dispatchEvent(new InputEvent("input", { bubbles: true }));
    });
    await page.waitForFunction(
      (wanted) =>
        [...document.querySelectorAll(".bars .index")].map(({ textContent }) => textContent).join() === wanted,
      {},
      [0, 1, 2, 3].sort((a, b) => wanted[4 + b]! - wanted[4 + a]!).join(),
    );
    await read(page, 7);
    expect(await text(page, "#shape")).toBe("[1, 10]");
  });

  test("asks for sizes that the file leaves open, and for an input that decides a shape to be fixed", async () => {
    const page = await openRun();
    const relu = model({
      nodes: [node("Add", ["x", "x"], ["s"]), node("Concat", ["s", "z"], ["y"], [int("axis", 0)])],
      inputs: [info("x", ["n", "m"]), info("z", ["", "m"])],
    });
    await drop(page, { "open.onnx": relu });
    await choose(page, "Filled with", "zeros");
    expect(await page.$$eval(".inputs > .fields label", (all) => all.map(({ textContent }) => textContent))).toEqual([
      "n",
      "m",
      "Axis 0 of z",
    ]);
    await run(page);
    expect(await text(page, "#refused")).toMatch(/^Say how large x is/);
    await page.type("::-p-aria(m[role='textbox'])", "4");
    await run(page);
    expect(await text(page, "#shape")).toBe("[2, 4]");
    expect((await numbers(page)).slice(0, 4)).toEqual([0, 0, 0, 0]);

    const { file, numbersIn } = await caseOf("node/test_onehot_with_axis");
    await drop(page, { "onehot.onnx": file });
    for (const [i, name] of ["indices", "depth", "values"].entries())
      await type(page, name, await numbersIn(`input_${i}`));
    await run(page);
    expect(await text(page, "#refused")).toMatch(/"depth", decides a shape.*let it be “fixed”$/);
    await page.click("::-p-xpath(//fieldset[legend/code[text()='depth']]) input[type=checkbox]");
    await run(page);
    expect(await text(page, "#shape")).toBe("[2, 10, 2]");
    expect(await numbers(page)).toEqual([...(await numbersIn("output_0"))]);
  });

  test("says what is wrong with a file, all of it, and keeps the last one", async () => {
    const page = await openRun();
    const bytes = new Uint8Array(await readFile(new URL("../../demos/onnx/sample/digits.onnx", import.meta.url)));
    await drop(page, { "half.onnx": bytes.subarray(0, bytes.length / 2) });
    expect(await text(page, "#refused")).toMatch(/^half\.onnx: the file is cut off: field 7 has \d+ bytes/);
    await drop(page, { "notes.txt": new TextEncoder().encode("Hello") });
    expect(await text(page, "#refused")).toMatch(/^notes\.txt: the file /);
    const nodes = [
      node("Relu", ["x"], ["a"]),
      node("Fancy", ["a"], ["b"]),
      node("Fancy", ["b"], ["c"]),
      node("StringNormalizer", ["c"], ["y"]),
    ];
    await drop(page, { "fancy.onnx": model({ nodes, inputs: [info("x", [1])] }) });
    expect(await text(page, "#refused")).toBe(
      'fancy.onnx: 2 ops of this file (opset 17) not supported: Fancy × 2 (first at "fancy_b"), ' +
        'StringNormalizer × 1 (first at "stringnormalizer_y")',
    );
    expect(await text(page, ".about h2")).toBe("digits.onnx");
    await expectAccessible(page);
    await page.setViewport({ width: 1280, height: 900 });
    await read(page, 8);
    expect(await page.$("#refused")).toBeNull();
  });

  test("takes weights from a file beside the model, and asks for it", async () => {
    const page = await openRun();
    const entry = (key: string, value: string) =>
      [
        13,
        [
          [1, key],
          [2, value],
        ],
      ] as const;
    const weight = [...tensor("w", [2], []).filter(([field]) => field !== 9), [14, 1], entry("location", "w.bin")];
    const file = model({
      nodes: [node("Mul", ["x", "w"], ["y"])],
      weights: [weight as never],
      inputs: [info("x", [2])],
    });
    await drop(page, { "two.onnx": file });
    await run(page);
    expect(await text(page, "#refused")).toMatch(/no file "w\.bin".*drop it here together with the model$/);
    const beside = new Uint8Array(Float32Array.of(3, -5).buffer);
    await drop(page, { "w.bin": beside, "two.onnx": file });
    await type(page, "x", [2, 2]);
    await run(page);
    expect(await numbers(page)).toEqual([6, -10]);
    expect(await ranking(page)).toEqual([0, 1]);
  });

  test("shows results that are known without a run, and several of them", async () => {
    const page = await openRun();
    const nodes = [node("Shape", ["x"], ["size"]), node("Neg", ["x"], ["minus"])];
    await drop(page, {
      "two.onnx": model({ nodes, inputs: [info("x", [2, 3])], outputs: ["minus", "size"] }),
    });
    await run(page);
    expect((await numbers(page)).every((value) => value <= 0 && value > -1)).toBe(true);
    await choose(page, "Output", "size");
    expect(await numbers(page)).toEqual([2, 3]);
    await drop(page, {
      "size.onnx": model({ nodes: nodes.slice(0, 1), inputs: [info("x", [2, 3])], outputs: ["size"] }),
    });
    await run(page);
    expect(await text(page, "#took")).toMatch(/^Known without a run\./);
    expect(await numbers(page)).toEqual([2, 3]);
  });

  test("fits a tiny window", async () => {
    const page = await openRun({ viewport: { width: 320, height: 256 } });
    expect(await widthOf(page)).toBe(320);
  });

  test("computes in the page where workers have no WebGPU, and says so", async () => {
    const page = await openRun({ backend: "webgpu", spoilWorkers: withoutWebGPU });
    expect((await ranking(page))[0]).toBe(2);
    expect(await text(page, ".adapter")).toMatch(/It computes in this page: workers have no WebGPU in this browser\.$/);
  });

  test("says what to do when the GPU is lost", async () => {
    const page = await openRun({ backend: "webgpu", spoil: losable });
    await lose(page);
    await page.waitForSelector(".notice");
    expect(await text(page, ".notice")).toMatch(/GPU.*lost|lost.*GPU/i);
    expect(await isDisabled(page, "#run")).toBe(true);
  });
});
