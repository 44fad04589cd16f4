import { effect, signal } from "@preact/signals";
import type { Look } from "./insight.ts";
import { ask, frame, settings, view } from "./session.ts";
import { heads, type Model, type Source, showsOf } from "./settings.ts";

/** Milliseconds between two looks while the network trains. */
const pause = 250;

/** What the visitor reads with the network at first. */
const examples: Readonly<Record<Exclude<Source, "own">, string>> = {
  names: "Katherine\nSebastian\nGuinevere\nAlexander",
  last: "Washington\nRodriguez\nMcDonald\nFitzgerald",
  tags: "Katherine Johnson\nJohnson Katherine\nSebastian\nFitzgerald",
  book: "Call me Ishmael. Some years ago I thought I would sail about a little and see the watery part of the world.",
};

/** How strongly the last character's loss depends on those before it, after a step. */
export interface Reach {
  readonly step: number;
  readonly norms: readonly number[];
}

/** A look at a text. */
export interface Seen extends Look {
  readonly text: string;
  readonly show: string;
}

/** The newest look. */
export const look = signal<Seen | undefined>(undefined);
/** Characters before the caret: at first within the first name, or some way into a text. */
export const caret = signal(["book", "own"].includes(settings.value.source) ? 24 : 3);
/** By network: earlier ones stay for comparison. */
export const reaches = signal<ReadonlyMap<Model, Reach>>(new Map());

/** The text to look into. */
export function reading(): string {
  const { source, own } = settings.value;
  if (view.value.read !== "") return view.value.read;
  return source === "own" ? own.trim().slice(0, 120) : examples[source];
}

/** What is shown of each unit, if the network has it. */
export const shown = (): string => {
  const { show } = view.value;
  const all = showsOf(settings.value);
  return all.find((name) => name === show) ?? all[0]!;
};

/** How many units, or heads of attention, there are to show. */
export function count(): number {
  const { source, model, both, hidden, layers } = settings.value;
  const show = shown();
  if (show === "answer") return 1;
  if (show === "attention") return layers * heads;
  return source === "tags" && both === 1 && model !== "transformer" ? 2 * hidden : hidden;
}

/** The unit or head that is shown, from 0. */
export const unit = (): number => Math.min(view.value.unit, count()) - 1;

/** The value of a unit after it has read a character; or how much a head attends to it from the caret. */
export function valueAt(
  { show, places, values, window: { length, batch } }: Seen,
  unit: number,
  character: number,
): number {
  const place = places[character + 1] ?? -1;
  if (place < 0) return 0;
  if (show !== "attention") return values[place * (values.length / (length * batch)) + unit] ?? 0;
  const from = places[caret.value] ?? -1;
  if (from < 0 || from % batch !== place % batch) return 0;
  const [to, row] = [Math.floor(place / batch), place % batch];
  return values[((unit * batch + row) * length + Math.floor(from / batch)) * length + to] ?? 0;
}

let looking = false;
let again = false;

/** Looks once more: at most one look is under way. */
async function refresh(): Promise<void> {
  again = looking;
  if (looking) return;
  looking = true;
  do {
    again = false;
    const [text, show] = [reading(), shown()];
    const found = await ask(({ methods }) => methods.look(text, show));
    if (found) look.value = { ...found, text, show };
    await new Promise((go) => setTimeout(go, pause));
  } while (again);
  looking = false;
}

/** A network at another step, another text, or other values: each is a reason to look again. */
effect(() => {
  const now = frame.value;
  reading();
  shown();
  if (now) void refresh();
});

let source: Source | undefined;

effect(() => {
  const now = frame.value;
  const { model, source: current } = settings.peek();
  if (!now?.looked || current === "tags") return;
  void ask(({ methods }) => methods.reach()).then((norms) => {
    if (!norms) return;
    const kept = source === current ? reaches.peek() : new Map();
    source = current;
    reaches.value = new Map([...kept, [model, { step: now.step, norms }]]);
  });
});
