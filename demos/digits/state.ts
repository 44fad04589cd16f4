import { batch, computed, signal } from "@preact/signals";
import type { RemoteTrainer } from "../../src/worker/index.ts";
import { parseHash, unread } from "../parts/hash.ts";
import { trainingOf } from "../parts/training.ts";
import type { Inside } from "./anatomy.ts";
import { type Course, nothing } from "./course.ts";
import type digits from "./digits.worker.ts";
import { type Images, imageAt } from "./images.ts";
import type { Exam } from "./lab.ts";
import { fields, type Kernels, type NetworkName, networksOf, type Settings } from "./settings.ts";
import type { Replacement } from "./stepKernels.ts";

export type Remote = RemoteTrainer<typeof digits>;

/** An image, and everything in the networks for it. */
export interface Look {
  readonly image: Uint8Array;
  readonly insides: readonly (Inside & { readonly probabilities: Float32Array })[];
}

/** Parts of the link that mean nothing here. */
export const strange = unread(fields, location.hash);
const { paused, test: firstShown, kernel, use, text, ...initial } = parseHash(fields, location.hash);

/** All that the page shows. The settings, the test image and whether it is paused are kept in its address. */
export const settings = signal<Settings>(initial);
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
/** What the address says of the kernels of the training. */
export const kernels = signal<Kernels>({ kernel, use, text });
/** What the training runs in place of tilegrad's choice. */
export const replacement = signal<Replacement | undefined>(undefined);
/** Share of the images that has arrived. */
export const arrived = signal(0);
/** Images that the networks train on per second. */
export const speed = signal<number | undefined>(undefined);

export const training = trainingOf<typeof digits>(paused === 0);
export const { playing, busy, remote, missing, failure, ended, ask, fail } = training;

/** The look under way, which no new networks may overtake. */
export let looking: Promise<void> | undefined;
let isStale = false;

/** Reads the image again, beside the training: always the newest one. */
export function refresh(): Promise<void> {
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
