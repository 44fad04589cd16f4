import { afterAll, describe, expect, test } from "vitest";
import { Engine } from "../../src/index.ts";
import { readManifest } from "../golden/cases.ts";
import { type Executor, modelFaults, modelSkipped, runFaults, runSkipped } from "../golden/trajectories.ts";

// Whole training runs on the device against those of PyTorch in float64, step by step.
const [engine, { models, trajectories }] = await Promise.all([Engine.create(), readManifest()]);
afterAll(() => engine.destroy());

const device: Executor = {
  async program(description) {
    const program = await engine.compile(description);
    return {
      async run(feeds) {
        await program.run(feeds);
        const reads = Object.entries(program.outputs).map(
          async ([name, output]) => [name, await output.data()] as const,
        );
        return Object.fromEntries(await Promise.all(reads));
      },
    };
  },
  write: (variable, data) => engine.write(variable, data),
  read: (variable) => engine.read(variable),
};

describe("models at their initial weights", () => {
  for (const model of models) {
    const reason = modelSkipped(model);
    test.skipIf(reason)(reason ? `${model.name}: ${reason}` : model.name, async () => {
      expect(await modelFaults(model, device)).toEqual([]);
    });
  }
});

describe("training runs", () => {
  for (const run of trajectories) {
    const reason = runSkipped(run);
    test.skipIf(reason)(reason ? `${run.name}: ${reason}` : run.name, async () => {
      expect(await runFaults(run, device)).toEqual([]);
    });
  }
});
