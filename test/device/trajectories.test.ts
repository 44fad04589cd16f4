import { afterAll, describe, expect, test } from "vitest";
import { Engine } from "../../src/index.ts";
import { forced } from "../forced.ts";
import { readManifest } from "../golden/cases.ts";
import { deviceExecutor } from "../golden/device.ts";
import { modelFaults, modelSkipped, runFaults, runSkipped } from "../golden/trajectories.ts";
import { some } from "../place.ts";

// Whole training runs on the device against those of PyTorch in float64, step by step.
const [engine, { models, trajectories }] = await Promise.all([Engine.create(forced()), readManifest()]);
afterAll(() => engine.destroy());

const device = deviceExecutor(engine);

describe("models at their initial weights", () => {
  for (const model of some(models, 4)) {
    const reason = modelSkipped(model);
    test.skipIf(reason)(reason ? `${model.name}: ${reason}` : model.name, async () => {
      expect(await modelFaults(model, device)).toEqual([]);
    });
  }
});

describe("training runs", () => {
  for (const run of some(trajectories)) {
    const reason = runSkipped(run);
    test.skipIf(reason)(reason ? `${run.name}: ${reason}` : run.name, async () => {
      expect(await runFaults(run, device)).toEqual([]);
    });
  }
});
