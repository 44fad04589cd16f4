import { batch, computed, effect, signal, untracked } from "@preact/signals";
import type { Recording } from "../../src/index.ts";
import { connect, type RemoteTrainer } from "../../src/worker/index.ts";
import { parseHash, printHash } from "../parts/hash.ts";
import type { Inside } from "./anatomy.ts";
import { type Course, extended, leg, nextExam, nothing } from "./course.ts";
import type digits from "./digits.worker.ts";
import { type Images, imageAt } from "./images.ts";
import type { Exam } from "./lab.ts";
import { batchSize, fields, type NetworkName, networksOf, type Settings, stepsPerEpoch } from "./settings.ts";

type Remote = RemoteTrainer<typeof digits>;

/** An image, and everything in the networks for it. */
export interface Look {
  readonly image: Uint8Array;
  readonly insides: readonly (Inside & { readonly probabilities: Float32Array })[];
}

/** Milliseconds of training between two looks at the page, and for those who want little motion. */
const between = 250;
const calm = 1000;

const { paused, test: firstShown, ...initial } = parseHash(fields, location.hash);

/** All that the page shows. The settings, the test image and whether it is paused are kept in its address. */
export const settings = signal<Settings>(initial);
export const playing = signal(paused === 0);
/** Steps since the start; undefined until the networks are there. */
export const step = signal<number | undefined>(undefined);
export const course = signal<Course>(nothing);
export const exam = signal<Exam | undefined>(undefined);
/** All test images. */
export const test = signal<Images | undefined>(undefined);
/** The test image on the pad, from 1; 0 for a drawing or nothing. */
export const shown = signal(firstShown);
/** What the networks are to read. */
export const image = signal<Uint8Array | undefined>(undefined);
export const look = signal<Look | undefined>(undefined);
/** The network whose inside and mistakes are shown, where there are two. */
export const chosen = signal<NetworkName>("cnn");
export const subject = computed(() => {
  const names = networksOf(settings.value);
  return names.includes(chosen.value) ? chosen.value : names[0]!;
});
/** Share of the images that has arrived. */
export const arrived = signal(0);
/** Images that the networks train on per second. */
export const speed = signal<number | undefined>(undefined);
export const remote = signal<Remote | undefined>(undefined);
/** Why there is no network. */
export const missing = signal<Error | undefined>(undefined);
/** What ended the training. */
export const failure = signal<string | undefined>(undefined);
export const ended = computed(() => failure.value !== undefined);
/** Whether a training is under way. */
export const busy = signal(false);
/** The step at which the training pauses by itself. */
let goal = 0;

/** Calls of the worker, one after the other. */
let calls: Promise<unknown> = Promise.resolve();

const ask = <T>(call: (remote: Remote) => Promise<T>): Promise<T | undefined> => {
  const answer = calls.then(async () => {
    if (!remote.value || ended.value) return undefined;
    try {
      return await call(remote.value);
    } catch (error) {
      fail((error as Error).message);
      return undefined;
    }
  });
  calls = answer;
  return answer;
};

function fail(reason: string): void {
  batch(() => {
    failure.value ??= reason;
    playing.value = false;
  });
}

/** The look under way, which no new networks may overtake. */
let looking: Promise<void> | undefined;
let isStale = false;

/** Reads the image again, beside the training: always the newest one. */
function refresh(): Promise<void> {
  isStale = true;
  looking ??= readAll()
    .catch((error) => fail((error as Error).message))
    .finally(() => {
      looking = undefined;
    });
  return looking;
}

async function readAll(): Promise<void> {
  while (isStale && remote.value && step.value !== undefined && !ended.value) {
    isStale = false;
    const now = image.value;
    const insides = now && (await remote.value.methods.look(now));
    look.value = image.value && insides && { image: now, insides };
  }
}

/** Makes the networks of the settings, as if nothing had been learned. */
export function startOver(): Promise<void> {
  const wanted = settings.value;
  batch(() => {
    step.value = undefined;
    course.value = nothing;
    exam.value = undefined;
  });
  return ask(async ({ methods }) => {
    await looking;
    await methods.configure(wanted);
    const all = await methods.test();
    // Newer settings wait already.
    if (wanted !== settings.value) return;
    goal = leg(stepsPerEpoch(wanted));
    batch(() => {
      step.value = 0;
      test.value = all;
      speed.value = undefined;
    });
    void refresh();
  }) as Promise<void>;
}

/** Changes settings, and starts over with them. */
export function change(changes: Partial<Settings>): void {
  settings.value = { ...settings.value, ...changes };
  void startOver();
}

export const newSeed = (): void => change({ seed: (settings.value.seed % 999_999) + 1 });

/** Puts a test image on the pad. @param number from 1. */
export function show(number: number): void {
  if (!test.value) return;
  shown.value = ((number - 1 + test.value.count) % test.value.count) + 1;
  image.value = imageAt(test.value, shown.value - 1);
  void refresh();
}

/** What is drawn on the pad; undefined for blank paper. */
export function draw(drawing: Uint8Array | undefined): void {
  batch(() => {
    shown.value = 0;
    image.value = drawing;
  });
  void refresh();
}

/** How many steps fit between two looks. */
let chunk = 1;

/** Trains up to the next look or exam, and shows what has become of it. @param most steps. */
async function advance(most: number): Promise<void> {
  const before = step.value;
  if (before === undefined) return;
  const due = nextExam(before);
  const steps = Math.min(chunk, most, due - before);
  let took = 0;
  const now = await ask(async ({ methods }) => {
    const began = performance.now();
    const reached = await methods.advance(steps);
    took = performance.now() - began;
    return reached;
  });
  if (now === undefined || step.value !== before) return;
  const wanted = matchMedia("(prefers-reduced-motion: reduce)").matches ? calm : between;
  chunk = Math.max(1, Math.min(2 * chunk, Math.round((steps * wanted) / took)));
  // All at once, so that the page draws once.
  const unseen = batch(() => {
    step.value = now;
    speed.value = (1000 * batchSize * steps) / took;
    return refresh();
  });
  if (now === due) await examine();
  await unseen;
}

/** Shows the scores and mistakes of this step. */
async function examine(): Promise<void> {
  const at = step.value;
  const next = await ask(({ methods }) => methods.examine());
  if (!next || at === undefined || step.value !== at) return;
  if (Object.values(next).some(({ training, test }) => !Number.isFinite(training.loss + test.loss)))
    return fail("The loss is no longer a number: the steps are too large. Reload, and choose a smaller learning rate.");
  batch(() => {
    exam.value = next;
    course.value = extended(course.value, at, next);
  });
}

/** Records one step of the first network, between two steps of the training. */
export async function record(): Promise<Recording> {
  const recording = await ask(({ methods }) => methods.record());
  if (!recording) throw new Error(failure.value ?? "the training has ended");
  return recording;
}

/** Trains while something says so. @returns when nothing is under way any more. */
async function train(stepsLeft: () => number): Promise<void> {
  if (busy.value) return;
  busy.value = true;
  for (let left = stepsLeft(); left > 0 && !ended.value; left = stepsLeft()) {
    if (step.value === undefined) await calls;
    else await advance(left);
    await new Promise(requestAnimationFrame);
  }
  busy.value = false;
}

/** Trains to the end of the epoch, examines there, and stops. */
export async function finishEpoch(): Promise<void> {
  playing.value = false;
  if (step.value === undefined || busy.value) return;
  const perEpoch = stepsPerEpoch(settings.value);
  const end = perEpoch * (Math.floor(step.value / perEpoch) + 1);
  await train(() => (step.value === undefined ? 0 : end - step.value));
  if (step.value === end && course.value.steps.at(-1) !== end) await examine();
}

const play = (): Promise<void> =>
  train(() => {
    if (playing.value && step.value !== undefined && step.value >= goal) playing.value = false;
    return playing.value ? goal - (step.value ?? 0) : 0;
  });

/** Goes on, or pauses. */
export function toggle(): void {
  if (!playing.value && step.value !== undefined && step.value >= goal) goal += leg(stepsPerEpoch(settings.value));
  playing.value = !playing.value;
}

/** Starts the worker, and the training unless the address says otherwise. */
export async function start(): Promise<void> {
  try {
    remote.value = await connect<typeof digits>(
      () => new Worker(new URL("./digits.worker.ts", import.meta.url), { type: "module" }),
      {
        given: { base: document.baseURI },
        onMessage: (share) => {
          arrived.value = share as number;
        },
        inPage: () => import("./digits.worker.ts"),
      },
    );
  } catch (error) {
    missing.value = error as Error;
    return;
  }
  void remote.value.lost.then((reason) => fail(`The GPU was lost. Reload the page to start over. ${reason}`));
  await startOver();
  if (shown.value > 0) show(Math.min(shown.value, test.value?.count ?? 1));
  effect(() => {
    if (playing.value && !busy.value) void untracked(play);
  });
}

effect(() => {
  const isPaused = playing.value || ended.value ? 0 : 1;
  const hash = printHash(fields, { ...settings.value, paused: isPaused, test: shown.value });
  history.replaceState(null, "", hash === "" ? location.pathname + location.search : `#${hash}`);
});

// A link to other settings of the same page.
addEventListener("hashchange", () => location.reload());
