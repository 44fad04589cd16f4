import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Engine, nn, optim, type Variable } from "../../src/index.ts";
import { loadCheckpoint } from "../../src/io/index.ts";
import { exportTorch } from "../../src/torch/index.ts";
import { inputsFor, rowsOf, trainBoth } from "./compare.ts";
import { all, folderOf, hasTorch, lossesOf, runPython, train } from "./python.ts";
import { cases, optimizers } from "./runs.ts";

const engine = await Engine.create();
const [before, steps] = [5, 20];
const args = ["--no-shuffle", "--log-every", "1", "--steps", `${steps}`];

const zerosFor = ({ dtype, size }: Variable) => (dtype === "f32" ? new Float32Array(size) : new Int32Array(size));

/** The largest difference of two lists, relative to the second. */
const farthest = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((value, i) => Math.abs(value - b[i]!) / Math.abs(b[i]!)));

describe("PyTorch goes on where tilegrad is, and the result comes back:", () => {
  for (const [name, make] of Object.entries(cases)) {
    test.skipIf(!hasTorch || (!all && name !== "MLP"))(name, async () => {
      nn.seed(1);
      const training = make();
      const { files, losses } = await trainBoth(engine, training, before, steps);
      const folder = folderOf(files);
      const theirs = lossesOf(await train(folder, args));
      expect(theirs).toHaveLength(steps);
      expect(farthest(theirs, losses)).toBeLessThan(1e-4);
      // It has learnt something, so that equal losses say something.
      expect(Math.abs(losses[0]! - losses.at(-1)!)).toBeGreaterThan(0.01);

      // Back: weights, moments and step of PyTorch, and the loss of the next batch.
      const { model, options, data } = training;
      const size = options.batchSize!;
      const loss = options.loss(inputsFor(training, size));
      const program = await engine.compile({ outputs: { loss } });
      const batch = rowsOf(data, 0, size) as never;
      const own = ((await program.compute(batch)).loss as Float32Array)[0]!;
      // So that equal losses cannot come from weights that are still here.
      for (const variable of model.variables.values()) engine.write(variable, zerosFor(variable));
      const state = options.optimizer.state(nn.stateDict(model));
      const blank = ((await program.compute(batch)).loss as Float32Array)[0]!;
      expect(Math.abs(blank / own - 1)).toBeGreaterThan(0.01);
      loadCheckpoint(engine, { model, optimizer: state }, readFileSync(join(folder, "trained.safetensors")));
      const back = ((await program.compute(batch)).loss as Float32Array)[0]!;
      expect(Math.abs(back / own - 1)).toBeLessThan(1e-4);
    });
  }
});

test.skipIf(!hasTorch || !all)("every optimizer takes the same steps", async () => {
  for (const [name, make] of Object.entries(optimizers)) {
    nn.seed(1);
    const { files, losses } = await trainBoth(engine, make(), before, steps);
    const theirs = lossesOf(await train(folderOf(files), args));
    expect(farthest(theirs, losses), name).toBeLessThan(1e-4);
  }
});

describe("two processes with half of each batch take the same steps:", () => {
  for (const [name, make] of Object.entries(cases)) {
    // Batch normalisation sees half of a batch there: another training, see below.
    if (name === "CNN with batch norm") continue;
    test.skipIf(!hasTorch || !all)(name, async () => {
      nn.seed(1);
      const { files, losses } = await trainBoth(engine, make(), before, steps);
      const theirs = lossesOf(await train(folderOf(files), args, 2));
      expect(farthest(theirs, losses)).toBeLessThan(1e-4);
    });
  }
});

test.skipIf(!hasTorch || !all)(
  "with batch norm, they take the steps of a batch whose halves are normalised apart",
  async () => {
    nn.seed(1);
    const training = cases["CNN with batch norm"]!();
    const { model, options, data } = training;
    const size = options.batchSize!;
    const files = await exportTorch(engine, { model, ...options, data });
    const theirs = lossesOf(await train(folderOf(files), args, 2));
    const sums = optim.accumulator([...model.variables.values()].filter(({ group }) => group === "parameters"));
    const loss = options.loss(inputsFor(training, size / 2));
    const half = await engine.compile({ outputs: { loss }, updates: sums.collect(loss) });
    const step = await engine.compile({ updates: sums.step(options.optimizer as optim.Optimizer) });
    const losses: number[] = [];
    for (let i = 0; i < steps; i++) {
      const parts: number[] = [];
      for (const k of [0, 1]) parts.push((await half.compute(rowsOf(data, 2 * i + k, size / 2) as never)).loss[0]!);
      await step.run();
      losses.push((parts[0]! + parts[1]!) / 2);
    }
    expect(farthest(theirs, losses)).toBeLessThan(1e-4);
  },
);

test.skipIf(!hasTorch || !all)("the way by FSDP is valid Python, but this PyTorch cannot run it", async () => {
  nn.seed(1);
  const { files } = await trainBoth(engine, cases["MLP"]!(), 0, 1);
  const folder = folderOf(files);
  expect(files["train.py"]).toContain("fully_shard(step)");
  await runPython(folder, ["-m", "py_compile", "train.py"]);
});
