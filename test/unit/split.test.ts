import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { trainValidationSplit } from "../../src/data/index.ts";
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
});
