import {
  adapterHelp,
  between,
  OptionError,
  oneOf,
  parse,
  rate,
  readable,
  whole,
  writable,
} from "../terminal/options.ts";
import { cells } from "./model.ts";
import type { Settings } from "./trainer.ts";

export interface Options {
  /** Settings from the command line; the rest comes from the checkpoint or the defaults. */
  readonly settings: Partial<Settings>;
  readonly full: boolean;
  /** Absolute path of the text; undefined for Moby-Dick. */
  readonly text: string | undefined;
  readonly prompt: string | undefined;
  /** Absolute path of the checkpoint to write. */
  readonly output: string;
  /** Absolute path of the checkpoint to resume from. */
  readonly resume: string | undefined;
}

export const defaults: Settings = {
  cell: "lstm",
  embedding: 32,
  hidden: 128,
  layers: 1,
  dropout: 0,
  batch: 16,
  length: 32,
  steps: 1500,
  lr: 0.01,
  clip: 1,
  seed: 1,
  temperature: 0.7,
  sample: 300,
  every: 250,
};

/** Worth it on a GPU; takes hours without one. */
export const full: Settings = {
  ...defaults,
  embedding: 64,
  hidden: 512,
  layers: 2,
  dropout: 0.2,
  batch: 64,
  length: 128,
  steps: 5000,
  lr: 0.002,
};

export const help = `Trains a network on WebGPU to write, character by character, like the text it reads.

  npm run train:text -- [options]

  --cell NAME        ${cells.join(", ")} (default ${defaults.cell})
  --hidden N         units of a layer (default ${defaults.hidden})
  --layers N         layers (default ${defaults.layers})
  --embedding N      size of a character's embedding vector (default ${defaults.embedding})
  --dropout P        probability of dropping an output in training (default ${defaults.dropout})
  --batch-size N     positions in the text to read at once (default ${defaults.batch})
  --length N         characters through which gradients flow back (default ${defaults.length})
  --steps N          batches to learn from (default ${defaults.steps})
  --lr X             initial learning rate of Adam (default ${defaults.lr}); falls to 0 along half a cosine
  --clip X           largest norm of the gradients (default ${defaults.clip})
  --seed N           for initial weights, dropout and samples (default ${defaults.seed})
  --full             ${full.layers} layers of ${full.hidden} units, ${full.steps} steps of ${full.batch} times ${full.length} characters: for a GPU

  --every N          steps between reports (default ${defaults.every})
  --sample N         characters that the network writes per report (default ${defaults.sample})
  --temperature X    0 picks the likeliest character, 1 samples as predicted, more is bolder (default ${defaults.temperature})
  --prompt TEXT      where the network's text starts (default a new line)
  --text FILE        text to train on (default Moby-Dick)

  --output FILE      checkpoint, written after each report and at the end (default text.safetensors)
  --resume FILE      continue exactly from a checkpoint, with its settings
  --help             this text

The defaults take about two minutes on two cores without a GPU. Ctrl-C writes a checkpoint and ends.
${adapterHelp}`;

/** Options fixed by a checkpoint. */
const decided = ["cell", "hidden", "layers", "embedding", "dropout", "batch-size", "length", "lr", "clip", "seed"];

/**
 * Parses the command line; undefined for `--help`.
 * @throws OptionError with the option, its value and the valid values.
 */
export function parseOptions(args: readonly string[]): Options | undefined {
  const names = [...decided, "steps", "every", "sample", "temperature", "prompt", "text", "output", "resume"];
  const texts = Object.fromEntries(names.map((name) => [name, { type: "string" } as const]));
  const flags = { full: { type: "boolean" }, help: { type: "boolean", short: "h" } } as const;
  const values = parse(args, { ...texts, ...flags }) as Readonly<Record<string, string | boolean | undefined>>;
  if (values.help) return undefined;

  /** The value of one option, if given. */
  const given = <T>(name: string, read: (option: string, text: string) => T): T | undefined =>
    typeof values[name] === "string" ? read(`--${name}`, values[name]) : undefined;
  const wholeFrom = (name: string, low: number, high: number) =>
    given(name, (option, value) => whole(option, value, low, high));
  const from = (name: string, low: number, high: number) =>
    given(name, (option, value) => between(option, value, low, high));

  const settings = {
    cell: given("cell", (option, value) => oneOf(option, value, cells)),
    hidden: wholeFrom("hidden", 1, 4096),
    layers: wholeFrom("layers", 1, 8),
    embedding: wholeFrom("embedding", 1, 4096),
    dropout: from("dropout", 0, 0.9),
    batch: wholeFrom("batch-size", 1, 4096),
    length: wholeFrom("length", 1, 1024),
    steps: wholeFrom("steps", 1, 10_000_000),
    lr: given("lr", rate),
    clip: from("clip", 0.001, 1000),
    seed: wholeFrom("seed", 0, 2 ** 32 - 1),
    temperature: from("temperature", 0, 10),
    sample: wholeFrom("sample", 1, 100_000),
    every: wholeFrom("every", 1, 10_000_000),
  };
  const resume = given("resume", readable);
  const fixed = resume && (decided.find((name) => values[name] !== undefined) ?? (values.full ? "full" : undefined));
  if (fixed) throw new OptionError(`--${fixed} cannot be given with --resume: the checkpoint sets it`);
  const prompt = given("prompt", (option, value) => {
    if (value !== "") return value;
    throw new OptionError(`${option} is "", expected at least one character`);
  });
  return {
    settings: Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)),
    full: values.full === true,
    text: given("text", readable),
    prompt,
    output: given("output", writable) ?? resume ?? writable("--output", "text.safetensors"),
    resume,
  };
}
