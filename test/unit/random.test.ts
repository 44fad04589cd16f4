import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hash32 } from "../../shaders/lib/random.wgsl.ts";
import { permutation, randomStream } from "../../src/data/index.ts";
import { AttributeError, ShapeError } from "../../src/errors.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { numbered, Random } from "../../src/ops/sources/random.ts";
import { ReferenceProgram } from "../../src/reference/index.ts";

describe("hash32", () => {
  test("spreads: flipping one input bit flips about half of the output bits", () => {
    let flipped = 0;
    for (let i = 0; i < 1000; i++) {
      for (let bit = 0; bit < 32; bit++) {
        let difference = hash32(i * 7919) ^ hash32((i * 7919) ^ (1 << bit));
        for (; difference !== 0; difference &= difference - 1) flipped++;
      }
    }
    expect(flipped / 32000 / 32).toBeCloseTo(0.5, 2);
  });

  test("is one-to-one on a range of integers", () => {
    expect(new Set(Array.from({ length: 100_000 }, (_, i) => hash32(i))).size).toBe(100_000);
  });
});

describe("randomStream", () => {
  test("is the same on every platform", () => {
    const random = randomStream(1);
    expect([random.bits(), random.bits(), random.bits()]).toMatchInlineSnapshot(`
      [
        3636502597,
        4197272346,
        1219123874,
      ]
    `);
  });

  test("gives uniform numbers in [0, 1) with mean 1/2 and variance 1/12", () => {
    const random = randomStream(3);
    const values = Array.from({ length: 20_000 }, () => random.uniform());
    const mean = values.reduce((a, b) => a + b) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(mean).toBeCloseTo(0.5, 2);
    expect(variance).toBeCloseTo(1 / 12, 2);
  });

  test("gives normal numbers with the moments of N(0, 1)", () => {
    const random = randomStream(3);
    const values = Array.from({ length: 20_000 }, () => random.normal());
    const mean = (power: number) => values.reduce((sum, value) => sum + value ** power, 0) / values.length;
    // Five standard deviations of each moment.
    expect(Math.abs(mean(1))).toBeLessThan(5 * Math.sqrt(1 / 20_000));
    expect(Math.abs(mean(2) - 1)).toBeLessThan(5 * Math.sqrt(2 / 20_000));
    expect(Math.abs(mean(3))).toBeLessThan(5 * Math.sqrt(15 / 20_000));
    expect(Math.abs(mean(4) - 3)).toBeLessThan(5 * Math.sqrt(96 / 20_000));
  });

  test("below is uniform: chi squared of 6 faces", () => {
    const random = randomStream(5);
    const counts = new Array<number>(6).fill(0);
    for (let i = 0; i < 60_000; i++) {
      const face = random.below(6);
      counts[face] = (counts[face] ?? 0) + 1;
    }
    expect(counts.length).toBe(6);
    // By chance, 20.5 is exceeded for one seed in 1,000.
    expect(counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0)).toBeLessThan(20.5);
  });

  test("below is uniform for bounds that do not divide 2^32", () => {
    const random = randomStream(6);
    let low = 0;
    // Without redrawing the last, incomplete run, half of the values would be in the first third.
    for (let i = 0; i < 10_000; i++) if (random.below(3 * 2 ** 30) < 2 ** 30) low++;
    expect(low / 10_000).toBeCloseTo(1 / 3, 1);
  });

  test("differs by seed, by stream and by the high bits of either", () => {
    const first = (seed: number, stream?: number) => randomStream(seed, stream).bits();
    // For the last two seeds, hash32(low word) ^ (high word) is equal.
    const seeds = [0, 1, -1, 2 ** 32, 2 ** 32 + 1, 2 ** 40, 2 ** 32 + 4180882107, 7];
    const values = [...seeds.map((seed) => first(seed)), ...seeds.slice(1).map((stream) => first(0, stream))];
    expect(new Set(values).size).toBe(values.length);
  });

  test("refuses values that are not integers", () => {
    expect(() => randomStream(0.5)).toThrow(AttributeError);
    expect(() => randomStream(Number.NaN)).toThrow("seed is NaN");
    expect(() => randomStream(0, 2 ** 53)).toThrow("stream is 9007199254740992");
  });
});

/** The first numbers in [0, 1), multiples of 2⁻²⁴, that a model draws on the GPU with a seed at a step and a place. */
function drawn(seed: number, step: number, place: number, count: number): Float64Array {
  const random = new Random(seed);
  for (let i = 0; i < place; i++) random.uniform([1]);
  const program = new ReferenceProgram({ outputs: { y: random.uniform([count]) } });
  program.write(random.key, [seed, step]);
  return program.run()["y"]!.data;
}

/** The same on the host, for a seed and a stream. */
function streamed(seed: number, stream: number, count: number): Float64Array {
  const random = randomStream(seed, stream);
  return Float64Array.from({ length: count }, () => (random.bits() >>> 8) * 2 ** -24);
}

/**
 * How related two streams are, in standard deviations of independent ones: by their correlation, and by the number of
 * positions where a bit is equal, for the worst of all 24 bits.
 */
function kinship(a: Float64Array, b: Float64Array): { correlation: number; bit: number } {
  const n = a.length;
  let products = 0;
  const equal = new Array<number>(24).fill(0);
  for (let i = 0; i < n; i++) {
    products += (a[i]! - 0.5) * (b[i]! - 0.5);
    const same = ~((a[i]! * 2 ** 24) ^ (b[i]! * 2 ** 24));
    for (let bit = 0; bit < 24; bit++) equal[bit]! += (same >>> bit) & 1;
  }
  const bit = Math.max(...equal.map((count) => Math.abs(count - n / 2) / Math.sqrt(n / 4)));
  return { correlation: (12 * Math.abs(products)) / Math.sqrt(n), bit };
}

/** Checks that all pairs of streams look independent: six deviations are exceeded once in 500 million. */
function expectStrangers(streams: ReadonlyMap<string, Float64Array>): void {
  const names = [...streams.keys()];
  const related = names.flatMap((a, i) =>
    names.slice(0, i).flatMap((b) => {
      const { correlation, bit } = kinship(streams.get(a)!, streams.get(b)!);
      return correlation < 6 && bit < 6 ? [] : [`${a} and ${b}: ${correlation.toFixed(1)}, ${bit.toFixed(1)}`];
    }),
  );
  expect(related).toEqual([]);
}

test("a graph may number its draws by itself: its calls differ, and other graphs do not matter", () => {
  const random = new Random(3);
  const other = new Random(3);
  const graph = () => numbered(() => [random.uniform([4]), random.uniform([4]), other.uniform([4])]);
  const numbers = (tensors: readonly Tensor[]) => tensors.map(({ node }) => node.attrs["salt"]);
  expect(numbers(graph())).toEqual([0, 1, 0]);
  expect(numbers(graph())).toEqual([0, 1, 0]);
  expect(numbers([random.uniform([4]), random.uniform([4])])).toEqual([0, 1]);
  expect(() => numbered(() => random.uniform([-1]))).toThrow();
  expect(numbers([random.uniform([4])])).toEqual([2]);
});

describe("streams of random numbers are independent", () => {
  const count = 2 ** 12;
  const seeds = [
    0,
    1,
    2,
    3,
    2 ** 8,
    2 ** 16,
    2 ** 24,
    2 ** 30,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 31 + 1,
    2 ** 32 - 2,
    2 ** 32 - 1,
  ];

  test.each([
    [0, 0],
    [1, 0],
    [2, 5],
    [1000, 1],
  ])("on the GPU, at step %i and place %i, for any two seeds", (step, place) => {
    expectStrangers(new Map(seeds.map((seed) => [`seed ${seed}`, drawn(seed, step, place, count)])));
  });

  test.each([0, 7, 2 ** 31])("on the GPU, with seed %i, for any two steps and places", (seed) => {
    const at = [0, 1, 2, 3, 2 ** 16, 2 ** 31].flatMap((step) => [0, 1, 4].map((place) => [step, place] as const));
    expectStrangers(
      new Map(at.map(([step, place]) => [`step ${step}, place ${place}`, drawn(seed, step, place, count)])),
    );
  });

  test("on the host, for any two seeds, including negative ones and those beyond 32 bits", () => {
    const beyond = [-1, -2, -(2 ** 31), 2 ** 32, 2 ** 32 + 1, 2 ** 33, 2 ** 52, Number.MAX_SAFE_INTEGER];
    const streams = [...seeds, ...beyond].map((seed) => [`seed ${seed}`, streamed(seed, 0, count)] as const);
    expectStrangers(new Map(streams));
  });

  test("on the host, for any two streams", () => {
    const all = [0, 1, 2, 3, 2 ** 16, 2 ** 31, 2 ** 32, 2 ** 32 + 1, -1];
    expectStrangers(new Map(all.map((stream) => [`stream ${stream}`, streamed(5, stream, count)])));
  });

  test("and so are neighbours within a stream", () => {
    for (const seed of seeds) {
      const values = drawn(seed, 0, 0, count + 64);
      for (const lag of [1, 2, 3, 4, 16, 64]) {
        const { correlation, bit } = kinship(values.subarray(0, count), values.subarray(lag, lag + count));
        expect(Math.max(correlation, bit), `seed ${seed}, ${lag} apart`).toBeLessThan(6);
      }
    }
  });

  test("and are uniform, in their highest and lowest bits", () => {
    for (const seed of seeds) {
      for (const values of [drawn(seed, 0, 0, 2 ** 14), streamed(seed, 0, 2 ** 14)]) {
        for (const shift of [0, 8, 18]) {
          const counts = new Array<number>(64).fill(0);
          for (const value of values) counts[((value * 2 ** 24) >>> shift) & 63]!++;
          const chi = counts.reduce((sum, n) => sum + (n - 256) ** 2 / 256, 0);
          // With 63 degrees of freedom, 137 is exceeded by chance once in ten million.
          expect(chi, `seed ${seed}, from bit ${shift}`).toBeLessThan(137);
        }
      }
    }
  });
});

describe("permutation", () => {
  test("holds every index once", () => {
    fc.assert(
      fc.property(fc.nat(300), fc.maxSafeInteger(), fc.nat(), (n, seed, epoch) => {
        const sorted = permutation(n, seed, epoch).sort();
        expect(sorted).toStrictEqual(Uint32Array.from({ length: n }, (_, i) => i));
      }),
    );
  });

  test("is the same for the same seed and epoch, and differs for others", () => {
    expect(permutation(100, 7, 2)).toStrictEqual(permutation(100, 7, 2));
    expect(permutation(100, 7, 2)).not.toStrictEqual(permutation(100, 7, 3));
    expect(permutation(100, 7, 2)).not.toStrictEqual(permutation(100, 8, 2));
    expect(permutation(100, 7, 2)).not.toStrictEqual(permutation(100, 2, 7));
  });

  test("gives all 24 orders of 4 things equally often", () => {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 24_000; seed++) {
      const order = permutation(4, seed).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    // By chance, 49.7 is exceeded once in 1,000.
    expect([...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)).toBeLessThan(49.7);
  });

  test("refuses values that are not counts", () => {
    expect(() => permutation(-1, 0)).toThrow(ShapeError);
    expect(() => permutation(1.5, 0)).toThrow("n is 1.5");
  });
});
