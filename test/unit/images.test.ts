import { describe, expect, test } from "vitest";
import { fromImageData } from "../../src/images/index.ts";
import { FeedError, LimitError } from "../../src/index.ts";

const grey = (width: number, ...data: number[]) => ({
  data: Uint8Array.from(data),
  width,
  height: data.length / width,
});
const close = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 6));
const one = { channels: 1 } as const;

describe("fromImageData", () => {
  test("gives bytes as numbers from 0 to 1, normalised, in both layouts", () => {
    const rgb = { data: Uint8ClampedArray.from([255, 0, 51, 102, 153, 204]), width: 2, height: 1 };
    const planes = [1, 0.4, 0, 0.6, 0.2, 0.8];
    expect([...fromImageData(rgb, { size: [1, 2] })]).toEqual(close(planes));
    expect([...fromImageData(rgb, { size: [1, 2], layout: "NHWC" })]).toEqual(close([1, 0, 0.2, 0.4, 0.6, 0.8]));
    const normalized = { size: [1, 2], mean: [0.5, 0.25, 0], std: [0.5, 0.25, 2] } as const;
    expect([...fromImageData(rgb, normalized)]).toEqual(close([1, -0.2, -1, 1.4, 0.1, 0.4]));
  });

  test("makes grey by the weights of ITU-R BT.601, and colours of grey", () => {
    const rgb = { data: Uint8Array.from([255, 0, 0, 0, 255, 0, 0, 0, 255]), width: 3, height: 1 };
    expect([...fromImageData(rgb, { size: [1, 3], ...one })]).toEqual(close([0.299, 0.587, 0.114]));
    expect([...fromImageData(grey(1, 51), { size: [1, 1] })]).toEqual(close([0.2, 0.2, 0.2]));
  });

  test("puts transparent pixels in front of the background", () => {
    const half = { data: Uint8Array.from([255, 0, 0, 51]), width: 1, height: 1 };
    expect([...fromImageData(half, { size: [1, 1] })]).toEqual(close([0.2, 0, 0]));
    expect([...fromImageData(half, { size: [1, 1], background: [0, 0.5, 1] })]).toEqual(close([0.2, 0.4, 0.8]));
  });

  // By the definition of torchvision's `resize` with antialiasing, for these sizes by hand.
  test("interpolates where it grows, and averages by triangles where it shrinks", () => {
    const pair = grey(2, 0, 255);
    expect([...fromImageData(pair, { size: [1, 4], fit: "stretch", ...one })]).toEqual(close([0, 0.25, 0.75, 1]));
    const four = grey(4, 255, 0, 0, 0);
    // Distances from the middle 1 of the first result: 0.5, 0.5, 1.5; from 3: 1.5, 0.5, 0.5, and the first pixel is out of reach.
    expect([...fromImageData(four, { size: [1, 2], fit: "stretch", ...one })]).toEqual(close([0.75 / 1.75, 0]));
    // Weights 9/16, 11/16, 13/16, 15/16 and back, in sum 6.
    const eight = grey(8, 255, 0, 0, 0, 0, 0, 0, 0);
    expect([...fromImageData(eight, { size: [1, 1], fit: "stretch", ...one })]).toEqual(close([9 / 16 / 6]));
  });

  test("crops, pads or stretches an image of another shape", () => {
    const wide = grey(4, 10, 20, 30, 40, 10, 20, 30, 40);
    const read = (fit: "cover" | "contain" | "stretch", size: [number, number]) =>
      Array.from(fromImageData(wide, { size, fit, background: [1, 1, 1], ...one }), (value) => Math.round(255 * value));
    expect(read("cover", [2, 2])).toEqual([20, 30, 20, 30]);
    expect(read("contain", [4, 4])).toEqual([255, 255, 255, 255, 10, 20, 30, 40, 10, 20, 30, 40, 255, 255, 255, 255]);
    expect(read("contain", [2, 8])).toEqual([255, 255, 10, 20, 30, 40, 255, 255, 255, 255, 10, 20, 30, 40, 255, 255]);
    expect(read("stretch", [1, 4])).toEqual([10, 20, 30, 40]);
  });

  test("keeps a constant image constant, whatever the sizes", () => {
    for (const [width, height] of [
      [1, 1],
      [3, 50],
      [301, 7],
      [64, 64],
    ] as const)
      for (const fit of ["cover", "stretch"] as const) {
        const image = { data: new Uint8Array(width * height).fill(100), width, height };
        const values = fromImageData(image, { size: [5, 9], fit, ...one });
        expect(
          values.every((value) => Math.abs(value - 100 / 255) < 1e-7),
          `${width} × ${height}, ${fit}`,
        ).toBe(true);
      }
  });

  test("refuses normalisations that f32 cannot compute", () => {
    const read = (options: object) => () => fromImageData(grey(1, 1), { size: [1, 1], ...one, ...options });
    for (const std of [0, 1e-320]) expect(read({ std })).toThrow(`fromImageData: std is ${std}, expected numbers that`);
    for (const name of ["mean", "std"])
      expect(read({ [name]: 1e39 })).toThrow(
        `fromImageData: ${name} is 1e+39, expected a finite number that f32 holds`,
      );
  });

  test("takes several images of any sizes", () => {
    const values = fromImageData([grey(1, 0), grey(2, 255, 255)], { size: [1, 1], ...one });
    expect([...values]).toEqual([0, 1]);
  });

  test("refuses more than memory can hold", () => {
    const read = () => fromImageData(new Array(100).fill(grey(1, 0)), { size: [16384, 16384] });
    expect(read).toThrow(LimitError);
    expect(read).toThrow("fromImageData: memory does not hold 100 images of 16384 × 16384 pixels with 3 channels");
  });

  test("refuses what are no pixels", () => {
    const read = (image: unknown) => () => fromImageData(image as never, { size: [1, 1] });
    expect(read({ data: new Float32Array(4), width: 1, height: 1 })).toThrow(
      "fromImageData: the image has data of type a Float32Array, expected a Uint8ClampedArray or Uint8Array",
    );
    expect(read({ data: new Uint8Array(0), width: 0, height: 1 })).toThrow("fromImageData: the image has width 0");
    expect(read([grey(1, 1), { data: new Uint8Array(5), width: 2, height: 1 }])).toThrow(
      "fromImageData: image 1 has 5 bytes for 2 × 1 pixels, expected 1, 3 or 4 per pixel",
    );
    expect(read([])).toThrow(FeedError);
    expect(read(5)).toThrow("fromImageData: the image is 5, expected { data, width, height }");
  });
});
