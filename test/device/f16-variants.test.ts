import { afterAll, describe, expect, test } from "vitest";
import { reachable } from "../../src/graph/print.ts";
import { sizeOf } from "../../src/graph/shape.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import * as t from "../../src/index.ts";
import { Engine } from "../../src/index.ts";
import { attentionFamily } from "../../src/kernels/attention.ts";
import { convFamily } from "../../src/kernels/conv2d.ts";
import { weightGradFamily } from "../../src/kernels/conv2dWeightGrad.ts";
import { cumsumFamily } from "../../src/kernels/cumsum.ts";
import { embeddingGradFamily } from "../../src/kernels/embedding.ts";
import { normFamily } from "../../src/kernels/layerNorm.ts";
import { matmulFamily } from "../../src/kernels/matmul.ts";
import { pickFamily } from "../../src/kernels/pick.ts";
import { maxPoolGradFamily } from "../../src/kernels/pool2d.ts";
import { gruFamily, lstmFamily, rnnFamily } from "../../src/kernels/recurrent.ts";
import { reduceFamily } from "../../src/kernels/reduce.ts";
import { softmaxFamily } from "../../src/kernels/softmax.ts";
import { input } from "../../src/ops/sources/constants.ts";
import { evaluate } from "../../src/reference/index.ts";
import { wholeOf } from "../../src/selfcheck/registry.ts";
import { wherever } from "../forced.ts";
import { half, missOf, recurrent, roundings, values } from "../half.ts";
import { brief } from "../place.ts";

const engine = await Engine.create();
afterAll(() => engine.destroy());
const lacking = !engine.traits.features.has("shader-f16");
/** Tests are skipped on adapters without f16; their names say why. */
const titled = (title: string): string => (lacking ? `${title}: skipped, this adapter lacks shader-f16` : title);

const { device } = engine;

/** Runs outputs over f16 inputs with forced variants. Returns the kernels that ran. */
async function agrees(
  variants: Record<string, string>,
  outputs: Record<string, Tensor>,
  factor = roundings,
): Promise<string[]> {
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
    const miss = missOf(await program.outputs[name]!.data(), data, factor);
    if (miss) expect.fail(`${name}${miss}`);
  }
  const used = program.inspect().kernels.map(({ family, variant }) => `${family}/${variant}`);
  forced.destroy();
  return used;
}

describe.skipIf(lacking)(titled("every variant in f16"), () => {
  const large = (name: string): boolean => /16x|32x|tiled|halo/.test(name);
  // On a CPU adapter, the largest register tiles take half a minute to compile, and are not meant for these sizes.
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
  // The test of the registry has a vector for "dots", which fits no other product.
  const products = wholeOf(matmulFamily).variants.filter(({ name }) => name !== "dots");
  for (const { name } of products)
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

  for (const { name } of products.filter((variant) => !variant.name.startsWith("tiled")))
    test.skipIf(brief && (large(name) || /8x|x8/.test(name)))(`ops in front of a product, ${name}`, async () => {
      const h = t.gelu(half("a", [9, 16]));
      const mixed = t.cast(t.exp(input("c", [9, 16])), "f16");
      const used = await agrees(
        { matmul: name },
        { h, y: t.matmul(h, half("b", [16, 12])), mixed: t.matmul(mixed, half("d", [16, 12])) },
      );
      expect(used.filter((kernel) => kernel === `matmul/${name}`)).toHaveLength(2);
    });

  for (const { name } of wholeOf(convFamily).variants)
    test(`conv2d ${name}`, async () => {
      const [x, w] = [half("x", [2, 3, 9, 10]), half("w", [4, 3, 3, 3])];
      // With stride 2, the gradient of x takes four kernels.
      const y = t.conv2d(x, w, half("b", [4]), { padding: 1, stride: brief && large(name) ? 1 : 2 });
      const [dx, dw] = t.grad(t.sum(t.mul(y, y)), [x, w]);
      const gradients = weightGradFamily.variants.some((variant) => variant.name === name) ? [name] : [];
      for (const forced of brief && gradients.length ? gradients : [...gradients, "direct"])
        await agrees({ conv2d: name, conv2dWeightGrad: forced }, { y, dx: dx!, dw: dw! });
      const z = t.relu(t.conv2d(x, half("v", [4, 3, 2, 2])));
      await agrees({ conv2d: name }, { z });
    });

  const isForward = (name: string) => wholeOf(convFamily).variants.some((variant) => variant.name === name);
  for (const { name } of weightGradFamily.variants.filter((variant) => !isForward(variant.name)))
    test(`conv2dWeightGrad ${name}`, async () => {
      const [x, w, v] = [half("x", [2, 3, 9, 12]), half("w", [4, 3, 3, 3]), half("v", [3, 1, 3, 3])];
      const [y, z] = [t.conv2d(x, w, undefined, { padding: 1 }), t.conv2d(x, v, undefined, { groups: 3 })];
      const [dw, dv] = t.grad(t.add(t.sum(t.mul(y, y)), t.sum(t.mul(z, z))), [w, v]);
      const used = await agrees({ conv2dWeightGrad: name }, { dw: dw!, dv: dv! });
      expect(used).toContain(`conv2dWeightGrad/${name}`);
    });

  for (const { name } of reduceFamily.variants)
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

  for (const { name } of pickFamily.variants)
    test(`argmax and argmin, ${name}`, async () => {
      for (const shape of [
        [5, 7],
        [2, 9001],
      ]) {
        const x = half("x", shape);
        await agrees({ pick: name }, { argmax: t.argmax(x, 1), argmin: t.argmin(x, 0) });
      }
    });

  for (const { name } of softmaxFamily.variants)
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

  for (const { name } of attentionFamily.variants)
    test(`attention, ${name}`, async () => {
      const [q, k, v] = [half("q", [2, 7, 12]), half("k", [2, 37, 12]), half("v", [2, 37, 5])];
      const y = t.scaledDotProductAttention(q, k, v, { mask: input("mask", [37], "i32") });
      const [dq, dk, dv] = t.grad(t.sum(t.mul(y, y)), [q, k, v]);
      const backward = name === "tiles" ? name : "naive";
      const used = await agrees({ attention: name, attentionGrad: backward }, { y, dq: dq!, dk: dk!, dv: dv! });
      expect(used).toEqual(expect.arrayContaining([`attention/${name}`, `attentionGrad/${backward}`]));
    });

  for (const { name } of maxPoolGradFamily.variants)
    test(`max pooling, ${name}`, async () => {
      const x = half("x", [2, 3, 8, 7]);
      const y = t.maxPool2d(x, 2);
      const bent = t.maxPool2d(t.relu(x), 2);
      const gradientOf = (pooled: t.Tensor) => t.grad(t.sum(t.mul(pooled, pooled)), [x])[0]!;
      await agrees({ maxPool2dGrad: name }, { y, dx: gradientOf(y), masked: gradientOf(bent) });
    });

  for (const { name } of embeddingGradFamily.variants)
    test(`tables, ${name}`, async () => {
      const labels = input("labels", [4, 9], "i32");
      for (const size of [6, 8]) {
        const table = half("table", [11, size]);
        const y = t.embedding(labels, table);
        const [dw] = t.grad(t.sum(t.mul(y, half("u", [4, 9, size]))), [table]);
        await agrees({ embeddingGrad: name, ...(name === "naive" && { embedding: name }) }, { y, dw: dw! });
      }
    });

  test.each(["naive", "vec4"])("elements that move, %s", async (variant) => {
    const x = half("x", [5, 8]);
    await agrees(
      { pad: variant, concat: variant },
      {
        padded: t.pad(x, { low: [1, 3], high: [0, 1], value: 65504 }),
        joined: t.concat([x, t.flip(x, 1), half("z", [5, 4])], 1),
      },
    );
  });

  for (const { name } of cumsumFamily.variants)
    test(`running sums, ${name}`, async () => {
      const outputs = { rows: t.cumsum(half("x", [3, 130]), 1), columns: t.cumsum(half("z", [9, 4]), 0) };
      await agrees({ cumsum: name }, outputs);
    });

  for (const { name } of normFamily.variants)
    test(`normalisations, ${name}`, async () => {
      for (const shape of brief
        ? [[5, 12]]
        : [
            [5, 12],
            [9, 7],
            [3, 130],
          ]) {
        const [x, dy, mask] = [half("x", shape), half("dy", shape), input("mask", shape.slice(-1), "i32")];
        const affine = { weight: half("weight", shape.slice(-1)), bias: half("bias", shape.slice(-1)) };
        const [layer, rms] = [t.layerNorm(x, shape[1]!, affine), t.rmsNorm(x, shape[1]!)];
        // Ops that follow the gradient in its kernel.
        const masked = (dx: Tensor) => t.mul(t.where(mask, dx, t.zerosLike(dx)), 0.25);
        const [dx, dweight, dbias] = t.grad(t.sum(t.mul(layer, dy)), [x, affine.weight, affine.bias]);
        const [of] = t.grad(t.sum(t.mul(rms, dy)), [x]);
        const used = await agrees(
          { layerNorm: name },
          { layer, rms, dweight: dweight!, dbias: dbias!, masked: masked(dx!), masked2: masked(of!) },
        );
        expect(used.filter((kernel) => kernel === `layerNorm/${name}`)).toHaveLength(4);
      }
    });

  const cells = [
    { kind: "lstm", op: t.lstm, gates: 4, family: lstmFamily },
    { kind: "gru", op: t.gru, gates: 3, family: gruFamily },
    { kind: "rnn", op: t.rnn, gates: 1, family: rnnFamily },
  ] as const;
  // Tiles of eight rows take a CPU compiler longest.
  // A CPU compiler needs a minute for eight rows of four gates.
  const slow = (gates: number, name: string) =>
    brief && !(gates > 1 ? /naive|walk/ : /naive|steps[14]|walk/).test(name);
  for (const { kind, op, gates, family } of cells)
    for (const { name } of family.variants)
      test.skipIf(slow(gates, name))(`${kind}, ${name}`, { timeout: 300_000 }, async () => {
        const [steps, rows, inputs, hidden] = [3, 9, 3, 16];
        const small = (of: string, shape: number[]) => t.mul(half(of, shape), 0.25);
        const x = half("x", [steps, rows, inputs]);
        const weights = {
          weightIh: small("ih", [gates * hidden, inputs]),
          weightHh: small("hh", [gates * hidden, hidden]),
          biasIh: small("bi", [gates * hidden]),
          biasHh: small("bh", [gates * hidden]),
        };
        const start = {
          h0: half("h0", [1, rows, hidden]),
          ...(kind === "lstm" && { c0: half("c0", [1, rows, hidden]) }),
        };
        const { output, ...last } = op(x, [weights], start);
        expect(output.dtype).toBe("f16");
        const wrt = { x, ...weights, ...start };
        const loss = t.add(t.sum(t.mul(t.mul(output, half("dy", output.shape)), 0.25)), t.sum(last.hN));
        const gradients = t.grad(loss, Object.values(wrt));
        const named = Object.fromEntries(Object.keys(wrt).map((key, i) => [`d ${key}`, gradients[i]!]));
        const used = await agrees({ [kind]: name }, { output, ...last, ...named }, recurrent(steps));
        expect(used).toContain(`${kind}/${name}`);
      });

  const small = { lstm: "naive", gru: "naive" };
  const penalized: Record<string, (x: Tensor, w: Tensor, u: Tensor) => Tensor> = {
    "a layer norm": (x, w) => t.layerNorm(t.matmul(x, t.transpose(w)), w.shape[0]!),
    "an LSTM": (x, w, u) => t.lstm(x, [{ weightIh: w, weightHh: u }]).output,
    "a GRU": (x, w, u) => t.gru(x, [{ weightIh: t.slice(w, [[0, 12]]), weightHh: t.slice(u, [[0, 12]]) }]).output,
  };
  for (const [name, op] of Object.entries(penalized))
    test.skipIf(brief && name === "an LSTM")(`the gradient of a gradient penalty, ${name}`, async () => {
      const [x, w, u] = [half("x", [2, 3, 4]), half("w", [16, 4]), half("u", [16, 4])];
      const y = op(x, t.mul(w, 0.5), t.mul(u, 0.5));
      const [dx] = t.grad(t.sum(t.mul(t.mul(y, y), 0.25)), [x]);
      const penalty = t.mean(t.mul(t.cast(dx!, "f32"), t.cast(dx!, "f32")));
      const [dw] = t.grad(penalty, [w]);
      expect(dw!.dtype).toBe("f16");
      // Two steps forward, back, and both once more.
      await agrees(small, { dx: dx!, penalty, dw: dw! }, 2 * recurrent(2));
    });
});
