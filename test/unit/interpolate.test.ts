import { expect, test } from "vitest";
import { AttributeError, DTypeError, ShapeError } from "../../src/errors.ts";
import { grad, type InterpolateOptions, input, interpolate, mul, nn, sum } from "../../src/index.ts";
import { evaluate } from "../../src/reference/evaluate.ts";

/** One image of the given rows, resized. */
function resized(rows: readonly (readonly number[])[], options: InterpolateOptions) {
  const x = input("x", [1, 1, rows.length, rows[0]!.length]);
  const y = interpolate(x, options);
  const [values] = evaluate([y], { inputs: { x: rows.flat() } });
  const [height, width] = y.shape.slice(2) as [number, number];
  return Array.from({ length: height }, (_, i) => [...values!.data.subarray(i * width, (i + 1) * width)]);
}

const near = (rows: readonly (readonly number[])[]) => rows.map((row) => row.map((v) => expect.closeTo(v, 6)));

const two = [
  [1, 2],
  [3, 4],
];

test("the nearest pixel is repeated, or dropped", () => {
  expect(resized(two, { scaleFactor: 2 })).toEqual([
    [1, 1, 2, 2],
    [1, 1, 2, 2],
    [3, 3, 4, 4],
    [3, 3, 4, 4],
  ]);
  // ⌊i · 3 / 5⌋ of three columns, ⌊i · 2 / 1⌋ of two rows.
  expect(
    resized(
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      { size: [1, 5] },
    ),
  ).toEqual([[1, 1, 2, 2, 3]]);
  expect(resized([[1, 2, 3, 4, 5]], { size: [1, 2] })).toEqual([[1, 3]]);
});

test("four pixels are weighted by their distances, with the edges of the images together", () => {
  expect(resized(two, { scaleFactor: 2, mode: "bilinear" })).toEqual([
    [1, 1.25, 1.75, 2],
    [1.5, 1.75, 2.25, 2.5],
    [2.5, 2.75, 3.25, 3.5],
    [3, 3.25, 3.75, 4],
  ]);
  // Half the size: the middle between two pixels. A third: the middle one of three.
  expect(resized([[1, 2, 3, 5]], { size: [1, 2], mode: "bilinear" })).toEqual([[1.5, 4]]);
  expect(resized([[1, 2, 9, 5, 6, 7]], { size: [1, 2], mode: "bilinear" })).toEqual([[2, 6]]);
});

test("or with the centres of the corner pixels together", () => {
  const third = 1 / 3;
  expect(resized(two, { size: [2, 4], mode: "bilinear", alignCorners: true })).toEqual(
    near([
      [1, 1 + third, 2 - third, 2],
      [3, 3 + third, 4 - third, 4],
    ]),
  );
  expect(resized(two, { size: 1, mode: "bilinear", alignCorners: true })).toEqual([[1]]);
});

test("positions follow the factor as given, not the rounded size", () => {
  const line = [[0, 1, 2, 3, 4]];
  // Centres at (i + ½) / 1.5 − ½ for seven columns; with the size, at (i + ½) · 5 / 7 − ½.
  const byFactor = resized(line, { scaleFactor: [1, 1.5], mode: "bilinear" });
  const bySize = resized(line, { size: [1, 7], mode: "bilinear" });
  expect(byFactor).toEqual(near([Array.from({ length: 7 }, (_, i) => Math.max(0, (i + 0.5) / 1.5 - 0.5))]));
  expect(bySize).toEqual(
    near([Array.from({ length: 7 }, (_, i) => Math.min(4, Math.max(0, ((i + 0.5) * 5) / 7 - 0.5)))]),
  );
  expect(byFactor).not.toEqual(bySize);
});

test("the gradient gives each pixel the sum of its weights", () => {
  const gradientOf = (options: InterpolateOptions) => {
    const x = input("x", [1, 1, 1, 3]);
    const weights = input("w", [1, 1, 1, 6]);
    const [dx] = grad(sum(mul(interpolate(x, options), weights)), [x]);
    return [...evaluate([dx!], { inputs: { w: [1, 2, 3, 4, 5, 6] } })[0]!.data];
  };
  expect(gradientOf({ size: [1, 6] })).toEqual([3, 7, 11]);
  // Columns read (0), (¾, ¼), (¼, ¾), (¾, ¼), (¼, ¾), (2).
  expect(gradientOf({ size: [1, 6], mode: "bilinear" })).toEqual([
    1 + 0.75 * 2 + 0.25 * 3,
    0.25 * 2 + 0.75 * 3 + 0.75 * 4 + 0.25 * 5,
    0.25 * 4 + 0.75 * 5 + 6,
  ]);
});

test("the layer does the same", () => {
  const x = input("x", [2, 3, 4, 5]);
  expect(nn.upsample({ scaleFactor: 2 })(x).shape).toEqual([2, 3, 8, 10]);
  expect(nn.upsample({ size: [3, 9], mode: "bilinear" })(x).shape).toEqual([2, 3, 3, 9]);
});

test("what does not fit is refused, by name", () => {
  const x = input("x", [1, 1, 2, 2]);
  expect(() => interpolate(x, {})).toThrow("interpolate: neither of size and scaleFactor given, expected one");
  expect(() => interpolate(x, { size: 2, scaleFactor: 2 })).toThrow(AttributeError);
  expect(() => nn.upsample({ scaleFactor: 2, alignCorners: true })).toThrow(
    'nn.upsample: alignCorners is true, expected false for mode "nearest"',
  );
  expect(() => interpolate(x, { scaleFactor: 0 })).toThrow("scaleFactor is 0, expected a number above 0");
  expect(() => interpolate(x, { scaleFactor: 0.4 })).toThrow(ShapeError);
  expect(() => interpolate(input("line", [1, 2, 3]), { scaleFactor: 2 })).toThrow(ShapeError);
  expect(() => interpolate(input("n", [1, 1, 2, 2], "i32"), { scaleFactor: 2 })).toThrow(DTypeError);
});
