import { afterAll, describe, expect, test } from "vitest";
import { grad } from "../../src/compile/grad.ts";
import * as t from "../../src/index.ts";
import { Engine, input, type Tensor, type TensorData } from "../../src/index.ts";
import { evaluate } from "../../src/reference/index.ts";
import { weigh } from "../differences.ts";

/* Sums, statistics and extreme values, where careless f32 arithmetic loses precision. */

const engine = await Engine.create();
afterAll(() => engine.destroy());

async function compute<K extends string>(outputs: Record<K, Tensor>, feeds: Record<string, TensorData>) {
  const program = await engine.compile({ outputs });
  await program.run(feeds);
  const entries = Object.keys(outputs).map(async (name) => [name, [...(await program.outputs[name as K].data())]]);
  const values = Object.fromEntries(await Promise.all(entries)) as Record<K, number[]>;
  program.destroy();
  return values;
}

/** Largest error, relative to the largest value. */
function errorOf(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let [error, size] = [0, 0];
  for (let i = 0; i < want.length; i++) {
    error = Math.max(error, Math.abs(got[i]! - want[i]!));
    size = Math.max(size, Math.abs(want[i]!));
  }
  return error / (size || 1);
}

describe("a large offset costs no precision", () => {
  const wave = (n: number): Float32Array =>
    Float32Array.from({ length: n }, (_, i) => 1e6 + Math.round(16 * Math.sin(i * i)) / 16);

  test.each([
    ["variance", [4, 1000], (x: Tensor) => t.variance(x, 1)],
    ["variance of all", [7, 301], (x: Tensor) => t.variance(x)],
    ["std", [4, 1000], (x: Tensor) => t.std(x, 1)],
    ["batchNorm", [16, 3, 5, 5], (x: Tensor) => t.batchNorm(x, { training: true })],
    ["layerNorm", [16, 60], (x: Tensor) => t.layerNorm(x, 60)],
    ["layerNorm of odd rows", [16, 61], (x: Tensor) => t.layerNorm(x, 61)],
    ["groupNorm", [4, 6, 5, 5], (x: Tensor) => t.groupNorm(x, 2)],
  ] as [string, number[], (x: Tensor) => Tensor][])("%s", async (_, shape, op) => {
    const x = input("x", shape);
    const y = op(x);
    const [gradient] = grad(weigh(y), [x]);
    const feeds = { x: wave(shape.reduce((a, b) => a * b)) };
    const [got, want] = [
      await compute({ y, gradient: gradient! }, feeds),
      evaluate({ y, gradient: gradient! }, { inputs: feeds }),
    ];
    expect(errorOf(got.y, want.y.data)).toBeLessThan(1e-5);
    expect(errorOf(got.gradient, want.gradient.data)).toBeLessThan(1e-5);
  });

  test("nor does an outlier in the first position", async () => {
    const x = input("x", [2, 1000]);
    const feeds = { x: Float32Array.from({ length: 2000 }, (_, i) => (i % 1000 === 0 ? 1e6 : Math.sin(i))) };
    const y = t.variance(x, 1);
    expect(errorOf((await compute({ y }, feeds)).y, evaluate([y], { inputs: feeds })[0]!.data)).toBeLessThan(1e-5);
  });
});

describe("long sums keep their precision", () => {
  const n = 2 ** 18;
  const tenths = { x: new Float32Array(n).fill(0.1) };
  const tenth = Math.fround(0.1);

  test("cumsum", async () => {
    const x = input("x", [n]);
    const { y } = await compute({ y: t.cumsum(x, 0) }, tenths);
    let worst = 0;
    for (let i = 0; i < n; i++) worst = Math.max(worst, Math.abs(y[i]! / (tenth * (i + 1)) - 1));
    expect(worst).toBeLessThan(5e-6);
  });

  test.each([
    ["sum", (x: Tensor) => t.sum(x), tenth * n],
    ["mean", (x: Tensor) => t.mean(x), tenth],
    ["norm", (x: Tensor) => t.norm(x), tenth * Math.sqrt(n)],
    ["sum of rows", (x: Tensor) => t.sum(t.reshape(x, [2, n / 2]), 1), (tenth * n) / 2],
    ["sum of columns", (x: Tensor) => t.sum(t.reshape(x, [n / 8, 8]), 0), (tenth * n) / 8],
    ["logsumexp", (x: Tensor) => t.logsumexp(x), tenth + Math.log(n)],
    ["softmax", (x: Tensor) => t.softmax(x, 0), 1 / n],
    ["layerNorm's spread", (x: Tensor) => t.layerNorm(t.mul(x, t.cast(t.iota([n], 0), "f32")), n), undefined],
  ] as [string, (x: Tensor) => Tensor, number | undefined][])("%s", async (_, op, want) => {
    const x = input("x", [n]);
    const y = op(x);
    const got = (await compute({ y }, tenths)).y;
    const wanted = want === undefined ? evaluate([y], { inputs: tenths })[0]!.data : got.map(() => want);
    expect(errorOf(got, wanted)).toBeLessThan(2e-5);
  });
});

describe("at the extremes of f32", () => {
  const none = Number.NEGATIVE_INFINITY;
  const rows = { x: Float32Array.of(none, none, none, none, 1, 2) };

  test("the max of only −∞ is −∞, and so is its logsumexp; neither spoils a gradient", async () => {
    const x = input("x", [2, 3]);
    const [most, total] = [t.max(x, 1), t.logsumexp(x, 1)];
    const [toMost, toTotal] = [most, total].map((y) => grad(t.sum(y), [x])[0]!);
    const got = await compute({ most, total, toMost: toMost!, toTotal: toTotal! }, rows);
    expect(got.most).toEqual([none, 2]);
    expect(got.total[0]).toBe(none);
    expect(got.total[1]).toBeCloseTo(Math.log(Math.E + Math.E ** 2), 5);
    const third = Math.fround(1 / 3);
    expect(got.toMost).toEqual([third, third, third, 0, 0, 1]);
    expect(got.toTotal.slice(0, 4)).toEqual([0, 0, 0, 0]);
    expect(got.toTotal[4]).toBeCloseTo(1 / (1 + Math.E), 5);
  });

  test("the min of only ∞ is ∞, in all kernels", async () => {
    for (const shape of [[3], [4, 3], [3, 4], [3, 2050]]) {
      const x = input("x", shape);
      const feeds = { x: new Float32Array(shape.reduce((a, b) => a * b)).fill(Number.POSITIVE_INFINITY) };
      const outputs = { all: t.min(x), first: t.min(x, 0), last: t.min(x, -1) };
      const got = await compute({ ...outputs, most: t.max(t.neg(x)) }, feeds);
      for (const name of ["all", "first", "last"] as const)
        expect(new Set(got[name])).toEqual(new Set([Number.POSITIVE_INFINITY]));
      expect(got.most).toEqual([none]);
    }
  });

  test("norms have gradient 0 at 0, for any power", async () => {
    const x = input("x", [2, 3]);
    const feeds = { x: Float32Array.of(0, 0, 0, 0, 2, -1) };
    for (const p of [0.5, 0.9, 1, 1.5, 2, 3, -1]) {
      const y = t.norm(x, 1, { p });
      const [gradient] = grad(t.sum(y), [x]);
      const got = await compute({ y, gradient: gradient! }, feeds);
      expect(got.y[0], `p = ${p}`).toBe(0);
      expect(got.gradient.slice(0, 4), `p = ${p}`).toEqual([0, 0, 0, 0]);
      const want = evaluate({ y, gradient: gradient! }, { inputs: feeds });
      expect(errorOf(got.gradient, want.gradient.data)).toBeLessThan(1e-5);
      expect(errorOf(got.y, want.y.data)).toBeLessThan(1e-5);
      if (p > 0) expect(want.y.data[1]).toBeCloseTo((2 ** p + 1) ** (1 / p), 10);
    }
  });

  test("powers of 0 and of negative numbers", async () => {
    const [a, b] = [input("a", [10]), input("b", [10])];
    const feeds = {
      a: Float32Array.of(0, 0, 0, 0, -2, -2, -2, -0.5, -2, -1),
      b: Float32Array.of(0.1, 3, 0, -1, 2, 3, 0.5, -3, -1.5, 16777216),
    };
    const { y } = await compute({ y: t.pow(a, b) }, feeds);
    expect([...y.slice(0, 3)]).toEqual([0, 0, 1]);
    expect(y[3]).toBeGreaterThan(3.4e38);
    [4, -8, Number.NaN, -8, Number.NaN, 1].forEach((want, i) => {
      if (Number.isNaN(want)) expect(y[4 + i]).toBeNaN();
      else expect(y[4 + i]! / want).toBeCloseTo(1, 5);
    });
  });
});
