import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Engine, input, losses, nn, optim, type Tensor } from "../../src/index.ts";
import { disguised } from "../forced.ts";
import { inChrome } from "../place.ts";

/*
 * The kernels that the rules of thumb choose for a GPU must train like those they choose here, on any adapter. In
 * Chrome, the reference cases and training runs use these kernels.
 */

let engine: Engine;
let posing: Engine;
beforeAll(async () => {
  engine = await Engine.create();
  posing = await Engine.create({ gpu: disguised(navigator.gpu) });
  expect(posing.traits.cpu).toBe(false);
});
afterAll(() => {
  engine.destroy();
  posing.destroy();
});

const noise = (n: number, scale = 1) => Float32Array.from({ length: n }, (_, i) => Math.sin((i + 1) * 12.9898) * scale);
const labels = (n: number, classes: number) => Int32Array.from({ length: n }, (_, i) => (i * 7) % classes);

interface Task {
  readonly loss: () => Tensor;
  readonly feeds: Readonly<Record<string, Float32Array | Int32Array>>;
  /** Some of the kernels chosen for a GPU. */
  readonly variants: readonly string[];
}

const tasks: Readonly<Record<string, Task>> = {
  "a multilayer network": {
    loss() {
      const model = nn.sequential(nn.linear(300, 64), nn.relu(), nn.linear(64, 10));
      return losses.crossEntropy(model(input("x", [48, 300])), input("y", [48], "i32"));
    },
    feeds: { x: noise(48 * 300), y: labels(48, 10) },
    variants: ["matmul/groupK4x8"],
  },
  "a convolutional network": {
    loss() {
      const model = nn.sequential(
        nn.conv2d(1, 8, 5, { padding: 2 }),
        nn.relu(),
        nn.maxPool2d(2),
        nn.conv2d(8, 32, 3),
        nn.relu(),
        nn.flatten(),
        nn.linear(32 * 64, 3),
      );
      return losses.crossEntropy(model(input("x", [4, 1, 20, 20])), input("y", [4], "i32"));
    },
    feeds: { x: noise(4 * 400), y: labels(4, 3) },
    variants: ["conv2d/halo", "conv2d/tiled", "conv2dWeightGrad/depthwise", "conv2dWeightGrad/tiled"],
  },
  "a recurrent network": {
    loss() {
      const layer = nn.lstm(6, 16);
      const { output } = layer(input("x", [5, 3, 6]));
      return losses.mse(output, input("y", [5, 3, 16]));
    },
    feeds: { x: noise(90), y: noise(240, 0.5) },
    variants: [],
  },
  "a transformer block": {
    loss() {
      const block = nn.transformerEncoderLayer(32, 2, { feedforward: 64, dropout: 0 });
      return losses.mse(block(input("x", [2, 40, 32])), input("y", [2, 40, 32]));
    },
    feeds: { x: noise(2560), y: noise(2560, 0.5) },
    variants: ["attention/tiles"],
  },
};

describe.skipIf(inChrome)("kernels chosen for GPUs train like those chosen here", () => {
  test.each(Object.entries(tasks))("%s", { timeout: 120_000 }, async (_, { loss: build, feeds, variants }) => {
    const runs = [];
    for (const on of [engine, posing]) {
      nn.seed(1);
      const loss = build();
      const step = await on.compile({ outputs: { loss }, updates: optim.adam({ lr: 0.003 }).minimize(loss) });
      const values: number[] = [];
      for (let i = 0; i < 4; i++) {
        await step.run(feeds);
        values.push(await step.outputs.loss.scalar());
      }
      runs.push({
        values,
        used: step
          .inspect()
          .kernels.map(({ family, variant }) => `${family}/${variant}`)
          .join(" "),
      });
      step.destroy();
    }
    const [here, there] = runs as [(typeof runs)[0], (typeof runs)[0]];
    there.values.forEach((value, i) => {
      expect(Math.abs(value - here.values[i]!)).toBeLessThan(1e-4);
    });
    expect(here.values[3]).toBeLessThan(here.values[0]!);
    for (const variant of variants) expect(there.used).toContain(variant);
  });
});
