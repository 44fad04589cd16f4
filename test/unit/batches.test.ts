import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { batches, batchIndices, type Dataset, numBatches, takeRows } from "../../src/data/index.ts";
import { AttributeError, DTypeError, ShapeError } from "../../src/errors.ts";

/** n samples whose x is [10i, 10i + 1] and whose y is i. */
function counting(n: number) {
  return {
    x: { data: Float32Array.from({ length: 2 * n }, (_, i) => 10 * Math.floor(i / 2) + (i % 2)), shape: [n, 2] },
    y: { data: Uint8Array.from({ length: n }, (_, i) => i), shape: [n] },
  };
}

const labels = (n: number, options: Parameters<typeof batches>[1]) =>
  [...batches(counting(n), options)].map((batch) => [...batch.y]);

describe("batches", () => {
  test("keeps the stored order by default; the last batch is smaller", () => {
    expect([...batches(counting(5), { batchSize: 2 })]).toStrictEqual([
      { x: new Float32Array([0, 1, 10, 11]), y: new Uint8Array([0, 1]) },
      { x: new Float32Array([20, 21, 30, 31]), y: new Uint8Array([2, 3]) },
      { x: new Float32Array([40, 41]), y: new Uint8Array([4]) },
    ]);
  });

  test.each([
    [
      5,
      { batchSize: 2, dropLast: true },
      [
        [0, 1],
        [2, 3],
      ],
    ],
    [
      4,
      { batchSize: 2, dropLast: true },
      [
        [0, 1],
        [2, 3],
      ],
    ],
    [1, { batchSize: 1 }, [[0]]],
    [1, { batchSize: 1, dropLast: true }, [[0]]],
    [3, { batchSize: 8 }, [[0, 1, 2]]],
    [3, { batchSize: 8, dropLast: true }, []],
    [5, { batchSize: 2, start: 1 }, [[2, 3], [4]]],
    [5, { batchSize: 2, start: 3 }, []],
  ])("%i samples with %o", (n, options, expected) => {
    expect(labels(n, options)).toStrictEqual(expected);
    expect(numBatches(n, options)).toBe(expected.length + ("start" in options ? (options.start ?? 0) : 0));
  });

  test("keeps samples and labels together when it shuffles", () => {
    for (const { x, y } of batches(counting(20), { batchSize: 3, shuffle: true, seed: 4 })) {
      expect([...x]).toStrictEqual([...y].flatMap((label) => [10 * label, 10 * label + 1]));
    }
  });

  test("visits every sample once per epoch, in an order that depends only on seed and epoch", () => {
    const epoch = (seed: number, number: number) =>
      labels(50, { batchSize: 7, shuffle: true, seed, epoch: number }).flat();
    expect(epoch(1, 0).toSorted((a, b) => a - b)).toStrictEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(epoch(1, 0)).not.toStrictEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(epoch(1, 0)).toStrictEqual(epoch(1, 0));
    expect(epoch(1, 1)).not.toStrictEqual(epoch(1, 0));
    expect(epoch(2, 0)).not.toStrictEqual(epoch(1, 0));
  });

  test("resumes where it stopped", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 70 }),
        fc.boolean(),
        (n, batchSize, dropLast) => {
          const options = { batchSize, shuffle: true, seed: 9, epoch: 3, dropLast };
          const all = labels(n, options);
          expect(all.length).toBe(numBatches(counting(n), options));
          for (let start = 0; start <= all.length; start++) {
            expect(labels(n, { ...options, start })).toStrictEqual(all.slice(start));
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  test("yields arrays that may be kept and changed", () => {
    const data = counting(4);
    const kept = [];
    for (const batch of batches(data, { batchSize: 2 })) {
      kept.push(batch);
      batch.x[0] = -1;
    }
    expect(kept.map((batch) => [...batch.y])).toStrictEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(data.x.data[0]).toBe(0);
  });

  test("copies wide rows and 64-bit integers", () => {
    const wide = {
      image: { data: Float32Array.from({ length: 3 * 40 }, (_, i) => i), shape: [3, 5, 8] },
      id: { data: new BigInt64Array([7n, 8n, 9n]), shape: [3] },
    };
    const [first] = batches(wide, { batchSize: 2, start: 1 });
    expect(first?.image).toStrictEqual(wide.image.data.slice(80));
    expect(first?.id).toStrictEqual(new BigInt64Array([9n]));
  });

  test("gives plain arrays for Node's Buffer", () => {
    const [first] = batches({ x: { data: Buffer.from([1, 2, 3]), shape: [3] } }, { batchSize: 3 });
    expect(Object.getPrototypeOf(first?.x)).toBe(Uint8Array.prototype);
  });

  test("refuses an invalid option at the call, before the first batch", () => {
    const data = counting(4);
    expect(() => batches(data, { batchSize: 0 })).toThrow(AttributeError);
    expect(() => batches(data, { batchSize: 2.5 })).toThrow("batchSize is 2.5");
    expect(() => batches(data, { batchSize: 2, start: 3 })).toThrow("start is 3, expected an integer from 0 to 2");
    expect(() => batches(data, { batchSize: 2, start: -1 })).toThrow(AttributeError);
    expect(() => batches(data, { batchSize: 2, seed: 0.5 })).toThrow("seed is 0.5");
    expect(() => batches(data, { batchSize: 2, epoch: Number.NaN })).toThrow("epoch is NaN");
    expect(() => batchIndices(0, { batchSize: 2 })).toThrow(ShapeError);
  });

  test.each<[string, Dataset, string]>([
    ["no arrays", {}, "has no arrays"],
    ["no samples", { x: { data: new Float32Array(), shape: [0, 3] } }, "has no samples"],
    ["a shape that does not fit", { x: { data: new Float32Array(5), shape: [2, 3] } }, 'dataset "x": shape [2, 3]'],
    ["no sample axis", { x: { data: new Float32Array(1), shape: [] } }, "shape []"],
    [
      "arrays of different length",
      { x: { data: new Float32Array(2), shape: [2] }, y: { data: new Int32Array(3), shape: [3] } },
      '"x" has 2 samples and "y" has 3',
    ],
  ])("refuses a dataset with %s", (_, dataset, message) => {
    expect(() => batches(dataset, { batchSize: 1 })).toThrow(ShapeError);
    expect(() => batches(dataset, { batchSize: 1 })).toThrow(message);
  });

  test("refuses plain arrays of numbers", () => {
    const data = [1, 2] as unknown as Float32Array;
    expect(() => takeRows({ x: { data, shape: [2] } }, [0])).toThrow(DTypeError);
  });
});

describe("takeRows", () => {
  test("takes samples in the given order, twice if asked", () => {
    expect(takeRows(counting(3), [2, 0, 2]).y).toStrictEqual(new Uint8Array([2, 0, 2]));
  });

  test("refuses a sample that does not exist", () => {
    expect(() => takeRows(counting(3), [0, 3])).toThrow("indices[1] is 3, expected an integer from 0 to 2");
    expect(() => takeRows(counting(3), [-1])).toThrow(ShapeError);
  });
});
