import { choice, type Field, type Fields, whole } from "../parts/hash.ts";
import { packs } from "./packs.ts";
import type { Chosen } from "./stepKernels.ts";

export const models = ["cnn", "mlp", "both"] as const;

/** Numbers of images to train on: all fill batches without rest. */
export const imageCounts = [100, 500, 1000, 3000, 10_000, 60_000] as const;
export const dropouts = [0, 25, 50] as const;
export const rates = [0.0003, 0.001, 0.003, 0.01] as const;

export const batchSize = 50;

/** A network to train; `both` trains both on the same batches. */
export type NetworkName = "cnn" | "mlp";

/** All that a visitor can choose about a training. Equal settings give equal losses. */
export interface Settings {
  readonly model: (typeof models)[number];
  /** How many images to train on: the first ones. */
  readonly images: number;
  /** Percent. */
  readonly dropout: number;
  /** Learning rate of Adam. */
  readonly rate: number;
  readonly seed: number;
}

export const settingFields: Fields<Settings> = {
  model: choice(models, "cnn"),
  images: choice(imageCounts, 10_000) as Field<number>,
  dropout: choice(dropouts, 25) as Field<number>,
  rate: choice(rates, 0.001) as Field<number>,
  seed: whole(1, 999_999, 1),
};

/** In place of a variant: the one that tilegrad chose. */
export const ownChoice = "own";

const kernel: Field<Chosen | undefined> = {
  initial: undefined,
  parse(text) {
    const [, network, family, variant, place] = /^(cnn|mlp)\.(\w{1,40})\.(\w{1,40})\.(\d{1,3})$/.exec(text) ?? [];
    return network
      ? { network: network as NetworkName, family: family!, variant: variant!, place: Number(place) }
      : undefined;
  },
  print: (of) => (of ? `${of.network}.${of.family}.${of.variant}.${of.place}` : ""),
};

const packed: Field<string> = {
  initial: "",
  parse: (text) => (/^[\w-]+$/.test(text) ? text : undefined),
  print: (text) => text,
};

/** What an address says of the kernels of the training. */
export interface Kernels {
  /** The kernel of the training step that is shown, if any. */
  readonly kernel: Chosen | undefined;
  /** Whether the training runs it, in its variant. */
  readonly use: 0 | 1;
  /** The text that the training runs in its place, packed; empty for its own. */
  readonly text: string;
}

/** All that the page's address holds. */
export const fields: Fields<Settings & Kernels & { readonly paused: 0 | 1; readonly test: number }> = {
  ...settingFields,
  kernel,
  use: choice([0, 1], 0),
  text: packed,
  paused: choice([0, 1], 0),
  /** The test image on the pad; 0 for none. */
  test: whole(0, packs.first.test + packs.rest.test, 1),
};

export const networksOf = ({ model }: Settings): readonly NetworkName[] =>
  model === "both" ? ["cnn", "mlp"] : [model];

export const stepsPerEpoch = ({ images }: Settings): number => images / batchSize;

/** Whether settings need more than the first pack. */
export const needsAll = ({ images }: Settings): boolean => images > packs.first.train;
