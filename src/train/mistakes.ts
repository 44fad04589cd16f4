import { AttributeError, counted, FeedError, noSuch, ShapeError } from "../errors.ts";
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

export const unfit = (op: string, name: string, value: number, sample: number): FeedError =>
  new FeedError(`${op}: "${name}" holds ${value} at sample ${sample}`);
