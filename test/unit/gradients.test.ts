import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { grad } from "../../src/compile/grad.ts";
import { ShapeError } from "../../src/errors.ts";
import { showShape, sizeOf } from "../../src/graph/shape.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { relu } from "../../src/ops/activations.ts";
import { exp, gt, log, mul, where } from "../../src/ops/arithmetic.ts";
import { full, input } from "../../src/ops/constants.ts";
import { gather, scatterAdd } from "../../src/ops/gather.ts";
import { concat, cumsum, roll } from "../../src/ops/join.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { pad } from "../../src/ops/pad.ts";
import { logsumexp, max, mean, norm, prod, variance } from "../../src/ops/reduce.ts";
import { logSoftmax, softmax } from "../../src/ops/softmax.ts";
import { sum } from "../../src/ops/sum.ts";
import { detach, expand, flip, permute, reshape, slice } from "../../src/ops/views.ts";
import { evaluate } from "../../src/reference/index.ts";
import { type CaseRow, cases } from "../cases.ts";
import { checkGradients, inputsOf, weigh, weighAll } from "../differences.ts";
import { type Draw, distinct, fill, reals, signed, whole } from "../draws.ts";

/** Builds a case, and leaves out those that have no gradient. */
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
  for (const row of differentiable.filter((row) => !row.gradientsOnce)) {
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

/** Something drawn: op and input shapes, and how the inputs are filled. */
interface Drawn {
  readonly shapes: readonly (readonly number[])[];
  readonly draws?: readonly Draw[];
  op(...inputs: Tensor[]): Tensor;
}

const shapeOf = (least: number, most = 5) =>
  fc.array(fc.integer({ min: 1, max: 4 }), { minLength: least, maxLength: most });
const below = (n: number) => fc.nat({ max: n - 1 });

/** A shape that broadcasts to `shape`: some axes of size 1, some leading ones left out. */
const stretching = (shape: readonly number[]) =>
  fc
    .tuple(fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }), fc.nat({ max: shape.length }))
    .map(([ones, drop]) => shape.map((n, axis) => (ones[axis] ? 1 : n)).slice(drop));

const withAxis = (op: (x: Tensor, axis: number) => Tensor, draw?: Draw): fc.Arbitrary<Drawn> =>
  shapeOf(1).chain((shape) =>
    fc.integer({ min: -shape.length, max: shape.length - 1 }).map((axis) => ({
      shapes: [shape],
      ...(draw && { draws: [draw] }),
      op: (x) => op(x, axis),
    })),
  );

const withAxes = (op: (x: Tensor, axes: number[], keepdim: boolean) => Tensor, draw?: Draw): fc.Arbitrary<Drawn> =>
  shapeOf(0).chain((shape) =>
    fc.tuple(fc.subarray(shape.map((_, axis) => axis)), fc.boolean()).map(([axes, keepdim]) => ({
      shapes: [shape],
      ...(draw && { draws: [draw] }),
      op: (x) => op(x, axes, keepdim),
    })),
  );

const perAxis = <T>(shape: readonly number[], entry: (n: number) => fc.Arbitrary<T>) => fc.tuple(...shape.map(entry));

const drawn: Record<string, fc.Arbitrary<Drawn>> = {
  sum: withAxes(sum),
  mean: withAxes(mean),
  max: withAxes(max, distinct),
  prod: withAxes(prod, signed(0.5, 1.5)),
  norm: withAxes((x, axes, keepdim) => norm(x, axes, { p: 3, keepdim }), signed(0.2, 2)),
  variance: withAxes((x, axes, keepdim) => variance(x, axes, { correction: 0, keepdim })),
  logsumexp: withAxes(logsumexp),
  softmax: withAxis(softmax),
  logSoftmax: withAxis(logSoftmax),
  cumsum: withAxis(cumsum),
  flip: withAxis(flip),
  roll: withAxis((x, axis) => roll(x, 3, axis)),
  expand: shapeOf(0).chain((shape) =>
    stretching(shape).map((from) => ({ shapes: [from], op: (x) => expand(x, shape) })),
  ),
  reshape: shapeOf(0).chain((shape) =>
    fc
      .shuffledSubarray(shape, { minLength: shape.length })
      .map((to) => ({ shapes: [shape], op: (x) => reshape(x, [...to, 1]) })),
  ),
  permute: shapeOf(0).chain((shape) =>
    fc
      .shuffledSubarray(
        shape.map((_, axis) => axis),
        { minLength: shape.length },
      )
      .map((axes) => ({ shapes: [shape], op: (x) => permute(x, axes) })),
  ),
  slice: shapeOf(1).chain((shape) =>
    perAxis(shape, (n) => fc.tuple(below(n), fc.constantFrom(1, 2, -1, -2))).map((starts) => ({
      shapes: [shape],
      op: (x) =>
        slice(
          x,
          starts.map(([start, step]) => [start, undefined, step] as const),
        ),
    })),
  ),
  pad: shapeOf(1, 4).chain((shape) =>
    perAxis(shape, () => fc.tuple(fc.nat({ max: 2 }), fc.nat({ max: 2 }), fc.nat({ max: 1 }))).map((around) => ({
      shapes: [shape],
      op: (x) =>
        pad(x, { low: around.map((a) => a[0]), high: around.map((a) => a[1]), interior: around.map((a) => a[2]) }),
    })),
  ),
  concat: shapeOf(1, 4).chain((shape) =>
    fc
      .tuple(below(shape.length), fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 9 }))
      .map(([axis, sizes]) => ({
        shapes: sizes.map((size) => shape.with(axis, size)),
        op: (...x) => concat(x, axis),
      })),
  ),
  gather: shapeOf(1, 4).chain((shape) =>
    fc.tuple(below(shape.length), fc.integer({ min: 1, max: 5 })).map(([axis, count]) => ({
      shapes: [shape, shape.with(axis, count)],
      draws: [reals(-2, 2), whole(0, shape[axis]! - 1)],
      op: (x, index) => gather(x, axis, index!),
    })),
  ),
  scatterAdd: shapeOf(1, 4).chain((shape) =>
    fc.tuple(below(shape.length), fc.integer({ min: 1, max: 5 })).map(([axis, count]) => ({
      shapes: [shape, shape.with(axis, count), shape.with(axis, count + 1)],
      draws: [reals(-2, 2), whole(0, shape[axis]! - 1), reals(-2, 2)],
      op: (x, index, source) => scatterAdd(x, axis, index!, source!),
    })),
  ),
  matmul: fc.tuple(shapeOf(0, 3), shapeOf(3, 3)).chain(([batch, [m, k, n]]) =>
    fc.tuple(stretching(batch), stretching(batch)).map(([a, b]) => ({
      shapes: [
        [...a, m!, k!],
        [...b, k!, n!],
      ],
      op: (x, y) => matmul(x, y!),
    })),
  ),
  ...Object.fromEntries(
    differentiable
      .filter((row) => row.pointwise)
      .map((row) => [
        row.name,
        shapeOf(0).chain((shape) =>
          fc.tuple(...row.shapes[0]!.map(() => stretching(shape))).map((shapes) => ({ ...row, shapes })),
        ),
      ]),
  ),
};

describe("gradients agree with central differences for any shapes", () => {
  for (const [name, arbitrary] of Object.entries(drawn)) {
    test(name, () => {
      fc.assert(
        fc.property(arbitrary, fc.nat(), ({ shapes, draws = [reals(-2, 2)], op }, seed) => {
          const { inputs, feeds } = inputsOf(fill(draws, shapes.map(sizeOf), seed), shapes);
          checkGradients(weigh(op(...inputs)), inputs, feeds, { most: 3 });
        }),
        { numRuns: 12 },
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

  test("of what the loss does not depend on is zero", () => {
    const other = input("other", [4]);
    expect(evaluate(grad(sum(x), [other]), {})[0]!.data).toEqual(new Float64Array(4));
  });

  test("adds up over all uses", () => {
    expect(numbers(grad(sum(mul(mul(x, x), x)), [x])[0]!)).toEqual([3, 12, 27, 48, 75, 108]);
  });

  test("with respect to something in between", () => {
    const y = exp(x);
    expect(numbers(grad(sum(mul(y, 3)), [y])[0]!)).toEqual([3, 3, 3, 3, 3, 3]);
  });

  test("does not pass a detach", () => {
    expect(numbers(grad(sum(mul(x, detach(x))), [x])[0]!)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("refuses a loss of several elements", () => {
    expect(() => grad(x, [x])).toThrow(ShapeError);
    expect(() => grad(x, [x])).toThrow("[2, 3]");
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
