import { describe, expect, test } from "vitest";
import { fuse } from "../../src/compile/fuse.ts";
import { grad } from "../../src/compile/grad.ts";
import { simplify } from "../../src/compile/simplify.ts";
import { sizeOf } from "../../src/graph/shape.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { evaluate } from "../../src/reference/index.ts";
import { cases } from "../cases.ts";
import { inputsOf, weigh } from "../differences.ts";
import { fill, reals } from "../draws.ts";

/** Passes may regroup the arithmetic, nothing more: values agree to far within float64. */
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
