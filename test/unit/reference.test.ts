import { describe, expect, test } from "vitest";
import { FeedError, ShapeError, StateError } from "../../src/errors.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { cumsum } from "../../src/ops/lines/cumulative.ts";
import { argmax, argmin } from "../../src/ops/lines/pick.ts";
import { max, min, prod, sum } from "../../src/ops/lines/reduce.ts";
import { logSoftmax, softmax, softmaxCrossEntropy } from "../../src/ops/lines/softmax.ts";
import { concat } from "../../src/ops/moves/concat.ts";
import { gather, scatterAdd } from "../../src/ops/moves/gather.ts";
import { pad } from "../../src/ops/moves/pad.ts";
import { expand, permute, reshape, slice } from "../../src/ops/moves/views.ts";
import { matmul } from "../../src/ops/network/matmul.ts";
import { add, cast, div, mul, sub } from "../../src/ops/pointwise/arithmetic.ts";
import { foreach } from "../../src/ops/pointwise/foreach.ts";
import { constant, full, input, variable } from "../../src/ops/sources/constants.ts";
import { Random } from "../../src/ops/sources/random.ts";
import { evaluate, ReferenceProgram } from "../../src/reference/index.ts";

const f32 = (shape: readonly number[], ...values: number[]) => constant(Float32Array.from(values), shape);
const i32 = (shape: readonly number[], ...values: number[]) => constant(Int32Array.from(values), shape);
const numbers = (tensor: Tensor): number[] => [...evaluate([tensor])[0]!.data];

// Computed by hand: all other tests trust the twin.
describe("each kernel, by an example", () => {
  const x = f32([2, 3], 1, 2, 3, 4, 5, 6);

  test("expand", () => {
    expect(numbers(expand(f32([2, 1], 7, 8), [2, 2, 2]))).toEqual([7, 7, 8, 8, 7, 7, 8, 8]);
  });

  test("reshape and permute", () => {
    expect(numbers(reshape(permute(x, [1, 0]), [2, 3]))).toEqual([1, 4, 2, 5, 3, 6]);
    const cube = reshape(x, [1, 2, 3]);
    expect(numbers(permute(cube, [2, 0, 1]))).toEqual([1, 4, 2, 5, 3, 6]);
  });

  test("slice", () => {
    expect(
      numbers(
        slice(x, [
          [1, 2],
          [undefined, undefined, -2],
        ]),
      ),
    ).toEqual([6, 4]);
  });

  test("pad", () => {
    expect(numbers(pad(f32([2], 1, 2), { low: [1], high: [2], interior: [1], value: 9 }))).toEqual([9, 1, 9, 2, 9, 9]);
  });

  test("concat", () => {
    expect(numbers(concat([x, f32([2, 1], 8, 9)], 1))).toEqual([1, 2, 3, 8, 4, 5, 6, 9]);
  });

  test("gather, with clamped indices", () => {
    expect(numbers(gather(x, 1, i32([2, 2], 2, 0, 1, 1)))).toEqual([3, 1, 5, 5]);
    expect(numbers(gather(x, 1, i32([1, 2], -5, 7)))).toEqual([1, 3]);
  });

  test("scatterAdd, where indices outside add nothing", () => {
    expect(numbers(scatterAdd(x, 0, i32([3, 1], 1, 1, 5), f32([3, 1], 10, 20, 40)))).toEqual([1, 2, 3, 34, 5, 6]);
  });

  test("cumsum", () => {
    expect(numbers(cumsum(x, 0))).toEqual([1, 2, 3, 5, 7, 9]);
    expect(numbers(cumsum(x, 1))).toEqual([1, 3, 6, 4, 9, 15]);
  });

  test("reductions", () => {
    expect(numbers(sum(x, 0))).toEqual([5, 7, 9]);
    expect(numbers(prod(x))).toEqual([720]);
    expect([numbers(max(x, 1)), numbers(min(x, 1))]).toEqual([
      [3, 6],
      [1, 4],
    ]);
  });

  test("the first of equal elements is picked", () => {
    const ties = f32([2, 3], 3, 1, 3, 0, 5, 5);
    expect(numbers(argmax(ties, 1))).toEqual([0, 1]);
    expect(numbers(argmin(ties, 0))).toEqual([1, 0, 0]);
    expect(numbers(argmax(ties))).toEqual([4]);
  });

  test("softmax and its relatives", () => {
    const logits = f32([1, 2], Math.log(1), Math.log(3));
    const close = (values: number[]) => values.map((value) => expect.closeTo(value, 7));
    expect(numbers(softmax(logits))).toEqual(close([0.25, 0.75]));
    expect(numbers(logSoftmax(logits))).toEqual(close([Math.log(0.25), Math.log(0.75)]));
    expect(numbers(softmaxCrossEntropy(logits, i32([1], 1)))[0]).toBeCloseTo(-Math.log(0.75), 7);
    expect(numbers(softmaxCrossEntropy(logits, i32([1], 1), 1))).toEqual([0]);
    expect(numbers(softmax(f32([3], 1000, 1000, -1000)))).toEqual([0.5, 0.5, 0]);
  });

  test("matmul", () => {
    expect(numbers(matmul(x, permute(x, [1, 0])))).toEqual([14, 32, 32, 77]);
  });

  test("foreach", () => {
    const results = foreach(
      "sgd",
      [f32([], 0.5)],
      [
        [f32([2], 1, 2), f32([1], 3)],
        [f32([2], 4, 8), f32([1], 2)],
      ],
      ([lr], [p, g]) => [sub(p!, mul(lr!, g!)), mul(g!, 2)],
    );
    expect(results.flat().map(numbers)).toEqual([[-1, -2], [2], [8, 16], [4]]);
  });

  test("integers stay integers, and wrap", () => {
    expect(numbers(div(i32([2], 7, -7), 2))).toEqual([3, -3]);
    expect(numbers(add(i32([1], 2147483647), 1))).toEqual([-2147483648]);
    expect(numbers(sub(constant(Uint32Array.of(0), [1]), 1))).toEqual([4294967295]);
    expect(numbers(cast(f32([2], 2.9, -2.9), "i32"))).toEqual([2, -2]);
  });
});

describe("evaluate", () => {
  const x = input("x", [2]);
  const labels = input("labels", [2], "i32");

  test("returns results by name or in order", () => {
    const { double } = evaluate({ double: add(x, x) }, { inputs: { x: [1, 2] } });
    expect(double).toEqual({ shape: [2], dtype: "f32", data: Float64Array.of(2, 4) });
    expect(evaluate([x, full([], 3)], { inputs: { x: [1, 2] } })[1]!.data).toEqual(Float64Array.of(3));
  });

  test("computes in float64", () => {
    expect(evaluate([add(x, 1)], { inputs: { x: [1e-12, 0] } })[0]!.data[0]).toBe(1 + 1e-12);
  });

  test("refuses missing, unknown and wrongly sized inputs by name", () => {
    expect(() => evaluate([x])).toThrow('input "x" [2] was not given');
    expect(() => evaluate([x], { inputs: { x: [1, 2], z: [1] } })).toThrow('input "z" is not read');
    expect(() => evaluate([x], { inputs: { x: [1] } })).toThrow(FeedError);
  });

  test("refuses labels outside their range", () => {
    const loss = softmaxCrossEntropy(full([2, 3], 0), reshape(labels, [2]));
    expect(() => evaluate([loss], { inputs: { labels: [0, 3] } })).toThrow('input "labels" holds 3');
    expect(() => evaluate([loss], { inputs: { labels: [0, 2] } })).not.toThrow();
  });
});

describe("ReferenceProgram", () => {
  test("performs all updates after all reads", () => {
    const [a, b] = [variable(Float32Array.of(1), [1]), variable(Float32Array.of(2), [1])];
    const program = new ReferenceProgram({
      outputs: { a },
      updates: [
        [a, b],
        [b, add(a, b)],
      ],
    });
    const seen = [1, 2, 3, 4].map(() => program.run().a!.data[0]);
    expect(seen).toEqual([1, 2, 3, 5]);
    expect([...program.read(b)]).toEqual([13]);
    program.write(a, [10]);
    expect([...program.run().a!.data]).toEqual([10]);
  });

  test("shares variables with another program", () => {
    const counter = variable(Int32Array.of(0), []);
    const train = new ReferenceProgram({ updates: [[counter, add(counter, 1)]] });
    const read = new ReferenceProgram({ outputs: { counter } }, train.state);
    train.run();
    train.run();
    expect([...read.run().counter!.data]).toEqual([2]);
  });

  test("advances the random keys that it draws from", () => {
    const random = new Random(7);
    const program = new ReferenceProgram({ outputs: { u: random.uniform([1000]) } });
    const [first, second] = [program.run().u!.data, program.run().u!.data];
    expect(first).not.toEqual(second);
    expect([...program.read(random.key)]).toEqual([7, 2]);
    const average = first.reduce((a, b) => a + b) / 1000;
    expect(average).toBeGreaterThan(0.46);
    expect(average).toBeLessThan(0.54);
  });

  test("refuses two values for one variable, and values of another shape", () => {
    const v = variable(Float32Array.of(1), [1]);
    expect(
      () =>
        new ReferenceProgram({
          updates: [
            [v, add(v, 1)],
            [v, add(v, 2)],
          ],
        }),
    ).toThrow(StateError);
    expect(() => new ReferenceProgram({ updates: [[v, full([2], 0)]] })).toThrow(ShapeError);
  });
});
