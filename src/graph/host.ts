import { counted, withArticle } from "../errors.ts";
import { showShape, sizeOf } from "./shape.ts";
import { arrayOf, type Spec, type TensorData } from "./tensor.ts";

/*
 * Arrays and bytes from the host. They may come from other realms (an iframe, a worker), be subclasses, or lie in
 * shared, detached or resizable memory.
 */

/**
 * The class name of a typed array, whatever its realm or subclass: "Uint8Array" for Node's Buffer. `undefined` for
 * anything else.
 */
export const arrayClass = (value: unknown): string | undefined =>
  // The getter of %TypedArray% reads an internal slot, which a renamed class cannot fake.
  Reflect.get(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag, value);

const isShared = (buffer: ArrayBufferLike): boolean =>
  Object.prototype.toString.call(buffer) === "[object SharedArrayBuffer]";

/** Why an array's memory cannot be used, in words; `undefined` where it can. */
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

/** What is wrong with the values for a tensor, as the end of a message; `undefined` where they fit. */
export function misfit(data: unknown, { shape, dtype }: Spec): string | undefined {
  const { name } = arrayOf[dtype];
  const expected = `expected ${withArticle(name)} of ${sizeOf(shape)} (${showShape(shape)})`;
  if (data === undefined) return `is missing, ${expected}`;
  if (arrayClass(data) !== name) {
    const found = withArticle(Object.prototype.toString.call(data).slice(8, -1));
    return `is ${found}, ${expected}${/Array$/.test(found) ? `: ${name}.from(…) makes one` : ""}`;
  }
  const { buffer, length } = data as TensorData;
  return unusable(buffer) ?? (length === sizeOf(shape) ? undefined : `has ${counted(length, "element")}, ${expected}`);
}

/** The array, or a copy if its memory is shared between threads: Dawn in Node crashes on shared memory. */
export const unshared = (data: TensorData): TensorData => (isShared(data.buffer) ? data.slice() : data);
