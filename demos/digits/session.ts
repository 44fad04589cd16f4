import { batch, signal } from "@preact/signals";
import type { Recording } from "../../src/index.ts";
import { download, type Upload } from "../../src/store/files.ts";
import { keepInAddress } from "../parts/address.ts";
import { printHash } from "../parts/hash.ts";
import { calm, isCalm, nextFrame } from "../parts/motion.ts";
import { type Course, extended, leg, nextExam, nothing } from "./course.ts";
import type { About } from "./keeping.ts";
import { batchSize, fields, type NetworkName, type Settings, settingFields, stepsPerEpoch } from "./settings.ts";
import {
  arrived,
  ask,
  busy,
  course,
  ended,
  exam,
  fail,
  failure,
  kernels,
  looking,
  playing,
  type Remote,
  refresh,
  remote,
  replacement,
  settings,
  show,
  shown,
  speed,
  step,
  test,
  training,
} from "./state.ts";

/** Milliseconds of training between two looks at the page. */
const between = 400;

/** The step at which the training pauses by itself. */
let goal = 0;

/** Gets new networks by a call, and shows them. @returns once they are there. */
function renew(call: (remote: Remote, wanted: Settings) => Promise<{ step: number; course: Course }>): Promise<void> {
  const wanted = settings.value;
  batch(() => {
    step.value = undefined;
    course.value = nothing;
    exam.value = undefined;
  });
  return ask(async (remote) => {
    await looking;
    const now = await call(remote, wanted);
    const all = await remote.methods.test();
    // Newer settings wait already.
    if (wanted !== settings.value) return;
    goal = now.step + leg(stepsPerEpoch(wanted));
    batch(() => {
      step.value = now.step;
      course.value = now.course;
      test.value = all;
      speed.value = undefined;
    });
    void refresh();
  }) as Promise<void>;
}

/** Makes the networks of the settings, as if nothing had been learned. */
export function startOver(): Promise<void> {
  note((notes) => notes.removeItem(keptKey));
  return renew(async ({ methods }, wanted) => {
    await methods.configure(wanted);
    return { step: 0, course: nothing };
  });
}

/** Where the browser notes the settings of the training that the worker keeps. */
const keptKey = "tilegrad.digits";
const printed = (of: Settings): string => printHash(settingFields, of) || "initial";

/** Reads or changes this note, where the browser allows it. */
function note<T>(act: (notes: Storage) => T): T | undefined {
  try {
    return act(localStorage);
  } catch {
    return undefined;
  }
}

/** Goes on with the training that the browser keeps, if it has these settings; else starts over. */
async function resumeOrStart(): Promise<void> {
  const isKept = note((notes) => notes.getItem(keptKey)) === printed(settings.value);
  if (!isKept || kernels.value.use) return startOver();
  await renew(async ({ methods }, wanted) => {
    const about = await methods.open().catch(() => undefined);
    if (about && printed(about.settings) === printed(wanted)) return about;
    await methods.configure(wanted);
    return { step: 0, course: nothing };
  });
  await showAgain();
}

/** Why the browser does not keep the training, if so. */
export const unkept = signal<string | undefined>(undefined);
let keptAt = performance.now();

/** Milliseconds of training between two times. */
const keepEvery = 10_000;

/** Keeps the training in the browser, for a reload. */
async function keep(): Promise<void> {
  if (ended.value || replacement.value) return;
  keptAt = performance.now();
  await ask(async ({ methods }) => {
    if (!step.value) return;
    const of = settings.value;
    try {
      await methods.keep(course.value);
      if (step.value !== undefined) note((notes) => notes.setItem(keptKey, printed(of)));
    } catch (error) {
      unkept.value = (error as Error).message;
    }
  });
}

/** The whole training as a file for the visitor. */
export async function save(): Promise<void> {
  const bytes = await ask(({ methods }) => methods.save(course.value));
  if (bytes) download(`digits-${settings.value.model}-${step.value}.safetensors`, bytes);
}

/** A network as a file for other programs. */
export async function saveOnnx(network: NetworkName): Promise<void> {
  const bytes = await ask(({ methods }) => methods.export(network));
  if (bytes) download(`digits-${network}.onnx`, bytes);
}

/** What is wrong with the last file, if so. */
export const refused = signal<string | undefined>(undefined);

/** Goes on with the training of a file, paused. */
export async function open({ name, bytes }: Upload): Promise<void> {
  refused.value = undefined;
  let about: About;
  try {
    about = await remote.value!.methods.about(bytes, name);
  } catch (error) {
    refused.value = (error as Error).message;
    return;
  }
  batch(() => {
    playing.value = false;
    settings.value = about.settings;
  });
  await renew(async ({ methods }) => {
    try {
      return (await methods.open(bytes, name))!;
    } catch (error) {
      refused.value = (error as Error).message;
      await methods.configure(about.settings);
      return { step: 0, course: nothing };
    }
  });
  await showAgain();
  await keep();
}

/** Shows the mistakes of a training that goes on. Its scores are in its course, unless it was kept just before them. */
async function showAgain(): Promise<void> {
  const at = step.value;
  if (!at) return;
  if (nextExam(at - 1) === at && course.value.steps.at(-1) !== at) return examine();
  const next = await ask(({ methods }) => methods.examine(false));
  if (next && step.value === at) exam.value = next;
}

/** Changes settings, and starts over with them. */
export function change(changes: Partial<Settings>): void {
  settings.value = { ...settings.value, ...changes };
  void startOver();
}

/** Settings with which every network learns its images by heart. */
export function overfit(): void {
  change({ images: 100, dropout: 0 });
  playing.value = true;
}

export const newSeed = (): void => change({ seed: (settings.value.seed % 999_999) + 1 });

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
  // Where a CPU does the work of a GPU, each look costs a frame: there they are rare, too.
  const wanted = isCalm() || remote.value?.cpu ? calm : between;
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
  const next = await ask(({ methods }) => methods.examine(true));
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

/** Trains while something says so. */
async function train(stepsLeft: () => number, atEnd = async () => {}): Promise<void> {
  for (let left = stepsLeft(); left > 0 && !ended.value; left = stepsLeft()) {
    if (step.value === undefined) await training.answered();
    else await advance(left);
    if (performance.now() - keptAt > keepEvery && course.value.steps.at(-1) === step.value) await keep();
    await nextFrame();
  }
  await atEnd();
  await keep();
}

/** Trains to the end of the epoch, examines there, and stops. */
export async function finishEpoch(): Promise<void> {
  playing.value = false;
  if (step.value === undefined || busy.value) return;
  const perEpoch = stepsPerEpoch(settings.value);
  const end = perEpoch * (Math.floor(step.value / perEpoch) + 1);
  await training.alone(() =>
    train(
      () => (step.value === undefined ? 0 : end - step.value),
      async () => {
        if (step.value === end && course.value.steps.at(-1) !== end) await examine();
      },
    ),
  );
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
  const hasGpu = await training.open(
    () => new Worker(new URL("./digits.worker.ts", import.meta.url), { type: "module", name: location.search }),
    {
      given: { base: document.baseURI },
      onMessage: (share) => {
        arrived.value = share as number;
      },
      inPage: () => import("./digits.worker.ts"),
    },
  );
  if (!hasGpu) return;
  await resumeOrStart();
  if (kernels.value.use) await (await import("./replacing.ts")).begin();
  if (shown.value > 0) show(Math.min(shown.value, test.value?.count ?? 1));
  training.whilePlaying(play);
}

keepInAddress(() => {
  const isPaused = playing.value || ended.value ? 0 : 1;
  return printHash(fields, { ...settings.value, ...kernels.value, paused: isPaused, test: shown.value });
});

// Browsers may end a hidden page without another word.
addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden" && busy.value) void keep();
});
