import { choice, type Field, type Fields, whole } from "../parts/hash.ts";
import { type FeatureName, featureNames } from "./features.ts";
import { ownField } from "./own.ts";
import { problems, type Source, taskOf } from "./problems.ts";

export const activations = ["tanh", "relu", "sigmoid", "linear"] as const;
export const optimizers = ["adam", "sgd", "momentum", "rmsprop"] as const;
export const penalties = ["none", "l1", "l2"] as const;
export const rates = [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1] as const;
export const schedules = ["constant", "halving", "decay", "cosine", "warmup"] as const;
export const strengths = [0.0001, 0.001, 0.003, 0.01, 0.03, 0.1] as const;
export const dropouts = [0, 0.1, 0.2, 0.3, 0.5] as const;
export const batchSizes = [1, 5, 10, 20, 30] as const;
export const splits = [20, 30, 40, 50, 60, 70, 80] as const;

/** Losses by task; the first is the usual one. */
export const lossesOf = {
  classification: ["logistic", "hinge", "squared"],
  regression: ["squared", "absolute", "huber"],
} as const;

export type Loss = "logistic" | "hinge" | "squared" | "absolute" | "huber";

export const maxLayers = 6;
export const maxUnits = 8;

/** A network and how it is trained. */
export interface Network {
  /** What the network is given of each point. */
  readonly features: readonly FeatureName[];
  /** Units of each hidden layer. */
  readonly layers: readonly number[];
  readonly activation: (typeof activations)[number];
  readonly loss: Loss | "usual";
  readonly optimizer: (typeof optimizers)[number];
  readonly rate: number;
  readonly schedule: (typeof schedules)[number];
  readonly penalty: (typeof penalties)[number];
  readonly strength: number;
  /** Share of the hidden units that a step leaves out. */
  readonly dropout: number;
  readonly batch: number;
}

/** All that a run depends on. Equal settings give equal losses. */
export interface Settings extends Source, Network {}

const layers: Field<readonly number[]> = {
  initial: [4, 2],
  parse(text) {
    const units = text === "" ? [] : text.split("-").map(Number);
    const fits = units.length <= maxLayers && units.every((n) => Number.isInteger(n) && n >= 1 && n <= maxUnits);
    return fits ? units : undefined;
  },
  print: (units) => units.join("-"),
};

const features: Field<readonly FeatureName[]> = {
  initial: ["x1", "x2"],
  parse(text) {
    const names = text.split("-");
    const known = featureNames.filter((name) => names.includes(name));
    return known.length === names.length ? known : undefined;
  },
  print: (names) => names.join("-"),
};

export const sourceFields: Fields<Source> = {
  problem: choice(problems, "xor"),
  noise: whole(0, 50, 5),
  split: choice(splits, 50) as Field<number>,
  seed: whole(1, 999_999, 1),
  own: ownField,
};

export const networkFields: Fields<Network> = {
  features,
  layers,
  activation: choice(activations, "tanh"),
  loss: choice(["usual", "logistic", "hinge", "squared", "absolute", "huber"], "usual"),
  optimizer: choice(optimizers, "adam"),
  rate: choice(rates, 0.01) as Field<number>,
  schedule: choice(schedules, "constant"),
  penalty: choice(penalties, "none"),
  strength: choice(strengths, 0.001) as Field<number>,
  dropout: choice(dropouts, 0) as Field<number>,
  batch: choice(batchSizes, 10) as Field<number>,
};

/** The loss that settings mean: the usual one of the task, unless they name another that fits. */
export function lossOf(settings: Pick<Settings, "problem" | "own" | "loss">): Loss {
  const fitting: readonly Loss[] = lossesOf[taskOf(settings)];
  return fitting.find((name) => name === settings.loss) ?? fitting[0]!;
}

/** Points in a step: a batch, or all where there are fewer. */
export const batchOf = ({ batch }: Network, train: number): number => Math.min(batch, train);

/** Whole batches only: an epoch leaves the rest of its random order out. */
export const stepsPerEpoch = (settings: Network, train: number): number =>
  train === 0 ? 1 : Math.floor(train / batchOf(settings, train));
