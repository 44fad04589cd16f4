import { choice, type Field, type Fields, whole } from "../../parts/hash.ts";
import { longText } from "./longText.ts";

/** Characters of a text of the visitor's, at most. */
export const longestText = 20_000;

/** Characters of a text to look into, at most. */
export const longestRead = 240;

export const models = ["lstm", "gru", "rnn", "transformer"] as const;
export const sources = ["names", "last", "book", "tags", "own"] as const;
/** Layers of units, one upon the other; blocks of a transformer. */
export const depths = [1, 2, 3] as const;
export const units = [16, 32, 64, 128, 256] as const;
export const batchSizes = [8, 16, 32, 64] as const;
export const rates = [0.001, 0.003, 0.01, 0.03] as const;

export type Model = (typeof models)[number];
export type Source = (typeof sources)[number];

/** All that a training depends on. Equal settings give equal losses. */
export interface Settings {
  readonly model: Model;
  readonly source: Source;
  /** The visitor's text. */
  readonly own: string;
  readonly layers: number;
  readonly hidden: number;
  readonly batch: number;
  readonly rate: number;
  readonly seed: number;
  /** Whether a network that tags names reads them in both directions. */
  readonly both: 0 | 1;
}

/** What can be shown of a network, the usual first. Gates are those of the one layer that reads the characters. */
export function showsOf({ model, source, layers }: Settings): readonly string[] {
  if (source === "tags") return ["answer", "hidden", ...(model === "transformer" ? ["attention"] : [])];
  return layers > 1 && model !== "transformer" ? ["hidden"] : shows[model];
}

/** Whether a network reads one character after the other, and remembers by states; others read whole texts. */
export const readsSteps = ({ model, source }: Settings): boolean => model !== "transformer" && source !== "tags";

/** Of each block of the transformer. */
export const heads = 4;

/** Values of units that can be shown, by network that predicts. */
const shows: Readonly<Record<Model, readonly string[]>> = {
  lstm: ["hidden", "cell", "input", "forget", "candidate", "output"],
  gru: ["hidden", "reset", "update", "candidate"],
  rnn: ["hidden"],
  transformer: ["attention", "hidden"],
};

/** What the page looks at. */
export interface View {
  /** One of what `showsOf` names; another counts as the first. */
  readonly show: string;
  /** A unit, or a head of attention, from 1. */
  readonly unit: number;
  /** The text that the network reads; "" for an example. */
  readonly read: string;
}

/** What the page keeps in its address. */
export interface Kept extends Settings, View {
  /** In tenths. */
  readonly temperature: number;
  readonly paused: 0 | 1;
}

export const fields: Fields<Kept> = {
  source: choice(sources, "names"),
  model: choice(models, "lstm"),
  layers: choice(depths, 1) as Field<number>,
  hidden: choice(units, 64) as Field<number>,
  batch: choice(batchSizes, 32) as Field<number>,
  rate: choice(rates, 0.01) as Field<number>,
  both: choice([0, 1], 1),
  seed: whole(1, 999_999, 1),
  temperature: whole(0, 20, 8),
  show: choice(["usual", "answer", ...new Set(Object.values(shows).flat())], "usual"),
  unit: whole(1, 256, 1),
  read: longText(longestRead),
  own: longText(longestText),
  paused: choice([0, 1], 0),
};
