import { adapterHelp, between, OptionError, parse, rate, whole, writable } from "../terminal/options.ts";
import type { Settings } from "./regression.ts";

export interface Options {
  readonly settings: Settings;
  /** Absolute path of the weights to write. */
  readonly output: string;
  /** Absolute path of the learning curves to write, if they are wanted. */
  readonly curves: string | undefined;
}

export const help = `Trains a network on WebGPU to tell what homes cost: 506 tracts of Boston in 1970, 12 features of each.

  npm run train:tabular -- [options]

  --hidden N,N       units of the hidden layers (default 64,64)
  --epochs N         times through the training rows, at most (default 500)
  --patience N       epochs without a better validation error before the training ends (default 60)
  --batch-size N     rows in a step (default 32)
  --lr X             learning rate of AdamW (default 0.003)
  --weight-decay X   how much weights shrink with each step, times the learning rate (default 0.05)
  --seed N           for the split, the first weights and the order of the rows (default 1)
  --output FILE      where the weights go (default house-prices.safetensors)
  --curves FILE      learning curves as a picture (.svg) or a table (.csv)
  --help             this text

Ctrl-C ends the training; the best weights so far are kept and reported on.
${adapterHelp}`;

/**
 * What the command line asks for; undefined for `--help`.
 * @throws OptionError naming the option, what it is and what it can be.
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
    curves: values.curves === undefined ? undefined : curvesFile(values.curves),
  };
}

function curvesFile(path: string): string {
  if (/\.(svg|csv)$/i.test(path)) return writable("--curves", path);
  throw new OptionError(`--curves is "${path}", expected a file whose name ends in .svg or .csv`);
}
