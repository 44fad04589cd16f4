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
