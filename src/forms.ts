import { quoted } from "./errors.ts";

/*
 * Forms of JSON from anywhere: each says what a value must be, and the first fault is named by its path.
 */

/** Throws unless the value at a path has the expected form. */
// biome-ignore lint/suspicious/noExplicitAny: a file may hold anything
export type Form = (value: any, path: string) => void;

/** Ends the check at the first fault. */
export class Fault extends Error {}

export function fail(path: string, fault: string): never {
  throw new Fault(`${path || "the file"} ${fault}`);
}

export const wants = (expected: string, fits: (value: unknown) => unknown): Form => {
  return (value, path) => {
    if (!fits(value)) fail(path, `is ${quoted(value)}, expected ${expected}`);
  };
};

export const typed = (type: string): Form => wants(`a ${type}`, (value) => typeof value === type);

export const whole = (low: number, high = Number.MAX_SAFE_INTEGER, step = 1): Form =>
  wants(
    `a whole number from ${low}${high < Number.MAX_SAFE_INTEGER ? ` to ${high}` : ""}${step > 1 ? `, a multiple of ${step}` : ""}`,
    (value) =>
      Number.isSafeInteger(value) &&
      low <= (value as number) &&
      (value as number) <= high &&
      (value as number) % step === 0,
  );

export const oneOf = (...known: readonly string[]): Form =>
  wants(`one of ${known.join(", ")}`, (value) => known.includes(value as string));

export const list =
  (item: Form, length?: number): Form =>
  (value, path) => {
    wants(
      `a list${length ? ` of ${length}` : ""}`,
      () => Array.isArray(value) && value.length === (length ?? value.length),
    )(value, path);
    // By index, because a list that did not come from JSON may have holes.
    for (let i = 0; i < value.length; i++) item(value[i], `${path}[${i}]`);
  };

/** `programs.train`, or `programs["my own"]`. */
export const member = (path: string, name: string): string =>
  /^\w{1,60}$/.test(name) ? `${path}${path && "."}${name}` : `${path}[${quoted(name)}]`;

/** An object with names that the user chose. */
export const named =
  (item: Form): Form =>
  (value, path) => {
    wants("an object", () => typeof value === "object" && value && !Array.isArray(value))(value, path);
    for (const name of Object.keys(value)) item(value[name], member(path, name));
  };

/** An object with these fields and no others; those that end in "?" are optional. */
export const fields =
  (forms: Readonly<Record<string, Form>>): Form =>
  (value, path) => {
    named(() => {})(value, path);
    for (const name of Object.keys(value)) {
      if (!Object.hasOwn(forms, name) && !Object.hasOwn(forms, `${name}?`))
        fail(member(path, name), "is not a field of this format");
    }
    for (const [name, form] of Object.entries(forms)) {
      const own = name.replace("?", "");
      if (own === name || value[own] !== undefined) form(value[own], member(path, own));
    }
  };

export const text = /* @__PURE__ */ typed("string");
export const count = /* @__PURE__ */ whole(0);
export const number = /* @__PURE__ */ wants("a finite number", Number.isFinite);

/** Refuses an index outside of a list. */
export function below(length: number, index: number, path: string): void {
  if (index >= length) fail(path, `is ${index}, expected a number below ${length}`);
}
