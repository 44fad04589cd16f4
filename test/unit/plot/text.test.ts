import { describe, expect, test } from "vitest";
import { confusionMatrixText, histogramText, imageGridText, learningCurvesText } from "../../../src/plot/index.ts";

const longest = (text: string): number => Math.max(...text.split("\n").map((line) => [...line].length));

describe("learningCurvesText", () => {
  const falling = Array.from({ length: 40 }, (_, i) => 4 / (i + 1));

  test("labels ticks that are close to each other with all digits they need", () => {
    for (const loss of [
      [2.40251, 2.40259],
      [123456.1, 123456.7],
      [1e12, 1.00001e12],
      [-0.0100001, -0.0100009],
    ]) {
      const text = learningCurvesText({ loss });
      const labels = [...text.matchAll(/^ *(\S+) ┤/gm)].map(([, label]) => label);
      expect(labels.length).toBeGreaterThan(2);
      expect(new Set(labels).size).toBe(labels.length);
      expect(longest(text)).toBeLessThanOrEqual(80);
    }
  });

  test("keeps to its width, whatever the words", () => {
    const words = "a word and ".repeat(10);
    const options = { title: words, xLabel: words, yLabel: words, mark: 2, markLabel: words, columns: 30 };
    expect(longest(learningCurvesText({ [words]: falling, other: falling }, options))).toBe(30);
  });

  test("draws the first curve as a line and others as marks", () => {
    const text = learningCurvesText(
      { training: falling, validation: falling.map((y) => y + 1) },
      { columns: 40, rows: 8 },
    );
    expect(text).toMatchInlineSnapshot(`
      "5 ┤×
      4 ┤⡄
        │⢣
      3 ┤⢸×
      2 ┤ ⡇××
        │ ⠘⡄×××××××××××××××
      1 ┤  ⠈⠢⣀⣀            ×××××××××××××××××××
      0 ┤      ⠉⠉⠒⠒⠒⠒⠒⠒⠢⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤
        └────────┬─────────┬────────┬────────┬
                10        20       30       40
                         epoch
      ⠤⠤ training   × validation"
    `);
  });

  test("keeps to its width, whatever the numbers", () => {
    for (const columns of [24, 40, 80])
      for (const scale of [1e-12, 1, 1e9]) {
        const text = learningCurvesText({ loss: falling.map((y) => y * scale) }, { columns, log: scale > 1 });
        expect(longest(text)).toBeLessThanOrEqual(columns);
        expect(text).not.toMatch(/NaN|undefined/);
      }
    for (const value of [5e-324, 1e-300, 1e300])
      expect(learningCurvesText({ loss: [value, 1] }, { log: true })).not.toMatch(/NaN|∞/);
  });

  test("shows a single point, leaves gaps, and marks an epoch", () => {
    expect(learningCurvesText({ loss: [1] })).toContain("•");
    const gap = learningCurvesText({ loss: [1, 1, 1, NaN, NaN, NaN, 1, 1, 1] }, { columns: 40, rows: 5 });
    expect(gap).toMatch(/[⠀-⣿] {8,}[⠀-⣿]/u);
    const marked = learningCurvesText({ loss: [3, 2, 1] }, { mark: 2, markLabel: "kept" });
    expect(marked.split("\n").filter((line) => line.includes("╎")).length).toBeGreaterThan(10);
    expect(marked).toContain("╎ kept");
  });

  test("uses colours only on request", () => {
    const plain = learningCurvesText({ a: falling, b: falling });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours of a terminal begin with one
    const codes = /\u001b\[\d+m/g;
    expect(plain).not.toMatch(codes);
    const coloured = learningCurvesText({ a: falling, b: falling.map((y) => -y) }, { color: true });
    expect(coloured).toContain("\u001b[34m⠤⠤\u001b[39m a");
    expect(longest(coloured.replace(codes, ""))).toBeLessThanOrEqual(80);
  });
});

test("confusionMatrixText is a table with the labels", () => {
  expect(confusionMatrixText([5, 0, 1, 7], { labels: ["no", "yes"] })).toMatchInlineSnapshot(`
    "actual \\ predicted  no  yes
                    no   5    ·
                   yes   1    7"
  `);
});

test("counts beyond those of a ConfusionMatrix are refused", () => {
  expect(() => confusionMatrixText([3e9, 0, 1, 7])).toThrow(
    "confusionMatrixText: the matrix[0] is 3000000000, expected a whole number from 0 to 2147483647",
  );
});

test("histogramText has a line for each bin, and bars as long as the counts", () => {
  const text = histogramText([0.5, 1.5, 1.5, 1.5, 1.5, 3.5], { bins: 4, columns: 40 });
  expect(text).toMatchInlineSnapshot(`
    "0 … 1 │███████▌ 1
    1 … 2 │██████████████████████████████ 4
    2 … 3 │ 0
    3 … 4 │███████▌ 1"
  `);
  expect(histogramText([2.40251, 2.40259], { bins: 4 })).toMatch(/^ 2\.4025 … 2\.40252 │/);
  expect(histogramText([5e-324, 1e-323]).split("\n").join("")).toContain("█ 2");
  expect(longest(histogramText(Float32Array.from({ length: 1000 }, (_, i) => i ** 3)))).toBeLessThanOrEqual(80);
});

test("imageGridText shows an image by characters, two pixels high each", () => {
  const ring = Uint8Array.from({ length: 2 * 64 }, (_, i) => {
    const distance = Math.hypot((i % 8) - 3.5, (Math.floor(i / 8) % 8) - 3.5);
    return distance > 2 && distance < 4 ? 255 : 0;
  });
  expect(imageGridText(ring, { shape: [8, 8], labels: ["ring", "another one"] })).toMatchInlineSnapshot(`
    " =@@@@=   =@@@@=
    @@=  =@@ @@=  =@@
    @@=  =@@ @@=  =@@
     =@@@@=   =@@@@=
    ring     another"
  `);
  expect(longest(imageGridText(new Uint8Array(300 * 300), { shape: [300, 300], columns: 60 }))).toBeLessThanOrEqual(60);
  const colour = imageGridText(Float32Array.from([1, 0, 0, 1, 0, 0]), { shape: [3, 2, 1], color: true });
  expect(colour).toBe("\u001b[38;2;255;0;0m\u001b[48;2;0;255;0m▀\u001b[39m\u001b[49m");
});
