import type { VirtualBuffer } from "../../kernels/call.ts";
import type { RecordedMemory } from "../../recording/format.ts";
import { memoryOf } from "../inspection.ts";
import type { Recorded } from "../recorded.ts";

/** All buffers that the dispatches bind, in order of first use. */
export function buffersOf({ calls, inputs, homes }: Recorded): VirtualBuffer[] {
  const bound = calls.flatMap(({ bindings }) => bindings.map(({ buffer }) => buffer));
  const fed = [...inputs.values()].map(({ buffer }) => buffer);
  return [...new Set([...fed, ...[...homes.values()].map(({ buffer }) => buffer), ...bound])];
}

/** The memory plan as data. */
export function memoryPlan(compiled: Recorded, buffers: readonly VirtualBuffer[]): RecordedMemory {
  const { calls, lifetimes, slots, slotOf } = compiled;
  const lives = new Map(lifetimes.map((lifetime) => [lifetime.buffer, lifetime]));
  const needed = calls.map((_, at) =>
    lifetimes.reduce((sum, { buffer, first, last }) => (first <= at && at <= last ? sum + buffer.bytes : sum), 0),
  );
  const bytes = Math.max(0, ...needed);
  return {
    ...memoryOf(compiled),
    slots: slots.map((slot) => slot.bytes),
    needed,
    peak: { bytes, dispatch: Math.max(0, needed.indexOf(bytes)) },
    buffers: buffers.map((buffer) => {
      const { first, last } = lives.get(buffer) ?? { first: 0, last: Number.POSITIVE_INFINITY };
      const slot = slotOf.get(buffer);
      const maker = calls.findIndex(({ bindings }) =>
        bindings.some((binding) => binding.buffer === buffer && binding.access === "read_write"),
      );
      return {
        role: buffer.role,
        kind: buffer.kind,
        bytes: buffer.bytes,
        first,
        last: Number.isFinite(last) ? last : null,
        slot: slot ? slots.indexOf(slot) : null,
        maker: maker < 0 ? null : maker,
      };
    }),
  };
}
