import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { relative } from "node:path";
import { mnist } from "../../src/datasets/index.ts";
import { Engine, io, metrics } from "../../src/index.ts";
import { createGPU } from "../../src/node/index.ts";
import { leaveInterrupted, run } from "../terminal/command.ts";
import { adapterFacts, clock, count, fact, mebibytes, paint, percent } from "../terminal/format.ts";
import { Progress } from "../terminal/progress.ts";
import { first, normalization } from "./dataset.ts";
import { architectures, createNetwork, type Network } from "./network.ts";
import { help, type Options, parseOptions } from "./terminal/options.ts";
import { type Examination, meanLoss, type Tally, Trainer } from "./trainer.ts";

await run({ name: "npm start", help, parse: parseOptions, main });

async function main(options: Options, stop: AbortSignal): Promise<void> {
  const { epochs, batchSize, lr, seed, model } = options;
  const { layers } = architectures[model];
  const began = performance.now();
  console.log(
    paint("bold", `${layers} on MNIST`) + paint("dim", `  Adam, lr ${lr}, batches of ${batchSize}, seed ${seed}\n`),
  );
  const engine = await Engine.create({ gpu: await createGPU() });
  adapterFacts(engine);
  const { train, test } = await mnist();
  const digits = first(train, options.limit);
  const network = createNetwork({ seed, lr, architecture: model });
  const trainer = await Trainer.create(engine, network, digits, { batchSize, seed });
  const { variables, total } = trainer.memory;
  fact("memory", `${mebibytes(total)} planned, including ${mebibytes(variables)} of weights and moments`);
  fact("images", `${count(digits.y.data.length)} to train on, ${count(test.y.data.length)} to test on\n`);

  let last: Tally | undefined;
  let examination: Examination | undefined;
  for (let epoch = 0; epoch < epochs && !stop.aborted; epoch++) {
    const label = epochLabel(epoch, epochs);
    // Decrease the learning rate towards the end: worth a third of a percent of accuracy.
    engine.write(network.optimizer.lr, lr * (1 - epoch / epochs));
    const { tally, seconds } = await runEpoch(trainer, epoch, epochs, digits.y.data.length, stop);
    last = tally;
    if (!Number.isFinite(tally.loss)) {
      throw new Error(`${label}: the loss is not finite; try a lower --lr than ${lr}. No weights were written.`);
    }
    if (stop.aborted) break;
    examination = await trainer.evaluate(test);
    const accuracy = `test accuracy ${paint("green", percent(examination.confusion.accuracy()))}`;
    const speed = `${count(tally.images / seconds)} images/s`;
    console.log(
      `${paint("bold", label)}  loss ${meanLoss(tally).toFixed(4)}  ${accuracy}  ${speed}  ${clock(seconds)}`,
    );
  }

  if (stop.aborted) {
    leaveInterrupted();
    if (!last) return console.log("Stopped before the first step; nothing was written.");
    console.log(
      `\nStopped in epoch ${last.epoch + 1}, after ${count(last.images)} of its images; the weights so far are kept.`,
    );
  }
  if (examination && !stop.aborted) report(examination);
  const weights = await save(engine, network, options);
  if (stop.aborted || !last) return;
  console.log(
    `Took ${clock((performance.now() - began) / 1000)}. The same seed on the same adapter gives the same bits:`,
  );
  fact("last loss", String(meanLoss(last)));
  fact("weights", `sha256 ${createHash("sha256").update(weights).digest("hex")}`);
}

function epochLabel(epoch: number, epochs: number): string {
  return `Epoch ${epoch + 1}/${epochs}`;
}

/** One epoch, or less after Ctrl-C. */
async function runEpoch(trainer: Trainer, epoch: number, epochs: number, n: number, stop: AbortSignal) {
  const progress = new Progress(epochLabel(epoch, epochs), n);
  const began = performance.now();
  let reading: Promise<void> | undefined;
  let before: Tally | undefined;
  const show = async (): Promise<void> => {
    const tally = await trainer.tally();
    const imagesPerSecond = (1000 * tally.images) / (performance.now() - began);
    const secondsLeft = ((epochs - epoch) * n - tally.images) / imagesPerSecond;
    const facts = `loss ${meanLoss(tally, before).toFixed(4)}  ${count(imagesPerSecond)} images/s`;
    progress.update(tally.images, `${facts}  ${clock(secondsLeft)} left`);
    before = tally;
  };
  try {
    for await (const images of trainer.epoch(epoch)) {
      if (stop.aborted) break;
      if (reading || !progress.isDue(images)) continue;
      // Not awaited: training continues while the number is read.
      reading = show().finally(() => {
        reading = undefined;
      });
    }
    await reading;
    return { tally: await trainer.tally(), seconds: (performance.now() - began) / 1000 };
  } finally {
    progress.stop();
  }
}

function report({ confusion }: Examination): void {
  const { accuracy } = metrics.classificationReport(confusion);
  console.log(`\n${paint("bold", `Test accuracy ${percent(accuracy)}`)}, digit by digit:\n`);
  console.log(metrics.formatReport(metrics.classificationReport(confusion)));
  console.log(`\n${paint("bold", "Confusion matrix")}\n\n${metrics.formatConfusionMatrix(confusion)}\n`);
}

async function save(engine: Engine, { weights, layers }: Network, { output }: Options): Promise<Uint8Array> {
  const { mean, std } = normalization;
  const input = `784 pixels from 0 to 1, minus ${mean}, divided by ${std}`;
  const bytes = await io.saveSafetensors(engine, weights, { format: "pt", network: `${layers}, ReLU`, input });
  await writeFile(output, bytes);
  console.log(`Weights written to ${relative(".", output)} (${mebibytes(bytes.length)}).`);
  return bytes;
}
