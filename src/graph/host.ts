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

/** The array, or a copy where its memory is shared with other threads: Dawn in Node crashes on such. */
export const unshared = <T extends Float32Array | Int32Array | Uint32Array>(data: T): T =>
  isShared(data.buffer) ? (data.slice() as T) : data;
