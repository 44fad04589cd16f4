import { describe, expect, test } from "vitest";
import type { Variable } from "../../src/graph/tensor.ts";
import { ReferenceProgram } from "../../src/reference/index.ts";
import { readManifest } from "../golden/cases.ts";
import { type Executor, modelFaults, modelSkipped, runFaults, runSkipped } from "../golden/trajectories.ts";

// Compares the float64 twin with PyTorch step by step: gradients and optimizers must mean the same.
const { models, trajectories } = await readManifest();

function twin(): Executor {
  const state = new Map<Variable, Float64Array>();
  const all = new ReferenceProgram({}, state);
  return {
    async program(description) {
      const program = new ReferenceProgram(description, state);
      return {
        async run(feeds) {
          return Object.fromEntries(Object.entries(program.run(feeds)).map(([name, { data }]) => [name, data]));
        },
      };
    },
    write: (variable, data) => all.write(variable, data),
    read: async (variable) => all.read(variable),
  };
}

describe("models at their initial weights", () => {
  for (const model of models) {
    const reason = modelSkipped(model);
    test.skipIf(reason)(reason ? `${model.name}: ${reason}` : model.name, async () => {
      expect(await modelFaults(model, twin())).toEqual([]);
    });
  }
});

describe("training runs", () => {
  for (const run of trajectories) {
    const reason = runSkipped(run);
    test.skipIf(reason)(reason ? `${run.name}: ${reason}` : run.name, async () => {
      expect(await runFaults(run, twin())).toEqual([]);
    });
  }
});
