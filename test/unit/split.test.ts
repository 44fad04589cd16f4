import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { kFold, randomSplit, trainValidationSplit } from "../../src/data/index.ts";
import { quotas, twoQuotas } from "../../src/data/quotas.ts";
import { AttributeError, ShapeError } from "../../src/errors.ts";

const count = (labels: ArrayLike<number>, label: number) => Array.from(labels).filter((l) => l === label).length;

describe("trainValidationSplit", () => {
  test.each([
    [10, 0.2, 2],
    [100, 0.07, 7],
    [60000, 0.1, 6000],
    [10, 3, 3],
    [2, 1, 1],
    [3, 0.5, 2],
  ])("of %i samples, validation %f takes %i", (n, validation, expected) => {
    const split = trainValidationSplit(n, { validation });
    expect(split.validation.length).toBe(expected);
    expect(split.train.length).toBe(n - expected);
  });

  test("loses and repeats nothing, with or without labels", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(4), { minLength: 2, maxLength: 80 }),
        fc.nat(),
        fc.boolean(),
        (labels, seed, stratified) => {
          const validation = 1 + (seed % (labels.length - 1));
          const split = trainValidationSplit(labels.length, {
            validation,
            seed,
            ...(stratified && { stratify: labels }),
          });
          expect(split.validation.length).toBe(validation);
          const all = [...split.train, ...split.validation].sort((a, b) => a - b);
          expect(all).toStrictEqual(labels.map((_, i) => i));
          if (!stratified) return;
          for (let label = 0; label <= 4; label++) {
            const share = (count(labels, label) * validation) / labels.length;
            const got = count(
              Array.from(split.validation, (i) => labels[i]!),
              label,
            );
            expect(Math.abs(got - share)).toBeLessThan(1);
          }
        },
      ),
    );
  });

  test("depends only on the seed, and is in random order", () => {
    const split = (seed: number) => trainValidationSplit(50, { validation: 0.5, seed });
    expect(split(1)).toStrictEqual(split(1));
    expect(split(1)).not.toStrictEqual(split(2));
    expect([...split(1).train]).not.toStrictEqual([...split(1).train].sort((a, b) => a - b));
  });

  test("keeps rare classes in proportion", () => {
    const stratify = Int32Array.from({ length: 100 }, (_, i) => (i < 10 ? 1 : 0));
    for (let seed = 0; seed < 20; seed++) {
      const { validation } = trainValidationSplit(100, { validation: 0.2, seed, stratify });
      expect(validation.filter((i) => stratify[i] === 1).length).toBe(2);
    }
  });

  test("splits a dataset, samples and labels together", () => {
    const dataset = {
      x: { data: Float32Array.from({ length: 12 }, (_, i) => i), shape: [6, 1, 2] },
      y: { data: new Int32Array([0, 2, 4, 6, 8, 10]), shape: [6] },
    };
    const { train, validation } = trainValidationSplit(dataset, { validation: 2, seed: 3 });
    expect(train.x.shape).toStrictEqual([4, 1, 2]);
    expect(validation.x.shape).toStrictEqual([2, 1, 2]);
    expect(validation.y.shape).toStrictEqual([2]);
    for (const { x, y } of [train, validation]) {
      expect([...x.data]).toStrictEqual([...y.data].flatMap((first) => [first, first + 1]));
    }
  });

  test("refuses anything but a fraction or a count", () => {
    for (const validation of [0, -0.1, 1.5, Number.NaN, -3]) {
      expect(() => trainValidationSplit(10, { validation })).toThrow(AttributeError);
    }
  });

  test("refuses to leave a part empty", () => {
    expect(() => trainValidationSplit(10, { validation: 10 })).toThrow("leaves none for training");
    expect(() => trainValidationSplit(10, { validation: 0.01 })).toThrow("leaves none for validation");
    expect(() => trainValidationSplit(1, { validation: 0.5 })).toThrow(ShapeError);
  });

  test("refuses labels of another length", () => {
    expect(() => trainValidationSplit(3, { validation: 1, stratify: [0, 1] })).toThrow("2 labels for 3 samples");
  });

  test("refuses labels that are not finite numbers", () => {
    const stratify = [0, 1, Number.NaN];
    expect(() => trainValidationSplit(3, { validation: 1, stratify })).toThrow("stratify[2] is NaN, expected a finite");
  });
});

describe("kFold", () => {
  test("validates with each sample once, and trains with all others", () => {
    const samples = fc.array(fc.nat(3), { minLength: 2, maxLength: 60 });
    fc.assert(
      fc.property(samples, fc.nat(), fc.boolean(), (labels, seed, stratified) => {
        const n = labels.length;
        const k = 2 + (seed % (n - 1));
        const folds = kFold(n, { k, seed, ...(stratified && { stratify: labels }) });
        const sorted = (...parts: Iterable<number>[]) => parts.flatMap((part) => [...part]).sort((a, b) => a - b);
        const all = labels.map((_, i) => i);
        expect(folds.length).toBe(k);
        expect(sorted(...folds.map(({ validation }) => validation))).toStrictEqual(all);
        for (const { train, validation } of folds) {
          expect(sorted(train, validation)).toStrictEqual(all);
          expect([Math.floor(n / k), Math.ceil(n / k)]).toContain(validation.length);
          if (!stratified) continue;
          for (const label of new Set(labels)) {
            const got = Array.from(validation, (i) => labels[i]!).filter((each) => each === label).length;
            expect(Math.abs(got - (count(labels, label) * validation.length) / n)).toBeLessThan(1);
          }
        }
      }),
    );
  });

  test("has five parts unless told otherwise, and depends only on the seed", () => {
    expect(kFold(103).map(({ validation }) => validation.length)).toStrictEqual([21, 21, 21, 20, 20]);
    expect(kFold(50, { seed: 1 })).toStrictEqual(kFold(50, { seed: 1 }));
    expect(kFold(50, { seed: 1 })).not.toStrictEqual(kFold(50, { seed: 2 }));
    const [{ train, validation }] = kFold(50) as [{ train: Uint32Array; validation: Uint32Array }];
    for (const part of [train, validation]) expect([...part]).not.toStrictEqual([...part].sort((a, b) => a - b));
  });

  test("splits a dataset, samples and labels together", () => {
    const dataset = {
      x: { data: Float32Array.from({ length: 14 }, (_, i) => i), shape: [7, 2] },
      y: { data: new Int32Array([0, 2, 4, 6, 8, 10, 12]), shape: [7] },
    };
    const folds = kFold(dataset, { k: 3, seed: 3 });
    expect(folds.map(({ validation }) => validation.x.shape)).toStrictEqual([
      [3, 2],
      [2, 2],
      [2, 2],
    ]);
    for (const { x, y } of folds.flatMap(({ train, validation }) => [train, validation]))
      expect([...x.data]).toStrictEqual([...y.data].flatMap((first) => [first, first + 1]));
  });

  test.each([1, 0, 2.5, 11])("refuses %d parts of ten samples", (k) => {
    expect(() => kFold(10, { k })).toThrow(AttributeError);
    expect(() => kFold(10, { k })).toThrow(`kFold: k is ${k}, expected a whole number from 2 to 10`);
  });

  test("refuses too few samples, and labels of another length", () => {
    expect(() => kFold(1)).toThrow(ShapeError);
    expect(() => kFold(3, { k: 3, stratify: [0, 1] })).toThrow("kFold: stratify has 2 labels for 3 samples");
  });
});

/** The share of each class in each part is rounded down or up, and rows and columns have their sums. */
function expectQuotas(counts: number[], sizes: number[], table = quotas(counts, sizes)) {
  const n = counts.reduce((a, b) => a + b);
  expect(table.map((row) => row.reduce((a, b) => a + b))).toStrictEqual(counts);
  expect(sizes.map((_, p) => table.reduce((sum, row) => sum + row[p]!, 0))).toStrictEqual(sizes);
  const far = table.flatMap((row, c) => row.filter((got, p) => Math.abs(got * n - counts[c]! * sizes[p]!) >= n));
  expect(far).toStrictEqual([]);
}

describe("quotas", () => {
  test("by hand", () => {
    // Shares: 4.8, 0.6, 0.6 and 3.2, 0.4, 0.4.
    expect(quotas([6, 4], [8, 1, 1])).toStrictEqual([
      [5, 1, 0],
      [3, 0, 1],
    ]);
  });

  test("move samples of other classes, where the largest remainders leave no room", () => {
    // All shares are 2/3. Two classes fill the first two parts, and the third class has room only in one.
    expectQuotas([2, 2, 2], [2, 2, 2]);
    // Shares 1/2, 1/2, 1; 1/2, 1/2, 1 and 1, 1, 2: those that are whole do not change.
    expect(quotas([2, 2, 4], [2, 2, 4])).toStrictEqual([
      [1, 0, 1],
      [0, 1, 1],
      [1, 1, 2],
    ]);
  });

  test("of any classes and parts", () => {
    const counts = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(counts, fc.array(fc.nat(), { minLength: 1, maxLength: 4 }), (counts, cuts) => {
        const n = counts.reduce((a, b) => a + b);
        const ends = [0, ...cuts.map((cut) => cut % (n + 1)), n].sort((a, b) => a - b);
        expectQuotas(
          counts,
          ends.slice(1).map((end, p) => end - ends[p]!),
        );
      }),
      { numRuns: 2000 },
    );
  });

  test("for two parts", () => {
    const counts = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 2, maxLength: 9 });
    fc.assert(
      fc.property(counts, fc.nat(), (counts, cut) => {
        const n = counts.reduce((a, b) => a + b);
        const sizes = [1 + (cut % (n - 1)), n - 1 - (cut % (n - 1))];
        expectQuotas(counts, sizes, twoQuotas(counts, sizes));
      }),
    );
  });

  test("of many small classes", () => {
    const counts = Array.from({ length: 3000 }, (_, i) => 1 + (i % 3));
    expectQuotas(counts, [3000, 1500, 1500]);
  });
});

describe("randomSplit", () => {
  test.each([
    [10, { train: 0.8, validation: 0.1, test: 0.1 }, [8, 1, 1]],
    [100, { a: 0.7, b: 0.2, c: 0.1 }, [70, 20, 10]],
    [100, { a: 0.29, b: 0.07, c: 0.64 }, [29, 7, 64]],
    [11, { a: 0.5, b: 0.25, c: 0.25 }, [5, 3, 3]], // 5.5, 2.75, 2.75
    [10, { a: 1 / 3, b: 1 / 3, c: 1 / 3 }, [4, 3, 3]],
    [10, { a: 7, b: 1, c: 1, d: 1 }, [7, 1, 1, 1]],
  ])("of %i samples into %o", (n, parts, sizes) => {
    const split = randomSplit(n, parts);
    expect(Object.keys(split)).toStrictEqual(Object.keys(parts));
    expect(Object.values(split).map(({ length }) => length)).toStrictEqual(sizes);
    const all = Object.values(split).flatMap((part) => [...part]);
    expect(all.sort((a, b) => a - b)).toStrictEqual(Array.from({ length: n }, (_, i) => i));
  });

  test("keeps the shares of the classes, and loses and repeats nothing", () => {
    const parts = { train: 0.7, validation: 0.2, test: 0.1 };
    fc.assert(
      fc.property(fc.array(fc.nat(4), { minLength: 10, maxLength: 80 }), fc.nat(), (labels, seed) => {
        const split = randomSplit(labels.length, parts, { seed, stratify: labels });
        const all = [...split.train, ...split.validation, ...split.test].sort((a, b) => a - b);
        expect(all).toStrictEqual(labels.map((_, i) => i));
        for (const part of Object.values(split)) {
          const own = Array.from(part, (i) => labels[i]!);
          for (let label = 0; label <= 4; label++) {
            const share = (count(labels, label) * part.length) / labels.length;
            expect(Math.abs(count(own, label) - share)).toBeLessThan(1);
          }
        }
      }),
    );
  });

  test("keeps exact shares exact", () => {
    const stratify = Array.from({ length: 100 }, (_, i) => (i < 70 ? -1 : i < 90 ? 0.5 : 7));
    const split = randomSplit(100, { train: 80, validation: 10, test: 10 }, { seed: 4, stratify });
    const shares = Object.values(split).map((part) =>
      [-1, 0.5, 7].map((label) =>
        count(
          Array.from(part, (i) => stratify[i]!),
          label,
        ),
      ),
    );
    expect(shares).toStrictEqual([
      [56, 16, 8],
      [7, 2, 1],
      [7, 2, 1],
    ]);
  });

  test("puts a class of one sample into any part, by chance", () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 60; seed++) {
      const split = randomSplit(
        10,
        { a: 0.4, b: 0.3, c: 0.3 },
        { seed, stratify: Array.from({ length: 10 }, (_, i) => i) },
      );
      seen.add(Object.entries(split).find(([, part]) => part.includes(0))![0]);
    }
    expect([...seen].sort()).toStrictEqual(["a", "b", "c"]);
  });

  test("depends only on the seed, and is in random order", () => {
    const split = (seed: number) => randomSplit(50, { a: 0.5, b: 0.3, c: 0.2 }, { seed });
    expect(split(1)).toStrictEqual(split(1));
    expect(split(1)).not.toStrictEqual(split(2));
    expect([...split(1).a]).not.toStrictEqual([...split(1).a].sort((a, b) => a - b));
  });

  test("splits a dataset, samples and labels together", () => {
    const dataset = {
      x: { data: Float32Array.from({ length: 12 }, (_, i) => i), shape: [6, 1, 2] },
      y: { data: new Int32Array([0, 2, 4, 6, 8, 10]), shape: [6] },
    };
    const { train, validation, test } = randomSplit(dataset, { train: 3, validation: 2, test: 1 });
    expect([train, validation, test].map((part) => part.x.shape)).toStrictEqual([
      [3, 1, 2],
      [2, 1, 2],
      [1, 1, 2],
    ]);
    for (const { x, y } of [train, validation, test]) {
      expect([...x.data]).toStrictEqual([...y.data].flatMap((first) => [first, first + 1]));
    }
  });

  test.each([
    ["a part of 0", { a: 0.5, b: 0.5, c: 0 }, AttributeError, "parts.c is 0, expected a fraction between 0 and 1 or"],
    ["a part of NaN", { a: 0.5, b: Number.NaN }, AttributeError, "parts.b is NaN"],
    ["a negative part", { a: 1.5, b: -0.5 }, AttributeError, "parts.a is 1.5"],
    [
      "fractions of another sum",
      { a: 0.6, b: 0.3 },
      AttributeError,
      "the fractions in parts add up to 0.9, expected 1",
    ],
    ["counts of another sum", { a: 6, b: 3 }, ShapeError, "add up to 9, expected the number of samples, 10"],
    ["both kinds", { a: 0.5, b: 5 }, AttributeError, "parts.a is 0.5 and parts.b is 5, expected all fractions or all"],
    ["one part", { a: 10 }, AttributeError, "parts has one name, expected at least two"],
    ["an empty part", { a: 0.98, b: 0.02 }, ShapeError, "parts.b is 0.02, which of 10 samples leaves none"],
  ])("refuses %s", (_, parts, kind, message) => {
    expect(() => randomSplit(10, parts as Record<string, number>)).toThrow(kind);
    expect(() => randomSplit(10, parts as Record<string, number>)).toThrow(message);
  });

  test("refuses labels of another length or kind", () => {
    const call = (stratify: number[]) => () => randomSplit(3, { a: 2, b: 1 }, { stratify });
    expect(call([0, 1])).toThrow("randomSplit: stratify has 2 labels for 3 samples, expected 3");
    expect(call([0, 1])).toThrow(ShapeError);
    expect(call([0, Number.NaN, 1])).toThrow("randomSplit: stratify[1] is NaN, expected a finite number");
  });
});
