import { currentLayer, showLayer } from "./layer.ts";

/**
 * The errors that tilegrad throws, one class per kind. Every message names the source (the op, the tensor, the file)
 * and what was expected, so that you find the line to fix without a debugger.
 */
export class TilegradError extends Error {
  override name = "TilegradError";

  /** A message created while a layer is applied or computed ends with that layer's path. */
  constructor(message: string, options?: ErrorOptions) {
    const layer = showLayer(currentLayer());
    super(layer ? `${message},${layer}` : message, options);
  }
}

/** Shapes, axes or sizes that do not fit together. Thrown where the node is built. */
export class ShapeError extends TilegradError {
  override name = "ShapeError";
}

/** An element type that the op does not accept, or two that differ. Thrown where the node is built. */
export class DTypeError extends TilegradError {
  override name = "DTypeError";
}

/** An attribute out of range: a dropout rate above 1, a negative learning rate, a NaN. Thrown where it is given. */
export class AttributeError extends TilegradError {
  override name = "AttributeError";
}

/** A missing, unknown, wrongly sized or wrongly typed value passed to `run` or `write`. Nothing has been computed. */
export class FeedError extends TilegradError {
  override name = "FeedError";
  /** Where a value is out of range. */
  declare readonly at?: { readonly input: string; readonly position: number };
}

/**
 * A call that the current state does not allow: freeing a variable that a program uses, reading a value that is in
 * another engine or not computed yet, two updates of one variable. Nothing has changed.
 */
export class StateError extends TilegradError {
  override name = "StateError";
}

/** Something larger than the adapter allows. The message states the limit. */
export class LimitError extends TilegradError {
  override name = "LimitError";
}

/** No WebGPU, a lost or destroyed device, or a GPU validation error (with the kernel's label). */
export class DeviceError extends TilegradError {
  override name = "DeviceError";
}

/** The device is lost: a driver reset, a crash of the browser's GPU process, `device.destroy()`. */
export class DeviceLostError extends DeviceError {
  override name = "DeviceLostError";
}

/**
 * NaN or infinity where finite numbers were expected. The message names the kernel and the tensor where it first arose.
 */
export class NonFiniteError extends TilegradError {
  override name = "NonFiniteError";
}

/** A file that is malformed or of another format. None of its content has been used. */
export class FormatError extends TilegradError {
  override name = "FormatError";
}

/**
 * A value as messages quote it, kept short: strings in quotes, the first few elements of a list, the class of an
 * object.
 */
export function quoted(value: unknown, deep = true): string {
  const most = deep ? 60 : 20;
  if (typeof value === "string") return JSON.stringify(value.length > most ? `${value.slice(0, most)}…` : value);
  if (Array.isArray(value)) {
    if (!deep) return "[…]";
    const first = value.slice(0, 8).map((item) => quoted(item, false));
    return `[${[...first, ...(value.length > 8 ? ["…"] : [])].join(", ")}]`;
  }
  if (typeof value === "object" && value !== null) {
    const kind = Object.prototype.toString.call(value).slice(8, -1);
    return kind === "Object" ? "an object" : withArticle(kind.slice(0, 60));
  }
  return typeof value === "function" ? "a function" : String(value).slice(0, 60);
}

export const withArticle = (name: string): string => `${/^[AEIOU]/i.test(name) ? "an" : "a"} ${name}`;

/** Names as messages list them: the first ten, then how many more there are. */
export function listed(names: Iterable<string>): string {
  const all = [...names];
  const first = all.slice(0, 10).map((name) => (name.length > 60 ? `${name.slice(0, 60)}…` : name));
  return `${first.join(", ") || "none"}${all.length > 10 ? ` and ${all.length - 10} more` : ""}`;
}

/** A count with its noun: "1 element", "2 elements", "2 axes". */
export const counted = (n: number, noun: string, many = `${noun}s`): string => `${n} ${n === 1 ? noun : many}`;

/*
 * Argument checks that all rooms share. TypeScript makes most of them at compile time; plain JavaScript has only these.
 */

/** The kind of a value: "Number", "Array", "Float32Array", "Promise", … */
const kindOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);

/** An argument as messages show it. */
export function show(value: unknown): string {
  if (value === undefined) return "missing";
  if (typeof value === "function" && "variables" in value) return "a module";
  return Object(value) === value && Symbol.toPrimitive in (value as object) ? String(value) : quoted(value);
}

/** `"mean" or "sum"`, `"x", "y"`. */
const inQuotes = (names: readonly string[], between = ", "): string => names.map((name) => `"${name}"`).join(between);

/** The message for an unknown name. Suggests a known one where the two differ only by missing letters. */
export function noSuch(what: string, name: string, names: readonly string[]): string {
  const letters = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, "");
  const within = (part: string, whole: string) =>
    [...letters(whole)].reduce((i, c) => i + Number(c === part[i]), 0) === part.length;
  const near = names.find((known) => within(letters(known), name) || within(letters(name), known));
  return `there is no ${what} ${show(name)}${near ? ` (did you mean "${near}"?)` : ""}, only ${inQuotes(names) || "none"}`;
}

/** Throws an AttributeError for an argument. @param name of the argument. */
export function refuse(op: string, name: string, value: unknown, expected: string): never {
  throw new AttributeError(`${op}: ${name} is ${show(value)}, expected ${expected}`);
}

/** Refuses anything but a finite number that passes `fits`. */
export const checkNumber = (
  op: string,
  name: string,
  value: number,
  expected: string,
  fits: (value: number) => boolean = Number.isFinite,
): number => (Number.isFinite(value) && fits(value) ? value : refuse(op, name, value, expected));

/** Refuses anything but a whole number from `least` to `most`. */
export const checkWhole = (op: string, name: string, value: number, least = 1, most?: number): number =>
  checkNumber(
    op,
    name,
    value,
    `a whole number from ${least}${most === undefined ? "" : ` to ${most}`}`,
    (n) => Number.isInteger(n) && n >= least && !(n > most!),
  );

/** Refuses anything but one of the choices. */
export const checkChoice = <T extends string>(op: string, name: string, value: T, choices: readonly T[]): T =>
  choices.includes(value) ? value : refuse(op, name, value, inQuotes(choices, " or "));

/** Refuses anything but an array. */
export const checkList = <T>(op: string, name: string, value: readonly T[]): readonly T[] =>
  Array.isArray(value) ? value : refuse(op, name, value, "an array");

/** Refuses anything but an array or a typed array. */
export function checkNumbers(op: string, name: string, value: ArrayLike<number>): void {
  if (!Array.isArray(value) && !(ArrayBuffer.isView(value) && "length" in value))
    refuse(op, name, value, "an array of numbers");
}

/** Refuses anything but a plain object. @param expected in words. */
export function checkObject(op: string, name: string, value: unknown, expected: string): void {
  if (kindOf(value) !== "Object") refuse(op, name, value, expected);
}

/** Refuses a value of another kind than `other` (number, boolean, string, …), and NaN. */
export function checkLike(op: string, name: string, value: unknown, other: unknown): void {
  if (kindOf(value) !== kindOf(other) || Number.isNaN(value))
    refuse(op, name, value, withArticle(kindOf(other).toLowerCase()));
}

/** Refuses a value without the given method; `undefined` passes. @param expected what has the method. */
export function checkHas(op: string, name: string, value: unknown, method: string, expected: string): void {
  if (value !== undefined && typeof Object(value)[method] !== "function") refuse(op, name, value, expected);
}

/** Options with defaults filled in. */
export type Filled<T, D> = {
  readonly [K in keyof Required<T>]: K extends keyof D
    ? D[K] extends undefined
      ? T[K]
      : Exclude<T[K], undefined>
    : never;
};

/**
 * Fills in defaults. Refuses names that the defaults lack and values of another kind than the default. Where a default
 * is `undefined`, the caller checks the value.
 * @param elsewhere what to do instead, for names that belong elsewhere; default none.
 */
export function optionsOf<T extends object, D extends { readonly [K in keyof Required<T>]: T[K] | undefined }>(
  op: string,
  given: T | undefined,
  defaults: D,
  elsewhere?: ReadonlyMap<string, string>,
): Filled<T, D> {
  const names = Object.keys(defaults);
  if (given !== undefined) checkObject(op, "the argument", given, `{ ${names.join(", ")} }`);
  const all: Record<string, unknown> = { ...defaults };
  for (const [name, value] of Object.entries(given ?? {})) {
    if (!names.includes(name)) {
      const instead = elsewhere?.get(name);
      throw new AttributeError(`${op}: ${noSuch("option", name, names)}${instead ? `: ${instead}` : ""}`);
    }
    if (value === undefined) continue;
    if (all[name] !== undefined) checkLike(op, name, value, all[name]);
    all[name] = value;
  }
  return all as Filled<T, D>;
}
