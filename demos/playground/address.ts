import { choice, type Field, type Fields } from "../parts/hash.ts";
import type { Source } from "./problems.ts";
import { type Network, networkFields, sourceFields } from "./settings.ts";

/** How fast it plays. */
export const paces = ["step", "epoch", "full"] as const;

/** Parts of the page that a link can hide. */
export const hideable = {
  problems: "Problems",
  points: "Noise, points to train on",
  layers: "Layers and units",
  features: "Inputs",
  weights: "Editing weights",
  activation: "Activation",
  optimizer: "Optimizer",
  rate: "Learning rate and schedule",
  batch: "Batch size",
  loss: "Loss",
  regularisation: "Regularisation and dropout",
  compare: "Compare two networks",
  code: "As code",
  inside: "The step",
  seed: "New seed",
  teacher: "Link for a class",
} as const;

export type Hideable = keyof typeof hideable;

const everything = Object.keys(hideable) as Hideable[];

/** What holds for the page and for all its networks. */
export interface Shared extends Source {
  readonly pace: (typeof paces)[number];
  readonly hide: readonly Hideable[];
}

export interface Address {
  readonly shared: Shared;
  /** One, or two to compare. */
  readonly networks: readonly Network[];
  readonly paused: boolean;
  /** What was changed while it trained: see history.ts. */
  readonly edits: readonly Entry[];
}

/** A change after a step: the name of a setting and its text before, or of a weight and its value. */
export interface Entry {
  readonly step: number;
  readonly name: string;
  readonly text: string;
}

const edits: Field<readonly Entry[]> = {
  initial: [],
  parse(text) {
    const entries = text.split(";").map((entry) => {
      const [, step, name, value] = /^(\d{1,9}),([\w.]+),([^,;]*)$/.exec(entry) ?? [];
      return { step: Number(step), name: name!, text: value! };
    });
    const isInOrder = entries.every(({ step }, i) => step >= (entries[i - 1]?.step ?? 0));
    return isInOrder ? entries : undefined;
  },
  print: (entries) => entries.map(({ step, name, text }) => `${step},${name},${text}`).join(";"),
};

const hide: Field<readonly Hideable[]> = {
  initial: [],
  parse(text) {
    const names = text.split("-");
    return everything.filter((name) => names.includes(name));
  },
  print: (names) => names.join("-"),
};

/** The second network's settings have a mark before their names. */
export const mark = "b.";

type Marked = { readonly [K in keyof Network as `${typeof mark}${K}`]: Network[K] };

const marked = <T>(entries: object): T =>
  Object.fromEntries(Object.entries(entries).map(([key, value]) => [mark + key, value])) as T;

/** All that an address holds, by name. */
export type Values = Shared &
  Network &
  Marked & { readonly compare: 0 | 1; readonly paused: 0 | 1; readonly edits: readonly Entry[] };

export const fields: Fields<Values> = {
  ...sourceFields,
  ...networkFields,
  pace: choice(paces, "epoch"),
  compare: choice([0, 1], 0),
  ...marked<Fields<Marked>>(networkFields),
  hide,
  edits,
  paused: choice([0, 1], 0),
};

export function split(values: Values): Address {
  const pick = <T>(keys: readonly string[], prefix = ""): T =>
    Object.fromEntries(keys.map((key) => [key, values[(prefix + key) as keyof Values]])) as T;
  const names = Object.keys(networkFields);
  return {
    shared: pick([...Object.keys(sourceFields), "pace", "hide"]),
    networks: [pick<Network>(names), ...(values.compare ? [pick<Network>(names, mark)] : [])],
    paused: values.paused === 1,
    edits: values.edits,
  };
}

/** The second network, where there is none: its initial values, which an address leaves out. */
const initial = Object.fromEntries(
  Object.entries(networkFields).map(([key, { initial }]) => [key, initial]),
) as unknown as Network;

export const together = ({ shared, networks: [first, second], paused, edits }: Address): Values => ({
  ...shared,
  ...first!,
  ...marked<Marked>(second ?? initial),
  compare: second ? 1 : 0,
  paused: paused ? 1 : 0,
  edits,
});
