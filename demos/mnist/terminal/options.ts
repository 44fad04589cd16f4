import { adapterHelp, fileOf, OptionError, oneOf, parse, rate, whole, writable } from "../../terminal/options.ts";
import type { Architecture } from "../network.ts";

export interface Options {
  readonly model: Architecture;
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr: number;
  readonly seed: number;
  /** Absolute path. */
  readonly output: string;
  /** Absolute path of the report to write, if any. */
  readonly report: string | undefined;
  /** Most images to train on. */
  readonly limit: number;
}

export const help = `Trains a network on handwritten digits (MNIST) on WebGPU.

  npm start -- [options]

  --model NAME     cnn, a LeNet of two convolutions (default), or mlp, a perceptron of 128 hidden units
  --epochs N       passes through all images (default 3, about a minute on a core without a GPU; 5 for the mlp)
  --full           train until the network stops improving: 12 epochs (20 for the mlp)
  --batch-size N   images per step (default 64)
  --lr X           highest learning rate of Adam (default 0.01, 0.003 for the mlp): it rises to this, and falls to 0
  --seed N         for the initial weights and the order of the images (default 1)
  --output FILE    where to save the weights (default mnist.safetensors)
  --report FILE    where to save a report of the run, as one page (.html)
  --limit N        train on the first N images only
  --help           this text

Ctrl-C stops the training and keeps the weights so far.
${adapterHelp}`;

const defaults = {
  cnn: { epochs: "3", fullEpochs: "12", lr: "0.01" },
  mlp: { epochs: "5", fullEpochs: "20", lr: "0.003" },
};

/**
 * Parses the command line; undefined for `--help`.
 * @throws OptionError with the option, its value and the valid values.
 */
export function parseOptions(args: readonly string[]): Options | undefined {
  const values = parse(args, {
    model: { type: "string", default: "cnn" },
    epochs: { type: "string" },
    full: { type: "boolean", default: false },
    "batch-size": { type: "string", default: "64" },
    lr: { type: "string" },
    seed: { type: "string", default: "1" },
    output: { type: "string", default: "mnist.safetensors" },
    report: { type: "string" },
    limit: { type: "string", default: "60000" },
    help: { type: "boolean", short: "h", default: false },
  });
  if (values.help) return undefined;
  const model = oneOf("--model", values.model, ["cnn", "mlp"]) as Architecture;
  const { epochs, fullEpochs, lr } = defaults[model];
  if (values.full && values.epochs !== undefined) {
    throw new OptionError("--full and --epochs both set how long to train; pass only one");
  }
  return {
    model,
    epochs: whole("--epochs", values.epochs ?? (values.full ? fullEpochs : epochs), 1, 1000),
    batchSize: whole("--batch-size", values["batch-size"], 1, 10_000),
    lr: rate("--lr", values.lr ?? lr),
    seed: whole("--seed", values.seed, 0, 2 ** 32 - 1),
    output: writable("--output", values.output),
    report: fileOf("--report", values.report, [".html"]),
    limit: whole("--limit", values.limit, 1, 60_000),
  };
}
