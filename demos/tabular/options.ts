import { adapterHelp, between, fileOf, parse, rate, whole, writable } from "../terminal/options.ts";
import type { Settings } from "./regression.ts";

export interface Options {
  readonly settings: Settings;
  /** Absolute path of the weights to write. */
  readonly output: string;
  /** Absolute path of the learning curves to write, if any. */
  readonly curves: string | undefined;
  /** Absolute path of the report to write, if any. */
  readonly report: string | undefined;
}

export const help = `Trains a network on WebGPU to predict house prices: 506 tracts of Boston in 1970, 12 features each.

  npm run train:tabular -- [options]

  --hidden N,N       units of the hidden layers (default 64,64)
  --epochs N         passes through the training rows, at most (default 500)
  --patience N       epochs without a better validation error before training stops (default 60)
  --batch-size N     rows per step (default 32)
  --lr X             learning rate of AdamW (default 0.003)
  --weight-decay X   shrinks weights by this times the learning rate per step (default 0.05)
  --seed N           for the split, the initial weights and the order of the rows (default 1)
  --output FILE      where to save the weights (default house-prices.safetensors)
  --curves FILE      where to save learning curves, as an image (.svg) or a table (.csv)
  --report FILE      where to save a report of the run, as one page (.html)
  --help             this text

Ctrl-C stops the training; the best weights so far are kept and reported.
${adapterHelp}`;

/**
 * Parses the command line; undefined for `--help`.
 * @throws OptionError with the option, its value and the valid values.
 */
export function parseOptions(args: readonly string[]): Options | undefined {
  const values = parse(args, {
    hidden: { type: "string", default: "64,64" },
    epochs: { type: "string", default: "500" },
    patience: { type: "string", default: "60" },
    "batch-size": { type: "string", default: "32" },
    lr: { type: "string", default: "0.003" },
    "weight-decay": { type: "string", default: "0.05" },
    seed: { type: "string", default: "1" },
    output: { type: "string", default: "house-prices.safetensors" },
    curves: { type: "string" },
    report: { type: "string" },
    help: { type: "boolean", short: "h" },
  });
  if (values.help) return undefined;
  return {
    settings: {
      hidden: values.hidden.split(",").map((units) => whole("--hidden", units, 1, 4096)),
      epochs: whole("--epochs", values.epochs, 1, 100_000),
      patience: whole("--patience", values.patience, 1, 100_000),
      batchSize: whole("--batch-size", values["batch-size"], 1, 10_000),
      lr: rate("--lr", values.lr),
      weightDecay: between("--weight-decay", values["weight-decay"], 0, 10),
      seed: whole("--seed", values.seed, 0, 2 ** 32 - 2),
    },
    output: writable("--output", values.output),
    curves: fileOf("--curves", values.curves, [".svg", ".csv"]),
    report: fileOf("--report", values.report, [".html"]),
  };
}
