import { expect, test } from "vitest";
import type { Op, Tensor } from "../../src/graph/tensor.ts";
import { problems } from "../../src/selfcheck/registry.ts";
import { isRuled } from "../../src/train/mixes.ts";
import { cases } from "../cases.ts";
import { inputsOf } from "../differences.ts";
import { fill, reals } from "../draws.ts";

/** All ops of some graphs. */
function opsOf(results: readonly Tensor[]): Set<Op> {
  const nodes = new Set(results.map(({ node }) => node));
  // A Set also visits what is added meanwhile.
  for (const { inputs } of nodes) for (const { node } of inputs) nodes.add(node);
  return new Set([...nodes].map(({ op }) => op));
}

test("every op says whether it mixes the samples of a batch", () => {
  const tested = cases.map(({ op, shapes: [shapes], draws = [reals(-2, 2)] }) => {
    const sizes = shapes!.map((shape) => shape.reduce((count, n) => count * n, 1));
    return op(...inputsOf(fill(draws, sizes), shapes!).inputs);
  });
  // The registry has a graph for each family of kernels, those of gradients included.
  const run = [...problems("f32"), ...problems("f16")].flatMap(({ outputs }) => Object.values(outputs));
  const ops = opsOf([...tested, ...run]);
  expect(ops.size).toBeGreaterThan(80);
  expect([...ops].filter((op) => !isRuled(op)).map(({ name }) => name)).toEqual([]);
  expect(isRuled({ name: "shuffle", infer: () => [] })).toBe(false);
});
