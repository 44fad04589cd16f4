import { batch, signal } from "@preact/signals";
import type { Recording } from "../../../src/recording/index.ts";
import { download } from "../../../src/store/files.ts";
import { keepInAddress } from "../../parts/address.ts";
import { grown } from "../../parts/course.ts";
import { parseHash, printHash, unread } from "../../parts/hash.ts";
import { isCalm, nextDrawing, nextFrame } from "../../parts/motion.ts";
import { trainingOf } from "../../parts/training.ts";
import type { Exam } from "./examiner.ts";
import type { Frame } from "./lab.ts";
import { shortcoming } from "./own.ts";
import { block, writesAfter } from "./pace.ts";
import { fields, type Settings, type View } from "./settings.ts";
import type text from "./text.worker.ts";

/** Bits per character so far. */
export interface Course {
  readonly steps: readonly number[];
  readonly train: readonly number[];
  /** Of held-out text, which is looked at less often. */
  readonly looks: readonly number[];
  readonly validation: readonly number[];
}

/** What the network wrote after a step. */
export interface Sample {
  readonly step: number;
  readonly text: string;
}

const nothing: Course = { steps: [], train: [], looks: [], validation: [] };

/** Samples that stay on the page. */
const mostSamples = 9;

/** Characters that appear at once while the network writes. */
const atOnce = 4;

/** Parts of the link that mean nothing here. */
export const strange = unread(fields, location.hash);
const { paused, temperature: warmth, show: shown, unit, read, ...found } = parseHash(fields, location.hash);
const isEnough = found.source !== "own" || shortcoming(found.own) === undefined;

/** All that the page shows. What it depends on is kept in its address. */
export const settings = signal<Settings>(isEnough ? found : { ...found, source: fields.source.initial });
export const temperature = signal(warmth);
export const view = signal<View>({ show: shown, unit, read });
export const frame = signal<Frame | undefined>(undefined);
export const course = signal<Course>(nothing);
/** The newest first. */
export const samples = signal<readonly Sample[]>([]);
/** How the network last tagged names that are held out, and after which step. */
export const exam = signal<(Exam & { readonly step: number }) | undefined>(undefined);
/** Whether the kernels of a new network are being compiled. */
export const compiling = signal(true);

const training = trainingOf<typeof text>(paused === 0);
export const { playing, remote, missing, failure, ended, ask } = training;

function show(next: Frame): void {
  batch(() => {
    frame.value = next;
    const { steps, train, looks, validation } = course.value;
    const isNew = next.train !== undefined && next.step !== steps.at(-1);
    const isLook = next.looked && next.step !== looks.at(-1);
    course.value = {
      steps: isNew ? grown(steps, next.step) : steps,
      train: isNew ? grown(train, next.train!) : train,
      looks: isLook ? grown(looks, next.step) : looks,
      validation: isLook ? grown(validation, next.validation!) : validation,
    };
  });
}

/** Counts how often the network was started over: what belongs to an earlier one is dropped. */
let start = 0;

/** Draws all weights again. A page that plays trains first: what shows the network is compiled meanwhile. */
export async function reset(): Promise<void> {
  const mine = ++start;
  compiling.value = true;
  const next = await ask(async ({ methods }) => {
    if (mine !== start) return undefined;
    await methods.configure(settings.value);
    return playing.value ? methods.advance(1) : methods.validate();
  });
  if (mine !== start) return;
  batch(() => {
    compiling.value = false;
    if (!next) return;
    course.value = nothing;
    samples.value = [];
    exam.value = undefined;
    show(next);
  });
  if (next) await present();
}

/** Changes settings at once. Only the learning rate leaves the network as it is. */
export function change(changes: Partial<Settings>): void {
  settings.value = { ...settings.value, ...changes };
  const { rate, ...others } = changes;
  if (Object.keys(others).length > 0) void reset();
  else if (rate !== undefined) void ask(({ methods }) => methods.setRate(rate));
}

/** Whether a sample is being written, and whether another is wanted instead. */
export const writing = signal(false);
let again = false;

/** Shows a sample while it is written. A second call starts it over. */
export async function write(): Promise<void> {
  again = writing.value;
  if (again) return;
  writing.value = true;
  do {
    again = false;
    await sample();
  } while (again);
  writing.value = false;
}

/** Whether the network tags names instead of writing. */
export const tagging = (): boolean => settings.value.source === "tags";

/** Shows what the network can do by now. */
async function present(): Promise<void> {
  if (!tagging()) return write();
  const mine = start;
  const { step } = frame.value!;
  const found = await ask(({ methods }) => methods.examine());
  if (found && mine === start) exam.value = { ...found, step };
}

async function sample(): Promise<void> {
  const mine = start;
  const { step } = frame.value!;
  let text = "";
  for (let ends = false; !ends && !again; ) {
    const begins = text === "";
    const count = isCalm() ? Number.POSITIVE_INFINITY : atOnce;
    // Another network has no sample to go on with.
    const piece = await ask(async ({ methods }) =>
      mine === start ? methods.write(begins, count, temperature.value / 10) : undefined,
    );
    if (!piece || mine !== start) return;
    text += piece.text;
    ends = piece.ends;
    const earlier = samples.value.filter((sample) => sample.step !== step);
    samples.value = [{ step, text }, ...earlier].slice(0, mostSamples);
    await nextFrame();
  }
}

/** Trains for some steps, and lets the network write when it is time. */
async function advance(steps: number): Promise<void> {
  const mine = start;
  const before = frame.value?.step;
  // Other settings were wanted before the first network was there.
  if (before === undefined) {
    await training.answered();
    return;
  }
  const next = await ask(({ methods }) => methods.advance(steps));
  if (!next || mine !== start) return;
  show(next);
  if (next.step !== before && (tagging() ? next.looked : writesAfter(next.step))) await present();
}

export function step(): void {
  playing.value = false;
  void advance(1);
}

/** Trains for one step, and records it. */
export async function record(): Promise<Recording> {
  const mine = start;
  const found = await ask(({ methods }) => methods.record());
  if (!found) throw new Error(failure.value ?? "the training has ended");
  if (mine === start) show(found.frame);
  return found.recording;
}

/** The network as a file for other programs. */
export async function saveOnnx(): Promise<void> {
  const { model } = settings.value;
  const bytes = await ask(({ methods }) => methods.export());
  if (bytes) download(`text-${model}.onnx`, bytes);
}

/** Trains while it plays: a drawing for each frame of the page at most. */
async function play(): Promise<void> {
  while (playing.value && !ended.value) {
    await advance(block);
    await nextDrawing();
  }
}

/** Another temperature shows at once. */
export function warm(value: number): void {
  temperature.value = value;
  if (frame.value) void write();
}

/** Starts the worker, and the training unless the address says otherwise. */
export async function begin(): Promise<void> {
  const hasGpu = await training.open(
    () => new Worker(new URL("./text.worker.ts", import.meta.url), { type: "module", name: location.search }),
    { given: new URL("data/", document.baseURI).href, inPage: () => import("./text.worker.ts") },
  );
  if (!hasGpu) return;
  await reset();
  training.whilePlaying(play);
}

keepInAddress(() => {
  const { source, own } = settings.value;
  return printHash(fields, {
    ...settings.value,
    ...view.value,
    own: source === "own" ? own : "",
    temperature: temperature.value,
    paused: playing.value || ended.value ? 0 : 1,
  });
});
