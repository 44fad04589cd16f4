import * as errors from "../errors.ts";
import { MismatchError } from "../io/mismatch.ts";
import { StoreError } from "../store/store.ts";

/** The classes that keep their identity on the way, by names that no bundler shortens. Others arrive as an Error. */
const classes: Readonly<Record<string, { readonly prototype: unknown }>> = {
  ...(errors as unknown as Readonly<Record<string, { readonly prototype: unknown }>>),
  MismatchError,
  StoreError,
  RangeError,
  SyntaxError,
  TypeError,
};

/** An error as it travels: plain data. */
export interface Told {
  readonly message: string;
  readonly stack: string | undefined;
  /** Name of the class that both sides know, if any. */
  readonly kind: string | undefined;
  /** What else the error has, its name among it. */
  readonly own: Readonly<Record<string, unknown>>;
  readonly cause?: Told;
}

/** The kind of a DOMException, which has its own constructor. */
const dom = "DOMException";

/** An error, or whatever was thrown, as plain data. */
export function told(error: unknown): Told {
  if (!(error instanceof Error)) return { message: textOf(error), stack: undefined, kind: undefined, own: {} };
  const { name, message, stack, cause } = error;
  const isDom = typeof DOMException === "function" && error instanceof DOMException;
  const prototype = Object.getPrototypeOf(error);
  const kind = isDom ? dom : Object.keys(classes).find((known) => classes[known]!.prototype === prototype);
  const others = Object.entries(error).filter(([key, value]) => key !== "cause" && travels(value));
  const own = { name, ...Object.fromEntries(others) };
  return { message, stack, kind, own, ...(cause !== undefined && { cause: told(cause) }) };
}

/** The text of something thrown that is no error: objects as JSON. */
function textOf(thrown: unknown): string {
  if (Object(thrown) !== thrown) return String(thrown);
  try {
    return JSON.stringify(thrown) ?? String(thrown);
  } catch {
    return Object.prototype.toString.call(thrown);
  }
}

/** The error again: with class, name, message, stack and cause. */
export function revived({ message, stack, kind, own, cause }: Told): Error {
  if (kind === dom) return new DOMException(message, own["name"] as string);
  const error = new Error(message, cause && { cause: revived(cause) });
  // Not by their constructors, which may add to the message.
  if (kind !== undefined) Object.setPrototypeOf(error, classes[kind]!.prototype as object);
  for (const [key, value] of Object.entries({ ...own, stack }))
    if (error[key as "name"] !== value)
      Object.defineProperty(error, key, { value, enumerable: false, configurable: true, writable: true });
  return error;
}

function travels(value: unknown): boolean {
  try {
    structuredClone(value);
    return true;
  } catch {
    return false;
  }
}
