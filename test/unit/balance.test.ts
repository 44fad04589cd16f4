import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { classWeights, resample, takeRows } from "../../src/data/index.ts";
import { AttributeError, ShapeError } from "../../src/errors.ts";
import { constant, losses } from "../../src/index.ts";
import { evaluate } from "../../src/reference/index.ts";

const countsOf = (labels: readonly number[]) => {
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts;
};

describe("classWeights", () => {
  test("are n / (numClasses · count)", () => {
    // 6 samples: 6 / (3 · 3), 6 / (3 · 2), 6 / (3 · 1).
    expect(classWeights([0, 1, 0, 2, 1, 0])).toStrictEqual(new Float32Array([2 / 3, 1, 2]));
    expect(classWeights(new Uint8Array([1, 1, 0, 1]), 2)).toStrictEqual(new Float32Array([2, 2 / 3]));
  });

  test("are 0 for an absent class, which counts in numClasses", () => {
    expect(classWeights([0, 2, 2, 2])).toStrictEqual(new Float32Array([4 / 3, 0, 4 / 9]));
    expect(classWeights([0, 1], 4)).toStrictEqual(new Float32Array([0.5, 0.5, 0, 0]));
  });

  test("of all samples give each class the same total", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5), { minLength: 1, maxLength: 60 }), (labels) => {
        const weights = classWeights(labels, 6);
        for (const [label, count] of countsOf(labels))
          expect(count * weights[label]!).toBeCloseTo(labels.length / 6, 4);
      }),
    );
  });

  test("weigh the classes of a cross-entropy", () => {
    const labels = [0, 0, 0, 2];
    const logits = [2, 0, 1, 1, 1, 0, 0, 3, 1, 0, 0, 4];
    const weights = classWeights(labels, 3);
    const loss = losses.crossEntropy(
      constant(new Float32Array(logits), [4, 3]),
      constant(new Int32Array(labels), [4]),
      {
        weight: constant(weights, [3]),
      },
    );
    // The mean over the three samples of class 0, and the sample of class 2, count equally.
    const each = labels.map((label, i) => {
      const row = logits.slice(3 * i, 3 * i + 3);
      return Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0)) - row[label]!;
    });
    const expected = ((each[0]! + each[1]! + each[2]!) / 3 + each[3]!) / 2;
    expect(evaluate({ loss }).loss.data[0]).toBeCloseTo(expected, 6);
  });

  test("refuse labels that are not classes", () => {
    expect(() => classWeights([])).toThrow(ShapeError);
    expect(() => classWeights([])).toThrow("classWeights: labels is empty, expected at least one label");
    expect(() => classWeights([0, 3], 3)).toThrow("labels[1] is 3, expected an integer from 0 to 2");
    expect(() => classWeights([0, Number.NaN])).toThrow("labels[1] is NaN, expected an integer of at least 0");
    expect(() => classWeights([-1])).toThrow(AttributeError);
    expect(() => classWeights([0], 0)).toThrow("numClasses is 0");
  });
});

describe("resample", () => {
  test.each(["over", "under"] as const)("%s: gives all classes the same size", (mode) => {
    fc.assert(
      fc.property(fc.array(fc.nat(3), { minLength: 1, maxLength: 60 }), fc.nat(), (labels, seed) => {
        const indices = [...resample(labels, { mode, seed })];
        const before = countsOf(labels);
        const size = mode === "over" ? Math.max(...before.values()) : Math.min(...before.values());
        const after = countsOf(indices.map((i) => labels[i]!));
        expect(after.size).toBe(before.size);
        for (const count of after.values()) expect(count).toBe(size);
        const times = countsOf(indices);
        if (mode === "under") expect(times.size).toBe(indices.length);
        else {
          expect(times.size).toBe(labels.length);
          for (const [i, count] of times) expect(Math.abs(count - size / before.get(labels[i]!)!)).toBeLessThan(1);
        }
      }),
    );
  });

  test("depends only on the seed, and is in random order", () => {
    const labels = Array.from({ length: 40 }, (_, i) => (i < 30 ? 0 : 1));
    for (const mode of ["over", "under"] as const) {
      expect(resample(labels, { mode, seed: 1 })).toStrictEqual(resample(labels, { mode, seed: 1 }));
      expect(resample(labels, { mode, seed: 1 })).not.toStrictEqual(resample(labels, { mode, seed: 2 }));
      const classes = Array.from(resample(labels, { mode, seed: 1 }), (i) => labels[i]!);
      expect(classes).not.toStrictEqual([...classes].sort((a, b) => a - b));
      expect(classes).not.toStrictEqual([...classes].sort((a, b) => b - a));
    }
  });

  test("may drop each sample of the larger class", () => {
    const kept = new Set<number>();
    for (let seed = 0; seed < 60; seed++)
      for (const i of resample([5, 5, 5, 5, -1], { mode: "under", seed })) kept.add(i);
    expect(kept.size).toBe(5);
  });

  test("repeats by default, for takeRows", () => {
    const dataset = {
      x: { data: new Float32Array([0, 1, 10, 11, 20, 21]), shape: [3, 2] },
      y: { data: new Int32Array([0, 1, 1]), shape: [3] },
    };
    const { x, y } = takeRows(dataset, resample(dataset.y.data));
    expect([...y].sort()).toStrictEqual([0, 0, 1, 1]);
    expect([...x].sort((a, b) => a - b)).toStrictEqual([0, 0, 1, 1, 10, 11, 20, 21]);
  });

  test("refuses empty labels, labels that are not finite, and other modes", () => {
    expect(() => resample([])).toThrow(ShapeError);
    expect(() => resample([1, Number.NaN])).toThrow("resample: labels[1] is NaN, expected a finite number");
    expect(() => resample([1], { mode: "both" as "over" })).toThrow(AttributeError);
  });
});
