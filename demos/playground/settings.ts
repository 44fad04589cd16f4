import { choice, type Field, type Fields, whole } from "../parts/hash.ts";
import { type Problem, problems, taskOf } from "./problems.ts";

export const activations = ["tanh", "relu", "sigmoid", "linear"] as const;
export const optimizers = ["adam", "sgd", "momentum", "rmsprop"] as const;
export const penalties = ["none", "l1", "l2"] as const;
export const rates = [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1] as const;
export const strengths = [0.0001, 0.001, 0.003, 0.01, 0.03, 0.1] as const;
export const batchSizes = [1, 5, 10, 20, 30] as const;
export const splits = [20, 30, 40, 50, 60, 70, 80] as const;

/** Losses by task; the first is the usual one. */
export const lossesOf = {
  classification: ["logistic", "hinge", "squared"],
  regression: ["squared", "absolute", "huber"],
} as const;

export type Loss = "logistic" | "hinge" | "squared" | "absolute" | "huber";

export const maxLayers = 4;
export const maxUnits = 8;

/** All that a visitor can choose. Equal settings give equal losses. */
export interface Settings {
  readonly problem: Problem;
  /** Percent. */
  readonly noise: number;
  /** Percent of the points to train on. */
  readonly split: number;
  readonly batch: number;
  /** Units of each hidden layer. */
  readonly layers: readonly number[];
  readonly activation: (typeof activations)[number];
  readonly loss: Loss | "usual";
  readonly optimizer: (typeof optimizers)[number];
  readonly rate: number;
  readonly penalty: (typeof penalties)[number];
  readonly strength: number;
  readonly seed: number;
}

const layers: Field<readonly number[]> = {
  initial: [4, 2],
  parse(text) {
    const units = text === "" ? [] : text.split("-").map(Number);
    const fits = units.length <= maxLayers && units.every((n) => Number.isInteger(n) && n >= 1 && n <= maxUnits);
    return fits ? units : undefined;
  },
  print: (units) => units.join("-"),
};

export const fields: Fields<Settings & { readonly paused: 0 | 1 }> = {
  problem: choice(problems, "xor"),
  noise: whole(0, 50, 5),
  split: choice(splits, 50) as Field<number>,
  batch: choice(batchSizes, 10) as Field<number>,
  layers,
  activation: choice(activations, "tanh"),
  loss: choice(["usual", "logistic", "hinge", "squared", "absolute", "huber"], "usual"),
  optimizer: choice(optimizers, "adam"),
  rate: choice(rates, 0.01) as Field<number>,
  penalty: choice(penalties, "none"),
  strength: choice(strengths, 0.001) as Field<number>,
  seed: whole(1, 999_999, 1),
  paused: choice([0, 1], 0),
};

/** The loss that settings mean: the usual one of the task, unless they name another that fits. */
export function lossOf({ problem, loss }: Settings): Loss {
  const fitting: readonly Loss[] = lossesOf[taskOf(problem)];
  return fitting.find((name) => name === loss) ?? fitting[0]!;
}
