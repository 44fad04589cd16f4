import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { relative } from "node:path";
import { mnist } from "../../src/datasets/index.ts";
import { Engine, io, losses } from "../../src/index.ts";
import { createGPU } from "../../src/node/index.ts";
import { accuracy, type Callback, type Progress as Done, Trainer } from "../../src/train/index.ts";
import { leaveInterrupted, run } from "../terminal/command.ts";
import { adapterFacts, clock, count, fact, mebibytes, paint, percent } from "../terminal/format.ts";
import { Progress } from "../terminal/progress.ts";
import { first, normalization } from "./dataset.ts";
import { architectures, createNetwork, type Network, shapes } from "./network.ts";
import { help, type Options, parseOptions } from "./terminal/options.ts";
import { answersOf, page, printed } from "./terminal/report.ts";

await run({ name: "npm start", help, parse: parseOptions, main });

async function main(options: Options, stop: AbortSignal): Promise<void> {
  const { epochs, batchSize, lr, seed, model, report } = options;
  const { layers } = architectures[model];
  const began = performance.now();
  console.log(
    paint("bold", `${layers} on MNIST`) +
      paint("dim", `  Adam, one cycle of lr up to ${lr}, batches of ${batchSize}, seed ${seed}\n`),
  );
  const engine = await Engine.create({ gpu: await createGPU() });
  adapterFacts(engine);
  const { train, test } = await mnist();
  const digits = first(train, options.limit);
  const steps = epochs * Math.ceil(digits.y.data.length / batchSize);
  const network = createNetwork({ seed, lr, steps, architecture: model });
  const trainer = new Trainer({
    engine,
    model: network.model,
    loss: losses.crossEntropy,
    optimizer: network.optimizer,
    metrics: { accuracy },
    shapes,
  });
  await trainer.compile({ fit: batchSize, evaluate: 256, predict: 256 });
  const { variables, total } = trainer.memory;
  fact("memory", `${mebibytes(total)} planned, including ${mebibytes(variables)} of weights and moments`);
  fact("images", `${count(digits.y.data.length)} to train on, ${count(test.y.data.length)} to test on\n`);

  let last: Done | undefined;
  let bar: Progress | undefined;
  const label = (epoch: number): string => `Epoch ${epoch}/${epochs}`;
  const show: Callback = {
    onEpochBegin(epoch) {
      bar = new Progress(label(epoch), digits.y.data.length);
    },
    onProgress(progress) {
      last = progress;
      const { samples, logs, samplesPerSecond, secondsLeft } = progress;
      const facts = `loss ${logs.loss.toFixed(4)}  ${count(samplesPerSecond)} images/s`;
      if (bar?.isDue(samples)) bar.update(samples, `${facts}  ${clock(secondsLeft!)} left`);
    },
    onEpochEnd({ epoch, loss, val_accuracy, samples, seconds }) {
      bar?.stop();
      const tested = `test accuracy ${paint("green", percent(val_accuracy!))}`;
      const speed = `${count(samples / seconds)} images/s`;
      console.log(`${paint("bold", label(epoch))}  loss ${loss.toFixed(4)}  ${tested}  ${speed}  ${clock(seconds)}`);
    },
  };
  const history = await trainer
    .fit(digits, {
      epochs,
      batchSize,
      seed,
      signal: stop,
      validationData: test,
      progressEvery: 20,
      callbacks: [show],
    })
    .finally(() => bar?.stop());

  if (stop.aborted) {
    leaveInterrupted();
    if (!last) return console.log("Stopped before the first step; nothing was written.");
    console.log(
      `\nStopped in epoch ${last.epoch}, after ${count(last.samples)} of its images; the weights so far are kept.`,
    );
  } else {
    const answers = answersOf(test, (await trainer.predict(test.x)).data);
    console.log(printed(answers));
    if (report) {
      const configuration = { optimizer: "Adam, one cycle", lr, batchSize, epochs, seed, images: digits.y.data.length };
      await writeFile(report, page(`${layers} on MNIST`, configuration, history, answers));
      console.log(`Report written to ${relative(".", report)}.`);
    }
  }
  const weights = await save(engine, network, options);
  if (stop.aborted) return;
  console.log(
    `Took ${clock((performance.now() - began) / 1000)}. The same seed on the same adapter gives the same bits:`,
  );
  fact("last loss", String(history.epochs.at(-1)!.loss));
  fact("weights", `sha256 ${createHash("sha256").update(weights).digest("hex")}`);
}

async function save(engine: Engine, { weights, layers }: Network, { output }: Options): Promise<Uint8Array> {
  const { mean, std } = normalization;
  const input = `784 pixels from 0 to 1, minus ${mean}, divided by ${std}`;
  const bytes = await io.saveSafetensors(engine, weights, { format: "pt", network: `${layers}, ReLU`, input });
  await writeFile(output, bytes);
  console.log(`Weights written to ${relative(".", output)} (${mebibytes(bytes.length)}).`);
  return bytes;
}
