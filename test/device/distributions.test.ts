import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { add, cast, Engine, expand, grad, mean, mul, Random, type Tensor, variable, where } from "../../src/index.ts";
import { erfc64 } from "../../src/ops/pointwise/elementary.ts";
import { ReferenceProgram } from "../../src/reference/index.ts";

/* Random numbers on the GPU: their distributions, and that they repeat. */

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.create();
});
afterAll(() => engine.destroy());

/** The numbers of the first step. */
async function drawn(y: Tensor): Promise<Float64Array> {
  const program = await engine.compile({ outputs: { y } });
  const { y: values } = await program.compute();
  program.destroy();
  return Float64Array.from(values as ArrayLike<number>);
}

/** Mean of a function of the numbers. */
const meanOf = (values: Float64Array, f: (x: number) => number): number =>
  values.reduce((sum, x) => sum + f(x), 0) / values.length;

/** Kolmogorov and Smirnov's distance between numbers and a distribution function, times √n. */
function distance(values: Float64Array, below: (x: number) => number): number {
  const sorted = values.slice().sort();
  const n = sorted.length;
  let most = 0;
  for (const [i, x] of sorted.entries()) {
    most = Math.max(most, Math.abs(below(x) - i / n), Math.abs(below(x) - (i + 1) / n));
  }
  return most * Math.sqrt(n);
}

const n = 2 ** 16;
const shareBelow = (x: number): number => erfc64(-x / Math.SQRT2) / 2;

describe("normal numbers", () => {
  test.each([0, 1, 2 ** 32 - 1])("have the moments and the distribution of N(0, 1), seed %i", async (seed) => {
    const values = await drawn(new Random(seed).normal([n]));
    // Five standard deviations of each moment: √(variance of the power / n).
    const most = (variance: number) => 5 * Math.sqrt(variance / n);
    expect(Math.abs(meanOf(values, (x) => x))).toBeLessThan(most(1));
    expect(Math.abs(meanOf(values, (x) => x ** 2) - 1)).toBeLessThan(most(2));
    expect(Math.abs(meanOf(values, (x) => x ** 3))).toBeLessThan(most(15));
    expect(Math.abs(meanOf(values, (x) => x ** 4) - 3)).toBeLessThan(most(96));
    // By chance, 1.95 is exceeded for one seed in 1,000.
    expect(distance(values, shareBelow)).toBeLessThan(1.95);
    // The distance finds a mean that is off by 0.05.
    expect(
      distance(
        values.map((x) => x + 0.05),
        shareBelow,
      ),
    ).toBeGreaterThan(1.95);
  });

  test("have tails: of a million, about 63 lie beyond ±4, on both sides alike", async () => {
    const values = await drawn(new Random(5).normal([2 ** 20]));
    const beyond = [values.filter((x) => x < -4).length, values.filter((x) => x > 4).length];
    for (const count of beyond) expect(Math.abs(count - 2 ** 20 * 3.167e-5)).toBeLessThan(5 * Math.sqrt(33));
  });

  test("do not depend on their neighbours", async () => {
    const values = await drawn(new Random(5).normal([n + 64]));
    for (const lag of [1, 2, 3, 4, 64]) {
      const products = meanOf(
        values.subarray(0, n).map((x, i) => x * values[i + lag]!),
        (x) => x,
      );
      expect(Math.abs(products) * Math.sqrt(n), `${lag} apart`).toBeLessThan(5);
    }
  });

  test("match the float64 twin, and numbers near 0 to 1e-3", async () => {
    const random = new Random(3);
    const outputs = { y: random.normal([3, 1001]) };
    const twin = new ReferenceProgram({ outputs }).run()["y"]!.data;
    const values = await drawn(outputs.y);
    for (const [i, x] of values.entries()) {
      expect(Math.abs(x - twin[i]!), `element ${i}: ${x}`).toBeLessThan(Math.abs(twin[i]!) < 0.1 ? 1e-3 : 1e-5);
    }
  });

  test("fuse with what scales them, and become f16 by a cast", async () => {
    const random = new Random(3);
    const [half, scaled] = [cast(random.normal([64]), "f16"), add(2, mul(3, random.normal([64])))];
    const program = await engine.compile({ outputs: { scaled } });
    expect(program.inspect().kernels.filter(({ label }) => label.includes("normal"))).toHaveLength(1);
    program.destroy();
    expect(half.dtype).toBe("f16");
    if (engine.traits.features.has("shader-f16")) {
      const values = await drawn(half);
      expect(meanOf(values, (x) => x ** 2)).toBeGreaterThan(0.5);
    } else {
      await expect(engine.compile({ outputs: { half } })).rejects.toThrow("f16");
    }
  });

  test("have no gradient, and pass on that of what they scale", async () => {
    const w = variable(Float32Array.of(1, 2), [2], { name: "w" });
    const noise = new Random(3).normal([2]);
    const [dw] = grad(mean(mul(w, noise)), [w]);
    const program = await engine.compile({ outputs: { dw: dw!, noise } });
    const values = await program.compute();
    program.destroy();
    expect(values.dw).toEqual((values.noise as Float32Array).map((x) => x / 2));
  });
});

describe("random masks", () => {
  test.each([0, 0.1, 0.5, 1])("are 1 with probability %d", async (p) => {
    const values = await drawn(new Random(2).bernoulli([n], p));
    expect(new Set(values).size).toBe(p === 0 || p === 1 ? 1 : 2);
    expect(Math.abs(meanOf(values, (x) => x) - p)).toBeLessThanOrEqual(5 * Math.sqrt((p * (1 - p)) / n));
  });

  test("take a probability for each element, and select", async () => {
    const p = variable(Float32Array.of(0, 1, 0.25), [3], { name: "p" });
    const mask = new Random(2).bernoulli([n, 3], p);
    const values = await drawn(where(mask, expand(add(p, 1), [n, 3]), 0));
    const share = (column: number) => values.filter((x, i) => i % 3 === column && x > 0).length / n;
    expect([share(0), share(1)]).toEqual([0, 1]);
    expect(Math.abs(share(2) - 0.25)).toBeLessThan(5 * Math.sqrt(0.1875 / n));
  });
});

describe("random integers", () => {
  test.each([
    [0, 6],
    [-3, 4],
    [2 ** 31 - 7, 2 ** 31],
    [-(2 ** 31), -(2 ** 31) + 5],
  ])("from %i to below %i are equally likely", async (low, high) => {
    const values = await drawn(new Random(4).randint([n], low, high));
    const expected = n / (high - low);
    const counts = Array.from({ length: high - low }, (_, i) => values.filter((x) => x === low + i).length);
    expect(counts.reduce((a, b) => a + b)).toBe(n);
    // At most 6 degrees of freedom: 22.5 is exceeded once in 1,000.
    expect(counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)).toBeLessThan(22.5);
  });

  test.each([
    [-(2 ** 31), 2 ** 31],
    [-(2 ** 31), 2 ** 31 - 1],
    [0, 2 ** 31],
    [-5, 70_000],
    [7, 8],
  ])("from %i to below %i match the float64 twin exactly", async (low, high) => {
    const y = new Random(4).randint([1001], low, high);
    const values = await drawn(y);
    expect(values).toEqual(new ReferenceProgram({ outputs: { y } }).run()["y"]!.data);
    expect(values.every((x) => x >= low && x < high)).toBe(true);
  });
});

describe.each(["normal", "bernoulli", "randint"] as const)("%s", (kind) => {
  const draw = (random: Random): Tensor =>
    ({
      normal: () => random.normal([200]),
      bernoulli: () => random.bernoulli([200], 0.5),
      randint: () => random.randint([200], 0, 1000),
    })[kind]();

  test("differs by seed, call and step, and repeats with the same", async () => {
    const random = new Random(1);
    const outputs = { first: draw(random), second: draw(random) };
    const program = await engine.compile({ outputs });
    const other = await engine.compile({ outputs: { first: draw(new Random(2)) } });
    const once = await program.compute();
    const again = await program.compute();
    const elsewhere = await other.compute();
    const lists = [once.first, once.second, again.first, elsewhere.first].map((values) => [...values].join());
    expect(new Set(lists).size).toBe(4);

    expect(await engine.read(random.key)).toEqual(Uint32Array.of(1, 2));
    engine.write(random.key, Uint32Array.of(1, 0));
    expect(await program.compute()).toEqual(once);
    program.destroy();
    other.destroy();
  });
});
