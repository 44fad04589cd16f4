import { accessSync, constants, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";

export interface Options {
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr: number;
  readonly seed: number;
  /** Absolute path. */
  readonly output: string;
  /** Images to train on at most. */
  readonly limit: number;
}

export const help = `Trains a network on handwritten digits (MNIST) on WebGPU.

  npm start -- [options]

  --epochs N       times through all images (default 5)
  --batch-size N   images in a step (default 64)
  --lr X           learning rate of Adam in the first epoch (default 0.001); it falls evenly towards 0
  --seed N         for the first weights and the order of the images (default 1)
  --output FILE    where the weights go (default mnist.safetensors)
  --limit N        train on the first N images only
  --help           this text

Ctrl-C ends the training and keeps the weights so far.
TILEGRAD_ADAPTER=software computes on the CPU, =hardware only on a GPU; auto, the default, prefers a GPU.`;

/** A wrong option, told in a sentence. */
export class OptionError extends Error {}

/**
 * What the command line asks for; undefined for `--help`.
 * @throws OptionError naming the option, what it is and what it can be.
 */
export function parseOptions(args: readonly string[]): Options | undefined {
  const values = parse(args);
  if (values.help) return undefined;
  return {
    epochs: whole("--epochs", values.epochs, 1, 1000),
    batchSize: whole("--batch-size", values["batch-size"], 1, 10_000),
    lr: rate("--lr", values.lr),
    seed: whole("--seed", values.seed, 0, 2 ** 32 - 1),
    output: writable("--output", values.output),
    limit: whole("--limit", values.limit, 1, 60_000),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        epochs: { type: "string", default: "5" },
        "batch-size": { type: "string", default: "64" },
        lr: { type: "string", default: "0.001" },
        seed: { type: "string", default: "1" },
        output: { type: "string", default: "mnist.safetensors" },
        limit: { type: "string", default: "60000" },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (error) {
    // Node's own words are good; what follows the first sentence is about escaping dashes.
    throw new OptionError((error as Error).message.split(/\.\s/)[0]!.replace(/\.$/, ""));
  }
}

function whole(option: string, text: string, low: number, high: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= low && value <= high) return value;
  const range = `from ${low} to ${high.toLocaleString("en-US")}`;
  throw new OptionError(`${option} is "${text}", expected a whole number ${range}`);
}

function rate(option: string, text: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (value > 0 && value <= 1) return value;
  throw new OptionError(`${option} is "${text}", expected a number above 0 and up to 1, such as 0.001`);
}

/** Minutes of training should not end with a file that cannot be written. */
function writable(option: string, path: string): string {
  const file = resolve(path);
  const found = statSync(file, { throwIfNoEntry: false });
  if (path === "" || found?.isDirectory()) throw new OptionError(`${option} is "${path}", expected the name of a file`);
  try {
    accessSync(found ? file : dirname(file), constants.W_OK);
  } catch {
    throw new OptionError(`${option} is "${path}", but ${found ? file : dirname(file)} cannot be written to`);
  }
  return file;
}
