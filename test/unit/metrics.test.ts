import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AttributeError, ShapeError } from "../../src/errors.ts";
import { input } from "../../src/index.ts";
import {
  type Average,
  accuracy,
  argmaxRows,
  binaryFromProbabilities,
  ConfusionMatrix,
  classificationReport,
  confusionMatrix,
  dice,
  f1,
  formatConfusionMatrix,
  formatReport,
  iou,
  mae,
  mse,
  precision,
  r2,
  recall,
  rmse,
  rocCurve,
} from "../../src/metrics/index.ts";

// The example in scikit-learn's documentation of precision_score, recall_score and f1_score.
const actual = [0, 1, 2, 0, 1, 2];
const predicted = [0, 2, 1, 0, 0, 1];

describe("confusion matrix", () => {
  test("has actual classes as rows and predicted ones as columns", () => {
    expect(confusionMatrix([1, 1, 0], [0, 1, 0], 2)).toStrictEqual(new Int32Array([1, 1, 0, 1]));
    expect([...confusionMatrix(predicted, actual, 3)]).toStrictEqual([2, 0, 0, 1, 0, 1, 0, 2, 0]);
  });

  test("adds up over batches", () => {
    const label = fc.nat(4);
    fc.assert(
      fc.property(fc.array(fc.tuple(label, label)), fc.nat(10), (pairs, cut) => {
        const [p, a] = [pairs.map(([x]) => x), pairs.map(([, y]) => y)];
        const confusion = new ConfusionMatrix(5).add(p.slice(0, cut), a.slice(0, cut)).add(p.slice(cut), a.slice(cut));
        expect(confusion.counts).toStrictEqual(confusionMatrix(p, a, 5));
        expect(confusion.total).toBe(pairs.length);
        if (pairs.length > 0) {
          expect(confusion.accuracy()).toBe(accuracy(p, a));
          expect(precision(confusion, "micro")).toBeCloseTo(accuracy(p, a), 12);
          expect(recall(confusion, "weighted")).toBeCloseTo(accuracy(p, a), 12);
        }
      }),
    );
  });

  test("starts again after reset, and is 0 before the first sample", () => {
    const confusion = new ConfusionMatrix(3).add(predicted, actual);
    confusion.reset();
    expect(confusion.total).toBe(0);
    expect(confusion.accuracy()).toBe(0);
    for (const average of ["macro", "micro", "weighted"] as const) expect(f1(confusion, average)).toBe(0);
  });

  test("knows its sums", () => {
    const confusion = new ConfusionMatrix(3).add(predicted, actual);
    expect(confusion.actualCounts()).toStrictEqual([2, 2, 2]);
    expect(confusion.predictedCounts()).toStrictEqual([3, 2, 1]);
    expect(confusion.at(1, 2)).toBe(1);
    expect(confusion.at(2, 1)).toBe(2);
  });

  test("refuses labels outside the classes, and then counts nothing", () => {
    const confusion = new ConfusionMatrix(3);
    expect(() => confusion.add([0, 1], [0, 3])).toThrow("actual[1] is 3, expected a class index from 0 to 2");
    expect(() => confusion.add([0, -1], [0, 1])).toThrow("predicted[1] is -1");
    expect(() => confusion.add([0, 0.5], [0, 1])).toThrow(AttributeError);
    expect(() => confusion.add([0, Number.NaN], [0, 1])).toThrow(AttributeError);
    expect(() => confusion.add([0], [0, 1])).toThrow(ShapeError);
    expect(() => confusion.at(0, 3)).toThrow("ConfusionMatrix.at: predicted is 3");
    expect(() => new ConfusionMatrix(0)).toThrow("numClasses is 0");
    expect(confusion.total).toBe(0);
  });
});

describe("accuracy", () => {
  test("is the share of matches", () => {
    expect(accuracy(new Int32Array(predicted), new Uint8Array(actual))).toBe(2 / 6);
    expect(accuracy([4], [4])).toBe(1);
  });

  test("refuses no samples, other lengths, values that are not classes", () => {
    expect(() => accuracy([], [])).toThrow(ShapeError);
    expect(() => accuracy([1], [1, 2])).toThrow("accuracy: 1 predicted class for 2 actual ones");
    expect(() => accuracy([0.9], [1])).toThrow("predicted[0] is 0.9, expected a class index from 0 up");
  });
});

describe("precision, recall and F1", () => {
  test("of each class", () => {
    expect(precision(predicted, actual, 3)).toStrictEqual(new Float64Array([2 / 3, 0, 0]));
    expect(recall(predicted, actual, 3)).toStrictEqual(new Float64Array([1, 0, 0]));
    expect(f1(predicted, actual, 3)).toStrictEqual(new Float64Array([0.8, 0, 0]));
  });

  test("intersection over union, and Dice, which is F1", () => {
    // Class 0 is right twice, predicted three times and actual twice: 2 / 3. The others are never right.
    expect(iou(predicted, actual, 3)).toStrictEqual(new Float64Array([2 / 3, 0, 0]));
    expect(dice(predicted, actual, 3)).toStrictEqual(f1(predicted, actual, 3));
    // Two masks of six pixels: two pixels in both, five in either.
    const [mask, truth] = [
      [1, 1, 1, 0, 0, 0],
      [0, 1, 1, 1, 1, 0],
    ];
    expect(iou(mask, truth, 2, "binary")).toBeCloseTo(2 / 5, 12);
    expect(dice(mask, truth, 2, "binary")).toBeCloseTo(4 / 7, 12);
    expect(iou(mask, mask, 2)).toStrictEqual(new Float64Array([1, 1]));
    expect(iou([0, 0], [0, 0], 2, "binary")).toBe(0);
  });

  test.each<[Average, number, number, number]>([
    ["macro", 2 / 9, 1 / 3, 0.8 / 3],
    ["micro", 1 / 3, 1 / 3, 1 / 3],
    ["weighted", 2 / 9, 1 / 3, 0.8 / 3],
  ])("%s average", (average, p, r, f) => {
    expect(precision(predicted, actual, 3, average)).toBeCloseTo(p, 12);
    expect(recall(predicted, actual, 3, average)).toBeCloseTo(r, 12);
    expect(f1(predicted, actual, 3, average)).toBeCloseTo(f, 12);
  });

  test("weigh classes by their actual samples", () => {
    // Class 0: 3 actual, 2 found, 3 predicted. Class 1: 1 actual, none found.
    const confusion = new ConfusionMatrix(2).add([0, 0, 1, 0], [0, 0, 0, 1]);
    expect(precision(confusion, "weighted")).toBeCloseTo((3 / 4) * (2 / 3), 12);
    expect(precision(confusion, "macro")).toBeCloseTo((1 / 2) * (2 / 3), 12);
    expect(recall(confusion, "weighted")).toBeCloseTo(2 / 4, 12);
  });

  test("are 0, not NaN, for a class never predicted, never present, or neither", () => {
    const confusion = new ConfusionMatrix(4).add([0, 0, 1], [0, 2, 0]);
    expect([...precision(confusion)]).toStrictEqual([1 / 2, 0, 0, 0]);
    expect([...recall(confusion)]).toStrictEqual([1 / 2, 0, 0, 0]);
    expect([...f1(confusion)]).toStrictEqual([1 / 2, 0, 0, 0]);
  });

  test("binary is the score of class 1", () => {
    const p = [1, 1, 1, 0];
    const a = [1, 1, 0, 1];
    expect(precision(p, a, 2, "binary")).toBeCloseTo(2 / 3, 12);
    expect(recall([1, 0, 0, 0], a, 2, "binary")).toBeCloseTo(1 / 3, 12);
    expect(f1([1, 0, 0, 0], a, 2, "binary")).toBeCloseTo(1 / 2, 12);
    expect(() => f1(predicted, actual, 3, "binary")).toThrow('f1: average "binary" needs 2 classes, found 3');
  });

  test("refuse an unknown average", () => {
    expect(() => recall(predicted, actual, 3, "median" as Average)).toThrow('recall: average is "median"');
  });
});

describe("report", () => {
  const confusion = new ConfusionMatrix(3).add(predicted, actual);

  test("holds the scores", () => {
    const report = classificationReport(confusion, ["cat", "dog", "owl"]);
    expect(report.classes[0]).toStrictEqual({ name: "cat", precision: 2 / 3, recall: 1, f1: 0.8, support: 2 });
    expect(report.classes.map((row) => row.name)).toStrictEqual(["cat", "dog", "owl"]);
    expect(report.accuracy).toBe(2 / 6);
    expect(report.macro.f1).toBeCloseTo(0.8 / 3, 12);
    expect(report.weighted.support).toBe(6);
    expect(report.total).toBe(6);
  });

  test("is a table for a terminal", () => {
    expect(
      `\n${formatReport(classificationReport(confusion, ["cat", "dog", "owl"]), { digits: 2 })}\n`,
    ).toMatchInlineSnapshot(`
      "
                    precision  recall    f1  support

               cat       0.67    1.00  0.80        2
               dog       0.00    0.00  0.00        2
               owl       0.00    0.00  0.00        2

          accuracy                     0.33        6
         macro avg       0.22    0.33  0.27        6
      weighted avg       0.22    0.33  0.27        6
      "
    `);
    expect(
      `\n${formatConfusionMatrix(new ConfusionMatrix(2).add([0, 1, 1], [0, 0, 1]), ["no", "yes"])}\n`,
    ).toMatchInlineSnapshot(`
      "
      actual \\ predicted  no  yes
                      no   1    1
                     yes   ·    1
      "
    `);
    expect(`\n${formatConfusionMatrix(confusion)}\n`).toMatchInlineSnapshot(`
      "
      actual \\ predicted  0  1  2
                       0  2  ·  ·
                       1  1  ·  1
                       2  ·  2  ·
      "
    `);
  });

  test("refuses a wrong number of names, invalid digits", () => {
    expect(() => classificationReport(confusion, ["cat"])).toThrow("classificationReport: 1 name for 3 classes");
    expect(() => formatConfusionMatrix(confusion, [])).toThrow(ShapeError);
    expect(() => formatReport(classificationReport(confusion), { digits: -1 })).toThrow(AttributeError);
  });
});

describe("argmaxRows", () => {
  test("finds the largest of each row, the first of equal ones", () => {
    expect(argmaxRows(new Float32Array([1, 3, 2, -5, -5, -6]), 3)).toStrictEqual(new Int32Array([1, 0]));
    expect([
      ...argmaxRows([Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, Number.POSITIVE_INFINITY], 2),
    ]).toStrictEqual([0, 1]);
    expect([...argmaxRows([5, 6], 1)]).toStrictEqual([0, 0]);
  });

  test("takes NaN for largest, as PyTorch does", () => {
    expect([...argmaxRows([9, Number.NaN, Number.NaN, Number.NaN, 9, 9], 3)]).toStrictEqual([1, 0]);
  });

  test("refuses incomplete rows", () => {
    expect(() => argmaxRows([1, 2, 3], 2)).toThrow("cannot divide 3 values into rows of 2");
    expect(() => argmaxRows([1], 0)).toThrow(AttributeError);
  });
});

describe("binaryFromProbabilities", () => {
  test("is 1 above the threshold", () => {
    expect(binaryFromProbabilities([0, 0.5, 0.51, 1])).toStrictEqual(new Int32Array([0, 0, 1, 1]));
    expect([...binaryFromProbabilities([0.1, 0.3], 0.2)]).toStrictEqual([0, 1]);
    expect([...binaryFromProbabilities([1.000001])]).toStrictEqual([1]);
  });

  test("refuses logits and NaN", () => {
    expect(() => binaryFromProbabilities([0.5, 2.5])).toThrow("probabilities[1] is 2.5");
    expect(() => binaryFromProbabilities([Number.NaN])).toThrow(AttributeError);
    expect(() => binaryFromProbabilities([0.5], 50)).toThrow("threshold is 50");
  });
});

describe("regression", () => {
  // The example in scikit-learn's documentation of mean_squared_error and r2_score.
  const a = [3, -0.5, 2, 7];
  const p = [2.5, 0, 2, 8];

  test("errors", () => {
    expect(mse(p, a)).toBe(0.375);
    expect(rmse(p, a)).toBeCloseTo(Math.sqrt(0.375), 12);
    expect(mae(p, a)).toBe(0.5);
    expect(r2(p, a)).toBeCloseTo(0.9486081370449679, 12);
    expect(mse([1], [3])).toBe(4);
  });

  test("r2 is 1 when perfect, 0 for the mean, below 0 when worse", () => {
    expect(r2(a, a)).toBe(1);
    expect(r2([2.875, 2.875, 2.875, 2.875], a)).toBeCloseTo(0, 12);
    expect(r2([3, 2, 1], [1, 2, 3])).toBe(-3);
  });

  test("r2 of a constant is 1 or 0, even if its mean rounds", () => {
    expect(r2([0.1, 0.1, 0.1], [0.1, 0.1, 0.1])).toBe(1);
    expect(r2([0.1, 0.1, 0.2], [0.1, 0.1, 0.1])).toBe(0);
  });

  test("refuses no values and other lengths", () => {
    for (const metric of [mse, mae, rmse, r2]) {
      expect(() => metric([], [])).toThrow(ShapeError);
      expect(() => metric([1, 2], [1])).toThrow("2 predicted values for 1 actual one");
    }
    expect(() => r2([1], [1])).toThrow("at least two");
  });
});

test("tensors, which a trainer gives to its metrics, are refused with a hint", () => {
  const [guess, label] = [input("guess", [4, 3]), input("label", [4], "i32")];
  for (const metric of [accuracy, precision, mae, r2, confusionMatrix] as ((...args: unknown[]) => unknown)[])
    expect(() => metric(guess, label)).toThrow("an argument is a tensor, expected numbers: metrics.");
  expect(() => (precision as (...args: unknown[]) => unknown)(guess, label)).toThrow(
    "precision: an argument is a tensor, expected numbers: metrics.precision(predicted, actual, …) is for predictions on the host, such as those of trainer.predict; a trainer's own metrics are in tilegrad/train",
  );
});

describe("ROC curve", () => {
  test("agrees with the example in scikit-learn's documentation", () => {
    const curve = rocCurve([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]);
    expect([...curve.falsePositiveRate]).toEqual([0, 0, 0.5, 0.5, 1]);
    expect([...curve.truePositiveRate]).toEqual([0, 0.5, 0.5, 1, 1]);
    expect([...curve.thresholds]).toEqual([Number.POSITIVE_INFINITY, 0.8, 0.4, 0.35, 0.1]);
    expect(curve.area).toBe(0.75);
  });

  test("has an area that is the share of pairs in the right order, equal ones counting half", () => {
    const sample = fc.tuple(fc.integer({ min: -3, max: 3 }), fc.integer({ min: 0, max: 1 }));
    fc.assert(
      fc.property(fc.array(sample, { minLength: 2, maxLength: 20 }), (samples) => {
        const of = (label: number) => samples.filter((each) => each[1] === label).map(([score]) => score);
        const pairs = of(1).flatMap((one) => of(0).map((zero) => (one > zero ? 1 : one === zero ? 0.5 : 0)));
        fc.pre(pairs.length > 0);
        const scores = samples.map(([score]) => score);
        const labels = samples.map(([, label]) => label);
        const share = pairs.reduce<number>((sum, each) => sum + each, 0) / pairs.length;
        expect(rocCurve(scores, labels).area).toBeCloseTo(share, 12);
      }),
    );
  });

  test.each<[string, number[], number[], RegExp]>([
    ["lengths that differ", [1, 2], [1], /^rocCurve: 2 scores for 1 label$/],
    ["another label", [1, 2], [1, 2], /^rocCurve: labels\[1\] is 2, expected 0 or 1$/],
    ["NaN", [1, Number.NaN], [1, 0], /^rocCurve: scores\[1\] is NaN, expected a number$/],
    ["one class", [1, 2], [1, 1], /^rocCurve: no label is 0, expected labels of both classes$/],
    ["nothing", [], [], /^rocCurve: no label is 1, expected labels of both classes$/],
  ])("refuses %s", (_, scores, labels, message) => expect(() => rocCurve(scores, labels)).toThrow(message));
});
