import { batch, computed, effect, signal } from "@preact/signals";
import type { CompilerError } from "../../src/kernels/call.ts";
import { keepInAddress } from "../parts/address.ts";
import { parseHash, printHash } from "../parts/hash.ts";
import { mostPacked, pack, unpack } from "../parts/pack.ts";
import { ask, connection, open } from "./gpu.ts";
import { keep } from "./results.ts";
import { type Bounds, type Edit, type Ladder, type Outcome, problemKey, type Races, type Source } from "./rows.ts";
import { fields, problemOf, type Settings } from "./settings.ts";
import { workOf } from "./works.ts";

/** The name under which the outcome of the visitor's own text is kept, beside those of variants. */
export const own = "your text";

/** All that the page shows. Settings are kept in its address. */
export const settings = signal<Settings>(parseHash(fields, location.hash));
/** Why there is no GPU. */
export const missing = signal<Error | undefined>(undefined);
export const roof = signal<Bounds | undefined>(undefined);
export const ladder = signal<Ladder | undefined>(undefined);
/** Why there is no ladder for these sizes. */
export const refused = signal<string | undefined>(undefined);
/** Outcomes of the present problem by variant; `undefined` while it is measured. */
export const outcomes = signal<ReadonlyMap<string, Outcome | undefined>>(new Map());
/** What is being done, in words; undefined if nothing. */
export const busy = signal<string | undefined>(undefined);
/** Texts of the present problem's variants. */
export const sources = signal<ReadonlyMap<string, readonly Source[]>>(new Map());

/** A text of the visitor's own in place of the shown kernel's. */
export interface Draft {
  readonly wgsl: string;
  readonly workgroups: readonly [number, number, number];
}

export const draft = signal<Draft | undefined>(undefined);
/** The compiler's errors in the draft; undefined while it compiles. */
export const faults = signal<readonly CompilerError[] | undefined>(undefined);
/** What the race finder says about the draft; undefined if it was not asked. */
export const races = signal<Races | undefined>(undefined);

export const problem = computed(() => problemOf(settings.value));
export const work = computed(() => workOf(problem.value.work));

/** The variant whose text is shown: the chosen one by name, else the definition. */
export const shown = computed(() => {
  const variants = ladder.value?.variants.map(({ variant }) => variant) ?? [];
  const { variant } = settings.value;
  return variants.includes(variant) ? variant : (variants[0] ?? "");
});

/** The kernel whose text is shown. */
export const kernel = computed(() => {
  const all = sources.value.get(shown.value);
  return all?.[Math.min(settings.value.kernel, all.length - 1)];
});

/** Counts the problems shown: an answer for an earlier one is dropped. */
let turn = 0;

/** Changes settings at once. */
export function change(changes: Partial<Settings>): void {
  const before = problemKey(problem.value);
  settings.value = { ...settings.value, ...changes };
  if (problemKey(problem.value) !== before) void study();
}

/** Shows another problem: its ladder, and then its measurements. */
async function study(): Promise<void> {
  const mine = ++turn;
  const studied = problem.value;
  batch(() => {
    ladder.value = undefined;
    refused.value = undefined;
    outcomes.value = new Map();
    sources.value = new Map();
    busy.value = "Looking up the kernels";
  });
  const { needs } = work.value;
  if (needs && !connection.value!.about.features.includes(needs)) {
    batch(() => {
      refused.value = `This adapter has no ${needs}, which these kernels need.`;
      busy.value = undefined;
    });
    return;
  }
  try {
    const found = await ask((bench) => bench.ladder(studied));
    if (turn !== mine) return;
    ladder.value = found;
    await openDraft();
    if (turn !== mine) return;
  } catch (error) {
    if (turn !== mine) return;
    batch(() => {
      refused.value = (error as Error).message;
      busy.value = undefined;
    });
    return;
  }
  await measureAll();
}

/** Measures all variants of the present problem, one after the other, until the problem changes or it is stopped. */
export async function measureAll(): Promise<void> {
  const mine = ++turn;
  const { variants } = ladder.value!;
  outcomes.value = new Map();
  for (const [i, { variant, lacks }] of variants.entries()) {
    if (lacks !== undefined) continue;
    busy.value = `Measuring ${variant}, ${i + 1} of ${variants.length}`;
    await measure(variant, variant, [], mine);
    if (turn !== mine) return;
    // The first figures come before those of the adapter, which take a few seconds.
    if (!roof.value) await findRoof();
    if (turn !== mine) return;
  }
  if (draft.value) await measureDraft();
  else busy.value = undefined;
}

async function findRoof(): Promise<void> {
  busy.value = "Measuring what this adapter can do at most";
  roof.value = await ask((bench) => bench.roof()).catch(() => undefined);
}

/** Measures one variant, or an edited one under another name. */
async function measure(name: string, variant: string, edits: readonly Edit[], mine: number): Promise<void> {
  const put = (outcome: Outcome | undefined): void => {
    if (turn === mine) outcomes.value = new Map([...outcomes.value, [name, outcome]]);
  };
  put(undefined);
  const measured = problem.value;
  const outcome = await ask((bench) => bench.measure(measured, variant, edits)).catch(
    (error): Outcome => ({ state: "failed", message: (error as Error).message }),
  );
  if (turn === mine && outcome.state !== "absent") keep({ problem: measured, variant: name, outcome });
  put(outcome);
}

/** Checks and times the draft. */
export async function measureDraft(): Promise<void> {
  const mine = ++turn;
  busy.value = "Measuring your text";
  const all = sources.value.get(shown.value)!;
  const edit = { ...draft.value!, kernel: all.indexOf(kernel.value!) };
  await measure(own, shown.value, [edit], mine);
  if (turn === mine) busy.value = undefined;
}

/** Numbers of workgroups, if these are some. */
const groupsOf = ([x, y, z]: readonly number[]): Draft["workgroups"] | undefined =>
  x && y && z ? [x, y, z] : undefined;

/** Starts a draft with the text that is shown. */
export function startDraft(): void {
  const { wgsl, workgroups } = kernel.value!;
  draft.value = { wgsl, workgroups };
}

/** Takes a new text. It goes into the address, packed, if it is short enough. */
export async function write(wgsl: string): Promise<void> {
  draft.value = { ...draft.value!, wgsl };
  faults.value = races.value = undefined;
  const packed = await pack(wgsl);
  if (draft.value?.wgsl === wgsl) change({ text: packed.length <= mostPacked ? packed : "" });
}

/** The compiler's errors in a text. */
export async function faultsIn(wgsl: string): Promise<readonly CompilerError[]> {
  const found = await ask((bench) => bench.errors(wgsl)).catch(() => []);
  if (draft.value?.wgsl === wgsl) faults.value = found;
  return found;
}

/** Gives the draft up. */
export function dropDraft(): void {
  batch(() => {
    draft.value = undefined;
    faults.value = races.value = undefined;
    outcomes.value = new Map([...outcomes.value].filter(([name]) => name !== own));
  });
  change({ text: "", groups: [] });
}

/** Sets how many workgroups run the draft. */
export function writeGroups(groups: readonly number[]): void {
  draft.value = { ...draft.value!, workgroups: groupsOf(groups)! };
  races.value = undefined;
  change({ groups });
}

/** Shows another kernel: a draft was for the last one. */
export function show(changes: Pick<Partial<Settings>, "variant" | "kernel" | "work" | "sizes" | "nan">): void {
  if (draft.value) dropDraft();
  change(changes);
}

/** Takes a draft from the address, once the kernel that it is for is there. */
async function openDraft(): Promise<void> {
  const { text, groups } = settings.value;
  await load(shown.value);
  const wgsl = text === "" ? undefined : await unpack(text);
  if (wgsl === undefined || !kernel.value) return;
  draft.value = { wgsl, workgroups: groupsOf(groups) ?? kernel.value.workgroups };
}

/** Begins something else that takes long. @returns whether it may go on. */
export function begin(words: string): () => boolean {
  const mine = ++turn;
  busy.value = words;
  return () => turn === mine;
}

export function stop(): void {
  turn++;
  batch(() => {
    busy.value = undefined;
    outcomes.value = new Map([...outcomes.value].filter(([, outcome]) => outcome !== undefined));
  });
}

/** Loads the texts of a variant, if they are not there yet. */
export async function load(variant: string): Promise<void> {
  const asked = problem.value;
  if (variant === "" || sources.value.has(variant)) return;
  const found = await ask((bench) => bench.source(asked, variant)).catch(() => undefined);
  if (found && problemKey(problem.value) === problemKey(asked))
    sources.value = new Map([...sources.value, [variant, found]]);
}

/** Opens the GPU, and shows what the address says. */
export async function start(): Promise<void> {
  try {
    await open();
  } catch (error) {
    missing.value = error as Error;
    return;
  }
  effect(() => {
    if (ladder.value) void load(shown.value);
  });
  connection.subscribe((there) => {
    if (there) return;
    roof.value = undefined;
    stop();
  });
  await study();
}

keepInAddress(() => printHash(fields, settings.value));
