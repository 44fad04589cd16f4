import { AttributeError, counted, FeedError, noSuch, ShapeError, StateError } from "../errors.ts";
import { showShape } from "../graph/shape.ts";
import type { Callback, Event } from "./callbacks.ts";
import type { SampleSpec } from "./specs.ts";
import type { Stream } from "./stream.ts";

/*
 * What is wrong with a call, in more words. Few pages make a mistake, so this module is loaded only then, and to look at
 * callbacks.
 */

const known: Readonly<Record<Event, true>> = {
  onTrainBegin: true,
  onEpochBegin: true,
  onBatchEnd: true,
  onGradients: true,
  onProgress: true,
  onEpochEnd: true,
  onTrainEnd: true,
  onTrainError: true,
};
const events = /* @__PURE__ */ Object.keys(known);

const isEvent = (name: string): boolean => events.includes(name);

/** Names of an object's own properties and of its classes' methods. */
function namesOf(object: object | null): string[] {
  if (object === null || object === Object.prototype) return [];
  return [...Object.getOwnPropertyNames(object), ...namesOf(Object.getPrototypeOf(object))];
}

/** Refuses functions of callbacks that a training would never call. */
export function checkEvents(op: string, callbacks: readonly Callback[]): void {
  for (const callback of callbacks) {
    const isFunction = (name: string) => typeof Object(callback)[name] === "function";
    const stranger = namesOf(callback).find((name) => /^on/i.test(name) && !isEvent(name) && isFunction(name));
    if (stranger) throw new AttributeError(`${op}: ${noSuch("event", stranger, events)}`);
  }
}

/** The error of options of `fit` that are something else. */
export function explainOptions(error: unknown, options: unknown): unknown {
  if (Array.isArray(options) || ArrayBuffer.isView(options) || "data" in Object(options))
    return new AttributeError(
      "fit: its second argument is data, expected options: pass fit({ x, y }, { epochs: 10, … })",
    );
  const event = Object.keys(Object(options)).find(isEvent);
  return event ? new AttributeError(`fit: ${event} belongs in a callback: callbacks: [{ ${event} }]`) : error;
}

/**
 * The error of a value out of range in a batch, with its place in the user's data instead.
 * @param op the caller, or the data in which the value is. @param from samples of the epoch before the batch.
 */
export function locate(op: string, error: unknown, stream: Stream, epoch: number, from: number): unknown {
  if (!(error instanceof FeedError && error.at)) return error;
  const { input, position } = error.at;
  const size = stream.specs[input]!.shape.reduce((product, n) => product * n, 1);
  const place = `${op}: $1 at sample ${stream.place(epoch, from + Math.floor(position / size))}`;
  return new FeedError(error.message.replace(/^run: input (.+) at position \d+/, place), { cause: error });
}

/** Data that lacks arrays, or has others. @param what the data in errors. @param names that it needs. @param all that it may have. */
export function otherNames(what: string, item: object, names: readonly string[], all: readonly string[]): FeedError {
  const own = Object.keys(item);
  const missing = names.find((name) => !own.includes(name));
  if (missing) return new FeedError(`${what} has no "${missing}", only ${list(own)}`);
  const stranger = own.find((name) => !all.includes(name));
  const first = stranger === "sampleWeight" ? ", as in the first item" : "";
  return new FeedError(`${what} has "${stranger}", expected only ${list(all)}${first}`);
}

const list = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(", ") || "nothing";

export const otherSamples = (op: string, name: string, { shape }: SampleSpec, known: SampleSpec): ShapeError =>
  new ShapeError(`${op}: samples of "${name}" are ${showShape(shape)}, expected ${showShape(known.shape)}`);

type Counted = readonly [name: string, samples: number];

/** Arrays with different numbers of samples. @param bare an array that states no shape, which may be the reason. */
export function otherRows(op: string, [name, n]: Counted, [first, rows]: Counted, bare: string | undefined) {
  const hint = `: each value of "${bare}" counts as a sample, unless it is { data, shape: [n, …] }, or Trainer is told shapes: { ${bare}: […] }`;
  return new ShapeError(`${op}: "${name}" has ${counted(n, "sample")}, "${first}" has ${rows}${bare ? hint : ""}`);
}

/** Data without samples. */
export const noSamples = (op: string): FeedError => new FeedError(`${op}: the data has no samples`);

/** Samples that all have weight 0. */
export const noWeight = (op: string): FeedError =>
  new FeedError(`${op}: all samples have weight 0, so that there is no mean of their losses`);

/** An epoch without a step. @param batchSize where only whole batches count. */
export const noBatch = (epoch: number, batchSize: number | undefined): FeedError =>
  new FeedError(
    `fit: epoch ${epoch} has no ${batchSize === undefined ? "samples" : `whole batch of ${batchSize} samples`}: if the data is an iterator that has been read, pass a function that returns a new one`,
  );

/** Samples with weights where there is no loss of each. */
export const unweighable = (op: string): FeedError =>
  new FeedError(
    `${op}: samples have weights, but the loss gives one number for the whole batch: let it return a value for each sample`,
  );

/** An iterator that would have to be read several times. */
export const readOnce = (op: string, epochs: number): StateError =>
  new StateError(
    `${op}: the data is an iterator, which can be read once, for ${epochs} epochs: pass a function that returns one, such as () => read()${op === "fit" ? ", or set stepsPerEpoch" : ""}`,
  );

/** A training that cannot go on after a loss of the device: its snapshot is of something else, or its data is gone. */
export const noWayBack = (isOwn: boolean, cause: unknown): StateError =>
  new StateError(
    `fit: the device was lost, and ${
      isOwn
        ? "the data is an iterator, which cannot be read again: pass a function that returns one, such as () => read()"
        : "the last snapshot is not of this training: do not mark or take snapshots during fit"
    }`,
    { cause },
  );

/** Samples of which `compile` does not know the shape. */
export const unknownSamples = (name: string): StateError =>
  new StateError(`compile: the samples of "${name}" are not known: state their shape in shapes`);

/** A training to resume that reads its samples in another order. */
export const otherOrder = (name: string, value: unknown, known: unknown): AttributeError =>
  new AttributeError(`fit: ${name} is ${value}, but the training to resume has ${known}`);

export const unfit = (op: string, name: string, value: number, sample: number): FeedError =>
  new FeedError(`${op}: "${name}" holds ${value} at sample ${sample}`);
