import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { permutation, randomStream } from "../../src/data/index.ts";
import { hash32 } from "../../src/data/random.ts";
import { AttributeError, ShapeError } from "../../src/errors.ts";

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

  test("is one to one on a stretch of integers", () => {
    expect(new Set(Array.from({ length: 100_000 }, (_, i) => hash32(i))).size).toBe(100_000);
  });
});

describe("randomStream", () => {
  test("is the same on every platform", () => {
    const random = randomStream(1);
    expect([random.bits(), random.bits(), random.bits()]).toMatchInlineSnapshot(`
      [
        2465888494,
        2222577258,
        3432624254,
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

  test("below is even: chi squared of 6 faces", () => {
    const random = randomStream(5);
    const counts = new Array<number>(6).fill(0);
    for (let i = 0; i < 60_000; i++) {
      const face = random.below(6);
      counts[face] = (counts[face] ?? 0) + 1;
    }
    expect(counts.length).toBe(6);
    // 20.5 is exceeded by chance once in 1,000 seeds.
    expect(counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0)).toBeLessThan(20.5);
  });

  test("below is even for bounds that do not divide 2^32", () => {
    const random = randomStream(6);
    let low = 0;
    // Were the last, incomplete run of values not drawn again, half of them would lie in the first third.
    for (let i = 0; i < 10_000; i++) if (random.below(3 * 2 ** 30) < 2 ** 30) low++;
    expect(low / 10_000).toBeCloseTo(1 / 3, 1);
  });

  test("differs by seed, by stream and by the high bits of either", () => {
    const first = (seed: number, stream?: number) => randomStream(seed, stream).bits();
    const seeds = [0, 1, -1, 2 ** 32, 2 ** 32 + 1, 2 ** 40];
    const values = [...seeds.map((seed) => first(seed)), ...seeds.slice(1).map((stream) => first(0, stream))];
    expect(new Set(values).size).toBe(values.length);
  });

  test("refuses what is not an integer", () => {
    expect(() => randomStream(0.5)).toThrow(AttributeError);
    expect(() => randomStream(Number.NaN)).toThrow("seed is NaN");
    expect(() => randomStream(0, 2 ** 53)).toThrow("stream is 9007199254740992");
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

  test("is the same for the same seed and epoch, another for another", () => {
    expect(permutation(100, 7, 2)).toStrictEqual(permutation(100, 7, 2));
    expect(permutation(100, 7, 2)).not.toStrictEqual(permutation(100, 7, 3));
    expect(permutation(100, 7, 2)).not.toStrictEqual(permutation(100, 8, 2));
    expect(permutation(100, 7, 2)).not.toStrictEqual(permutation(100, 2, 7));
  });

  test("reaches all 24 orders of 4 things alike", () => {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 24_000; seed++) {
      const order = permutation(4, seed).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    // 49.7 is exceeded by chance once in 1,000.
    expect([...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)).toBeLessThan(49.7);
  });

  test("refuses what is not a count", () => {
    expect(() => permutation(-1, 0)).toThrow(ShapeError);
    expect(() => permutation(1.5, 0)).toThrow("n is 1.5");
  });
});
