import { describe, expect, test } from "vitest";
import * as augment from "../../src/augment/index.ts";
import { sampleImages } from "../../src/augment/sample.ts";
import { constant, grad, input, losses, mul, nn, optim, Random, type Tensor } from "../../src/index.ts";
import { custom, fromJSON, toJSON } from "../../src/model/index.ts";
import { evaluate, ReferenceProgram } from "../../src/reference/index.ts";
import { checkGradients, weigh } from "../differences.ts";

const ramp = (size: number): Float32Array => Float32Array.from({ length: size }, (_, i) => i + 1);

/** What a layer makes of images, step by step, in float64. */
function steps(layer: nn.Module, shape: readonly number[], data: ArrayLike<number>, count = 1): Float64Array[] {
  const program = new ReferenceProgram({ outputs: { y: layer(input("x", shape), { training: true }) } });
  return Array.from({ length: count }, () => program.run({ x: data }).y!.data.slice());
}

/** The images of a batch as texts, to compare them. */
const images = (y: Float64Array, n: number): string[] =>
  Array.from({ length: n }, (_, i) => y.slice((i * y.length) / n, ((i + 1) * y.length) / n).join());

const layers: Readonly<Record<string, (source?: Random) => nn.Module>> = {
  randomHorizontalFlip: (source) => augment.randomHorizontalFlip(0.5, source),
  randomVerticalFlip: (source) => augment.randomVerticalFlip(0.5, source),
  randomAffine: (source) =>
    augment.randomAffine({
      degrees: 30,
      translate: [0.2, 0.1],
      scale: [0.8, 1.2],
      shear: 10,
      fill: -0.4,
      ...(source && { source }),
    }),
  randomRotation: (source) => augment.randomRotation([10, 20], source && { source }),
  randomCrop: (source) => augment.randomCrop([6, 5], { padding: 2, fill: 3, ...(source && { source }) }),
  gaussianNoise: (source) => augment.gaussianNoise(0.3, source),
};

describe.each(Object.entries(layers))("%s", (name, make) => {
  const n = 24;
  const shape = [n, 2, 6, 5];
  const same = Float32Array.from({ length: 24 * 60 }, (_, i) => Math.sin(i % 60)); // 24 equal images

  test("differs from image to image and from step to step, and repeats with its seed", () => {
    const run = (seed: number) => steps(make(new Random(seed)), shape, same, 3);
    const [first, second] = run(1);
    expect(new Set(images(first!, n)).size).toBeGreaterThan(1);
    expect(second).not.toEqual(first);
    expect(run(1)).toEqual(run(1));
    expect(run(2)[0]).not.toEqual(first);
  });

  test("draws from the source that nn.seed seeds", () => {
    const run = () => {
      nn.seed(5);
      return steps(make(), shape, same)[0];
    };
    expect(run()).toEqual(run());
  });

  test("changes nothing in evaluation, and an optimizer asks for the mode", () => {
    const x = input("x", shape);
    expect(make()(x, { training: false })).toBe(x);
    const model = nn.sequential(make(), nn.flatten(), nn.linear(60, 1));
    const loss = losses.mse(model(x), input("y", [n, 1]));
    expect(() => optim.adam().minimize(loss)).toThrow(`augment.${name}`);
  });

  test("has the gradients of its float64 twin, twice", () => {
    const x0 = input("x0", [2, 2, 6, 5]);
    const feeds = { x0: Float32Array.from({ length: 120 }, (_, i) => Math.cos(i)) };
    const y = make(new Random(3))(x0, { training: true });
    checkGradients(weigh(y), [x0], feeds);
    const [dx] = grad(weigh(mul(y, y)), [x0]);
    checkGradients(weigh(dx!), [x0], feeds);
  });

  test("refuses what are no images of floats", () => {
    const integers = input("i", shape, "i32") as never;
    expect(() => make()(integers, { training: true })).toThrow(`augment.${name}: x is i32, expected f32 or f16`);
    if (name !== "gaussianNoise")
      expect(() => make()(input("v", [4, 4]), { training: true })).toThrow(
        `augment.${name}: x is [4, 4], expected [N, C, H, W]`,
      );
  });
});

describe("flips", () => {
  test("mirror rows or columns exactly, as often as asked", () => {
    const x = ramp(6);
    expect([...steps(augment.randomHorizontalFlip(1), [1, 1, 2, 3], x)[0]!]).toEqual([3, 2, 1, 6, 5, 4]);
    expect([...steps(augment.randomVerticalFlip(1), [1, 1, 2, 3], x)[0]!]).toEqual([4, 5, 6, 1, 2, 3]);
    expect([...steps(augment.randomVerticalFlip(0), [1, 1, 2, 3], x)[0]!]).toEqual([...x]);
    const n = 2000;
    const [y] = steps(augment.randomHorizontalFlip(0.3, new Random(1)), [n, 1, 1, 2], ramp(2 * n));
    const flipped = Array.from({ length: n }, (_, i) => y![2 * i]! > y![2 * i + 1]!).filter(Boolean).length;
    // Four standard deviations of a binomial count.
    expect(Math.abs(flipped - 0.3 * n)).toBeLessThan(4 * Math.sqrt(n * 0.3 * 0.7));
  });
});

describe("randomCrop", () => {
  test("cuts out every window about equally often, and nothing else", () => {
    const n = 900;
    const image = ramp(20); // 4 × 5
    const data = Float32Array.from({ length: n * 20 }, (_, i) => image[i % 20]!);
    const [y] = steps(augment.randomCrop([2, 3], { source: new Random(2) }), [n, 1, 4, 5], data);
    const counts = new Map<string, number>();
    for (const window of images(y!, n)) counts.set(window, (counts.get(window) ?? 0) + 1);
    const windows = [0, 1, 2].flatMap((top) =>
      [0, 1, 2].map((left) => {
        const from = 5 * top + left;
        return [0, 1, 2, 5, 6, 7].map((i) => image[from + i]!).join();
      }),
    );
    expect([...counts.keys()].sort()).toEqual(windows.sort());
    for (const count of counts.values()) expect(Math.abs(count - 100)).toBeLessThan(4 * Math.sqrt(100 * (8 / 9)));
  });

  test("reaches beyond the edges with padding, where the fill value of each channel is", () => {
    const crop = augment.randomCrop(1, { padding: 1, fill: [-1, -2], source: new Random(4) });
    const n = 300;
    const data = Float32Array.from({ length: 2 * n }, (_, i) => 1 + (i % 2));
    const [y] = steps(crop, [n, 2, 1, 1], data);
    const seen = new Set(images(y!, n));
    expect(seen).toEqual(new Set(["1,2", "-1,-2"]));
    const inside = images(y!, n).filter((image) => image === "1,2").length;
    expect(Math.abs(inside - n / 9)).toBeLessThan(4 * Math.sqrt(n * (1 / 9) * (8 / 9)));
  });

  test("cuts out the middle in evaluation, or pads", () => {
    const evaluated = (size: [number, number], options?: augment.CropOptions) => {
      const y = augment.randomCrop(size, options)(input("x", [1, 1, 4, 5]), { training: false });
      return [...evaluate([y], { inputs: { x: ramp(20) } })[0]!.data];
    };
    expect(evaluated([2, 3])).toEqual([7, 8, 9, 12, 13, 14]);
    expect(evaluated([2, 3], { padding: 4 })).toEqual([7, 8, 9, 12, 13, 14]);
    expect(evaluated([4, 7], { padding: 2, fill: 9 })).toEqual(
      [0, 1, 2, 3].flatMap((row) => [9, ...[1, 2, 3, 4, 5].map((i) => 5 * row + i), 9]),
    );
  });

  test("refuses images that are too small", () => {
    expect(() => augment.randomCrop(6)(input("x", [1, 1, 4, 8]), { training: true })).toThrow(
      "augment.randomCrop: images of 4 × 8 are smaller than the crop, 6 × 6",
    );
    expect(() =>
      augment.randomCrop(6, { fill: [1, 2], padding: 1 })(input("x", [1, 3, 4, 8]), { training: true }),
    ).toThrow("augment.randomCrop: fill has 2 values for 3 channels");
  });
});

describe("randomAffine", () => {
  const turned = (options: augment.AffineOptions, shape: readonly number[], data: ArrayLike<number>) => [
    ...steps(augment.randomAffine(options), shape, data)[0]!,
  ];
  const close = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 9));

  test("turns by the angle, around the middle", () => {
    // Clockwise, as torchvision's affine: what was above is at the right.
    expect(turned({ degrees: [90, 90] }, [1, 1, 3, 3], ramp(9))).toEqual(close([7, 4, 1, 8, 5, 2, 9, 6, 3]));
    expect(turned({ degrees: [180, 180] }, [1, 1, 2, 3], ramp(6))).toEqual(close([6, 5, 4, 3, 2, 1]));
  });

  test("grows by the factor, and interpolates", () => {
    expect(turned({ scale: [2, 2] }, [1, 1, 1, 3], [0, 1, 0])).toEqual(close([0.5, 1, 0.5]));
    // At half the size, the outer results lie outside of the image.
    expect(turned({ scale: [0.5, 0.5], fill: 7 }, [1, 1, 3, 3], ramp(9))).toEqual(close([7, 7, 7, 7, 5, 7, 7, 7, 7]));
  });

  test("shears along rows", () => {
    // At 45°, the row above the middle moves by one pixel, the row below by one in the other direction.
    const y = turned({ shear: [45, 45] }, [1, 1, 3, 3], [0, 1, 0, 0, 1, 0, 0, 1, 0]);
    expect([close([0, 0, 1, 0, 1, 0, 1, 0, 0]), close([1, 0, 0, 0, 1, 0, 0, 0, 1])]).toContainEqual(y.map((v) => v));
  });

  test("shifts within the shares given, in all directions", () => {
    const n = 400;
    const [h, w] = [11, 21];
    const data = new Float32Array(n * h * w);
    for (let i = 0; i < n; i++) data[i * h * w + 5 * w + 10] = 1;
    const layer = augment.randomAffine({ translate: [0.25, 0.2], source: new Random(9) });
    const [y] = steps(layer, [n, 1, h, w], data);
    const shifts = Array.from({ length: n }, (_, i) => {
      let [x, down] = [0, 0];
      for (let k = 0; k < h * w; k++) {
        x += y![i * h * w + k]! * (k % w);
        down += y![i * h * w + k]! * Math.floor(k / w);
      }
      return { x: x - 10, down: down - 5 };
    });
    for (const { x, down } of shifts) {
      expect(Math.abs(x)).toBeLessThanOrEqual(0.25 * w + 1e-9);
      expect(Math.abs(down)).toBeLessThanOrEqual(0.2 * h + 1e-9);
    }
    const mean = (of: (shift: { x: number; down: number }) => number) => shifts.map(of).reduce((a, b) => a + b) / n;
    // Uniform numbers within ±a have deviation a/√3.
    expect(Math.abs(mean(({ x }) => x))).toBeLessThan((4 * 0.25 * w) / Math.sqrt(3 * n));
    expect(mean(({ x }) => x ** 2)).toBeGreaterThan((0.25 * w) ** 2 / 4);
    expect(mean(({ x, down }) => x * down)).toBeLessThan(1);
  });

  test("refuses amounts that are none", () => {
    expect(() => augment.randomAffine({ degrees: -5 })).toThrow(
      "augment.randomAffine: degrees is -5, expected a number from 0",
    );
    expect(() => augment.randomAffine({ degrees: [5, -5] })).toThrow(
      "degrees is [5, -5], expected an interval [low, high] from -360 to 360",
    );
    expect(() => augment.randomAffine({ translate: [2, 0] })).toThrow(
      "translate is [2, 0], expected [x, y], shares from 0 to 1",
    );
    expect(() => augment.randomRotation("x" as never)).toThrow(
      'augment.randomRotation: degrees is "x", expected an interval',
    );
  });
});

test.each<[() => nn.Module, string]>([
  [
    () => augment.randomAffine({ fill: 1e39 }),
    "augment.randomAffine: fill is 1e+39, expected a finite number that f32",
  ],
  [() => augment.randomCrop(2, { fill: [0, 1e39] }), "augment.randomCrop: fill[1] is 1e+39, expected a finite number"],
  [() => augment.randomRotation(1e308), "randomRotation: degrees is 1e+308, expected a number from 0 to 360, or an"],
  [() => augment.randomRotation([0, 361]), "degrees is [0, 361], expected an interval [low, high] from -360 to 360"],
  [() => augment.randomAffine({ scale: [0, 1] }), "scale is [0, 1], expected an interval [low, high] from 0.01 to 100"],
  [() => augment.randomAffine({ scale: [1e-30, 1] }), "scale is [1e-30, 1], expected an interval"],
  [() => augment.randomAffine({ scale: [1, 1e300] }), "scale is [1, 1e+300], expected an interval"],
  [
    () => augment.randomAffine({ shear: 90 }),
    "augment.randomAffine: shear is 90, expected a number from 0 to 80, or an",
  ],
  [
    () => augment.randomAffine({ shear: [-90, 0] }),
    "shear is [-90, 0], expected an interval [low, high] from -80 to 80",
  ],
  [() => augment.gaussianNoise(1e39), "augment.gaussianNoise: sigma is 1e+39, expected a number from 0 to 1e37"],
  [
    () => augment.randomCrop(2, { padding: 2 ** 40 }),
    "padding is 1099511627776, expected a whole number from 0 to 65536",
  ],
])("amounts that f32 cannot compute with are refused: %s", (make, message) => {
  expect(make).toThrow(message);
});

test("gaussianNoise has the deviation asked for", () => {
  const n = 20_000;
  const [y] = steps(augment.gaussianNoise(0.25, new Random(1)), [n], new Float32Array(n).fill(2));
  const mean = y!.reduce((a, b) => a + b) / n;
  const deviation = Math.sqrt(y!.reduce((sum, value) => sum + (value - mean) ** 2, 0) / n);
  expect(Math.abs(mean - 2)).toBeLessThan((4 * 0.25) / Math.sqrt(n));
  expect(Math.abs(deviation - 0.25)).toBeLessThan((4 * 0.25) / Math.sqrt(2 * n));
});

test("what results collect is the transpose of what they spread", () => {
  // ⟨u, S x⟩ = ⟨Sᵀ u, x⟩ for a map that turns, shears, shrinks and shifts, to another size.
  const map = constant(Float32Array.from([0.9, -0.7, 1.3, 0.5, 1.4, -2.2, 1, 0, -3, 0, 1, 2]), [2, 6]);
  const x = input("x0", [2, 1, 5, 4]);
  const y = sampleImages(x, map, constant(new Float32Array(1), [1]), { height: 6, width: 7 });
  checkGradients(weigh(y as Tensor), [x], { x0: ramp(40) }, { most: 40 });
});

test("the layers describe themselves, and are made again", () => {
  const make = () =>
    nn.sequential(
      augment.randomHorizontalFlip(0.25),
      augment.randomVerticalFlip(),
      augment.randomAffine({ degrees: [5, 10], translate: [0.1, 0.2], scale: [0.5, 2], shear: 3, fill: 0.5 }),
      augment.randomRotation(20, { fill: [1] }),
      augment.randomCrop([3, 4], { padding: 1, fill: 2 }),
      augment.gaussianNoise(0.2),
    );
  const text = JSON.stringify(toJSON(make()));
  const copy = fromJSON(text, { custom: augment });
  expect(JSON.stringify(toJSON(copy))).toBe(text);
  const results = [make, () => fromJSON(text, { custom: augment })].map((again) => {
    nn.seed(3);
    const y = again()(input("x", [2, 1, 5, 5]), { training: true });
    return new ReferenceProgram({ outputs: { y } }).run({ x: ramp(50) })["y"]!.data;
  });
  expect(results[1]).toEqual(results[0]);
  expect(() => fromJSON(text)).toThrow(
    'model.args[0].layer is "augment.randomHorizontalFlip", which is no layer of nn: import * as augment from "tilegrad/augment", and pass { custom: augment }',
  );
  expect(() => fromJSON({ format: "tilegrad model 1", model: { layer: "augment.relu", args: [] } }, {})).toThrow(
    "no layer of nn",
  );
});

test("models with these layers can be described under the names of custom, too", () => {
  const layers = custom({ ...augment });
  const model = nn.sequential(
    layers.randomAffine({ degrees: [5, 10], translate: [0.1, 0.2] }),
    layers.randomCrop([3, 4], { padding: 1 }),
    layers.gaussianNoise(0.2),
    nn.flatten(),
  );
  const json = toJSON(model);
  expect(toJSON(fromJSON(JSON.parse(JSON.stringify(json)), { custom: layers }))).toEqual(json);
});
