import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type ConvOptions,
  conv2d,
  convTranspose2d,
  Engine,
  grad,
  input,
  maxPool2d,
  mul,
  type PoolOptions,
  pad,
  relu,
  sum,
  type Tensor,
} from "../../src/index.ts";
import { convFamily } from "../../src/kernels/conv2d.ts";
import { weightGradFamily } from "../../src/kernels/conv2dWeightGrad.ts";
import { evaluate } from "../../src/reference/index.ts";
import { wholeOf } from "../../src/selfcheck/registry.ts";
import { wherever } from "../forced.ts";
import { some, spares } from "../place.ts";

/*
 * Convolution, its gradients and their gradients, in every variant, against the float64 twin.
 */

const adapter = (await navigator.gpu.requestAdapter())!;
const subgroups = adapter.features.has("subgroups");
let device: GPUDevice;
beforeAll(async () => {
  device = await adapter.requestDevice({ requiredFeatures: subgroups ? ["subgroups"] : [] });
});
afterAll(() => device.destroy());

const values = (n: number, seed: number) =>
  Float32Array.from({ length: n }, (_, i) => Math.fround(Math.sin(i * 0.37 + seed)));

async function agrees(
  variant: string,
  outputs: Record<string, Tensor>,
  feeds: Record<string, Float32Array>,
): Promise<void> {
  const having = [convFamily, weightGradFamily]
    .map(wholeOf)
    .filter(({ variants }) => variants.some(({ name }) => name === variant));
  const forced = Object.fromEntries(having.map(({ name }) => [name, variant]));
  const engine = await Engine.create({ device, variants: wherever(forced) });
  const program = await engine.compile({ outputs });
  const families = program.inspect().kernels.filter(({ family }) => family.startsWith("conv"));
  expect(families.length).toBeGreaterThan(0);
  // A phase without kernel elements leaves nothing to tile.
  expect(families.some((kernel) => kernel.variant === variant)).toBe(true);
  await program.run(feeds);
  for (const [name, { data }] of Object.entries(evaluate(outputs, { inputs: feeds }))) {
    const got = await program.outputs[name]!.data();
    data.forEach((value, i) => {
      if (!(Math.abs(got[i]! - value) <= 2e-5 * (4 + Math.abs(value))))
        expect.fail(`${name}[${i}] is ${got[i]}, expected ${value}`);
    });
  }
  engine.destroy();
}

type Case = [name: string, x: number[], weight: number[], options: ConvOptions];
const cases: Case[] = [
  ["3×3", [2, 3, 9, 10], [5, 3, 3, 3], { padding: 1 }],
  ["5×5 of one channel", [3, 1, 12, 12], [8, 1, 5, 5], { padding: 2 }],
  ["strided by 2", [2, 4, 11, 9], [6, 4, 3, 3], { stride: 2, padding: 1 }],
  ["strided beyond its kernel", [1, 2, 10, 11], [3, 2, 2, 2], { stride: 3 }],
  [
    "dilated, uneven",
    [2, 2, 12, 10],
    [4, 2, 3, 2],
    {
      dilation: [2, 3],
      stride: [1, 2],
      padding: [
        [1, 0],
        [2, 1],
      ],
    },
  ],
  ["depthwise", [2, 6, 8, 8], [6, 1, 3, 3], { groups: 6, padding: 1 }],
  ["grouped", [2, 6, 7, 7], [9, 2, 3, 3], { groups: 3, padding: "same" }],
  ["wide kernel", [1, 2, 4, 30], [2, 2, 1, 11], { padding: [0, 5] }],
  ["1×1, strided", [2, 5, 6, 7], [7, 5, 1, 1], { stride: 2, padding: 1 }],
];

/** Those of "halo" take a while to compile. */
const haloCases: Case[] = [
  ...cases.filter(([name]) => ["dilated, uneven", "grouped", "wide kernel"].includes(name)),
  ["of more channels than a workgroup's", [2, 19, 9, 12], [70, 19, 3, 3], { padding: 1 }],
  ["7×7, strided by 2", [2, 3, 19, 20], [17, 3, 7, 7], { padding: 3, stride: 2 }],
];

const casesOf = (variant: string): Case[] =>
  variant === "halo" ? some(haloCases) : some(cases, variant === "tiled" ? cases.length : 2);

const variants = wholeOf(convFamily)
  .variants.map(({ name }) => name)
  .filter((name) => subgroups || name !== "quads");
describe.each(variants)("%s", (variant) => {
  test.each(casesOf(variant))("%s", async (_, xShape, wShape, options) => {
    const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
    const [x, w, b] = [input("x", xShape), input("w", wShape), input("b", [wShape[0]!])];
    const y = conv2d(x, w, b, options);
    const loss = sum(mul(relu(y), input("u", y.shape)));
    const [dx, dw, db] = grad(loss, [x, w, b]) as [Tensor, Tensor, Tensor];
    const [second] = grad(sum(mul(dx, input("v", xShape))), [w]) as [Tensor];
    const feeds = {
      x: values(size(xShape), 1),
      w: values(size(wShape), 2),
      b: values(wShape[0]!, 3),
      u: values(size(y.shape), 4),
      v: values(size(xShape), 5),
    };
    await agrees(variant, { y, activated: relu(y), dx, dw, db, second }, feeds);
  });

  test.skipIf((spares && variant === "tiled") || variant === "halo")("transposed", async () => {
    const [x, w] = [input("x", [2, 4, 5, 6]), input("w", [4, 3, 3, 3])];
    const y = convTranspose2d(x, w, input("b", [3]), { stride: 2, padding: 1, outputPadding: 1 });
    const [dx, dw] = grad(sum(mul(y, input("u", y.shape))), [x, w]) as [Tensor, Tensor];
    expect(y.shape).toEqual([2, 3, 10, 12]);
    await agrees(variant, { y, dx, dw }, { x: values(240, 1), w: values(108, 2), b: values(3, 3), u: values(720, 4) });
  });
});

const depthwiseCases: Case[] = [
  ...cases.filter(([name]) => name === "depthwise"),
  ["depthwise, twice as many channels, strided", [3, 4, 9, 12], [8, 1, 3, 3], { groups: 4, padding: 1, stride: 2 }],
  ["depthwise, of large kernels", [2, 2, 9, 7], [2, 1, 6, 5], { groups: 2, padding: [3, 2], dilation: [1, 2] }],
];

describe("weight gradient, depthwise", () => {
  test.each(some(depthwiseCases))("%s", async (_, xShape, wShape, options) => {
    const [x, w] = [input("x", xShape), input("w", wShape)];
    const y = conv2d(x, w, undefined, options);
    const [dw] = grad(sum(mul(y, input("u", y.shape))), [w]) as [Tensor];
    const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
    await agrees("depthwise", { dw }, { x: values(size(xShape), 1), u: values(size(y.shape), 4) });
  });
});

test.each([{ stride: 1 }, { stride: 2 }, { stride: [2, 3] }] as const)(
  "a 1×1 kernel with %j is a product of matrices",
  async ({ stride }) => {
    const [x, w] = [input("x", [2, 5, 8, 9]), input("w", [7, 5, 1, 1])];
    const wide = pad(w, { low: [0, 0, 1, 1], high: [0, 0, 1, 1] });
    const all = [conv2d(x, w, undefined, { stride }), conv2d(x, wide, undefined, { stride, padding: 1 })].map((y) => ({
      y,
      ...Object.fromEntries(grad(sum(mul(y, input("u", y.shape))), [x, w]).map((g, i) => [["dx", "dw"][i]!, g])),
    }));
    const [product, convolution] = await Promise.all(
      all.map(async (outputs: Record<string, Tensor>) => {
        const engine = await Engine.create({ device });
        const program = await engine.compile({ outputs });
        await program.run({
          x: values(720, 1),
          w: values(35, 2),
          u: values(2 * 7 * outputs["y"]!.shape[2]! * outputs["y"]!.shape[3]!, 3),
        });
        const kernels = program.inspect().kernels.map(({ family }) => family);
        const data = await Promise.all(Object.values(program.outputs).map((output) => output.data()));
        engine.destroy();
        return { kernels, data };
      }),
    );
    expect(product!.kernels).toContain("matmul");
    expect(product!.kernels.join()).not.toContain("conv");
    expect(convolution!.kernels.join()).toContain("conv");
    expect(product!.data.map(({ length }) => length)).toEqual(convolution!.data.map(({ length }) => length));
    product!.data.forEach((numbers, i) => {
      numbers.forEach((value, k) => expect(Math.abs(value - convolution!.data[i]![k]!)).toBeLessThan(5e-5));
    });
  },
);

test("invalid geometry is refused by name", () => {
  const [x, w] = [input("x", [1, 3, 8, 8]), input("w", [4, 3, 3, 3])];
  expect(() => conv2d(x, input("w", [4, 2, 3, 3]))).toThrow(
    "conv2d: input [1, 3, 8, 8] does not fit weight [4, 2, 3, 3] in 1 group: expected 2 channels",
  );
  expect(() => conv2d(x, w, undefined, { stride: 0 })).toThrow("conv2d: stride is 0");
  expect(() => conv2d(x, w, undefined, { padding: "same", stride: 2 })).toThrow('padding "same" needs a stride of 1');
  expect(() => conv2d(x, w, undefined, { dilation: 4 })).toThrow("kernel [3, 3] is larger than the padded input");
  expect(() => conv2d(x, w, input("b", [3]))).toThrow("bias [3] does not fit 4 output channels");
});

describe.each(["naive", "blocks"])("gradient of max pooling, %s", (variant) => {
  test.each([
    [[2, 3, 8, 8], 2, {}],
    [[1, 2, 7, 9], 2, { stride: [2, 3] }],
    [[2, 1, 7, 7], 3, { ceilMode: true }],
    [[1, 1, 5, 6], [1, 4], { stride: [3, 4] }],
  ] as [number[], number | [number, number], PoolOptions][])("%j, window %j, %j", async (shape, kernel, options) => {
    const x = input("x", shape);
    const y = maxPool2d(x, kernel, options);
    const [dx] = grad(sum(mul(y, input("u", y.shape))), [x]) as [Tensor];
    const size = (of: readonly number[]) => of.reduce((a, b) => a * b, 1);
    const engine = await Engine.create({ device, variants: { maxPool2dGrad: variant } });
    const bent = relu(x);
    const [masked] = grad(sum(mul(maxPool2d(bent, kernel, options), input("u", y.shape))), [x]) as [Tensor];
    const outputs = { y, dx, masked };
    const program = await engine.compile({ outputs });
    const gradients = program.inspect().kernels.filter((call) => call.family === "maxPool2dGrad");
    expect(gradients.map((call) => call.variant)).toEqual([variant, variant]);
    expect(gradients.map(({ label }) => label.endsWith("+gt+where:f32")).sort()).toEqual([false, true]);
    // Values repeat, so that windows have ties.
    const feeds = { x: values(size(shape), 1).map((v) => Math.round(2 * v)), u: values(size(y.shape), 2) };
    await program.run(feeds);
    for (const [name, { data }] of Object.entries(evaluate(outputs, { inputs: feeds }))) {
      expect([...(await program.outputs[name as "y"].data())]).toEqual([...data].map(Math.fround));
    }
    engine.destroy();
  });
});

test("max pooling gives −∞ for a window of only −∞ or only padding", async () => {
  const [x, scattered] = [input("x", [1, 1, 2, 2]), input("scattered", [1, 1, 4, 4])];
  const [y, empty] = [maxPool2d(x, 2), maxPool2d(scattered, 2, { padding: 1, dilation: 5 })];
  const [dx, dempty] = grad(sum(y), [x]).concat(grad(sum(empty), [scattered])) as [Tensor, Tensor];
  const engine = await Engine.create({ device });
  const program = await engine.compile({ outputs: { y, empty, dx, dempty } });
  const lowest = Number.NEGATIVE_INFINITY;
  const feeds = { x: new Float32Array(4).fill(lowest), scattered: values(16, 1) };
  await program.run(feeds);
  const wanted = { y: [lowest], empty: [lowest], dx: [1, 0, 0, 0], dempty: Array(16).fill(0) };
  const reference = evaluate({ y, empty, dx, dempty }, { inputs: feeds });
  for (const [name, data] of Object.entries(wanted)) {
    expect([...(await program.outputs[name as "y"].data())], name).toEqual(data);
    expect([...reference[name as "y"].data], name).toEqual(data);
  }
  engine.destroy();
});
