import { withArticle } from "../errors.ts";
import { showShape, sizeOf } from "./shape.ts";
import { arrayOf, type Spec, type TensorData } from "./tensor.ts";

/*
 * Arrays and bytes of the host, as they come from other hands: other realms (an iframe, a worker), subclasses, memory that is
 * shared, detached or may change its size.
 */

/**
 * The class of a typed array by name, whichever realm made it and whatever a subclass of it is called: "Uint8Array" for Node's
 * Buffer. `undefined` for everything that is no typed array.
 */
export const arrayClass = (value: unknown): string | undefined =>
  // The getter of %TypedArray%.prototype looks into the array itself: no name that somebody gave it deceives this.
  Reflect.get(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag, value);

const isShared = (buffer: ArrayBufferLike): boolean =>
  Object.prototype.toString.call(buffer) === "[object SharedArrayBuffer]";

/** Why an array's memory cannot be handed on, in words; `undefined` where it can. */
export function unusable(buffer: ArrayBufferLike): string | undefined {
  const { resizable, growable } = buffer as { resizable?: boolean; growable?: boolean };
  if (resizable || growable)
    return "lies in a resizable buffer, expected one of fixed length: pass a copy, made with slice()";
  if (buffer.byteLength > 0) return undefined;
  try {
    new Uint8Array(buffer);
    return undefined;
  } catch {
    return "lies in a detached buffer: it has been transferred, for instance to a worker";
  }
}

/** What is wrong with values for a tensor, in words for the end of a message; `undefined` where they fit. */
export function misfit(data: unknown, { shape, dtype }: Spec): string | undefined {
  const { name } = arrayOf[dtype];
  const expected = `expected ${withArticle(name)} of ${sizeOf(shape)} (${showShape(shape)})`;
  if (data === undefined) return `is missing, ${expected}`;
  if (arrayClass(data) !== name) {
    const found = withArticle(Object.prototype.toString.call(data).slice(8, -1));
    return `is ${found}, ${expected}${/Array$/.test(found) ? `: ${name}.from(…) makes one` : ""}`;
  }
  const { buffer, length } = data as TensorData;
  return unusable(buffer) ?? (length === sizeOf(shape) ? undefined : `has ${length} elements, ${expected}`);
}

/** The array, or a copy where its memory is shared with other threads: Dawn in Node crashes on such. */
export const unshared = (data: TensorData): TensorData => (isShared(data.buffer) ? data.slice() : data);
