import { afterAll, describe, expect, test } from "vitest";
import * as t from "../../src/index.ts";
import { Engine, input, losses, nn, optim, type Tensor, type TensorData, type Variable } from "../../src/index.ts";
import { ReferenceProgram } from "../../src/reference/index.ts";
import { brief } from "../place.ts";

// The definitions of LSTM and GRU, since a CPU compiler takes a minute for their tiles.
const engine = await Engine.create({ variants: brief ? { lstm: "naive", gru: "naive" } : {} });
afterAll(() => engine.destroy());
const lacking = !engine.traits.features.has("shader-f16");
const titled = (title: string): string => (lacking ? `${title}: skipped, this adapter lacks shader-f16` : title);

const wave = (n: number, by: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * by));
const labels = (n: number, classes: number) => Int32Array.from({ length: n }, (_, i) => (i * 7) % classes);

const mlp = () => nn.sequential(nn.linear(20, 64), nn.relu(), nn.linear(64, 32), nn.gelu(), nn.linear(32, 5));
const lenet = (pool = nn.maxPool2d) =>
  nn.sequential(
    nn.conv2d(1, 4, 5, { padding: 2 }),
    nn.relu(),
    pool(2),
    nn.conv2d(4, 6, 3, { bias: false }),
    nn.batchNorm2d(6),
    nn.tanh(),
    nn.avgPool2d(2),
    nn.flatten(),
    nn.linear(24, 5),
  );
const attentive = () =>
  nn.sequential(
    nn.linear(6, 8),
    nn.layerNorm(8),
    nn.transformerEncoderLayer(8, 2, { feedforward: 16, dropout: 0 }),
    nn.flatten(),
    nn.linear(40, 5),
  );

/** A language model that reads five tokens of eleven and predicts a class. */
const languageModel = (kind: "lstm" | "gru") => () =>
  nn.sequential(
    nn.embedding(tokens, 8),
    { lstm: nn.lstm, gru: nn.gru }[kind](8, 12, { batchFirst: true }).output,
    nn.layerNorm(12),
    nn.lastStep(),
    nn.linear(12, 5),
  );
const tokens = 11;

const models: [name: string, make: () => nn.Module, shape: number[]][] = [
  ["a multilayer perceptron", mlp, [16, 20]],
  ["a convolutional net with batch normalisation", () => lenet(), [8, 1, 14, 14]],
  ["a language model with an LSTM", languageModel("lstm"), [4, 5]],
  ["a language model with a GRU", languageModel("gru"), [4, 5]],
  ["a transformer block", attentive, [8, 5, 6]],
];

/** The input of a model, and values for it. */
function inputOf(name: string, shape: number[]): { x: Tensor; values: TensorData } {
  const n = shape.reduce((a, b) => a * b);
  return name.startsWith("a language model")
    ? { x: input("x", shape, "i32"), values: labels(n, tokens) }
    : { x: input("x", shape), values: wave(n, 0.7) };
}

/** Trains a model in f32, or in mixed precision with loss scaling. */
async function train(name: string, make: () => nn.Module, shape: number[], steps: number, mixed: boolean) {
  nn.seed(5);
  const model = make();
  const { x, values } = inputOf(name, shape);
  const y = input("y", [shape[0]!], "i32");
  const applied = mixed ? nn.mixedPrecision(model) : model;
  const loss = losses.crossEntropy(applied(x, { training: true }), y);
  const scaler = optim.lossScaler({ interval: 10 });
  const updates = optim.adam({ lr: 0.01 }).minimize(loss, mixed ? { scaler } : {});
  // The f32 run is only for comparison: without merging, its kernels compile faster.
  const program = await engine.compile({ outputs: { loss }, updates }, { merge: mixed || !brief });
  const feeds = { x: values, y: labels(shape[0]!, 5) };
  const found: number[] = [];
  for (let i = 0; i < steps; i++) {
    await program.run(feeds);
    found.push(await program.outputs.loss.scalar());
  }
  return { model, program, found, scaler, updates, loss, feeds };
}

describe.skipIf(lacking)(titled("mixed precision"), () => {
  // A CPU compiler needs a minute for the kernels of a transformer's step. Its gradients are still tested below.
  test.skipIf(brief).each(models.slice(3))("%s trains as in f32", trainsAsInF32);
  test.each(models.slice(0, 3))("%s trains as in f32", trainsAsInF32);

  async function trainsAsInF32(name: string, make: () => nn.Module, shape: number[]): Promise<void> {
    const [wide, mixed] = [await train(name, make, shape, 40, false), await train(name, make, shape, 40, true)];
    expect(wide.found.at(-1)!).toBeLessThan(0.5 * wide.found[0]!);
    mixed.found.forEach((value, i) => {
      // Three percent of the loss, and of its decrease so far: small differences grow from step to step.
      expect(Math.abs(value - wide.found[i]!), `step ${i}`).toBeLessThan(0.03 * wide.found[0]!);
    });
    const weights = [...mixed.model.variables.values()];
    expect(weights.every(({ dtype }) => dtype !== "f16")).toBe(true);
    expect((await engine.read(mixed.scaler.scale))[0]).toBeGreaterThanOrEqual(65536);
  }

  test.each(models)("%s has the gradients of its float64 twin", async (name, make, shape) => {
    nn.seed(5);
    // With two nearly equal elements, f16 may pick another maximum; that says nothing about the accuracy of gradients.
    const model = name.includes("convolutional") ? lenet(nn.avgPool2d) : make();
    const { x, values } = inputOf(name, shape);
    const y = input("y", [shape[0]!], "i32");
    const loss = losses.crossEntropy(nn.mixedPrecision(model)(x, { training: true }), y);
    const plain = losses.crossEntropy(model(x, { training: true }), y);
    const all = [...model.variables.values()].filter(({ group }) => group === "parameters") as Variable[];
    // The gradient of the first layer passes through all other layers.
    const parameters = brief && name.includes("transformer") ? all.slice(0, 2) : all;
    const outputs = (value: t.Tensor) => {
      // Scaled by hand: otherwise many of them would be subnormal in f16.
      const gradients = t.grad(t.mul(value, 1024), parameters);
      return { loss: value, ...Object.fromEntries(gradients.map((g, i) => [`g${i}`, g])) } as Record<string, t.Tensor>;
    };
    const feeds = { x: values, y: labels(shape[0]!, 5) };
    // Compute these first: later the engine has the running statistics, and updates them.
    const [twin, wide] = [outputs(loss), outputs(plain)].map((each) =>
      new ReferenceProgram({ outputs: each }).run(feeds),
    );
    // Merged kernels take twice as long to compile, and the trainings have some.
    const program = await engine.compile({ outputs: outputs(loss) }, { merge: !brief });
    await program.run(feeds);
    for (const [name, { data }] of Object.entries(wide!)) {
      expect(
        twin![name]!.data.every((v, i) => Math.abs(v - data[i]!) < 1e-9),
        name,
      ).toBe(true);
      const got = await program.outputs[name]!.data();
      const largest = data.reduce((top, v) => Math.max(top, Math.abs(v)), 1);
      // About thirty roundings forward and backward, 2⁻¹¹ each.
      data.forEach((v, i) => {
        if (!(Math.abs(got[i]! - v) <= 0.015 * largest)) expect.fail(`${name}[${i}] is ${got[i]}, expected ${v}`);
      });
    }
  });

  test("all weights are rounded by one dispatch and updated by another", async () => {
    const { program } = await train("", mlp, [16, 20], 1, true);
    const kernels = program.inspect().kernels.flatMap(({ label }) => label.split(" | "));
    expect(kernels.filter((label) => label.startsWith("castAll×6"))).toHaveLength(1);
    expect(kernels.filter((label) => label.startsWith("adam"))).toHaveLength(1);
    // The cast of the batch has been fused into the product that reads it.
    const products = kernels.filter((label) => /\bmatmul\[/.test(label));
    expect(products).toHaveLength(8);
    expect(products.filter((label) => label.startsWith("cast+"))).toHaveLength(1);
    for (const label of products) expect(label).toMatch(/:f16$/);
  });

  test("an overflow skips the step and halves the factor", async () => {
    const { program, model, scaler, updates, feeds } = await train("", mlp, [16, 20], 3, true);
    const kept = updates.map(([variable]) => variable).filter(({ group }) => !/scale|overflow/.test(group));
    expect(kept.length).toBeGreaterThan(3 * model.variables.size);
    const read = async () =>
      (await Promise.all(kept.map((v) => engine.read(v)))).flatMap(({ buffer }) => [...new Uint32Array(buffer)]).join();
    const before = await read();
    const scale = (await engine.read(scaler.scale))[0]!;
    await program.run({ ...feeds, x: feeds.x.map((v: number, i: number) => (i === 33 ? 1e5 : v)) }); // too large for f16
    expect((await read()) === before).toBe(true);
    expect((await engine.read(scaler.scale))[0]).toBe(scale / 2);
    await program.run(feeds);
    expect((await read()) === before).toBe(false);
    expect((await engine.read(scaler.scale))[0]).toBe(scale / 2);
  });

  test("small gradients underflow without scaling, and survive with it", async () => {
    const x = input("x", [4, 3]);
    const model = nn.mixedPrecision(nn.sequential(nn.linear(3, 4), nn.linear(4, 2)));
    const parameters = optim.parametersOf(model(x));
    const loss = t.mul(t.sum(model(x)), 1e-9);
    const scaler = optim.lossScaler();
    const total = (gradients: t.Tensor[]) => gradients.map((g) => t.sum(t.abs(g))).reduce(t.add);
    const program = await engine.compile({
      outputs: { plain: total(t.grad(loss, parameters)), scaled: total(t.grad(scaler.scaled(loss), parameters)) },
    });
    await program.run({ x: wave(12, 1) });
    expect(await program.outputs.plain.scalar()).toBe(0);
    expect(await program.outputs.scaled.scalar()).toBeGreaterThan(0);
  });

  test("dropout draws and running statistics are advanced as in f32", async () => {
    nn.seed(2);
    const model = nn.mixedPrecision(nn.sequential(nn.linear(4, 6), nn.dropout(0.5), nn.batchNorm1d(6)));
    const program = await engine.compile({ outputs: { y: model(input("x", [8, 4]), { training: true }) } });
    const [mean, key] = [model.variables.get("2.running_mean")!, nn.random().key];
    await program.run({ x: wave(32, 0.3) });
    expect((await engine.read(key))[1]).toBe(1);
    expect((await engine.read(mean)).some((v) => v !== 0)).toBe(true);
    expect((await program.outputs.y.data()).every(Number.isFinite)).toBe(true);
  });
});
