import { type Entry, fields, mark, type Values } from "./address.ts";
import type { Place } from "./frame.ts";

/*
 * What a visitor changed while the network trained, and after which step of the first network: so that an address gives
 * the same losses. It holds the settings of the moment and, for each change, the setting before it.
 */

/** A setting that was changed, as texts of the address. */
interface Change {
  readonly step: number;
  readonly name: keyof Values;
  readonly before: string;
  readonly after: string;
}

/** A weight or bias that was typed. */
interface Typed {
  readonly step: number;
  readonly run: number;
  readonly place: Place;
  readonly value: number;
}

export type Edit = Change | Typed;

/** Characters of all edits that an address holds: some browsers and chats cut longer addresses. */
export const mostOfEdits = 1500;

/** Changes that do not belong to the training, or start it over. Points are too long to be kept twice. */
const unkept: readonly string[] = ["pace", "hide", "paused", "edits", "compare", "problem", "seed", "own"];

const kept = (Object.keys(fields) as (keyof Values)[]).filter((name) => !unkept.includes(name));

const textOf = (values: Values, name: keyof Values): string => fields[name].print(values[name] as never);

const withText = (values: Values, name: keyof Values, text: string): Values => ({
  ...values,
  [name]: fields[name].parse(text),
});

/** Before the first step, other settings are as if the training had begun with them: the first weights stay. */
const shaping: readonly string[] = ["layers", "features"].flatMap((name) => [name, mark + name]);

/** The changes between two states of the page that an address has to tell. */
export const changesBetween = (step: number, before: Values, after: Values): Change[] =>
  kept
    .filter((name) => step > 0 || shaping.includes(name))
    .map((name) => ({ step, name, before: textOf(before, name), after: textOf(after, name) }))
    .filter((change) => change.before !== change.after);

/** Settings after some edits. */
export const changed = (values: Values, edits: readonly Edit[]): Values =>
  edits.reduce((now, edit) => ("name" in edit ? withText(now, edit.name, edit.after) : now), values);

const isSame = (a: Edit, b: Edit): boolean =>
  a.step === b.step &&
  ("name" in a
    ? "name" in b && a.name === b.name
    : !("name" in b) && a.run === b.run && JSON.stringify(a.place) === JSON.stringify(b.place));

/** Edits with another one. At one step, the last value of a setting or weight counts. */
export function added(edits: readonly Edit[], edit: Edit): Edit[] {
  const old = edits.find((other) => isSame(other, edit));
  const merged = old && "name" in old && "name" in edit ? { ...edit, before: old.before } : edit;
  return [...edits.filter((other) => other !== old), merged];
}

const nameOf = ({ run, place: { layer, kind, index } }: Typed): string =>
  `${run === 1 ? mark : ""}${kind}.${layer}.${index}`;

/** Edits as an address holds them. */
export const entriesOf = (edits: readonly Edit[]): Entry[] =>
  edits.map((edit) => ({
    step: edit.step,
    name: "name" in edit ? edit.name : nameOf(edit),
    // A plus in an address is a space.
    text: "name" in edit ? edit.before : String(edit.value).replace("+", ""),
  }));

function typedOf({ step, name, text }: Entry): Typed | undefined {
  const [, marked, kind, layer, index] = /^(b\.)?(weight|bias)\.(\d)\.(\d{1,2})$/.exec(name) ?? [];
  const value = Number(text);
  if (kind === undefined || text === "" || !Number.isFinite(Math.fround(value))) return undefined;
  const place: Place = { layer: Number(layer), kind: kind as Place["kind"], index: Number(index) };
  return { step, run: marked ? 1 : 0, place, value };
}

/**
 * The settings that a training starts with, and what is changed later.
 * @param values of an address: the settings after all edits.
 * @returns the values alone where one of the edits means nothing.
 */
export function historyOf(values: Values): { readonly start: Values; readonly edits: readonly Edit[] } {
  let start: Values = { ...values, edits: [] };
  const edits: Edit[] = [];
  for (const entry of values.edits.toReversed()) {
    const typed = typedOf(entry);
    const name = kept.find((other) => other === entry.name);
    if (typed) edits.unshift(typed);
    else if (name && fields[name].parse(entry.text) !== undefined) {
      edits.unshift({ step: entry.step, name, before: entry.text, after: textOf(start, name) });
      start = withText(start, name, entry.text);
    } else return { start: { ...values, edits: [] }, edits: [] };
  }
  return { start, edits };
}
