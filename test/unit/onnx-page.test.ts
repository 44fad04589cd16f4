import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { fromImage, imageAxes, random, typed } from "../../demos/onnx/filling.ts";
import type { Port } from "../../demos/onnx/lab.ts";
import { barOf, largest, namesIn, rowsOf, shown, softmax } from "../../demos/onnx/ranking.ts";
import { holesOf, parseShape, shapeOf } from "../../demos/onnx/sizes.ts";
import { mnist } from "../../src/datasets/index.ts";
import { runOnnx } from "../onnxExport.ts";

const port = (name: string, dims: Port["dims"]): Port => ({ name, dims });

describe("sizes that a file leaves open", () => {
  const inputs = [port("x", ["batch", 3, "h", ""]), port("y", ["batch", "h"]), port("z", undefined), port("w", [2])];

  test("are asked for once each, the batch with a size", () => {
    expect(holesOf(inputs)).toEqual([
      { key: "batch", label: "batch", kind: "size", initial: "1" },
      { key: "h", label: "h", kind: "size", initial: "" },
      { key: "3 of x", label: "Axis 3 of x", kind: "size", initial: "" },
      { key: "shape of z", label: "Shape of z", kind: "shape", initial: "" },
    ]);
  });

  test("make shapes, or none while something is missing or too large", () => {
    const values = new Map([
      ["batch", "2"],
      ["h", " 5 "],
      ["3 of x", "7"],
      ["shape of z", "1, 4×4"],
    ]);
    expect(inputs.map((each) => shapeOf(each, values))).toEqual([[2, 3, 5, 7], [2, 5], [1, 4, 4], [2]]);
    for (const wrong of ["", "0", "1.5", "-2", "2 3", "99999999", "x"])
      expect(shapeOf(inputs[0]!, new Map([...values, ["h", wrong]])), wrong).toBeUndefined();
    expect(shapeOf(port("s", []), new Map())).toEqual([]);
  });

  test("are read from texts", () => {
    expect(parseShape("1, 3, 224, 224")).toEqual([1, 3, 224, 224]);
    expect(parseShape("1 × 3")).toEqual([1, 3]);
    expect(parseShape("1, , 3")).toEqual([1, 3]);
    expect(parseShape("")).toBeUndefined();
  });
});

describe("numbers for an input", () => {
  test("come from an image, as channels before or after its places, once for each sample", () => {
    // Two pixels: pure red, and a grey.
    const pixels = [255, 0, 0, 255, 51, 51, 51, 255];
    expect(imageAxes([2, 3, 1, 2])).toEqual({ channels: 3, height: 1, width: 2, last: false });
    expect(imageAxes([2, 1, 2, 3])).toEqual({ channels: 1, height: 2, width: 3, last: false });
    expect(imageAxes([2, 5, 2, 3])).toEqual({ channels: 3, height: 5, width: 2, last: true });
    expect(imageAxes([2, 5, 2, 4])).toBeUndefined();
    expect(imageAxes([3, 2, 2])).toBeUndefined();
    const tenths = (data: ArrayLike<number>) => Array.from(data, (value) => Number(value.toFixed(3)));
    expect(tenths(fromImage(pixels, [2, 3, 1, 2], "f32", "unit"))).toEqual([
      ...[1, 0.2, 0, 0.2, 0, 0.2],
      ...[1, 0.2, 0, 0.2, 0, 0.2],
    ]);
    expect(tenths(fromImage(pixels, [1, 2, 1, 3], "f32", "signed"))).toEqual([1, -1, -1, -0.6, -0.6, -0.6]);
    expect(tenths(fromImage(pixels, [1, 1, 1, 2], "f32", "dark"))).toEqual([0.701, 0.8]);
    expect(tenths(fromImage(pixels, [1, 2, 1, 3], "i32", "bytes"))).toEqual([255, 0, 0, 51, 51, 51]);
    // torchvision's own numbers for pure red.
    expect(tenths(fromImage(pixels, [1, 3, 1, 2], "f32", "imagenet")).filter((_, i) => i % 2 === 0)).toEqual([
      2.249, -2.036, -1.804,
    ]);
  });

  test("are typed, and refused where they are not numbers, too few, or no whole ones", () => {
    expect(typed("[[1, -2e-1]\n[3;4]]", [2, 2], "f32")).toEqual(Float32Array.of(1, -0.2, 3, 4));
    expect(typed("7", [], "i32")).toEqual(Int32Array.of(7));
    expect(() => typed("1 x", [2], "f32")).toThrow("“x” is not a number");
    expect(() => typed("1 2 3", [2], "f32")).toThrow("there are 3 numbers, [2] takes 2");
    expect(() => typed("0.5", [1], "i32")).toThrow("0.5 is not a whole number");
  });

  test("are random, within the range of their type", () => {
    const floats = random([100], "f32", "float32");
    expect(new Set(floats).size).toBeGreaterThan(90);
    expect([...floats].every((value) => value >= 0 && value < 1)).toBe(true);
    expect([...new Set(random([500], "i32", "int64"))].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect([...new Set(random([100], "i32", "bool"))].sort()).toEqual([0, 1]);
  });
});

describe("results", () => {
  test("have rows along the last axis with several places", () => {
    expect(rowsOf([2, 1000, 1, 1])).toEqual({ count: 2, length: 1000 });
    expect(rowsOf([3, 40, 28])).toEqual({ count: 120, length: 28 });
    expect(rowsOf([1, 1])).toEqual({ count: 1, length: 1 });
    expect(rowsOf([])).toEqual({ count: 1, length: 1 });
  });

  test("are ranked: equal ones in order, what is no number last", () => {
    const row = [1, Number.NaN, 5, 5, Number.POSITIVE_INFINITY, -3];
    expect(largest(row).map(({ index }) => index)).toEqual([4, 2, 3, 0, 5, 1]);
    const many = Array.from({ length: 1000 }, (_, i) => (i * 377) % 1000);
    expect(largest(many).map(({ value }) => value)).toEqual([999, 998, 997, 996, 995, 994, 993, 992, 991, 990]);
  });

  test("become probabilities, bars and texts", () => {
    const shares = softmax([1000, 1000 + Math.log(3)]);
    expect(shares[0]).toBeCloseTo(0.25, 12);
    expect(shares[1]).toBeCloseTo(0.75, 12);
    expect([-1, 0, 3].map((value) => barOf(value, [-1, 0, 3]))).toEqual([
      [0, 0.25],
      [0.25, 0.25],
      [0.25, 1],
    ]);
    expect(barOf(0, [0, 0])).toEqual([0, 0]);
    expect([barOf(Number.NaN, [1, 2]), barOf(Number.POSITIVE_INFINITY, [1, 2])]).toEqual([
      [0, 0],
      [0, 1],
    ]);
    expect([3, -0.123456, 1e-7, Number.NaN].map(shown)).toEqual(["3", "−0.12346", "1e−7", "NaN"]);
  });

  test("have names where the metadata list as many", () => {
    const metadata = [
      ["note", "[1, 2]"],
      ["broken", "["],
      ["labels", '["cat","dog"]'],
    ] as const;
    expect(namesIn(metadata, 2)).toEqual(["cat", "dog"]);
    expect(namesIn(metadata, 3)).toBeUndefined();
  });
});

test("the sample reads digits that it has not seen", async () => {
  const bytes = new Uint8Array(readFileSync(new URL("../../demos/onnx/sample/digits.onnx", import.meta.url)));
  const { test: digits } = await mnist();
  const count = 1000;
  const data = Array.from(digits.x.data.subarray(0, count * 784), (byte) => byte / 255);
  const { votes } = await runOnnx(bytes, { image: { shape: [count, 1, 28, 28], dtype: "f32", data } });
  const right = Array.from({ length: count }, (_, i) => {
    const row = votes!.data.subarray(10 * i, 10 * (i + 1));
    return row.indexOf(Math.max(...row)) === digits.y.data[i];
  });
  expect(right.filter(Boolean).length).toBeGreaterThan(950);
});
