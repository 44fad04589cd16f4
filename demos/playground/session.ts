import { batch, computed, effect, signal, untracked } from "@preact/signals";
import { connect, type RemoteTrainer } from "../../src/worker/index.ts";
import { parseHash, printHash } from "../parts/hash.ts";
import type { Frame } from "./frame.ts";
import type playground from "./playground.worker.ts";
import { fields, type Settings } from "./settings.ts";

type Remote = RemoteTrainer<typeof playground>;

/** A hidden unit or the output: its layer, from 1, and its place in it. */
export interface Unit {
  readonly layer: number;
  readonly unit: number;
}

/** Losses so far. */
export interface Course {
  readonly epochs: readonly number[];
  readonly train: readonly number[];
  readonly test: readonly number[];
}

const nothing: Course = { epochs: [], train: [], test: [] };

/** Values in a course; then every second one goes. */
const longest = 600;

/** Steps between two drawings: the page is to see them soon, however long an epoch is. */
const mostSteps = 40;

/** Milliseconds between two drawings for those who want little motion. */
const calm = 1000;

const { paused, ...initial } = parseHash(fields, location.hash);

/** All that the page shows. The settings and whether it is paused are kept in its address. */
export const settings = signal<Settings>(initial);
export const playing = signal(paused === 0);
export const frame = signal<Frame | undefined>(undefined);
export const course = signal<Course>(nothing);
export const remote = signal<Remote | undefined>(undefined);
/** Why there is no network. */
export const missing = signal<Error | undefined>(undefined);
/** What ended the training. */
export const failure = signal<string | undefined>(undefined);
/** The unit that is shown large; undefined for the output. */
export const looked = signal<Unit | undefined>(undefined);
export const ended = computed(() => failure.value !== undefined);

/** Calls of the worker, one after the other. */
let calls: Promise<void> = Promise.resolve();

const ask = (call: (remote: Remote) => Promise<Frame>, starts = false): Promise<void> => {
  calls = calls.then(async () => {
    if (!remote.value || ended.value) return;
    try {
      show(await call(remote.value), starts);
    } catch (error) {
      fail((error as Error).message);
    }
  });
  return calls;
};

function fail(reason: string): void {
  batch(() => {
    failure.value ??= reason;
    playing.value = false;
  });
}

function show(next: Frame, starts: boolean): void {
  batch(() => {
    frame.value = next;
    const { epochs, train, test } = starts ? nothing : course.value;
    const thin = epochs.length < longest ? () => true : (_: number, i: number) => i % 2 === 0;
    course.value = {
      epochs: [...epochs.filter(thin), next.epoch],
      train: [...train.filter(thin), next.loss.train],
      test: [...test.filter(thin), next.loss.test],
    };
  });
}

/** Changes settings at once. Another problem or seed starts over; otherwise, weights that still fit are kept. */
export function change(changes: Partial<Settings>): void {
  const fresh = "problem" in changes || "seed" in changes;
  batch(() => {
    settings.value = { ...settings.value, ...changes };
    looked.value = undefined;
  });
  const wanted = settings.value;
  void ask(({ methods }) => methods.configure(wanted, fresh), fresh);
}

export const reset = (): Promise<void> => ask(({ methods }) => methods.configure(settings.value, true), true);

export function step(): void {
  playing.value = false;
  void ask(({ methods }) => methods.advance(1));
}

/** Trains to the end of the epoch. */
export function finishEpoch(): void {
  playing.value = false;
  void ask(({ methods }) => methods.advance(frame.value!.left));
}

const nextFrame = (): Promise<unknown> => new Promise(requestAnimationFrame);

/** Trains while it plays: a drawing for each frame of the page at most. */
async function play(): Promise<void> {
  while (playing.value && !ended.value) {
    // A step that was asked for meanwhile may have ended the playing.
    await ask(({ methods }) => methods.advance(playing.value ? Math.min(mostSteps, frame.value!.left) : 0));
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) await new Promise((go) => setTimeout(go, calm));
    await nextFrame();
  }
}

/** Starts the worker, and the training unless the address says otherwise. */
export async function start(): Promise<void> {
  try {
    remote.value = await connect<typeof playground>(
      () => new Worker(new URL("./playground.worker.ts", import.meta.url), { type: "module" }),
      { inPage: () => import("./playground.worker.ts") },
    );
  } catch (error) {
    missing.value = error as Error;
    return;
  }
  void remote.value.lost.then((reason) => fail(`The GPU was lost. Reload the page to start over. ${reason}`));
  await reset();
  let runs = false;
  effect(() => {
    if (!playing.value || runs) return;
    runs = true;
    void untracked(play).finally(() => {
      runs = false;
    });
  });
}

effect(() => {
  const hash = printHash(fields, { ...settings.value, paused: playing.value || ended.value ? 0 : 1 });
  history.replaceState(null, "", hash === "" ? location.pathname + location.search : `#${hash}`);
});

// A link to other settings of the same page.
addEventListener("hashchange", () => location.reload());
