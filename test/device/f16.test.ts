import { afterAll, describe, expect, test } from "vitest";
import { grad } from "../../src/compile/grad.ts";
import { halfBits, halfValue, packHalves, unpackHalves } from "../../src/graph/half.ts";
import { reachable } from "../../src/graph/print.ts";
import { type DType, showShape, sizeOf } from "../../src/graph/shape.ts";
import type { Tensor, TensorData } from "../../src/graph/tensor.ts";
import * as t from "../../src/index.ts";
import { Engine } from "../../src/index.ts";
import { cast } from "../../src/ops/arithmetic.ts";
import { constant, input, variable } from "../../src/ops/constants.ts";
import { correlateVariants } from "../../src/ops/convKernels.ts";
import { matmulVariants } from "../../src/ops/matmul.ts";
import { pickVariants } from "../../src/ops/pick.ts";
import { maxPoolGradVariants } from "../../src/ops/pool.ts";
import { reduceVariants } from "../../src/ops/reduction.ts";
import { softmaxVariants } from "../../src/ops/softmax.ts";
import { evaluate } from "../../src/reference/index.ts";
import { type CaseRow, cases } from "../cases.ts";
import { weigh } from "../differences.ts";
import { fill, reals } from "../draws.ts";
import { wherever } from "../forced.ts";
import { brief } from "../place.ts";

const engine = await Engine.create();
afterAll(() => engine.destroy());
const lacking = !engine.traits.features.has("shader-f16");
/** Tests are skipped on adapters without f16; their names say why. */
const titled = (title: string): string => (lacking ? `${title}: skipped, this adapter lacks shader-f16` : title);

/**
 * What f16 may lose against float64. An f16 number is exact to 2⁻¹¹ of itself, so a chain of n roundings loses up to
 * about n · 2⁻¹¹ of its largest number, which is estimated as the largest result, or 1 (as in 1 − y). Rows are chains
 * of less than 8; sums are f32 and add nothing visible.
 */
const unit = 2 ** -11;
const roundings = 8;

/** Numbers that are exact in f16, so that the twin starts from the same ones. */
const exact = (data: TensorData): TensorData =>
  data instanceof Float32Array ? unpackHalves(packHalves(data)).subarray(0, data.length) : data;

function missOf(got: ArrayLike<number>, want: Float64Array, factor: number): string | undefined {
  const largest = want.reduce((top, value) => Math.max(top, Math.abs(value)), 1);
  const at = want.findIndex(
    (value, i) => !(Math.abs(got[i]! - value) <= factor * unit * 0.5 * (Math.abs(value) + largest)),
  );
  return at < 0 ? undefined : `[${at}] is ${got[at]}, expected ${want[at]}`;
}

/** Ops whose kernels are f32 only. */
const wide = /^(foreach|layerNorm|rmsNorm|groupNorm|instanceNorm|lstm|gru|rnn)/;

async function check(row: CaseRow, factor = roundings): Promise<void> {
  const faults: string[] = [];
  for (const shapes of row.shapes) {
    const data = fill(row.draws ?? [reals(-2, 2)], shapes.map(sizeOf)).map(exact);
    const dtypeOf = (values: TensorData): DType => (values instanceof Float32Array ? "f16" : "i32");
    const inputs = shapes.map((shape, i) => input(`x${i}`, shape, dtypeOf(data[i]!)));
    const feeds = Object.fromEntries(data.map((values, i) => [`x${i}`, values]));
    const y = row.op(...inputs);
    const halves = inputs.filter((x) => x.dtype === "f16");
    const gradients = y.dtype === "f16" && !row.noGradient ? grad(weigh(cast(y, "f32")), halves) : [];
    const outputs: Record<string, Tensor> = { y };
    gradients.forEach((dx, i) => {
      outputs[`gradient ${i}`] = dx;
    });
    const wanted = evaluate(outputs, { inputs: feeds });
    const program = await engine.compile({ outputs });
    await program.run(feeds);
    for (const [name, want] of Object.entries(wanted)) {
      const miss = missOf(await program.outputs[name]!.data(), want.data, want.dtype === "i32" ? 0 : factor);
      if (miss) faults.push(`${shapes.map(showShape).join(" ")} ${name}${miss}`);
    }
    program.destroy();
  }
  expect(faults).toEqual([]);
}

describe.skipIf(lacking)(titled("every op in f16 agrees with its float64 twin"), () => {
  for (const row of cases) if (!wide.test(row.name)) test(row.name, () => check(row));
});

const { device } = engine;
const values = (n: number, seed: number) => exact(Float32Array.from({ length: n }, (_, i) => Math.sin(i * 0.7 + seed)));

/** Runs outputs over f16 inputs with forced variants. Returns the kernels that ran. */
async function agrees(variants: Record<string, string>, outputs: Record<string, Tensor>): Promise<string[]> {
  const forced = await Engine.create({ device, variants: wherever(variants) });
  const program = await forced.compile({ outputs });
  const nodes = reachable(Object.values(outputs)).filter(({ op }) => op.source === "input");
  const feeds = Object.fromEntries(
    nodes.map(({ attrs, results: [x] }) => {
      const n = sizeOf(x!.shape);
      return [attrs["name"], x!.dtype === "i32" ? Int32Array.from({ length: n }, (_, i) => i % 3) : values(n, n)];
    }),
  );
  await program.run(feeds);
  for (const [name, { data }] of Object.entries(evaluate(outputs, { inputs: feeds }))) {
    const miss = missOf(await program.outputs[name]!.data(), data, roundings);
    if (miss) expect.fail(`${name}${miss}`);
  }
  const used = program.inspect().kernels.map(({ family, variant }) => `${family}/${variant}`);
  forced.destroy();
  return used;
}

const half = (name: string, shape: readonly number[]) => input(name, shape, "f16");

describe.skipIf(lacking)(titled("every variant in f16"), () => {
  const large = (name: string): boolean => /16x|32x|tiled/.test(name);
  // A CPU compiler needs half a minute for the largest register tiles, at sizes they are not meant for.
  const sizes = (name: string): [number, number, number][] => {
    if (/8x|x8/.test(name)) return [[64, 68, 64]];
    return brief
      ? [[65, 67, 784]]
      : [
          [3, 5, 7],
          [65, 67, 784],
          [64, 68, 64],
        ];
  };
  for (const { name } of matmulVariants)
    test.skipIf(brief && large(name) && name !== "tiled").each(sizes(name))(
      `matmul ${name}, %i × %i over %i`,
      async (m, n, k) => {
        const [a, b] = [half("a", [m, k]), half("b", [k, n])];
        const [at, bt] = [t.transpose(half("at", [k, m])), t.transpose(half("bt", [n, k]))];
        const short = brief && large(name);
        const used = await agrees(
          { matmul: name },
          {
            ...(!short && { nn: t.matmul(a, b), nt: t.matmul(a, bt) }),
            tn: t.matmul(at, b),
            ...(!short && { tt: t.matmul(at, bt) }),
            fused: t.tanh(t.add(t.matmul(a, half("c", [k, n])), half("bias", [n]))),
            widened: t.mul(t.cast(t.matmul(a, half("d", [k, n])), "f32"), input("e", [m, n])),
          },
        );
        expect(used.filter((kernel) => kernel === `matmul/${name}`)).toHaveLength(short ? 3 : 6);
      },
    );

  for (const { name } of matmulVariants.filter((variant) => !variant.name.startsWith("tiled")))
    test.skipIf(brief && (large(name) || /8x|x8/.test(name)))(`ops in front of a product, ${name}`, async () => {
      const h = t.gelu(half("a", [9, 16]));
      const mixed = t.cast(t.exp(input("c", [9, 16])), "f16");
      const used = await agrees(
        { matmul: name },
        { h, y: t.matmul(h, half("b", [16, 12])), mixed: t.matmul(mixed, half("d", [16, 12])) },
      );
      expect(used.filter((kernel) => kernel === `matmul/${name}`)).toHaveLength(2);
    });

  for (const { name } of correlateVariants)
    test(`conv2d ${name}`, async () => {
      const [x, w] = [half("x", [2, 3, 9, 10]), half("w", [4, 3, 3, 3])];
      // With stride 2, the gradient of x takes four kernels.
      const y = t.conv2d(x, w, half("b", [4]), { padding: 1, stride: brief && large(name) ? 1 : 2 });
      const [dx, dw] = t.grad(t.sum(t.mul(y, y)), [x, w]);
      for (const forced of brief ? [name] : [name, "direct"])
        await agrees({ conv2d: name, conv2dWeightGrad: forced }, { y, dx: dx!, dw: dw! });
      const z = t.relu(t.conv2d(x, half("v", [4, 3, 2, 2])));
      await agrees({ conv2d: name }, { z });
    });

  for (const { name } of reduceVariants)
    test(`reductions, ${name}`, async () => {
      for (const shape of [
        [5, 7],
        [2, 9001],
        [6, 128],
      ]) {
        const x = half("x", shape);
        const outputs = { sum: t.sum(x, 1), mean: t.mean(x), max: t.max(x, 0), prod: t.prod(t.mul(x, 0.01), 1) };
        await agrees({ reduce: name }, outputs);
        const around = (axis: number) =>
          t.add(t.tanh(t.sum(t.mul(t.abs(x), 0.001), axis)), half(`y${axis}`, [shape[1 - axis]!]));
        await agrees(
          { reduce: name },
          { columns: around(0), rows: around(1), wide: t.sum(t.cast(t.exp(x), "f32"), 0) },
        );
      }
    });

  for (const { name } of pickVariants)
    test(`argmax and argmin, ${name}`, async () => {
      for (const shape of [
        [5, 7],
        [2, 9001],
      ]) {
        const x = half("x", shape);
        await agrees({ pick: name }, { argmax: t.argmax(x, 1), argmin: t.argmin(x, 0) });
      }
    });

  for (const { name } of softmaxVariants)
    test(`softmax, ${name}`, async () => {
      const x = t.mul(half("x", [5, 130]), 10);
      const loss = t.softmaxCrossEntropy(x, input("labels", [5], "i32"));
      expect(loss.dtype).toBe("f32");
      const outputs = { softmax: t.softmax(x), logSoftmax: t.logSoftmax(x, 0), loss, dx: t.grad(t.sum(loss), [x])[0]! };
      await agrees({ softmax: name }, outputs);
      const through = t.grad(t.sum(t.mul(t.softmax(x), half("w", [5, 130]))), [x])[0]!;
      const mask = input("mask", [130], "i32");
      const masked = t.mul(t.where(mask, through, t.zerosLike(through)), 0.5);
      await agrees({ softmaxGrad: name }, { through });
      await agrees({ softmaxGrad: name }, { masked });
    });

  for (const { name } of maxPoolGradVariants)
    test(`max pooling, ${name}`, async () => {
      const x = half("x", [2, 3, 8, 7]);
      const y = t.maxPool2d(x, 2);
      const bent = t.maxPool2d(t.relu(x), 2);
      const gradientOf = (pooled: t.Tensor) => t.grad(t.sum(t.mul(pooled, pooled)), [x])[0]!;
      await agrees({ maxPool2dGrad: name }, { y, dx: gradientOf(y), masked: gradientOf(bent) });
    });
});

describe.skipIf(lacking)(titled("f16 tensors"), () => {
  test("fusing changes only the last bits", async () => {
    const [a, b, c] = [half("a", [7, 13]), half("b", [13, 9]), half("c", [9])];
    const h = t.gelu(t.add(t.matmul(a, b), c));
    const chain = t.softplus(t.sub(t.mul(h, 3.7), t.div(c, t.add(t.exp(h), 1.1))));
    const outputs = { chain, mixed: t.cast(t.mul(t.cast(chain, "f32"), 1.01), "f16") };
    const feeds = { a: values(91, 1), b: values(117, 2), c: values(9, 3) };
    const read = async (fuse: boolean) => {
      const program = await engine.compile({ outputs }, { fuse });
      await program.run(feeds);
      return Promise.all([program.outputs.chain.data(), program.outputs.mixed.data()]);
    };
    const [fused, plain] = [await read(true), await read(false)];
    // Two roundings: where the compiler contracts a · b + c, and its effect on the next operation.
    fused.forEach((data, i) => {
      expect(missOf(data, Float64Array.from(plain[i]!), 2)).toBeUndefined();
    });
  });

  test("sums of many numbers do not overflow on the way to their mean", async () => {
    const program = await engine.compile({ outputs: { mean: t.mean(t.add(half("x", [300, 300]), 60)) } });
    await program.run({ x: new Float32Array(90000).fill(4) });
    expect(await program.outputs.mean.scalar()).toBe(64);
  });

  test("variables, constants and feeds are rounded on upload, and read back as numbers", async () => {
    const third = halfValue(halfBits(1 / 3));
    const w = variable(new Float32Array([1 / 3, 2, 3]), [3], { name: "w", dtype: "f16" });
    const added = constant(new Float32Array([1 / 3, 1, 65504]), [3], "added", "f16");
    const x = half("x", [3]);
    const program = await engine.compile({
      outputs: { y: t.maximum(t.mul(x, w), added) },
      updates: [[w, t.add(w, 1)]],
    });
    await program.run({ x: new Float32Array([1, 1 / 3, 0]) });
    expect([...(await program.outputs.y.data())]).toEqual([third, 1, 65504]);
    expect([...(await engine.read(w))]).toEqual([halfValue(halfBits(third + 1)), 3, 4]);
    engine.write(w, new Float32Array([1 / 3, -1e-7, 70000]));
    expect([...(await engine.read(w))]).toEqual([third, -(2 ** -23), Number.POSITIVE_INFINITY]);
  });

  test("overflow is reported where it arises", async () => {
    const program = await engine.compile({ outputs: { y: t.exp(half("x", [5])) } }, { checkFinite: true });
    await program.run({ x: new Float32Array([1, 2, 3, 4, 5]) });
    expect((await program.outputs.y.data())[0]).toBeCloseTo(Math.E, 2);
    await program.run({ x: new Float32Array([1, 2, 3, 4, 12]) });
    await expect(program.outputs.y.data()).rejects.toThrow('first arose in kernel "exp[5]:f16"');
  });
});
