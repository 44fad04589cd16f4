import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { minMaxScale, normalizer, oneHot, scale, standardize } from "../../src/data/index.ts";
import { AttributeError, ShapeError } from "../../src/errors.ts";

describe("standardize", () => {
  test("brings each feature to mean 0 and standard deviation 1", () => {
    const normal = standardize({ data: [1, 100, 2, 200, 3, 300, 4, 400], shape: [4, 2] });
    const z = Math.sqrt(1.25);
    expect(normal.features).toBe(2);
    expect(normal.state).toStrictEqual({ shift: [2.5, 250], divisor: [z, 100 * z], offset: 0 });
    expect(normal.apply([1, 100, 4, 400])).toStrictEqual(new Float32Array([-1.5 / z, -1.5 / z, 1.5 / z, 1.5 / z]));
  });

  test("makes a constant feature 0, even if its mean rounds", () => {
    const normal = standardize({ data: [0.1, 5, 0.1, 6, 0.1, 7], shape: [3, 2] });
    expect([...normal.apply([0.1, 6])]).toStrictEqual([0, 0]);
    expect(normal.state.divisor[0]).toBe(1);
    expect([...normal.invert([0, 0])]).toStrictEqual([Math.fround(0.1), 6]);
  });

  test("treats one sample as constant", () => {
    expect([...standardize({ data: [3, 4], shape: [1, 2] }).apply([3, 4])]).toStrictEqual([0, 0]);
  });

  test("keeps its accuracy far from zero", () => {
    const normal = standardize({ data: [1e9, 1e9 + 1, 1e9 + 2], shape: [3] });
    expect(normal.state.divisor[0]).toBeCloseTo(Math.sqrt(2 / 3), 12);
  });

  test("is undone by invert, and rebuilt from its state as JSON", () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true, min: -1000, max: 1000 }), { minLength: 2, maxLength: 30 }),
        (data) => {
          const normal = standardize({ data, shape: [data.length, 1] });
          const again = normalizer(JSON.parse(JSON.stringify(normal.state)));
          const back = again.invert(normal.apply(data));
          data.forEach((value, i) => {
            expect(Math.abs(back[i]! - value)).toBeLessThan(1e-3);
          });
        },
      ),
    );
  });

  test("refuses values that are not finite, shapes that do not fit, partial samples", () => {
    const call = (data: number[], shape: number[]) => () => standardize({ data, shape });
    expect(call([1, 2, Number.NaN, 4], [2, 2])).toThrow("feature 0 of sample 1 is NaN");
    expect(call([1, Number.POSITIVE_INFINITY], [2])).toThrow(AttributeError);
    expect(call([1, 2, 3], [2, 2])).toThrow(ShapeError);
    expect(call([], [0, 2])).toThrow("n ≥ 1");
    expect(() => standardize({ data: [1, 2], shape: [1, 2] }).apply([1])).toThrow(
      "normalizer.apply: cannot divide 1 value into samples",
    );
  });
});

describe("minMaxScale", () => {
  test("brings the smallest value to 0 and the largest to 1, or to the ends of a range", () => {
    const samples = { data: [2, 10, 4, 30, 3, 20], shape: [3, 2] };
    expect([...minMaxScale(samples).apply([2, 10, 4, 30, 3, 20])]).toStrictEqual([0, 0, 1, 1, 0.5, 0.5]);
    const wide = minMaxScale(samples, [-1, 1]);
    expect([...wide.apply([2, 30, 5, 20])]).toStrictEqual([-1, 1, 2, 0]);
    expect([...wide.invert([-1, 1, 2, 0])]).toStrictEqual([2, 30, 5, 20]);
  });

  test("makes a constant feature the low end", () => {
    expect([...minMaxScale({ data: [7, 7], shape: [2] }, [-1, 1]).apply([7])]).toStrictEqual([-1]);
  });

  test("refuses an invalid range", () => {
    expect(() => minMaxScale({ data: [1], shape: [1] }, [1, 1])).toThrow(AttributeError);
    expect(() => minMaxScale({ data: [1], shape: [1] }, [0, Number.NaN])).toThrow("range is [0, NaN]");
  });
});

describe("normalizer", () => {
  test("refuses a state that cannot be inverted", () => {
    expect(() => normalizer({ shift: [0], divisor: [0], offset: 0 })).toThrow(AttributeError);
    expect(() => normalizer({ shift: [0, 1], divisor: [1], offset: 0 })).toThrow(ShapeError);
    expect(() => normalizer({ shift: [], divisor: [], offset: 0 })).toThrow(ShapeError);
  });
});

describe("scale", () => {
  test("maps bytes to 0 … 1, then to mean 0 and standard deviation 1", () => {
    expect(scale(new Uint8Array([0, 51, 255]))).toStrictEqual(new Float32Array([0, 0.2, 1]));
    const mnist = scale(new Uint8ClampedArray([0, 255]), { mean: 0.1307, std: 0.3081 });
    expect(mnist).toStrictEqual(new Float32Array([-0.1307 / 0.3081, (1 - 0.1307) / 0.3081]));
  });

  test("takes mean and std per channel of NCHW images", () => {
    const two = new Uint8Array([0, 255, 0, 255, 255, 0, 255, 0]);
    const out = scale(two, { mean: [0, 1], std: [1, 0.5], channelSize: 2 });
    expect([...out]).toStrictEqual([0, 1, -2, 0, 1, 0, 0, -2]);
    expect([...scale(two, { std: [1, 0.5], channelSize: 2 })]).toStrictEqual([0, 1, 0, 2, 1, 0, 2, 0]);
  });

  test("writes to a given array", () => {
    const out = new Float32Array(1);
    expect(scale(new Uint8Array([255]), {}, out)).toBe(out);
    expect(out[0]).toBe(1);
  });

  test("refuses a std of 0, a NaN, lengths that do not fit", () => {
    const bytes = new Uint8Array(4);
    expect(() => scale(bytes, { std: 0 })).toThrow("std is 0");
    expect(() => scale(bytes, { mean: Number.NaN })).toThrow(AttributeError);
    expect(() => scale(bytes, { mean: [0, 0] })).toThrow("channelSize is missing");
    expect(() => scale(bytes, { mean: [0, 0], std: [1], channelSize: 2 })).toThrow(ShapeError);
    expect(() => scale(bytes, { mean: [0, 0, 0], channelSize: 2 })).toThrow(
      "cannot divide 4 bytes into images of 3 channels × 2 pixels",
    );
    expect(() => scale(bytes, { mean: [], channelSize: 2 })).toThrow(ShapeError);
    expect(() => scale(bytes, {}, new Float32Array(3))).toThrow("out has 3 values for 4 bytes");
  });
});

describe("oneHot", () => {
  test("puts a 1 in the column of the label", () => {
    expect(oneHot([2, 0], 3)).toStrictEqual(new Float32Array([0, 0, 1, 1, 0, 0]));
    expect(oneHot([], 3)).toStrictEqual(new Float32Array());
  });

  test("refuses labels outside the classes", () => {
    expect(() => oneHot([0, 3], 3)).toThrow("labels[1] is 3, expected an integer from 0 to 2");
    expect(() => oneHot([-1], 3)).toThrow(AttributeError);
    expect(() => oneHot([0.5], 3)).toThrow(AttributeError);
    expect(() => oneHot([0], 0)).toThrow("numClasses is 0");
  });
});
