import { afterAll, beforeAll, expect, test } from "vitest";
import * as augment from "../../src/augment/index.ts";
import { data, Engine, input, io, losses, nn, optim, type Tensor } from "../../src/index.ts";
import { loadModel, saveModel } from "../../src/model/index.ts";
import { Trainer } from "../../src/train/index.ts";

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

test("a damaged weight is noticed", async () => {
  const bytes = await saveModel(engine, nn.linear(6, 3));
  expect(() => loadModel(engine, bytes)).not.toThrow();
  bytes[bytes.length - 3]! ^= 1;
  expect(() => loadModel(engine, bytes)).toThrow(
    "model file: its weights are not those that saveModel wrote: their checksum does not fit",
  );
});

test("layers of tilegrad/augment are saved", async () => {
  const model = nn.sequential(augment.randomCrop(2), nn.flatten(), nn.linear(4, 3));
  const bytes = await saveModel(engine, model);
  expect(() => loadModel(engine, bytes)).toThrow('import * as augment from "tilegrad/augment"');
  const loaded = loadModel(engine, bytes, { custom: augment });
  expect(loaded.model(input("x", [1, 1, 4, 4])).shape).toEqual([1, 3]);
});

test("a model of parts is saved, as weights and as a model", async () => {
  const make = () => ({ encoder: nn.linear(6, 4), heads: [nn.linear(4, 1), nn.linear(4, 2)] });
  const model = make();
  const { model: copy } = loadModel<typeof model>(engine, await saveModel(engine, model));
  expect(await engine.read(copy.heads[1]!.variables.get("weight")!)).toEqual(
    await engine.read(model.heads[1]!.variables.get("weight")!),
  );
  const bytes = await io.saveSafetensors(engine, model);
  expect([...io.parseSafetensors(bytes).tensors.keys()]).toEqual([...nn.stateDict(model).keys()]);
  for (const part of ["text", 5, nn.relu])
    await expect(io.saveSafetensors(engine, { ...model, part } as never)).rejects.toThrow(
      /"part" is .*expected a variable/,
    );
  const other = make();
  io.loadSafetensors(engine, other, bytes);
  expect(await engine.read(other.encoder.variables.get("bias")!)).toEqual(
    await engine.read(model.encoder.variables.get("bias")!),
  );
});

test("the checkpoint of a trainer says what it is", async () => {
  const model = nn.linear(6, 3);
  const trainer = new Trainer({ engine, model, loss: losses.crossEntropy, optimizer: optim.adam() });
  await trainer.fit({ x: { data: samples, shape: [32, 6] }, y: { data: classes, shape: [32] } }, { batchSize: 16 });
  const bytes = await trainer.save();
  expect(() => loadModel(engine, bytes)).toThrow(
    "model file: is a checkpoint of a training, without a description of its model: load it with trainer.load, then save the model with saveModel",
  );
  expect(() => io.loadSafetensors(engine, model, bytes)).toThrow(
    "it is a checkpoint of a training: { strict: false } takes its weights alone, trainer.load or loadCheckpoint all of it",
  );
});
