import { describe, expect, test } from "vitest";
import * as t from "../../src/index.ts";
import { losses } from "../../src/index.ts";
import { evaluate } from "../../src/reference/index.ts";
import { maskedFault, outputsOf, rows } from "../masked.ts";

describe("masked elements do not affect the result", () => {
  test.each(rows.map((row) => [row.name, row] as const))("%s", async (_, row) => {
    const outputs = outputsOf(row);
    const run = async (inputs: Record<string, ArrayLike<number>>) => {
      const values = evaluate(outputs, { inputs });
      return Object.fromEntries(Object.entries(values).map(([name, { data }]) => [name, data]));
    };
    expect(await maskedFault(row, outputs, run)).toBeUndefined();
  });
});

describe("a loss of no rows", () => {
  const [x, y] = [t.input("x", [2, 3]), t.input("y", [2], "i32")];
  const inputs = { x: [Number.NaN, 1, 2, Number.NEGATIVE_INFINITY, 4, 5], y: [-100, -100] };
  test.each([
    ["nll", losses.nll(x, y, { ignoreIndex: -100 })],
    ["crossEntropy", losses.crossEntropy(x, y, { ignoreIndex: -100 })],
    ["crossEntropy, smoothing", losses.crossEntropy(x, y, { ignoreIndex: -100, labelSmoothing: 0.1 })],
  ])("%s is NaN, as in PyTorch, and its gradient 0", (_, loss) => {
    const [value, dx] = evaluate([loss, t.grad(loss, [x])[0]!], { inputs });
    expect(value!.data[0]).toBeNaN();
    expect([...dx!.data].map(Math.abs)).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test("an ignored row of minus infinity does not affect the others", () => {
    const minus = Number.NEGATIVE_INFINITY;
    const feeds = { x: [minus, -1, -2, -1, -1, -1], y: [-100, 1] };
    expect(evaluate([losses.nll(x, y, { ignoreIndex: -100 })], { inputs: feeds })[0]!.data[0]).toBe(1);
  });
});

describe("maskedMean", () => {
  const x = t.input("x", [2, 3, 2]);
  const mask = t.input("mask", [2, 3], "i32");
  const feeds = { x: [1, 2, 3, 4, Number.NaN, 6, 7, 8, 9, 10, 11, 12], mask: [1, 1, 0, 0, 0, 0] };

  test("is the mean of what the mask keeps, and 0 if it keeps nothing, with a gradient to match", () => {
    const y = t.maskedMean(x, mask);
    const [value, dx] = evaluate([y, t.grad(t.sum(t.mul(y, y)), [x])[0]!], { inputs: feeds });
    expect([...value!.data]).toEqual([2, 3, 0, 0]);
    expect([...dx!.data]).toEqual([2, 3, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  test("takes other axes, floats as a mask, and a mask of all axes", () => {
    const first = t.maskedMean(x, t.input("rows", [2]), 0);
    const each = t.maskedMean(x, t.input("all", [2, 3, 2]), -1);
    const inputs = { x: feeds.x, rows: [0, 1], all: [1, 0, 0, 1, 0, 0, 1, 1, 1, 1, 1, 1] };
    const [rows, all] = evaluate([first, each], { inputs });
    expect([...rows!.data]).toEqual([7, 8, 9, 10, 11, 12]);
    expect([...all!.data]).toEqual([1, 4, 0, 7.5, 9.5, 11.5]);
  });

  test("refuses a mask of another shape, and integers", () => {
    expect(() => t.maskedMean(x, t.input("m", [3, 2]))).toThrow(
      "maskedMean: mask [3, 2] does not fit x [2, 3, 2], expected [2, 3]",
    );
    expect(() => t.maskedMean(x, t.input("m", [2]))).toThrow("mask [2] does not fit");
    expect(() => t.maskedMean(mask, mask)).toThrow("maskedMean: operand is i32");
  });
});
