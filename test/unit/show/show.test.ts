import { execFileSync } from "node:child_process";
import { afterEach, describe, expect, test, vi } from "vitest";
import { learningCurves } from "../../../src/plot/index.ts";
import { live, outputOf, type Shown, show, showTo } from "../../../src/show/index.ts";

const textOf = (value: unknown): string => outputOf(value).text;

describe("values as text", () => {
  test.each([
    ["words", "words"],
    [0.1 + 0.2, "0.3"],
    [1234567, "1234567"],
    [1 / 3, "0.333333"],
    [Number.NaN, "NaN"],
    [-Infinity, "-Infinity"],
    [undefined, "undefined"],
    [null, "null"],
    [12n, "12n"],
    [["a", 1.5, [true]], '["a", 1.5, [true]]'],
    [{ a: 1, "b c": { d: "e" } }, '{ a: 1, b c: { d: "e" } }'],
    [{}, "{}"],
    [new Float32Array([1, 0.1]), "Float32Array(2) [1, 0.1]"],
    [new Map([["k", 1]]), "Map(1) { k: 1 }"],
    [new Set([1, "a"]), 'Set(2) [1, "a"]'],
    [Math.max, "function max"],
    [new RangeError("too far"), "RangeError: too far"],
    [{ data: new Float32Array([7]), shape: [] }, "7"],
    [{ data: new Float32Array([1, 2]), shape: [2] }, "[2] 1, 2"],
    [{ data: new Float32Array([1, -22, 3.5, 4]), shape: [2, 2] }, "[2, 2]\n    1  -22\n  3.5    4"],
  ])("%s", (value, text) => {
    expect(textOf(value)).toBe(text);
  });

  test("cut long lists and deep objects", () => {
    expect(textOf(Array.from({ length: 103 }, (_, i) => i))).toMatch(/ 99, … 3 more\]$/);
    const ring: { next?: unknown } = {};
    ring.next = ring;
    expect(textOf(ring)).toBe("{ next: { next: { next: { next: … } } } }");
    const matrix = textOf({ data: new Float32Array(30 * 20), shape: [30, 20] }).split("\n");
    expect(matrix).toHaveLength(22);
    expect(matrix[1]).toMatch(/0 {2}…$/);
    expect(textOf({ data: new Float32Array(8), shape: [2, 2, 2] })).toMatch(/^\[2, 2, 2\], the first matrix:\n/);
  });

  test("name objects of a class", () => {
    class Neuron {
      w = 1;
    }
    expect(textOf(new Neuron())).toBe("Neuron { w: 1 }");
  });
});

describe("outputs", () => {
  test("of flat objects are a table, with a column for each name", () => {
    expect(
      outputOf([
        { x: 0, y: 1 },
        { x: 0.25, z: "a" },
      ]),
    ).toEqual({
      kind: "table",
      columns: ["x", "y", "z"],
      rows: [
        ["0", "1", ""],
        ["0.25", "", "a"],
      ],
      text: "     x  y  z\n     0  1   \n  0.25     a",
    });
    expect(outputOf([{ x: [1] }]).kind).toBe("text");
    expect(outputOf([]).kind).toBe("text");
  });

  test("of plots are pictures, with their words for those who cannot see them", () => {
    const svg = learningCurves({ loss: [3, 1] }, { title: "Loss of <A & B>" });
    expect(outputOf(svg)).toEqual({
      kind: "picture",
      svg,
      text: "Loss of <A & B>: loss: from 3 to 1, lowest 1 at epoch 2.",
    });
  });
});

describe("show", () => {
  afterEach(() => vi.restoreAllMocks());

  test("sends to a notebook, until told otherwise; live views keep their number", () => {
    const shown: Shown[] = [];
    const printed = vi.spyOn(console, "log").mockImplementation(() => {});
    const restore = showTo((each) => shown.push(each));
    show("a", 1);
    const view = live();
    view.update(2);
    view.update(3);
    restore();
    show("b", 2);
    expect(shown.map(({ outputs, isLive }) => [isLive, ...outputs.map(({ text }) => text)])).toEqual([
      [false, "a", "1"],
      [true, "2"],
      [true, "3"],
    ]);
    expect(shown[1]!.id).toBe(shown[2]!.id);
    expect(shown[0]!.id).not.toBe(shown[1]!.id);
    expect(printed.mock.calls).toEqual([["b 2"]]);
  });

  test("in a program prints what a live view held last: before the next text, or at the end", () => {
    const program = `
      import { live, show } from ${JSON.stringify(new URL("../../../src/show/index.ts", import.meta.url).href)};
      const first = live(), second = live();
      for (let i = 0; i < 5; i++) { first.update("first", i); second.update("second", i); }
      show("between");
      second.update("end");`;
    const output = execFileSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program]);
    expect(String(output).trim().split("\n")).toEqual(["first 4", "second 4", "between", "end"]);
  });

  test("refuses a target that is no function", () => {
    expect(() => showTo("page" as never)).toThrow("showTo: the target is");
  });
});
