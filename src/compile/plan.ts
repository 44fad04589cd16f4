import type { Call, VirtualBuffer } from "../kernels/call.ts";

/** A piece of GPU memory that several virtual buffers use one after another. */
export interface Slot {
  bytes: number;
  readonly tenants: VirtualBuffer[];
}

/** First and last use of a virtual buffer, as positions in the list of calls. */
export interface Lifetime {
  readonly buffer: VirtualBuffer;
  readonly first: number;
  readonly last: number;
}

export interface MemoryPlan {
  readonly slots: readonly Slot[];
  readonly slotOf: ReadonlyMap<VirtualBuffer, Slot>;
  readonly lifetimes: readonly Lifetime[];
}

/** Lifetimes of all scratch buffers; pinned ones live from the first call until after the last. */
export function lifetimesOf(calls: readonly Call[]): Lifetime[] {
  const found = new Map<VirtualBuffer, Lifetime>();
  calls.forEach((call, at) => {
    for (const { buffer } of call.bindings) {
      if (buffer.kind !== "scratch") continue;
      const { first } = found.get(buffer) ?? { first: buffer.pinned ? 0 : at };
      found.set(buffer, { buffer, first, last: buffer.pinned ? Number.POSITIVE_INFINITY : at });
    }
  });
  return [...found.values()];
}

/**
 * Shares memory among scratch buffers whose lifetimes do not overlap. Each buffer takes the smallest free slot that
 * fits; otherwise the largest free slot is enlarged (nothing is allocated yet), or a new slot is added.
 */
export function plan(calls: readonly Call[]): MemoryPlan {
  const lifetimes = lifetimesOf(calls);
  const slots: Slot[] = [];
  const slotOf = new Map<VirtualBuffer, Slot>();
  const free = new Set<Slot>();
  const ending = [...lifetimes].sort((a, b) => a.last - b.last);
  let ended = 0;
  for (const { buffer, first } of [...lifetimes].sort((a, b) => a.first - b.first)) {
    for (; ended < ending.length && ending[ended]!.last < first; ended++) free.add(slotOf.get(ending[ended]!.buffer)!);
    const fitting = [...free].filter(({ bytes }) => bytes >= buffer.bytes).sort((a, b) => a.bytes - b.bytes)[0];
    const largest = [...free].sort((a, b) => b.bytes - a.bytes)[0];
    let slot = buffer.pinned ? undefined : (fitting ?? largest);
    if (!slot) {
      slot = { bytes: 0, tenants: [] };
      slots.push(slot);
    }
    free.delete(slot);
    slot.bytes = Math.max(slot.bytes, buffer.bytes);
    slot.tenants.push(buffer);
    slotOf.set(buffer, slot);
  }
  return { slots, slotOf, lifetimes };
}
