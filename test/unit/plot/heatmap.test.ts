import { describe, expect, test } from "vitest";
import { heatmap } from "../../../src/plot/index.ts";
import { all, type Element, parse, wordsOf } from "../../markup.ts";

const read = (svg: string): Element => parse(svg).children[0] as Element;
const cellsOf = (svg: string) =>
  all(read(svg), "rect")
    .filter(({ attributes }) => attributes.class === "cell")
    .map(({ attributes: a }) => [a.x, a.y, a["fill-opacity"]].map(Number) as [number, number, number]);
const texts = (svg: string): string[] => all(read(svg), "text").map(wordsOf);
const words = { rows: ["der", "Hund"], columns: ["the", "dog", "has"] };

describe("heatmap", () => {
  test("has a cell for each value above the empty one, row by row, stronger for larger ones", () => {
    const cells = cellsOf(heatmap([0.5, 0, 0.25, 0, 1, 0], words));
    expect(cells.map(([, , strength]) => strength)).toEqual([0.5, 0.25, 1]);
    const [first, second, third] = [cells[0]!, cells[1]!, cells[2]!];
    expect(second[1]).toBe(first[1]);
    expect(third[1]).toBeGreaterThan(first[1]);
    expect((second[0] - first[0]) / (third[0] - first[0])).toBeCloseTo(2, 2);
  });

  test("takes a range, and leaves NaN empty", () => {
    const values = [-1, 0, 1, NaN, 3, 1];
    const strengths = cellsOf(heatmap(values, { ...words, range: [-1, 1] })).map(([, , strength]) => strength);
    expect(strengths).toEqual([0.5, 1, 1, 1]);
  });

  test("names rows and columns, also the same word twice, and says where the largest values are", () => {
    const svg = heatmap([0.5, 0, 0.25, 0, 1, 0], {
      rows: ["die", "die"],
      columns: ["the", "dog", "the"],
      title: "Looks",
    });
    expect(texts(svg)).toEqual(["Looks", "die", "die", "the", "dog", "the"]);
    expect(wordsOf(all(read(svg), "desc")[0]!)).toBe(
      "2 rows and 3 columns. Largest values: die at the (0.5), die at dog (1).",
    );
  });

  test("turns names of columns that are wider than a cell", () => {
    expect(heatmap([1, 1], { rows: ["a"], columns: ["considerably", "b"] })).toContain("rotate(-90");
    expect(heatmap([1, 1], { rows: ["a"], columns: ["c", "b"] })).not.toContain("rotate");
  });

  test("puts several matrices side by side, and below each other where they have no room", () => {
    const values = Float32Array.from({ length: 12 }, () => 1);
    const placed = (width: number) => {
      const cells = cellsOf(heatmap(values, { ...words, panels: ["head 1", "head 2"], width }));
      expect(cells).toHaveLength(12);
      return [cells[6]![0] - cells[0]![0], cells[6]![1] - cells[0]![1]] as const;
    };
    expect(placed(640)).toEqual([320, 0]);
    const [across, down] = placed(120);
    expect(across).toBe(0);
    expect(down).toBeGreaterThan(60);
    expect(texts(heatmap(values, { ...words, panels: ["head 1", "head 2"] }))).toContain("head 2");
  });

  test("shows users' words as text", () => {
    const hostile = `"><script>alert('&')</script>`;
    const svg = heatmap([1, 2], { title: hostile, rows: [hostile], columns: [hostile], panels: [hostile, hostile] });
    expect(all(read(svg), "script")).toEqual([]);
  });

  test("stays in the picture, whatever its size", () => {
    for (const [n, width] of [
      [3, 80],
      [40, 640],
      [200, 300],
    ] as const) {
      const names = Array.from({ length: n }, (_, i) => `word ${i}`);
      const svg = heatmap(new Float32Array(n * n).fill(1), { rows: names, columns: names, width });
      const { viewBox } = read(svg).attributes;
      const [, , wide, high] = viewBox!.split(" ").map(Number);
      for (const [x, y] of cellsOf(svg)) {
        expect(x).toBeLessThan(wide!);
        expect(y).toBeLessThan(high!);
      }
    }
  });

  test("refuses what does not fit, by name", () => {
    expect(() => heatmap([1, 2], words)).toThrow("heatmap: 2 values for 2 rows and 3 columns");
    expect(() => heatmap([1, 2], { ...words, panels: ["a"] })).toThrow("2 values for 1 panel of 2 rows and 3 columns");
    expect(() => heatmap([1], { rows: [], columns: ["a"] })).toThrow("heatmap: rows is [], expected at least one name");
    expect(() => heatmap([1], { rows: ["a"], columns: ["b"], range: [1, 1] })).toThrow("heatmap: range is [1, 1]");
  });
});
