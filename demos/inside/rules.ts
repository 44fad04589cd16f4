import type { RecordedNode } from "../../src/recording/index.ts";
import { indexOf, placeOf, type Shape, sizeOf } from "./places.ts";

/*
 * For each op, the elements of its inputs that one element of its results is computed from.
 */

/** Lights elements of an input. */
export type Light = (input: number, index: number) => void;
/** The elements of its inputs that one element of a node is computed from. */
type Rule = (index: number, node: RecordedNode, shapes: readonly Shape[], light: Light, result: number) => void;
/** The same for all lit elements at once. */
type Whole = (mask: Uint8Array, node: RecordedNode, shapes: readonly Shape[], light: Light, result: number) => void;

function eachLit(mask: Uint8Array, act: (index: number) => void): void {
  for (let i = mask.indexOf(1); i >= 0; i = mask.indexOf(1, i + 1)) act(i);
}

const whole =
  (rule: Rule): Whole =>
  (mask, ...rest) =>
    eachLit(mask, (index) => rule(index, ...rest));

/** The rule of a node; undefined for ops that this page cannot follow. */
export function ruleOf(node: RecordedNode): Whole | undefined {
  if (node.walk) return view;
  if (node.pointwise) return pointwise;
  return rules[node.op];
}

const pointwise = whole((index, { inputs }, shapes, light) => {
  inputs.forEach((_, input) => light(input, sizeOf(shapes[input]!) === 1 ? 0 : index));
});

const view = whole((index, { walk, results }, _, light) => {
  const place = placeOf(index, results[0]!.shape);
  light(
    0,
    place.reduce((sum, at, axis) => sum + at * walk!.strides[axis]!, walk!.offset),
  );
});

/** All elements along some axes of an input whose other axes are those of the result. */
const along =
  (axesOf: (node: RecordedNode, rank: number) => readonly number[], keeps: boolean): Rule =>
  (index, node, [shape], light) => {
    const axes = axesOf(node, shape!.length);
    const rest = shape!.filter((_, axis) => keeps || !axes.includes(axis));
    const place = placeOf(index, rest);
    let next = 0;
    const start = shape!.map((_, axis) => {
      const at = keeps || !axes.includes(axis) ? place[next++]! : 0;
      return axes.includes(axis) ? 0 : at;
    });
    const lengths = axes.map((axis) => shape![axis]!);
    for (let i = 0; i < sizeOf(lengths); i++) {
      const offsets = placeOf(i, lengths);
      const full = [...start];
      axes.forEach((axis, k) => {
        full[axis] = offsets[k]!;
      });
      light(0, indexOf(full, shape!));
    }
  };

const given = ({ attrs }: RecordedNode): readonly number[] => (attrs["axes"] ?? []) as number[];
const last = (_: RecordedNode, rank: number): readonly number[] => [rank - 1];
const reduced = along(given, false);

/** A row of the first operand and a column of the second. Many elements share them, so each is lit once. */
const matmul: Whole = (mask, { results }, [a, b], light) => {
  const { shape } = results[0]!;
  const seen = [new Set<string>(), new Set<string>()];
  const batchOf = (place: readonly number[], of: Shape): number[] => {
    const own = of.slice(0, -2);
    const from = place.slice(0, -2).slice(place.length - 2 - own.length);
    return own.map((n, axis) => (n === 1 ? 0 : from[axis]!));
  };
  eachLit(mask, (index) => {
    const place = placeOf(index, shape);
    [a!, b!].forEach((of, input) => {
      const at = place.at(input - 2)!;
      const batch = batchOf(place, of);
      const key = [...batch, at].join();
      if (seen[input]!.has(key)) return;
      seen[input]!.add(key);
      const line = of.at(input === 0 ? -1 : -2)!;
      for (let k = 0; k < line; k++) light(input, indexOf([...batch, ...(input === 0 ? [at, k] : [k, at])], of));
    });
  });
};

interface Geometry {
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly top: number;
  readonly left: number;
  readonly groups: number;
}

const conv2d: Rule = (index, { attrs, results }, [x, weight], light) => {
  const { stride, dilation, top, left, groups } = attrs["geometry"] as Geometry;
  const [n, channel, row, col] = placeOf(index, results[0]!.shape) as [number, number, number, number];
  const [, depth, kh, kw] = weight as readonly [number, number, number, number];
  const group = Math.floor(channel / (weight![0]! / groups));
  for (let c = 0; c < depth; c++) {
    for (let i = 0; i < kh; i++) {
      for (let j = 0; j < kw; j++) {
        const [y, at] = [row * stride[0] + i * dilation[0] - top, col * stride[1] + j * dilation[1] - left];
        if (y < 0 || at < 0 || y >= x![2]! || at >= x![3]!) continue;
        light(0, ((n * x![1]! + group * depth + c) * x![2]! + y) * x![3]! + at);
        light(1, ((channel * depth + c) * kh + i) * kw + j);
      }
    }
  }
};

/** An element of the weight meets one element of the padded input for each element of the result. */
const conv2dWeightGrad: Rule = (index, { attrs, results }, [x, dy], light) => {
  const { stride, dilation, top, left, groups } = attrs["geometry"] as Geometry;
  const [o, c, i, j] = placeOf(index, results[0]!.shape) as [number, number, number, number];
  const [batch, channels, rows, columns] = dy as readonly [number, number, number, number];
  const depth = x![1]! / groups;
  const channel = Math.floor(o / (channels / groups)) * depth + c;
  for (let n = 0; n < batch; n++) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const y = row * stride[0] + i * dilation[0] - top;
        const at = column * stride[1] + j * dilation[1] - left;
        if (y < 0 || at < 0 || y >= x![2]! || at >= x![3]!) continue;
        light(0, indexOf([n, channel, y, at], x!));
        light(1, indexOf([n, o, row, column], dy!));
      }
    }
  }
};

/** The results whose windows hold an element of the input, and the weights that it met there. */
const conv2dInputGrad: Rule = (index, { attrs, results }, [dy, weight], light) => {
  const { stride, dilation, top, left, groups } = attrs["geometry"] as Geometry;
  const [n, channel, y, x] = placeOf(index, results[0]!.shape) as [number, number, number, number];
  const [outputs, depth, kh, kw] = weight as readonly [number, number, number, number];
  const each = outputs / groups;
  const first = Math.floor(channel / depth) * each;
  for (let o = first; o < first + each; o++) {
    for (let i = 0; i < kh; i++) {
      for (let j = 0; j < kw; j++) {
        const [row, column] = [(y + top - i * dilation[0]) / stride[0], (x + left - j * dilation[1]) / stride[1]];
        if (!Number.isInteger(row) || !Number.isInteger(column)) continue;
        if (row < 0 || column < 0 || row >= dy![2]! || column >= dy![3]!) continue;
        light(0, indexOf([n, o, row, column], dy!));
        light(1, indexOf([o, channel % depth, i, j], weight!));
      }
    }
  }
};

interface Windows {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
}

const pool: Rule = (index, { attrs, results }, [x], light) => {
  const { kernel, stride, padding, dilation } = attrs["windows"] as Windows;
  const [n, channel, row, col] = placeOf(index, results[0]!.shape) as [number, number, number, number];
  for (let i = 0; i < kernel[0]; i++) {
    for (let j = 0; j < kernel[1]; j++) {
      const y = row * stride[0] + i * dilation[0] - padding[0];
      const at = col * stride[1] + j * dilation[1] - padding[1];
      if (y >= 0 && at >= 0 && y < x![2]! && at < x![3]!) light(0, indexOf([n, channel, y, at], x!));
    }
  }
};

/** A row of logits and its label; the gradient also takes the row's upstream gradient. */
const classes: Rule = (index, { results, inputs }, [x], light) => {
  const many = x!.at(-1)!;
  const row = sizeOf(results[0]!.shape) === sizeOf(x!) ? Math.floor(index / many) : index;
  for (let k = 0; k < many; k++) light(0, row * many + k);
  for (let input = 1; input < inputs.length; input++) light(input, row);
};

const concat: Rule = (index, { attrs, results }, shapes, light) => {
  const axis = attrs["axis"] as number;
  const place = placeOf(index, results[0]!.shape);
  let start = 0;
  const input = shapes.findIndex((shape) => {
    start += shape[axis]!;
    return place[axis]! < start;
  });
  const shape = shapes[input]!;
  light(input, indexOf(place.with(axis, place[axis]! - (start - shape[axis]!)), shape));
};

const pad: Rule = (index, { attrs, results }, [x], light) => {
  const { low, interior } = attrs as { readonly low: readonly number[]; readonly interior: readonly number[] };
  const place = placeOf(index, results[0]!.shape).map((at, axis) => (at - low[axis]!) / (1 + interior[axis]!));
  if (place.every((at, axis) => Number.isInteger(at) && at >= 0 && at < x![axis]!)) light(0, indexOf(place, x!));
};

/** All elements along the axis up to this one. */
const cumulative: Rule = (index, { attrs, results }, _, light) => {
  const { shape } = results[0]!;
  const axis = attrs["axis"] as number;
  const place = placeOf(index, shape);
  for (let k = 0; k <= place[axis]!; k++) light(0, indexOf(place.with(axis, k), shape));
};

/** A row of x, and the weights of this element; the later results belong to whole rows. */
const normalized: Rule = (index, { attrs }, shapes, light, result) => {
  const { groups, spread } = attrs as { readonly groups: number; readonly spread: number };
  const length = shapes[0]![1]!;
  const isPerRow = result > 0;
  const row = isPerRow ? index : Math.floor(index / length);
  for (let k = 0; k < length; k++) light(0, row * length + k);
  const weight = (row % groups) * (length / spread) + Math.floor((index % length) / spread);
  if (!isPerRow) for (let input = 1; input < shapes.length; input++) light(input, weight);
};

/** The same element of each tensor of one parameter, and the numbers that all share. */
const foreach: Rule = (index, { attrs, inputs }, _, light, result) => {
  const { scalars, members } = attrs as { readonly scalars: number; readonly members: number };
  for (let i = 0; i < scalars; i++) light(i, 0);
  for (let i = scalars + (result % members); i < inputs.length; i += members) light(i, index);
};

const rules: Readonly<Record<string, Whole>> = {
  matmul,
  ...Object.fromEntries(
    Object.entries({
      conv2d,
      conv2dWeightGrad,
      conv2dInputGrad,
      concat,
      pad,
      cumsum: cumulative,
      cumprod: cumulative,
      layerNorm: normalized,
      maxPool2d: pool,
      sum: reduced,
      max: reduced,
      min: reduced,
      argmax: reduced,
      argmin: reduced,
      softmax: along(last, true),
      logSoftmax: along(last, true),
      crossEntropy: classes,
      crossEntropyGrad: classes,
      foreach,
    }).map(([op, rule]) => [op, whole(rule)]),
  ),
};
