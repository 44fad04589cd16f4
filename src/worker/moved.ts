import { unusable } from "../graph/host.ts";

/** Values to move, and their buffers. */
const marks = new WeakMap<object, readonly Transferable[]>();

/**
 * Marks a value to be moved to the other side, not copied: all its buffers change hands and are empty here afterwards.
 * For arguments of calls and results of methods, as a whole.
 *
 * ```ts
 * await remote.load(moved(bytes));
 * ```
 *
 * @param value arrays, or plain objects, lists and Maps of arrays. A part of an array (`subarray`) moves all of it, so
 * nothing else may use the buffer.
 */
export function moved<T extends object>(value: T): T {
  marks.set(value, buffersIn(value));
  return value;
}

/** The buffers to move with some values: those of marked ones. */
export const movedOf = (values: readonly unknown[]): Transferable[] => [
  ...new Set(values.flatMap((value) => (Object(value) === value ? (marks.get(value as object) ?? []) : []))),
];

/** All buffers of a value. */
export function buffersIn(value: unknown): readonly Transferable[] {
  const found = new Set<ArrayBuffer>();
  const visit = (part: unknown): void => {
    const buffer = ArrayBuffer.isView(part) ? part.buffer : part;
    if (buffer instanceof ArrayBuffer) {
      if (!unusable(buffer)) found.add(buffer);
    } else if (Array.isArray(part) || part instanceof Set) for (const item of part) visit(item);
    else if (part instanceof Map) for (const item of part.values()) visit(item);
    else if (Object.prototype.toString.call(part) === "[object Object]") Object.values(part as object).forEach(visit);
  };
  visit(value);
  return [...found];
}
