import { afterAll, beforeAll, expect, test } from "vitest";
import { data, Engine, input, io, losses, nn, optim, type Tensor } from "../../src/index.ts";
import { loadModel, saveModel } from "../../src/model/index.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.create();
});
afterAll(() => engine.destroy());

const samples = Float32Array.from({ length: 32 * 6 }, (_, i) => 5 + 3 * Math.sin(i * i));
const classes = Int32Array.from({ length: 32 }, (_, i) => i % 3);

/** Scores of all samples. */
async function scores(where: Engine, model: (x: Tensor) => Tensor, normalizer: data.Normalizer): Promise<number[]> {
  const program = await where.compile({ outputs: { y: model(input("x", [32, 6])) } });
  const { y } = await program.compute({ x: normalizer.apply(samples) });
  program.destroy();
  return [...y];
}

test("one file holds all that another engine needs to predict the same", async () => {
  const model = nn.sequential({
    body: nn.sequential(nn.linear(6, 8), nn.batchNorm1d(8), nn.relu(), nn.dropout(0.2)),
    head: nn.linear(8, 3),
  });
  const normalizer = data.standardize({ data: samples, shape: [32, 6] });
  const loss = losses.crossEntropy(model(input("x", [32, 6]), { training: true }), input("y", [32], "i32"));
  const step = await engine.compile({ updates: optim.adam({ lr: 0.05 }).minimize(loss) });
  for (let i = 0; i < 5; i++) await step.run({ x: normalizer.apply(samples), y: classes });
  const labels = ["ant", "bee", "cat"];
  const bytes = await saveModel(engine, model, {
    input: { shape: [6] },
    labels,
    normalizer,
    metadata: { author: "me" },
  });

  const elsewhere = await Engine.create();
  nn.seed(99);
  const loaded = loadModel(elsewhere, bytes);
  expect(loaded.input).toEqual({ shape: [6], dtype: "f32" });
  expect(loaded.labels).toEqual(labels);
  expect(loaded.metadata).toEqual({ author: "me" });
  expect(loaded.normalizer!.state).toEqual(normalizer.state);
  const wanted = await scores(engine, model, normalizer);
  expect(await scores(elsewhere, loaded.model, loaded.normalizer!)).toEqual(wanted);
  expect(new Set(wanted).size).toBeGreaterThan(50);
  elsewhere.destroy();

  // The same weights as a file of weights.
  const { tensors, metadata } = io.parseSafetensors(bytes);
  expect([...tensors.keys()]).toEqual([...model.variables.keys()]);
  expect(Object.keys(metadata).sort()).toEqual(["author", "tilegrad"]);
  expect(io.loadSafetensors(engine, model, bytes)).toEqual({ missing: [], unexpected: [] });
});
