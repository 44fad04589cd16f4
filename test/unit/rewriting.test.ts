import { describe, expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { fuse } from "../../src/compile/fuse.ts";
import { grad } from "../../src/compile/grad.ts";
import { simplify } from "../../src/compile/simplify.ts";
import { reachable } from "../../src/graph/print.ts";
import { sizeOf } from "../../src/graph/shape.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import * as t from "../../src/index.ts";
import { input } from "../../src/index.ts";
import { evaluate } from "../../src/reference/index.ts";
import { software } from "../adapters.ts";
import { cases } from "../cases.ts";
import { inputsOf, weigh } from "../differences.ts";
import { fill, reals } from "../draws.ts";

/** Passes may regroup the arithmetic, nothing more: values agree to nearly float64 precision. */
function agree(
  before: readonly Tensor[],
  after: readonly Tensor[],
  feeds: Readonly<Record<string, ArrayLike<number>>>,
) {
  const [wanted, got] = [
    evaluate([...before, ...after], { inputs: feeds }).slice(0, before.length),
    evaluate([...after, ...before], { inputs: feeds }),
  ];
  wanted.forEach(({ shape, dtype, data }, i) => {
    expect(got[i]!.shape).toEqual(shape);
    expect(got[i]!.dtype).toBe(dtype);
    data.forEach((value, k) => {
      if (!(Math.abs(got[i]!.data[k]! - value) <= 1e-12 + 1e-12 * Math.abs(value))) {
        expect.fail(`result ${i} [${k}] was ${value} and is now ${got[i]!.data[k]}`);
      }
    });
  });
}

describe("simplify and fuse change no value, forward or backward", () => {
  for (const row of cases) {
    test(row.name, () => {
      for (const shapes of row.shapes) {
        const { inputs, feeds } = inputsOf(fill(row.draws ?? [reals(-2, 2)], shapes.map(sizeOf)), shapes);
        const y = row.op(...inputs);
        const floats = inputs.filter((x) => x.dtype === "f32");
        const built = y.dtype === "f32" && !row.noGradient ? [y, ...grad(weigh(y), floats)] : [y];
        const simplified = simplify(built);
        agree(built, simplified, feeds);
        for (const bindings of [8, 4]) agree(built, fuse(simplified, bindings), feeds);
      }
    });
  }
});

const names = (roots: readonly Tensor[]) => reachable(roots).map(({ op }) => op.name);

describe("gradients of pieces", () => {
  const x = input("x", [3, 6, 4]);
  const feeds = { x: Float32Array.from({ length: 72 }, (_, i) => Math.sin(i)) };
  /** Pieces of x, each used in its own way, and the gradient of all of them. */
  const gradient = (pieces: readonly Tensor[]) =>
    grad(pieces.map((piece, i) => t.sum(t.mul(t.exp(piece), i + 1))).reduce(t.add), [x]);

  test.each([
    ["all of an axis", t.split(x, 1, [1, 3, 2]), 3],
    ["an axis that is not the first in memory", t.split(t.permute(x, [2, 0, 1]), 2, 2), 3],
    ["all but the ends", [t.slice(x, [[], [1, 3]]), t.slice(x, [[], [3, 5]])], 2],
  ] as [string, Tensor[], number][])("are joined: %s", (_, pieces, joined) => {
    const built = gradient(pieces);
    const simplified = simplify(built);
    agree(built, simplified, feeds);
    const concat = reachable(simplified).filter(({ op }) => op.name === "concat");
    expect(concat.map(({ inputs }) => inputs.length)).toEqual([joined]);
    expect(names(simplified)).not.toContain("add");
  });

  test("are joined in few levels, however many there are", () => {
    const long = input("long", [100, 2]);
    const built = grad(
      t
        .split(long, 0, 1)
        .map((piece, i) => t.sum(t.mul(t.exp(piece), i + 1)))
        .reduce(t.add),
      [long],
    );
    const simplified = simplify(built);
    agree(built, simplified, { long: Float32Array.from({ length: 200 }, (_, i) => Math.sin(i)) });
    const all = names(simplified);
    // 100 pieces are joined six at a time: into 17, then three, then one.
    expect(all.filter((name) => name === "concat")).toHaveLength(21);
    expect(all).not.toContain("pad");
  });

  test.each([
    ["overlap", [t.slice(x, [[], [0, 4]]), t.slice(x, [[], [2, 6]])]],
    ["leave a gap", [t.slice(x, [[], [0, 2]]), t.slice(x, [[], [4, 6]])]],
    ["lie along different axes", [t.slice(x, [[0, 1]]), t.slice(x, [[], [1, 6]])]],
    [
      "are cut along two axes",
      [
        t.slice(x, [
          [0, 1],
          [0, 3],
        ]),
        t.slice(x, [
          [1, 3],
          [3, 6],
        ]),
      ],
    ],
    ["have steps", [t.slice(x, [[], [0, 6, 2]]), t.slice(x, [[], [1, 6, 2]])]],
  ] as [string, Tensor[]][])("are added where they %s", (_, pieces) => {
    const built = gradient(pieces);
    const simplified = simplify(built);
    agree(built, simplified, feeds);
    expect(names(simplified)).not.toContain("concat");
  });
});

describe("pointwise ops on a reshaped product", () => {
  const [x, w] = [input("x", [2, 3, 4]), input("w", [5, 4])];
  const y = t.linear(x, w);
  const feedsOf = (result: Tensor) =>
    Object.fromEntries(
      reachable([result])
        .filter(({ op }) => op.source === "input")
        .map(({ attrs, results: [tensor] }, k) => [
          attrs["name"] as string,
          Float32Array.from({ length: sizeOf(tensor!.shape) }, (_, i) => Math.cos(i + k)),
        ]),
    );
  const labels = (result: Tensor) =>
    compile({ outputs: { result } }, software).calls.map(({ label }) => label.replace(/\[.*\]/, ""));

  test.each([
    ["themselves", t.relu(y), "matmul+relu:f32"],
    ["a tensor of the same shape", t.add(y, input("r", [2, 3, 5])), "matmul+add:f32"],
    ["a row for all", t.mul(y, input("bias", [5])), "matmul+mul:f32"],
    ["a single number", t.mul(y, input("scale", [])), "matmul+mul:f32"],
    ["one another", t.mul(t.sigmoid(y), t.tanh(y)), "matmul+sigmoid+tanh+mul:f32"],
  ] as [string, Tensor, string][])("run in its kernel: with %s", (_, result, label) => {
    expect(labels(result)).toEqual([label]);
    agree([result], simplify([result]), feedsOf(result));
  });

  test("stay behind if an input would have to be copied", () => {
    const rows = t.add(y, t.expand(input("rows", [1, 3, 5]), [2, 3, 5]));
    const turned = t.add(y, t.permute(input("r", [5, 3, 2]), [2, 1, 0]));
    for (const result of [rows, turned]) {
      expect(labels(result)).toEqual(["matmul:f32", "add:f32"]);
      agree([result], simplify([result]), feedsOf(result));
    }
  });
});
