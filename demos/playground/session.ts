import { batch, computed, signal } from "@preact/signals";
import type { KernelInfo } from "../../src/index.ts";
import type { Recording } from "../../src/recording/index.ts";
import { keepInAddress } from "../parts/address.ts";
import { grown } from "../parts/course.ts";
import { parseHash, printHash, unread } from "../parts/hash.ts";
import { nextDrawing } from "../parts/motion.ts";
import { trainingOf } from "../parts/training.ts";
import { fields, type Shared, split, together, type Values } from "./address.ts";
import type { Frame, Place } from "./frame.ts";
import { added, changed, changesBetween, type Edit, entriesOf, historyOf, mostOfEdits } from "./history.ts";
import type playground from "./playground.worker.ts";
import type { Network, Settings } from "./settings.ts";

/** A hidden unit or the output: its layer, from 1, and its place in it. */
export interface Unit {
  readonly layer: number;
  readonly unit: number;
}

/** Losses of one network so far. */
export interface Course {
  readonly epochs: readonly number[];
  readonly train: readonly number[];
  readonly test: readonly number[];
}

const nothing: Course = { epochs: [], train: [], test: [] };

/** Milliseconds of training between two drawings, at full speed. */
const frameTime = 8;

/** Parts of the link that mean nothing here. */
export const strange = unread(fields, location.hash);
const found = historyOf(parseHash(fields, location.hash));
const first = split(found.start);

/** What holds for the page and for both networks. */
export const shared = signal<Shared>(first.shared);
/** The networks: one, or two to compare. */
export const networks = signal<readonly Network[]>(first.networks);
/** Which network is edited. */
export const chosen = signal(0);
/** All settings of the network that is edited. */
export const settings = computed<Settings>(() => ({ ...shared.value, ...networks.value[chosen.value]! }));
export const frames = signal<readonly Frame[]>([]);
export const frame = computed<Frame | undefined>(() => frames.value[chosen.value]);
export const courses = signal<readonly Course[]>([]);
/** The unit that is shown large; undefined for the output. */
export const looked = signal<Unit | undefined>(undefined);

const training = trainingOf<typeof playground>(!first.paused);
const { ask } = training;
export const { playing, remote, missing, failure, ended } = training;

/** What was changed since the weights were drawn. */
const edits = signal<readonly Edit[]>([]);
/** What the address says is to be changed at later steps. */
const coming = signal<readonly Edit[]>(found.edits);
/** Whether points came or went while it trained: an address holds only the last ones. */
const movedPoints = signal(false);

const valuesNow = (): Values =>
  together({
    shared: shared.value,
    networks: networks.value,
    paused: !playing.value && !ended.value,
    edits: [],
  });

/** The settings that the worker has. */
let taken = valuesNow();

const editsText = computed(() => fields.edits.print(entriesOf([...edits.value, ...coming.value])));

/** Why an address does not give the losses of this page; undefined if it does. */
export const unkept = computed<string | undefined>(() => {
  if (movedPoints.value) return "points changed while it trained";
  return editsText.value.length > mostOfEdits ? "there were too many changes while it trained" : undefined;
});

/** Adds a visitor's changes. */
function keep(changes: readonly Edit[]): void {
  edits.value = changes.reduce((all, change) => added(all, change), edits.value);
}

/** From now on, the training takes another course than the address says. */
function leaveCourse(): void {
  coming.value = [];
}

function show(next: readonly Frame[], starts: boolean): void {
  batch(() => {
    frames.value = next;
    courses.value = next.map((one, i) => extended(starts ? nothing : (courses.value[i] ?? nothing), one));
  });
}

const extended = ({ epochs, train, test }: Course, { epoch, loss }: Frame): Course => ({
  epochs: grown(epochs, epoch),
  train: grown(train, loss.train),
  test: grown(test, loss.test),
});

/** Settings that the worker has yet to take on, and whether they start over. */
let waiting: { fresh: boolean } | undefined;

/** Hands all settings to the worker: those of the moment in which it is free. */
function configure(fresh: boolean): Promise<unknown> {
  if (waiting) {
    waiting.fresh ||= fresh;
    return training.answered();
  }
  waiting = { fresh };
  return ask(async ({ methods }) => {
    const { fresh } = waiting!;
    waiting = undefined;
    batch(() => {
      const step = frames.value[0]?.step ?? 0;
      if (!fresh) {
        keep(changesBetween(step, taken, valuesNow()));
        movedPoints.value ||= step > 0 && taken.own !== shared.value.own;
      } else if (frames.value.length > 0) {
        edits.value = coming.value = [];
        movedPoints.value = false;
      }
    });
    show(await takeOn(methods, fresh), fresh);
    if (fresh) await replay(methods);
  });
}

type Methods = NonNullable<typeof remote.value>["methods"];

function takeOn(methods: Methods, fresh: boolean) {
  taken = valuesNow();
  return methods.configure(
    networks.value.map((network) => ({ ...shared.value, ...network })),
    fresh,
  );
}

/** Changes what the address says is to be changed at this step. */
async function replay(methods: Methods): Promise<void> {
  const [next] = coming.value;
  if (!next || next.step > frames.value[0]!.step) return;
  batch(() => {
    edits.value = [...edits.value, next];
    coming.value = coming.value.slice(1);
    if (!("name" in next)) return;
    const after = split(changed(valuesNow(), [next]));
    shared.value = after.shared;
    networks.value = after.networks;
  });
  show("name" in next ? await takeOn(methods, false) : await methods.edit(next.run, next.place, next.value), false);
  await replay(methods);
}

/** Changes what holds for all networks. Another problem or seed starts over. */
export function changeShared(changes: Partial<Shared>): void {
  shared.value = { ...shared.value, ...changes };
  const isDrawing = Object.keys(changes).every((key) => key === "pace" || key === "hide");
  if (isDrawing) return;
  leaveCourse();
  void configure("problem" in changes || "seed" in changes);
}

/** Changes the edited network at once. Weights that still fit are kept. */
export function change(changes: Partial<Network>): void {
  batch(() => {
    networks.value = networks.value.map((network, i) => (i === chosen.value ? { ...network, ...changes } : network));
    looked.value = undefined;
    leaveCourse();
  });
  void configure(false);
}

/** Adds a second network like the first, or removes it. Both start over, so that they can be compared. */
export function compare(on: boolean): void {
  batch(() => {
    networks.value = on ? [networks.value[0]!, networks.value[0]!] : [networks.value[0]!];
    chosen.value = on ? 1 : 0;
    looked.value = undefined;
  });
  void configure(true);
}

export const reset = (): Promise<unknown> => configure(true);

/** Sets a weight or bias of the edited network. */
export function edit(place: Place, value: number): void {
  const run = chosen.value;
  leaveCourse();
  void ask(async ({ methods }) => {
    keep([{ step: frames.value[0]!.step, run, place, value }]);
    show(await methods.edit(run, place, value), false);
  });
}

/** Trains the edited network for one step, and records all of it. */
export async function record(): Promise<Recording> {
  const run = chosen.value;
  const recorded = await ask(async ({ methods }) => {
    const { recording, frames } = await methods.record(run);
    show(frames, false);
    await replay(methods);
    return recording;
  });
  if (!recorded) throw new Error(failure.value ?? "the training has ended");
  return recorded;
}

/** The dispatches of one step of the edited network. */
export function inspect(): Promise<readonly KernelInfo[]> {
  const run = chosen.value;
  return new Promise((resolve) => {
    void ask(async ({ methods }) => resolve(await methods.inspect(run)));
  });
}

/** Trains for some steps, and makes the changes that the address says on the way. */
const advance = (steps: () => number): Promise<unknown> =>
  ask(async ({ methods }) => {
    for (let left = steps(); left > 0; ) {
      const some = Math.min(left, untilChange());
      show(await methods.advance(some), false);
      await replay(methods);
      left -= some;
    }
  });

/** Steps until the next change that the address says. */
const untilChange = (): number => (coming.value[0]?.step ?? Number.MAX_SAFE_INTEGER) - frames.value[0]!.step;

export function step(): void {
  playing.value = false;
  void advance(() => 1);
}

/** Trains to the end of the epoch. */
export function finishEpoch(): void {
  playing.value = false;
  void advance(() => frames.value[0]!.left);
}

/** Trains while it plays: a drawing for each frame of the page at most. */
async function play(): Promise<void> {
  while (playing.value && !ended.value) {
    const { pace } = shared.value;
    if (pace === "full")
      await ask(async ({ methods }) => {
        if (!playing.value) return;
        show(await methods.advanceFor(frameTime, untilChange()), false);
        await replay(methods);
      });
    // A step that was asked for meanwhile may have ended the playing.
    else await advance(() => (!playing.value ? 0 : pace === "step" ? 1 : frames.value[0]!.left));
    await nextDrawing();
  }
}

/** Starts the worker, and the training unless the address says otherwise. */
export async function start(): Promise<void> {
  const hasGpu = await training.open(
    () => new Worker(new URL("./playground.worker.ts", import.meta.url), { type: "module", name: location.search }),
    { inPage: () => import("./playground.worker.ts") },
  );
  if (!hasGpu) return;
  await reset();
  training.whilePlaying(play);
}

/** An address that starts with the settings of the moment. */
export const hashOf = (changes: Partial<Shared> = {}): string => printHash(fields, { ...valuesNow(), ...changes });

keepInAddress(() => {
  const all = unkept.value === undefined ? [...edits.value, ...coming.value] : [];
  return printHash(fields, { ...changed(valuesNow(), coming.value), edits: entriesOf(all) });
});
