import { sizeOf } from "../../src/graph/shape.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import * as t from "../../src/ops/index.ts";
import { type Member, type Pool, spread } from "./pool.ts";

/** Adds one or more nodes to a pool. `a` to `d` are integers from 0, whose meaning depends on the step. */
export type Step = (pool: Pool, numbers: readonly [a: number, b: number, c: number, d: number]) => void;

/** Not round, so that no exact result lies on a kink. */
const odd = (c: number): number => 0.1237 + (c % 5) * 0.3071;

const smooth: readonly ((m: Member) => [Tensor, number])[] = [
  ({ x }) => [t.tanh(x), 1],
  ({ x }) => [t.sigmoid(x), 1],
  ({ x, bound }) => [t.neg(x), bound],
  ({ x, bound }) => [t.softplus(x), bound + 1],
  ({ x, bound }) => [t.gelu(x), bound],
  ({ x, bound }) => [t.silu(x), bound],
  ({ x, bound }) => [t.pow(x, 2), bound ** 2],
  ({ x, bound }) => [t.exp(t.mul(x, 1 / Math.max(1, bound))), 2.8],
  ({ x }) => [t.reciprocal(t.add(t.mul(x, x), 1)), 1],
  ({ x, bound }) => [t.sqrt(t.add(t.mul(x, x), 0.5)), bound + 1],
  ({ x, bound }) => [t.log(t.add(t.mul(x, x), 0.5)), bound + 1],
  ({ x, bound }) => [t.detach(x), bound],
];

const kinked: readonly ((m: Member, c: number) => [Tensor, number])[] = [
  ({ x, bound }, c) => [t.relu(t.add(x, odd(c))), bound + 2],
  ({ x, bound }, c) => [t.abs(t.sub(x, odd(c))), bound + 2],
  ({ x }, c) => [t.clamp(x, { min: -odd(c), max: 0.5 + odd(c) }), 2],
  ({ x, bound }, c) => [t.leakyRelu(t.add(x, odd(c)), 0.2), bound + 2],
  ({ x }, c) => [t.cast(t.gt(x, odd(c)), "f32"), 1],
  ({ x, bound }, c) => [t.where(t.lt(x, odd(c)), x, 0.5), bound + 1],
];

const joined: readonly ((a: Member, b: Member, c: number) => [Tensor, number])[] = [
  (a, b) => [t.add(a.x, b.x), a.bound + b.bound],
  (a, b) => [t.sub(a.x, b.x), a.bound + b.bound],
  (a, b) => [t.mul(a.x, b.x), a.bound * b.bound],
  (a, b) => [t.div(a.x, t.add(t.mul(b.x, b.x), 1)), a.bound],
  (a, b, c) => [t.maximum(a.x, t.add(b.x, odd(c))), Math.max(a.bound, b.bound) + 2],
  (a, b, c) => [t.where(t.gt(a.x, t.sub(b.x, odd(c))), a.x, b.x), Math.max(a.bound, b.bound)],
];

const reduced: readonly ((m: Member, axes: number[], keepdim: boolean, n: number) => [Tensor, number])[] = [
  ({ x, bound }, axes, keepdim, n) => [t.sum(x, axes, keepdim), bound * n],
  ({ x, bound }, axes, keepdim) => [t.mean(x, axes, keepdim), bound],
  ({ x, bound }, axes, keepdim) => [t.max(spread(x), axes, keepdim), bound + 1],
  ({ x, bound }, axes, keepdim) => [t.min(spread(x), axes, keepdim), bound + 1],
  ({ x, bound }, axes, keepdim, n) => [t.logsumexp(x, axes, keepdim), bound + Math.log(n)],
  ({ x, bound }, axes, keepdim) => [t.variance(x, axes, { correction: 0, keepdim }), bound ** 2],
  ({ x, bound }, axes, keepdim, n) => [
    t.norm(t.add(x, 0.5 + bound), axes, { keepdim }),
    (1 + 2 * bound) * Math.sqrt(n),
  ],
];

const pick = <T>(list: readonly T[], i: number): T => list[i % list.length]!;
const broadcasts =
  (x: Tensor) =>
  (y: Tensor): boolean => {
    const rank = Math.max(x.shape.length, y.shape.length);
    return Array.from({ length: rank }, (_, i) => [x.shape.at(-1 - i) ?? 1, y.shape.at(-1 - i) ?? 1]).every(
      ([m, n]) => m === n || m === 1 || n === 1,
    );
  };
/** Some axes of a tensor, at least one, chosen by the bits of a number. */
const someAxes = ({ shape }: Tensor, bits: number): number[] => {
  const axes = shape.flatMap((_, axis) => ((bits >> axis) & 1 ? [axis] : []));
  return axes.length > 0 ? axes : shape.map((_, axis) => axis);
};

export const steps: Readonly<Record<string, Step>> = {
  smooth: (pool, [a, b]) => pool.put(...pick(smooth, b)(pool.at(a))),
  kinked: (pool, [a, b, c]) => pool.put(...pick(kinked, b)(pool.at(a), c)),
  joined(pool, [a, b, c, d]) {
    const left = pool.at(a);
    pool.put(...pick(joined, c)(left, pool.find(b, broadcasts(left.x))!, d));
  },
  permute(pool, [a, b]) {
    const { x, bound } = pool.at(a);
    const rest = x.shape.map((_, axis) => axis);
    const order = x.shape.map((_, i) => rest.splice((b >> i) % rest.length, 1)[0]!);
    pool.put(t.permute(x, order), bound);
  },
  reshape(pool, [a, b]) {
    const { x, bound } = pool.at(a);
    const n = sizeOf(x.shape);
    const first = pick(
      [1, 2, 3, 4, 5, n].filter((k) => n % k === 0),
      b,
    );
    pool.put(t.reshape(x, pick([[-1], [first, -1], [-1, first], [first, 1, -1]], b >> 2)), bound);
  },
  slice(pool, [a, b, c, d]) {
    const { x, bound } = pool.at(a);
    const ranges = x.shape.map((n, axis) => {
      const start = (b >> axis) % n;
      const end = Math.min(n, start + 1 + ((c >> axis) % n));
      const step = 1 + ((d >> axis) % 3);
      return (d >> (axis + 3)) & 1
        ? ([end - 1, start === 0 ? undefined : start - 1, -step] as const)
        : ([start, end, step] as const);
    });
    pool.put(t.slice(x, ranges), bound);
  },
  flip(pool, [a, b]) {
    const { x, bound } = pool.at(a);
    if (x.shape.length > 0) pool.put(t.flip(x, someAxes(x, b)), bound);
  },
  expand(pool, [a, b, c]) {
    const { x, bound } = pool.at(a);
    const axis = b % (x.shape.length + 1);
    const wide = t.unsqueeze(x, axis);
    if (x.shape.length < 4)
      pool.put(
        t.expand(
          wide,
          wide.shape.map((n, i) => (i === axis ? 1 + (c % 4) : n)),
        ),
        bound,
      );
  },
  pad(pool, [a, b, c]) {
    const { x, bound } = pool.at(a);
    const low = x.shape.map((_, axis) => (b >> axis) % 3);
    const high = x.shape.map((_, axis) => (c >> axis) % 2);
    pool.put(t.pad(x, { low, high, value: (b % 2) * 0.5 }), bound + 1);
  },
  reduced(pool, [a, b, c, d]) {
    const member = pool.at(a);
    const axes = someAxes(member.x, b);
    const n = axes.reduce((product, axis) => product * member.x.shape[axis]!, 1);
    if (axes.length > 0) pool.put(...pick(reduced, c)(member, axes, d % 2 === 1, n));
  },
  softmax(pool, [a, b, c]) {
    const { x, bound } = pool.at(a);
    const axis = b % Math.max(1, x.shape.length);
    if (x.shape.length === 0) return;
    if (c % 2) pool.put(t.softmax(x, axis), 1);
    else pool.put(t.logSoftmax(x, axis), 2 * bound + Math.log(x.shape[axis]!));
  },
  matmul(pool, [a, b, c, d]) {
    const left = pool.at(a);
    const k = left.x.shape.at(-1);
    if (k === undefined) return;
    const fits = ({ shape }: Tensor) => shape.length === 2 && shape[0] === k;
    const turned = ({ shape }: Tensor) => shape.length === 2 && shape[1] === k;
    const found = (c % 3 === 0 && pool.find(b, fits)) || (c % 3 === 1 && pool.find(b, turned));
    const right = found || { x: pool.variable([k, 1 + (d % 9)]), bound: 2 };
    const y = t.matmul(left.x, fits(right.x) ? right.x : t.transpose(right.x));
    const scale = k * left.bound * right.bound;
    if (d % 2) return pool.put(y, scale);
    const bias = pool.variable([y.shape.at(-1)!]);
    pool.put(t.tanh(t.add(t.mul(y, 1 / scale), bias)), 1);
  },
  concat(pool, [a, b, c, d]) {
    const first = pool.at(a);
    if (first.x.shape.length === 0) return;
    const axis = c % first.x.shape.length;
    const alike = ({ shape }: Tensor) =>
      shape.length === first.x.shape.length && shape.every((n, i) => i === axis || n === first.x.shape[i]);
    const parts = [first, ...Array.from({ length: 1 + (d % 3) }, (_, i) => pool.find(b + i, alike)!)];
    pool.put(
      t.concat(
        parts.map(({ x }) => x),
        axis,
      ),
      Math.max(...parts.map(({ bound }) => bound)),
    );
  },
  split(pool, [a, b, c]) {
    const { x, bound } = pool.at(a);
    const axis = b % Math.max(1, x.shape.length);
    const n = x.shape[axis] ?? 1;
    if (n < 2) return;
    const first = 1 + (c % (n - 1));
    for (const part of t.split(x, axis, [first, n - first])) pool.put(part, bound);
  },
  gather(pool, [a, b, c, d]) {
    const { x, bound } = pool.at(a);
    if (x.shape.length === 0) return;
    const axis = b % x.shape.length;
    const n = x.shape[axis]!;
    if (d % 4 === 0) return pool.put(t.indexSelect(x, axis, pool.indices([1 + (c % 6)], n - 1)), bound);
    if (d % 4 === 1) {
      const chosen = t.argmax(spread(x), axis, true);
      pool.extras.push(chosen);
      return pool.put(t.gather(x, axis, chosen), bound);
    }
    const shape = x.shape.map((m, i) => (i === axis ? 1 + (c % 6) : m));
    const index = pool.indices(shape, n - 1);
    if (d % 4 === 2) return pool.put(t.gather(x, axis, index), bound);
    const source = pool.constant(shape);
    pool.put(t.scatterAdd(x, axis, index, source), bound + shape[axis]!);
  },
  cumulate(pool, [a, b, c]) {
    const { x, bound } = pool.at(a);
    if (x.shape.length === 0) return;
    const axis = b % x.shape.length;
    if (c % 3 === 0) return pool.put(t.cumsum(x, axis), bound * x.shape[axis]!);
    if (c % 3 === 1) return pool.put(t.roll(x, 1 + (c % 5), axis), bound);
    if (x.shape.length > 1) pool.put(t.tril(x, (c % 3) - 1), bound);
  },
  convolve(pool, [a, b, c, d]) {
    const { x, bound } = pool.at(a);
    const [h, w] = x.shape.slice(-2);
    if (h === undefined || w === undefined) return;
    const image = t.reshape(x, [1, -1, h, w]);
    const channels = image.shape[1]!;
    if (d % 3 === 0 && h > 1 && w > 1) return pool.put(t.maxPool2d(spread(image), 2, { stride: 1 }), bound + 1);
    if (d % 3 === 1) return pool.put(t.avgPool2d(image, [1 + (b % h), 1 + (c % w)], { stride: 1 + (d % 2) }), bound);
    const kernel = pool.variable([1 + (b % 4), channels, 1 + (c % 3), 1 + (d % 3)]);
    const y = t.conv2d(image, kernel, undefined, { padding: 1, stride: 1 + (b % 2) });
    pool.put(c % 2 ? t.relu(t.add(y, odd(b))) : y, 2 * bound * channels * 9);
  },
  normalize(pool, [a, b]) {
    const { x } = pool.at(a);
    const n = x.shape.at(-1);
    if (n !== undefined)
      pool.put(t.layerNorm(x, n, { eps: 0.1, ...(b % 2 && { weight: pool.variable([n]) }) }), 2 * Math.sqrt(n));
  },
  drop(pool, [a]) {
    const { x, bound } = pool.at(a);
    pool.put(t.where(t.lt(pool.uniform(x.shape), 0.4), 0, t.mul(x, 1 / 0.6)), bound / 0.6);
  },
  constant: (pool, [a]) => {
    const { x, bound } = pool.at(a);
    pool.put(t.add(x, pool.constant(x.shape)), bound + 1);
  },
};
