import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as t from "../../src/index.ts";
import { Engine, grad, input, nn, type Tensor } from "../../src/index.ts";
import { evaluate, ReferenceProgram } from "../../src/reference/index.ts";
import { weighAll } from "../differences.ts";
import { firstMiss } from "../golden/cases.ts";

/*
 * The variants of the row kernels, forced in turn, against the float64 twin; and the statistics of batch normalisation.
 */

const adapter = (await navigator.gpu.requestAdapter())!;
const subgroups = adapter.features.has("subgroups");
let engine: Engine;
beforeAll(async () => {
  // Limits are those that every adapter has.
  engine = await Engine.create({
    device: await adapter.requestDevice({ requiredFeatures: subgroups ? ["subgroups"] : [] }),
  });
});
afterAll(() => {
  engine.destroy();
  engine.device.destroy();
});

const noise = (n: number, seed: number) =>
  Float32Array.from({ length: n }, (_, i) => Math.fround(1.5 * Math.sin(12.9898 * (i + 1) * seed)));

const variants = ["naive", "serial", "tree", "kept", ...(subgroups ? ["quads"] : [])];

describe.each(variants)("normalisation of rows, %s", (variant) => {
  test.each([
    ["short odd rows", [5, 7], 1],
    ["short rows of vec4", [67, 8], 1],
    ["long odd rows", [2, 1025], 1],
    ["long rows of vec4", [3, 2052], 1],
    ["rows of one", [4, 1], 1],
    ["channels of vec4", [2, 6, 2, 4], 3],
    ["odd channels", [3, 4, 5], 2],
  ] as [string, number[], number][])("%s", async (_, shape, groups) => {
    const x = input("x", shape);
    const size = shape.slice(1);
    const [weight, bias] = [input("weight", size), input("bias", size)];
    const [factor, shift] = [input("factor", [shape[1]!]), input("shift", [shape[1]!])];
    const results: Record<string, Tensor> = {
      layer: t.layerNorm(x, size, { weight, bias }),
      plain: t.layerNorm(x, size),
      rms: t.rmsNorm(x, size, { weight, eps: 1e-3 }),
      group: t.groupNorm(x, shape.length > 2 ? groups : 1, { weight: factor, bias: shift }),
    };
    const wrt = [x, weight, bias, factor, shift];
    const gradients = grad(weighAll(Object.values(results)), wrt);
    const outputs = { ...results, ...Object.fromEntries(gradients.map((g, i) => [`gradient ${i}`, g])) };
    const feeds = Object.fromEntries(
      wrt.map(({ node, shape }, i) => [
        node.attrs["name"],
        noise(
          shape.reduce((a, b) => a * b),
          i + 1,
        ),
      ]),
    );
    const wanted = evaluate(outputs, { inputs: feeds });
    const forced = await Engine.create({ device: engine.device, variants: { layerNorm: variant } });
    const program = await forced.compile({ outputs });
    await program.run(feeds);
    for (const [name, want] of Object.entries(wanted)) {
      // One element has no variance: 1 / √ε amplifies f32's rounding errors.
      const atol = name.startsWith("gradient") ? 1e-4 : 2e-5;
      expect(firstMiss(await program.outputs[name]!.data(), want.data, 2e-5, atol), name).toBeUndefined();
    }
    const kernels = program.inspect().kernels.filter(({ family }) => family === "layerNorm");
    expect(new Set(kernels.map((kernel) => kernel.variant))).toEqual(new Set([variant]));
    expect(kernels.some(({ label }) => label.startsWith("layerNormGrad"))).toBe(true);
    forced.destroy();
  });

  test("a large offset costs no precision", async () => {
    const x = input("x", [3, 64]);
    const forced = await Engine.create({ device: engine.device, variants: { layerNorm: variant } });
    const program = await forced.compile({ outputs: { y: t.layerNorm(x, 64) } });
    const feeds = { x: noise(192, 3).map((value) => 30_000 + value) };
    await program.run(feeds);
    const [wanted] = evaluate([t.layerNorm(x, 64)], { inputs: feeds });
    expect(firstMiss(await program.outputs.y.data(), wanted!.data, 1e-5, 1e-5)).toBeUndefined();
    forced.destroy();
  });
});

describe("batch normalisation", () => {
  const model = () => nn.sequential(nn.batchNorm2d(3, { momentum: 0.3 }), nn.relu());
  const x = input("x", [4, 3, 5, 2]);
  const feeds = (seed: number) => ({ x: noise(120, seed) });

  test("training programs update the running statistics, evaluation uses them", { tags: ["quick"] }, async () => {
    const layer = model();
    const state = nn.stateDict(layer);
    const train = { outputs: { y: layer(x, { training: true }) } };
    const judge = { outputs: { y: layer(x) } };
    const [training, evaluation] = [await engine.compile(train), await engine.compile(judge)];
    const twin = new ReferenceProgram(train);
    for (const seed of [1, 2, 3]) {
      await training.run(feeds(seed));
      const wanted = twin.run(feeds(seed)).y!.data;
      expect(firstMiss(await training.outputs.y.data(), wanted, 1e-5, 1e-5)).toBeUndefined();
    }
    for (const [name, v] of state) {
      expect(firstMiss(await engine.read(v), twin.read(v), 1e-5, 1e-6), name).toBeUndefined();
    }
    expect(await engine.read(state.get("0.num_batches_tracked")!)).toEqual(Int32Array.of(3));
    await evaluation.run(feeds(4));
    const wanted = new ReferenceProgram(judge, twin.state).run(feeds(4)).y!.data;
    expect(firstMiss(await evaluation.outputs.y.data(), wanted, 1e-5, 1e-5)).toBeUndefined();
    expect(await engine.read(state.get("0.num_batches_tracked")!)).toEqual(Int32Array.of(3));
    for (const program of [training, evaluation]) program.destroy();
  });
});
