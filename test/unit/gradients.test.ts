import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { grad } from "../../src/compile/grad.ts";
import { DTypeError, ShapeError } from "../../src/errors.ts";
import { showShape, sizeOf } from "../../src/graph/shape.ts";
import { apply, type Op, type Tensor } from "../../src/graph/tensor.ts";
import { max, norm, prod, sum } from "../../src/ops/lines/reduce.ts";
import { detach, reshape, slice } from "../../src/ops/moves/views.ts";
import { relu } from "../../src/ops/pointwise/activations.ts";
import { cast, gt, mul, where } from "../../src/ops/pointwise/arithmetic.ts";
import { exp, log } from "../../src/ops/pointwise/elementary.ts";
import { full, input } from "../../src/ops/sources/constants.ts";
import { evaluate } from "../../src/reference/index.ts";
import { drawn } from "../cases/drawn.ts";
import { type CaseRow, cases } from "../cases.ts";
import { checkGradients, inputsOf, weigh, weighAll } from "../differences.ts";
import { fill, reals } from "../draws.ts";

/** Builds a case; undefined for cases without a gradient. */
function build(row: CaseRow, shapes: CaseRow["shapes"][number], seed = 1) {
  const data = fill(row.draws ?? [reals(-2, 2)], shapes.map(sizeOf), seed);
  const { inputs, feeds } = inputsOf(data, shapes);
  return { inputs, feeds, y: row.op(...inputs) };
}

const differentiable = cases.filter((row) => !row.noGradient && build(row, row.shapes[0]!).y.dtype === "f32");

describe("gradients agree with central differences", () => {
  for (const row of differentiable) {
    test(row.name, () => {
      for (const shapes of row.shapes) {
        const { inputs, feeds, y } = build(row, shapes);
        try {
          checkGradients(weigh(y), inputs, feeds);
        } catch (error) {
          throw new Error(`${shapes.map(showShape).join(" ")}: ${(error as Error).message}`, { cause: error });
        }
      }
    });
  }
});

describe("gradients of gradients agree with central differences", () => {
  for (const row of differentiable) {
    test(row.name, () => {
      const { inputs, feeds, y } = build(row, row.shapes[Math.min(3, row.shapes.length) - 1]!);
      const wrt = inputs.filter((x) => x.dtype === "f32");
      checkGradients(weighAll([y, ...grad(weigh(y), wrt)]), inputs, feeds, { most: 6 });
    });
  }

  test("a third time", () => {
    const x = input("x0", [3]);
    const [first] = grad(sum(mul(mul(x, x), mul(x, x))), [x]);
    const [second] = grad(sum(first!), [x]);
    const [third] = grad(sum(second!), [x]);
    expect([...evaluate([third!], { inputs: { x0: [1, -2, 0.5] } })[0]!.data]).toEqual([24, -48, 12]);
  });
});

describe("gradients agree with central differences for any shapes", () => {
  for (const [name, arbitrary] of Object.entries(drawn)) {
    test(name, () => {
      fc.assert(
        fc.property(arbitrary, fc.nat(), ({ shapes, draws = [reals(-2, 2)], op, noGradient }, seed) => {
          const { inputs, feeds } = inputsOf(fill(draws, shapes.map(sizeOf), seed), shapes);
          const y = op(...inputs);
          if (y.dtype === "f32" && !noGradient) checkGradients(weigh(y), inputs, feeds, { most: 3 });
        }),
        { numRuns: 12, seed: 1 },
      );
    });
  }
});

describe("grad", () => {
  const x = input("x0", [2, 3]);
  const numbers = (tensor: Tensor, values: number[] = [1, 2, 3, 4, 5, 6]) => {
    const [, result] = evaluate([x, tensor], { inputs: { x0: values } });
    return [...result!.data];
  };

  test("of something the loss does not depend on is zero", () => {
    const other = input("other", [4]);
    expect(evaluate(grad(sum(x), [other]), {})[0]!.data).toEqual(new Float64Array(4));
  });

  test("adds up over all uses", () => {
    expect(numbers(grad(sum(mul(mul(x, x), x)), [x])[0]!)).toEqual([3, 12, 27, 48, 75, 108]);
  });

  test("with respect to an intermediate result", () => {
    const y = exp(x);
    expect(numbers(grad(sum(mul(y, 3)), [y])[0]!)).toEqual([3, 3, 3, 3, 3, 3]);
  });

  test("stops at detach", () => {
    expect(numbers(grad(sum(mul(x, detach(x))), [x])[0]!)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("refuses a loss of several elements", () => {
    expect(() => grad(x, [x])).toThrow(ShapeError);
    expect(() => grad(x, [x])).toThrow("[2, 3]");
  });

  test("refuses a gradient without its input's shape or dtype, and names the op", () => {
    const wrong = (vjp: (dy: Tensor) => Tensor): Tensor => {
      const op: Op = {
        name: "crooked",
        infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
        vjp: (_, [dy]) => [vjp(dy!)],
      };
      return sum(apply(op, [mul(x, 2)]));
    };
    const gradient = (vjp: (dy: Tensor) => Tensor) => () => grad(wrong(vjp), [x]);
    expect(gradient((dy) => dy)).not.toThrow();
    expect(gradient((dy) => reshape(dy, [6]))).toThrow(ShapeError);
    expect(gradient((dy) => reshape(dy, [6]))).toThrow(
      "grad: the gradient of crooked with respect to its input 0 has shape [6], expected [2, 3]",
    );
    // Without this check, broadcasting would hide the wrong shape.
    expect(gradient((dy) => slice(dy, [[0, 1]]))).toThrow("has shape [1, 3], expected [2, 3]");
    expect(gradient((dy) => cast(dy, "f16"))).toThrow(DTypeError);
    expect(gradient((dy) => cast(dy, "f16"))).toThrow("crooked with respect to its input 0 is f16, expected f32");
  });

  test("follows PyTorch at kinks and ties", () => {
    const at = (op: (x: Tensor) => Tensor, values: number[]) => {
      const v = input("v", [values.length]);
      return [...evaluate(grad(sum(op(v)), [v]), { inputs: { v: values } })[0]!.data];
    };
    expect(at(relu, [0, -0])).toEqual([0, 0]);
    expect(at((v) => max(v), [2, 1, 2])).toEqual([0.5, 0, 0.5]);
    expect(at((v) => norm(v), [0, 0])).toEqual([0, 0]);
    expect(at((v) => prod(v), [0, 3, 4])).toEqual([12, 0, 0]);
    expect(at((v) => where(gt(v, 0), log(v), full([], 0)), [2, 4])).toEqual([0.5, 0.25]);
  });
});
