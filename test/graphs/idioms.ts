import fc from "fast-check";
import { sizeOf } from "../../src/graph/shape.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import * as t from "../../src/index.ts";
import { nn } from "../../src/index.ts";

/*
 * Random graphs of what layers are made of, with axes of one size alone: a value along one axis fits all others, so
 * whoever recognises layers in a graph is led astray wherever it does not look at the axis.
 */

/** The recipe of a graph: plain data, so that a failing one can be shrunk. */
export interface IdiomRecipe {
  readonly rank: number;
  /** Of every axis. */
  readonly size: number;
  readonly steps: readonly (readonly [name: string, choices: readonly number[]])[];
}

/** Most elements of a value. */
const largest = 700;

/** Answers questions by the numbers of a recipe, one after the other. */
class Choices {
  readonly #numbers: readonly number[];
  #at = 0;

  constructor(numbers: readonly number[]) {
    this.#numbers = numbers;
  }

  below(n: number): number {
    return (this.#numbers[this.#at++ % this.#numbers.length]! + this.#at) % n;
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  isSo(): boolean {
    return this.below(2) === 1;
  }
}

class Graph {
  readonly size: number;
  readonly values: Tensor[];
  #leaves = 0;

  constructor(rank: number, size: number) {
    this.size = size;
    this.values = ["x0", "x1"].map((name) => t.input(name, new Array<number>(rank).fill(size)));
  }

  /** One of the last three values. */
  late(choose: Choices): Tensor {
    return this.values[Math.max(0, this.values.length - 1 - choose.below(3))]!;
  }

  /** A weight, also one in another shape, a constant, or an input. */
  leaf(choose: Choices, shape: readonly number[]): Tensor {
    const name = `leaf${this.#leaves++}`;
    const numbers = Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(1.7 * i + 3.1 * this.#leaves));
    return choose.of([
      () => t.variable(numbers, shape, { name }),
      () => t.constant(numbers, shape),
      () => t.reshape(t.variable(numbers, [numbers.length], { name }), shape),
      () => t.input(name, shape),
    ])();
  }

  positive(shape: readonly number[]): Tensor {
    const numbers = Float32Array.from({ length: sizeOf(shape) }, (_, i) => 0.5 + (i % 4));
    return t.variable(numbers, shape, { name: `variance${this.#leaves++}` });
  }

  /** A shape that broadcasts to another. */
  smaller(choose: Choices, shape: readonly number[]): number[] {
    return shape.slice(choose.below(shape.length + 1)).map((n) => choose.of([n, n, 1]));
  }
}

type Step = (x: Tensor, choose: Choices, graph: Graph) => Tensor | undefined;

const scaleOf = (graph: Graph, choose: Choices, shape: readonly number[]): Tensor => {
  const root = t.rsqrt(t.add(graph.positive(shape), 1e-3));
  return choose.isSo() ? t.mul(root, graph.leaf(choose, shape)) : root;
};

const operand = (x: Tensor, choose: Choices, graph: Graph): Tensor | number =>
  choose.of([() => x, () => 0.5, () => t.expand(graph.leaf(choose, graph.smaller(choose, x.shape)), x.shape)])();

const steps: Readonly<Record<string, Step>> = {
  conv2d(x, choose, graph) {
    if (x.shape.length !== 4) return undefined;
    const kernel = choose.of([1, 3]);
    const weight = graph.leaf(choose, [graph.size, x.shape[1]!, kernel, kernel]);
    const bias = choose.isSo() ? graph.leaf(choose, [graph.size]) : undefined;
    return t.conv2d(x, weight, bias, { padding: (kernel - 1) / 2, stride: choose.of([1, 1, 2]) });
  },
  conv1d(x, choose, graph) {
    if (x.shape.length !== 3) return undefined;
    const weight = graph.leaf(choose, [graph.size, x.shape[1]!, choose.of([1, 3])]);
    return t.conv1d(x, weight, choose.isSo() ? graph.leaf(choose, [graph.size]) : undefined, { padding: 1 });
  },
  linear: (x, choose, graph) =>
    t.linear(
      x,
      graph.leaf(choose, [graph.size, x.shape.at(-1)!]),
      choose.isSo() ? graph.leaf(choose, [graph.size]) : undefined,
    ),
  product: (x, choose, graph) => t.matmul(x, t.transpose(graph.leaf(choose, [graph.size, x.shape.at(-1)!]))),
  plus: (x, choose, graph) => t.add(x, graph.leaf(choose, graph.smaller(choose, x.shape))),
  plusFirst: (x, choose, graph) => t.add(graph.leaf(choose, graph.smaller(choose, x.shape)), x),
  normalise(x, choose, graph) {
    const shape = graph.smaller(choose, x.shape);
    const other = choose.isSo() ? shape : graph.smaller(choose, x.shape);
    return t.mul(t.sub(x, graph.leaf(choose, other)), scaleOf(graph, choose, shape));
  },
  normaliseChannels(x, choose, graph) {
    const axis = choose.of([1, 1, choose.below(x.shape.length)]);
    const channels = [x.shape[axis]!];
    const after = x.shape.slice(axis + 1).map(() => 1);
    const along = (value: Tensor) => t.reshape(value, [...channels, ...after]);
    const centred = t.sub(x, along(graph.leaf(choose, channels)));
    return t.add(t.mul(centred, along(scaleOf(graph, choose, channels))), along(graph.leaf(choose, channels)));
  },
  mean(x, choose, { size }) {
    const axes = [...new Set([choose.below(x.shape.length), choose.below(x.shape.length)])];
    return t.mul(t.sum(x, axes, choose.isSo()), choose.of([1 / size, 1 / size ** 2, 1 / 2]));
  },
  permute: (x, choose) => {
    const axes = x.shape.map((_, axis) => axis);
    const by = choose.below(axes.length);
    return t.permute(x, choose.isSo() ? axes.reverse() : [...axes.slice(by), ...axes.slice(0, by)]);
  },
  reshape: (x, choose) =>
    t.reshape(
      x,
      choose.of([
        [x.shape[0]!, -1],
        [...x.shape.slice(0, -1), 1, x.shape.at(-1)!],
        [1, ...x.shape],
        [x.size, 1],
      ]),
    ),
  expand: (x, choose, { size }) => (x.shape.length < 4 ? t.expand(x, [choose.of([size, 2]), ...x.shape]) : undefined),
  where(x, choose, graph) {
    const condition = choose.of([
      () => t.gt(x, 0),
      () => t.expand(t.gt(graph.leaf(choose, graph.smaller(choose, x.shape)), 0), x.shape),
    ])();
    const [a, b] = [operand(x, choose, graph), operand(x, choose, graph)];
    return typeof a === "number" && typeof b === "number"
      ? t.where(condition, t.full(x.shape, a), b)
      : t.where(condition, a, b as Tensor);
  },
  recurrent(x, choose, { size, values }) {
    if (x.shape.length !== 3) return undefined;
    const make = choose.of([nn.lstm, nn.gru, nn.rnn]);
    const layer = make(x.shape[2]!, size, { bidirectional: choose.isSo(), batchFirst: choose.isSo() });
    const { output, hN } = layer(x);
    if (choose.isSo()) values.push(output);
    const at = choose.below(output.shape[0]!);
    return choose.of([
      () => output,
      () => hN,
      () => t.slice(output, [[at, at + 1], choose.of([undefined, [-1, undefined, -1]] as const)]),
    ])();
  },
  windows(x, choose) {
    const [, channels, height, width] = x.shape;
    const size = choose.of([1, 2]);
    if (x.shape.length !== 4 || Math.min(height!, width!) < size) return undefined;
    const ones = t.constant(new Float32Array(channels! * size * size).fill(1), [channels!, 1, size, size]);
    const sums = t.conv2d(x, ones, undefined, {
      groups: channels!,
      padding: choose.below(2),
      stride: choose.of([1, 2]),
      dilation: choose.of([1, 1, size === 1 ? 2 : 1]),
    });
    return t.mul(sums, choose.of([1 / size ** 2, 1 / 4]));
  },
  pool(x, choose) {
    if (x.shape.length !== 4 || Math.min(...x.shape.slice(2)) < 2) return undefined;
    return t.avgPool2d(x, 2, { padding: choose.below(2), countIncludePad: choose.isSo() });
  },
  layerNorm(x, choose, graph) {
    const over = x.shape.slice(-choose.of([1, 2]));
    return t.layerNorm(x, over, choose.isSo() ? { weight: graph.leaf(choose, over) } : {});
  },
  groupNorm(x, choose, graph) {
    if (x.shape.length < 3) return undefined;
    const weight = choose.isSo() ? graph.leaf(choose, [x.shape[1]!]) : undefined;
    return t.groupNorm(x, choose.of([1, x.shape[1]!]), { weight });
  },
  slice: (x, choose) =>
    t.slice(
      x,
      x.shape.map((n) =>
        choose.of([undefined, [0, n], [n - 1, undefined, -1], [n > 1 ? 1 : 0], [0, undefined, 2]] as const),
      ),
    ),
  sum: (x, choose, graph) => {
    const other = graph.late(choose);
    return `${other.shape}` === `${x.shape}` ? t.add(x, other) : undefined;
  },
  one: (x, choose) =>
    choose.of([t.relu, t.tanh, t.detach, (y: Tensor) => t.softmax(y, choose.below(y.shape.length))])(x),
  join: (x, choose) => t.concat([x, x], choose.below(x.shape.length)),
};

export const idioms: fc.Arbitrary<IdiomRecipe> = fc.record({
  rank: fc.constantFrom(2, 3, 3, 4, 4),
  size: fc.constantFrom(2, 3, 3),
  steps: fc.noBias(
    fc.array(
      fc.tuple(fc.constantFrom(...Object.keys(steps)), fc.array(fc.nat({ max: 99 }), { minLength: 12, maxLength: 12 })),
      { minLength: 3, maxLength: 12, size: "max" },
    ),
  ),
});

/** The outputs of a graph: the last value, and one on the way. */
export function buildIdioms({ rank, size, steps: taken }: IdiomRecipe): Record<string, Tensor> {
  nn.seed(1);
  const graph = new Graph(rank, size);
  for (const [name, numbers] of taken) {
    const choose = new Choices(numbers);
    const x = graph.late(choose);
    const y = x.shape.length >= 2 ? steps[name]!(x, choose, graph) : undefined;
    if (y && y.size <= largest && y.shape.length <= 4) graph.values.push(choose.below(4) === 0 ? t.tanh(y) : y);
  }
  return { last: graph.values.at(-1)!, middle: graph.values[graph.values.length >> 1]! };
}
