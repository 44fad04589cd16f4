import type { Buffer } from "../../shaders/lib/kernel.ts";
import type { Place } from "../../shaders/lib/print.ts";
import type { Binding, KernelCall } from "../kernels/call.ts";
import { bindingStep } from "./homes.ts";

export const overlap = (a: Binding, b: Binding): boolean =>
  a.buffer === b.buffer && a.offset < b.offset + b.size && b.offset < a.offset + a.size;

/** A buffer of a call, with the alias of its type resolved. */
interface Declared {
  readonly binding: Binding;
  readonly buffer: Buffer;
  /** Bytes per element. */
  readonly bytes: number;
}

const declared = ({ kernel, bindings }: KernelCall): Declared[] =>
  kernel.buffers.map((buffer, i) => ({
    binding: bindings[i]!,
    buffer: { ...buffer, type: kernel.types[buffer.type] ?? buffer.type },
    bytes: bindings[i]!.size / buffer.length,
  }));

export interface Shared extends Declared {
  /** For each call and buffer index that uses this binding, where that buffer begins, in elements. */
  readonly users: readonly { readonly call: number; readonly index: number; readonly at: number }[];
}

/**
 * The bindings of several calls together. Ranges of a buffer with the same element type become one binding if they are
 * neighbours, as in an arena, or identical and only read. WebGPU forbids a buffer to be both read-only and writable in
 * a dispatch: if one range is written, all ranges are bound as writable.
 */
export function shared(calls: readonly KernelCall[]): Shared[] {
  const all = calls.flatMap((one, call) => declared(one).map((each, index) => ({ ...each, call, index })));
  const written = new Set(all.flatMap(({ binding }) => (binding.access === "read" ? [] : binding.buffer)));
  const joined: Shared[] = [];
  for (const { binding, buffer: own, bytes, call, index } of all.sort((a, b) => a.binding.offset - b.binding.offset)) {
    const { buffer, offset, size, access } = binding;
    const end = offset + size;
    const mayJoin = ({ binding: before, buffer: other }: Shared): boolean => {
      const gap = offset - before.offset - before.size;
      const next = gap >= 0 && gap < bindingStep;
      return before.buffer === buffer && other.type === own.type && (next || (access === "read" && gap + size <= 0));
    };
    const i = joined.findIndex(mayJoin);
    const known = joined[i];
    const from = known?.binding.offset ?? offset;
    const whole = Math.max(end - from, known?.binding.size ?? 0);
    const both = written.has(buffer) ? "read_write" : "read";
    joined[i < 0 ? joined.length : i] = {
      binding: { buffer, offset: from, size: whole, access: both },
      buffer: { ...(known?.buffer ?? own), access: both, length: whole / bytes },
      bytes,
      users: [...(known?.users ?? []), { call, index, at: (offset - from) / bytes }],
    };
  }
  return joined;
}

/** Where the buffers of a call are in shared bindings. */
export const placesOf = (bound: readonly Shared[], calls: readonly KernelCall[], call: number): Place[] =>
  calls[call]!.kernel.buffers.map((_, index) => {
    const isOwn = (user: Shared["users"][number]) => user.call === call && user.index === index;
    const buffer = bound.findIndex(({ users }) => users.some(isOwn));
    return { buffer, at: bound[buffer]!.users.find(isOwn)!.at };
  });
