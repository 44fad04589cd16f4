import type { RecordedNode } from "../../src/recording/index.ts";

type Shape = readonly number[];
export const sizeOf = (shape: Shape): number => shape.reduce((product, n) => product * n, 1);

/** Which elements of a node's results are lit: for each result a mask, row-major. */
export type Lit = ReadonlyMap<string, Uint8Array>;

export const keyOf = (node: number, result: number): string => `${node}.${result}`;

export interface Followed {
  readonly lit: Lit;
  /** Ops through which it cannot be followed, and why: all of their inputs may count. */
  readonly stopped: ReadonlyMap<number, string>;
}

/** Row-major strides. */
const stridesOf = (shape: Shape): number[] => {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
};

/** The place of an element along each axis. */
export const placeOf = (index: number, shape: Shape): number[] =>
  stridesOf(shape).map((stride, axis) => Math.floor(index / stride) % shape[axis]!);

export const indexOf = (place: readonly number[], shape: Shape): number =>
  stridesOf(shape).reduce((sum, stride, axis) => sum + stride * place[axis]!, 0);

/** Lights elements of an input. */
type Light = (input: number, index: number) => void;
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

/**
 * Lights the elements that one element was computed from, back through the graph as built.
 * @param nodes inputs come before users.
 */
export function follow(nodes: readonly RecordedNode[], node: number, result: number, index: number): Followed {
  const lit = new Map<string, Uint8Array>();
  const stopped = new Map<number, string>();
  const maskOf = (at: number, of: number): Uint8Array => {
    const key = keyOf(at, of);
    const mask = lit.get(key) ?? new Uint8Array(sizeOf(nodes[at]!.results[of]!.shape));
    lit.set(key, mask);
    return mask;
  };
  maskOf(node, result)[index] = 1;
  for (let at = node; at >= 0; at--) {
    const here = nodes[at]!;
    if (here.inputs.length === 0) continue;
    here.results.forEach((_, of) => {
      const mask = lit.get(keyOf(at, of));
      if (!mask) return;
      const rule = ruleOf(here);
      if (!rule) {
        stopped.set(at, here.op);
        return;
      }
      const shapes = here.inputs.map((input) => nodes[input.node]!.results[input.result]!.shape);
      const masks: (Uint8Array | undefined)[] = [];
      const light: Light = (input, i) => {
        const from = here.inputs[input];
        if (!from) return;
        masks[input] ??= maskOf(from.node, from.result);
        masks[input][i] = 1;
      };
      rule(mask, here, shapes, light, of);
    });
  }
  return { lit, stopped };
}

/** The rule of a node; undefined for ops that this page cannot follow. */
function ruleOf(node: RecordedNode): Whole | undefined {
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
      maxPool2d: pool,
      avgPool2d: pool,
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
