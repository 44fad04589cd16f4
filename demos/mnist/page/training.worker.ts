import { type Digits, mnist } from "../../../src/datasets/index.ts";
import { io, losses, metrics } from "../../../src/index.ts";
import { Trainer } from "../../../src/train/index.ts";
import { expose, moved } from "../../../src/worker/index.ts";
import { classes, first, side } from "../dataset.ts";
import { packedSuffix } from "../files.ts";
import { createNetwork, shapes } from "../network.ts";
import { meter } from "./meter.ts";

/** What the page is told before the trainer is ready. */
export type Told =
  | { readonly adapter: string; readonly cpu: boolean }
  /** Share of the images that has arrived, 0 … 1. */
  | { readonly share: number };

/** What the page tells the worker, whose own address is another. */
export interface Given {
  /** Address of the page. */
  readonly base: string;
}

/** Trains the network of the page in a worker: the page only shows it. */
export default expose(async (engine, { base }: Given, tell: (told: Told) => void) => {
  tell({ adapter: engine.adapter, cpu: engine.traits.cpu });
  const bytes = meter(engine.device);
  const { train, test } = await mnist({
    baseUrl: new URL("data", base).href,
    suffix: packedSuffix,
    onProgress: ({ loaded, total }) => tell({ share: loaded / total }),
  });
  const { model, weights, optimizer } = createNetwork({ seed: 1, lr: 1e-3 });
  const trainer = new Trainer({
    engine,
    model,
    loss: losses.crossEntropy,
    optimizer,
    shapes,
  });
  const batchSize = 64;
  const reset = (): void => {
    for (const variable of [...weights.values(), ...optimizer.state(weights).values()])
      engine.write(variable, variable.initial);
  };
  const examine = async ({ x }: Digits): Promise<Int32Array> =>
    metrics.argmaxRows((await trainer.predict(x)).data, classes);
  // Compiles all programs, so that the first step comes at once.
  await trainer.fit(first(train, batchSize), { batchSize });
  await examine(first(test, 256));
  reset();

  return {
    trainer,
    data: { train },
    methods: {
      facts: () => ({
        batchSize,
        images: train.y.data.length,
        memory: bytes(),
        parameters: [...weights.values()].reduce((sum, { size }) => sum + size, 0),
      }),
      test: () => test,
      /** The network's answers for the test images. */
      examine: async () => moved(await examine(test)),
      /** The probability of each digit for an image of 784 bytes. */
      async classify(image: Uint8Array) {
        const { data } = await trainer.predict({ data: image, shape: [1, 1, side, side] });
        const highest = Math.max(...data);
        const shares = Float32Array.from(data, (logit) => Math.exp(logit - highest));
        const sum = shares.reduce((a, b) => a + b);
        return moved(shares.map((share) => share / sum));
      },
      /** Restores the initial weights, as if nothing had been learned. */
      reset,
      /** The weights as a safetensors file. */
      save: async () => moved(await io.saveSafetensors(engine, weights, { format: "pt" })),
      /** @throws FormatError when the file does not fit; nothing has changed then. */
      load: (bytes: Uint8Array, name: string) => void io.loadSafetensors(engine, weights, bytes, { name }),
    },
  };
});
