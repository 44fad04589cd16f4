import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as augment from "../../src/augment/index.ts";
import { load, Runner } from "../../src/exported/index.ts";
import { Engine, exportPrograms, grad, input, io, losses, nn, optim, Random, type Variable } from "../../src/index.ts";
import { ReferenceProgram } from "../../src/reference/index.ts";
import { weigh } from "../differences.ts";

/* Augmentation on the GPU: values and gradients of several steps against float64, and trainings that use it. */

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.create();
});
afterAll(() => engine.destroy());

const layers: Readonly<Record<string, (source: Random) => nn.Module>> = {
  randomHorizontalFlip: (source) => augment.randomHorizontalFlip(0.5, source),
  randomVerticalFlip: (source) => augment.randomVerticalFlip(0.5, source),
  randomAffine: (source) =>
    augment.randomAffine({
      degrees: 40,
      translate: [0.2, 0.1],
      scale: [0.6, 1.5],
      shear: 15,
      fill: [-0.4, 0.7],
      source,
    }),
  "randomAffine that shrinks much": (source) => augment.randomAffine({ degrees: 180, scale: [0.15, 0.3], source }),
  "randomAffine that grows most": (source) => augment.randomAffine({ degrees: 360, scale: [100, 100], source }),
  "randomAffine that shrinks most": (source) => augment.randomAffine({ scale: [0.01, 0.01], source }),
  "randomAffine that shears most": (source) => augment.randomAffine({ degrees: 180, shear: 80, source }),
  randomRotation: (source) => augment.randomRotation(180, { source }),
  randomCrop: (source) => augment.randomCrop([13, 9], { padding: 3, fill: 3, source }),
  gaussianNoise: (source) => augment.gaussianNoise(0.3, source),
};

describe.each(Object.entries(layers))("%s", (_, make) => {
  test("gives the values and gradients of float64, in every step", async () => {
    const shape = [5, 2, 17, 11];
    const x = input("x", shape);
    const y = make(new Random(7))(x, { training: true });
    const [dx] = grad(weigh(y), [x]);
    const outputs = { y, dx: dx! };
    const program = await engine.compile({ outputs });
    const reference = new ReferenceProgram({ outputs });
    const data = Float32Array.from({ length: 5 * 2 * 17 * 11 }, (_, i) => Math.sin(i * 12.9898) * 1.5);
    for (let step = 0; step < 3; step++) {
      const found = await program.compute({ x: data });
      const expected = reference.run({ x: data });
      for (const name of ["y", "dx"] as const) {
        const worst = found[name].reduce(
          (most, value, i) => Math.max(most, Math.abs(value - expected[name]!.data[i]!)),
          0,
        );
        // Positions up to 17 in f32 are off by some 10⁻⁶, and neighbours differ by up to 3; Box–Muller is within 10⁻³.
        expect(worst, `${name} of step ${step}`).toBeLessThan(3e-4);
      }
    }
    program.destroy();
  });
});

/** A training of small images with all kinds of augmentation. */
async function training(seed: number) {
  nn.seed(seed);
  const before = nn.sequential(
    augment.randomHorizontalFlip(),
    augment.randomAffine({ degrees: 10, translate: [0.1, 0.1] }),
    augment.randomCrop(8, { padding: 1 }),
    augment.gaussianNoise(0.05),
  );
  const model = nn.sequential(nn.conv2d(1, 4, 3, { padding: 1 }), nn.relu(), nn.flatten(), nn.linear(256, 3));
  const images = input("x", [6, 1, 8, 8]);
  const loss = losses.crossEntropy(
    model(before(images, { training: true }), { training: true }),
    input("y", [6], "i32"),
  );
  const optimizer = optim.adam({ lr: 0.01 });
  const parts = { outputs: { loss }, updates: optimizer.minimize(loss) };
  const step = await engine.compile(parts);
  const weights = nn.stateDict(model);
  const random = new Map<string, Variable>([["key", nn.random().key]]);
  const feeds = {
    x: Float32Array.from({ length: 6 * 64 }, (_, i) => Math.sin(i * 0.7)),
    y: Int32Array.from({ length: 6 }, (_, i) => i % 3),
  };
  const run = async (steps: number): Promise<number[]> => {
    const seen: number[] = [];
    for (let i = 0; i < steps; i++) seen.push((await step.compute(feeds)).loss[0]!);
    return seen;
  };
  return { run, kept: { model: weights, optimizer: optimizer.state(weights), random }, before, model, parts, feeds };
}

test("a training repeats by its seed, and continues from a checkpoint bit for bit", async () => {
  const one = await training(1);
  const first = await one.run(4);
  const bytes = await io.saveCheckpoint(engine, one.kept);
  const rest = await one.run(4);
  expect(new Set([...first, ...rest]).size).toBe(8);
  expect(await (await training(1)).run(8)).toEqual([...first, ...rest]);
  const other = await training(2);
  expect(await other.run(4)).not.toEqual(first);
  io.loadCheckpoint(engine, other.kept, bytes);
  expect(await other.run(4)).toEqual(rest);
});

test("evaluation costs no dispatch, and a training can be exported", async () => {
  const { before, model, parts, run, feeds } = await training(1);
  const runner = await Runner.create();
  const { programs } = await load<{ step: "loss" }>(runner, exportPrograms({ step: parts }));
  const there: number[] = [];
  for (let i = 0; i < 3; i++) there.push((await programs.step.compute(feeds)).loss[0]!);
  // Exported for CPUs, a program has no subgroups: sums may round in another order.
  (await run(3)).forEach((loss, i) => expect(there[i]).toBeCloseTo(loss, 6));
  runner.destroy();
  const x = input("x", [6, 1, 8, 8]);
  const plain = await engine.compile({ outputs: { y: model(x, { training: false }) } });
  const idle = await engine.compile({ outputs: { y: model(before(x, { training: false }), { training: false }) } });
  expect(idle.inspect().kernels.map(({ label }) => label)).toEqual(plain.inspect().kernels.map(({ label }) => label));
});
