import fc from "fast-check";
import type { Tensor } from "../../src/graph/tensor.ts";
import * as t from "../../src/ops/index.ts";
import { cases } from "../cases.ts";
import { type Draw, distinct, reals, signed, whole } from "../draws.ts";

/** A random case: an op, the shapes of its inputs, and how to fill them (the last of `draws` for all that follow). */
export interface Drawn {
  readonly shapes: readonly (readonly number[])[];
  readonly draws?: readonly Draw[];
  /** As in a row of the table. */
  readonly noGradient?: boolean;
  readonly tolerance?: readonly [rtol: number, atol: number];
  op(...inputs: Tensor[]): Tensor;
}

/** Sizes of axes: ones, primes and multiples of four; more choices with fewer axes. */
const sizes = (rank: number): readonly number[] =>
  rank <= 2 ? [1, 2, 3, 4, 5, 7, 8, 13, 37] : rank === 3 ? [1, 2, 3, 4, 5, 7, 8] : [1, 2, 3, 4];

const shapeOf = (least: number, most = 5): fc.Arbitrary<number[]> =>
  fc
    .integer({ min: least, max: most })
    .chain((rank) => fc.array(fc.constantFrom(...sizes(rank)), { minLength: rank, maxLength: rank }));
const size = fc.constantFrom(...sizes(3));
const below = (n: number) => fc.nat({ max: n - 1 });
const upTo = (n: number) => fc.integer({ min: 1, max: n });

/** A shape that broadcasts to `shape`: with some axes of size 1 and some leading axes left out. */
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

const folds: Record<string, fc.Arbitrary<Drawn>> = {
  sum: withAxes(t.sum),
  mean: withAxes(t.mean),
  max: withAxes(t.max, distinct),
  min: withAxes(t.min, distinct),
  prod: withAxes(t.prod, signed(0.8, 1.2)),
  any: withAxes(t.any, whole(-1, 1)),
  all: withAxes(t.all, whole(-1, 1)),
  norm: withAxes((x, axes, keepdim) => t.norm(x, axes, { p: 3, keepdim }), signed(0.2, 2)),
  variance: withAxes((x, axes, keepdim) => t.variance(x, axes, { correction: 0, keepdim })),
  logsumexp: withAxes(t.logsumexp),
  argmax: withAxis(t.argmax, distinct),
  argmin: withAxis(t.argmin, distinct),
  softmax: withAxis(t.softmax),
  logSoftmax: withAxis(t.logSoftmax),
  cumsum: withAxis(t.cumsum),
};

const moves: Record<string, fc.Arbitrary<Drawn>> = {
  flip: withAxis(t.flip),
  roll: withAxis((x, axis) => t.roll(x, 3, axis)),
  expand: shapeOf(0).chain((shape) =>
    stretching(shape).map((from) => ({ shapes: [from], op: (x) => t.expand(x, shape) })),
  ),
  reshape: shapeOf(0).chain((shape) =>
    fc
      .shuffledSubarray(shape, { minLength: shape.length })
      .map((to) => ({ shapes: [shape], op: (x) => t.reshape(x, [...to, 1]) })),
  ),
  permute: shapeOf(0).chain((shape) =>
    fc
      .shuffledSubarray(
        shape.map((_, axis) => axis),
        { minLength: shape.length },
      )
      .map((axes) => ({ shapes: [shape], op: (x) => t.permute(x, axes) })),
  ),
  slice: shapeOf(1).chain((shape) =>
    perAxis(shape, (n) => fc.tuple(below(n), fc.constantFrom(1, 2, -1, -2))).map((starts) => ({
      shapes: [shape],
      op: (x) =>
        t.slice(
          x,
          starts.map(([start, step]) => [start, undefined, step] as const),
        ),
    })),
  ),
  pad: shapeOf(1, 4).chain((shape) =>
    perAxis(shape, () => fc.tuple(fc.nat({ max: 2 }), fc.nat({ max: 2 }), fc.nat({ max: 1 }))).map((around) => ({
      shapes: [shape],
      op: (x) =>
        t.pad(x, { low: around.map((a) => a[0]), high: around.map((a) => a[1]), interior: around.map((a) => a[2]) }),
    })),
  ),
  concat: shapeOf(1, 4).chain((shape) =>
    fc.tuple(below(shape.length), fc.array(upTo(3), { minLength: 1, maxLength: 9 })).map(([axis, parts]) => ({
      shapes: parts.map((n) => shape.with(axis, n)),
      op: (...x) => t.concat(x, axis),
    })),
  ),
  stack: shapeOf(0, 4).chain((shape) =>
    fc.tuple(below(shape.length + 1), upTo(4)).map(([axis, count]) => ({
      shapes: Array.from({ length: count }, () => shape),
      op: (...x) => t.stack(x, axis),
    })),
  ),
  split: withAxis((x, axis) => {
    const n = x.shape.at(axis)!;
    return n < 2
      ? t.split(x, axis, [n])[0]!
      : t.mul(t.split(x, axis, [1, n - 1])[0]!, t.split(x, axis, [1, n - 1])[1]!);
  }),
  tril: shapeOf(2, 4).chain((shape) =>
    fc.integer({ min: -3, max: 3 }).map((diagonal) => ({ shapes: [shape], op: (x) => t.tril(x, diagonal) })),
  ),
  gather: shapeOf(1, 4).chain((shape) =>
    fc.tuple(below(shape.length), upTo(5)).map(([axis, count]) => ({
      shapes: [shape, shape.with(axis, count)],
      draws: [reals(-2, 2), whole(0, shape[axis]! - 1)],
      op: (x, index) => t.gather(x, axis, index!),
    })),
  ),
  indexSelect: shapeOf(1, 4).chain((shape) =>
    fc.tuple(below(shape.length), upTo(9)).map(([axis, count]) => ({
      shapes: [shape, [count]],
      draws: [reals(-2, 2), whole(0, shape[axis]! - 1)],
      op: (x, index) => t.indexSelect(x, axis, index!),
    })),
  ),
  scatterAdd: shapeOf(1, 4).chain((shape) =>
    fc.tuple(below(shape.length), upTo(5)).map(([axis, count]) => ({
      shapes: [shape, shape.with(axis, count), shape.with(axis, count + 1)],
      draws: [reals(-2, 2), whole(0, shape[axis]! - 1), reals(-2, 2)],
      op: (x, index, source) => t.scatterAdd(x, axis, index!, source!),
    })),
  ),
  oneHot: shapeOf(0, 4).chain((shape) =>
    upTo(7).map((classes) => ({ shapes: [shape], draws: [whole(0, classes - 1)], op: (i) => t.oneHot(i, classes) })),
  ),
  embedding: fc.tuple(shapeOf(0, 3), upTo(9), upTo(9)).map(([shape, rows, wide]) => ({
    shapes: [shape, [rows, wide]],
    draws: [whole(0, rows - 1), reals(-2, 2)],
    op: (i, weight) => t.embedding(i, weight!),
  })),
};

/** A kernel's size along an axis, stride, dilation, padding on both sides, and a fitting size of the axis. */
const along = fc
  .record({
    kernel: upTo(3),
    stride: upTo(3),
    dilation: upTo(2),
    padding: fc.nat({ max: 2 }),
    more: fc.nat({ max: 6 }),
  })
  .map((g) => ({ ...g, size: Math.max(1, g.dilation * (g.kernel - 1) + 1 - 2 * g.padding) + g.more }));

/**
 * The same for a transposed convolution, with an output padding below the larger of stride and dilation, and a
 * non-empty result.
 */
const turned = fc
  .record({
    kernel: upTo(3),
    stride: upTo(3),
    dilation: upTo(3),
    outputPadding: fc.nat({ max: 2 }),
    padding: fc.nat({ max: 2 }),
    size: upTo(4),
  })
  .map((g) => {
    const outputPadding = Math.min(g.outputPadding, Math.max(g.stride, g.dilation) - 1);
    const result = (g.size - 1) * g.stride + g.dilation * (g.kernel - 1) + outputPadding + 1;
    return { ...g, outputPadding, padding: Math.min(g.padding, Math.floor((result - 1) / 2)) };
  });

const pooling = fc.tuple(upTo(3), upTo(3), along, along, fc.boolean()).map(([n, c, v, h, ceilMode]) => ({
  shape: [n, c, v.size + v.kernel, h.size + h.kernel],
  kernel: [v.kernel, h.kernel] as const,
  stride: [v.stride, h.stride] as const,
  padding: [Math.min(v.padding, v.kernel >> 1), Math.min(h.padding, h.kernel >> 1)] as const,
  ceilMode,
}));

const layers: Record<string, fc.Arbitrary<Drawn>> = {
  matmul: fc.tuple(shapeOf(0, 3), size, size, size).chain(([batch, m, k, n]) =>
    fc
      .tuple(stretching(batch.map((b) => Math.min(b, 4))), stretching(batch.map((b) => Math.min(b, 4))))
      .map(([a, b]) => ({
        shapes: [
          [...a, m, k],
          [...b, k, n],
        ],
        op: (x, y) => t.matmul(x, y!),
      })),
  ),
  linear: fc.tuple(shapeOf(0, 3), size, size).map(([batch, inner, outer]) => ({
    shapes: [[...batch, inner], [outer, inner], [outer]],
    op: (x, w, b) => t.gelu(t.linear(x, w!, b)),
  })),
  conv2d: fc.tuple(upTo(2), upTo(2), upTo(3), upTo(3), along, along).map(([n, groups, input, output, v, h]) => ({
    shapes: [[n, groups * input, v.size, h.size], [groups * output, input, v.kernel, h.kernel], [groups * output]],
    op: (x, w, b) =>
      t.conv2d(x, w!, b, {
        groups,
        stride: [v.stride, h.stride],
        dilation: [v.dilation, h.dilation],
        padding: [v.padding, h.padding],
      }),
  })),
  convTranspose2d: fc
    .tuple(upTo(2), upTo(2), upTo(2), upTo(3), turned, turned)
    .map(([n, groups, input, output, v, h]) => ({
      shapes: [[n, groups * input, v.size, h.size], [groups * input, output, v.kernel, h.kernel], [groups * output]],
      op: (x, w, b) =>
        t.convTranspose2d(x, w!, b, {
          groups,
          stride: [v.stride, h.stride],
          dilation: [v.dilation, h.dilation],
          padding: [v.padding, h.padding],
          outputPadding: [v.outputPadding, h.outputPadding],
        }),
    })),
  maxPool2d: pooling.map(({ shape, kernel, ...options }) => ({
    shapes: [shape],
    draws: [distinct],
    op: (x) => t.maxPool2d(x, kernel, options),
  })),
  avgPool2d: pooling.map(({ shape, kernel, ...options }) => ({
    shapes: [shape],
    op: (x) => t.avgPool2d(x, kernel, { ...options, countIncludePad: options.ceilMode }),
  })),
  layerNorm: shapeOf(1, 4)
    .filter((shape) => shape.at(-1)! > 2)
    .map((shape) => ({
      shapes: [shape, [shape.at(-1)!], [shape.at(-1)!]],
      op: (x, weight, bias) => t.layerNorm(x, [shape.at(-1)!], { weight: weight!, bias: bias! }),
    })),
  crossEntropy: fc.tuple(shapeOf(0, 2), size, size).map(([rest, n, classes]) => ({
    shapes: [
      [n, classes, ...rest.map((m) => Math.min(m, 4))],
      [n, ...rest.map((m) => Math.min(m, 4))],
    ],
    draws: [reals(-3, 3), whole(0, classes - 1)],
    op: (x, labels) => t.softmaxCrossEntropy(x, labels!),
  })),
};

/** Pointwise rows of the table, on any shapes that broadcast. */
const pointwise = Object.fromEntries(
  cases
    .filter((row) => row.pointwise)
    .map((row) => [
      row.name,
      shapeOf(0).chain((shape) =>
        fc.tuple(...row.shapes[0]!.map(() => stretching(shape))).map((shapes): Drawn => ({ ...row, shapes })),
      ),
    ]),
);

/** Ops on random shapes of 0 to 5 axes, by name. */
export const drawn: Readonly<Record<string, fc.Arbitrary<Drawn>>> = { ...folds, ...moves, ...layers, ...pointwise };
