import { watchable } from "../../shaders/lib/print.ts";
import type { Binding, KernelCall, VirtualBuffer } from "../kernels/call.ts";

/** What a guarded program needs to name the place where a value stopped being a number. */
export interface Guard {
  /** One word: 0, or 1 + the number of the first store of NaN or infinity. */
  readonly flag: VirtualBuffer;
  readonly stores: readonly { readonly kernel: string; readonly layer: string | undefined; readonly role: string }[];
}

/**
 * Lets every kernel test the bits of each f32 and f16 that it stores, and leave the number of the first faulty store in one word: the
 * first in time keeps it, over all runs. Invocations of one dispatch may overwrite each other's number: each names this kernel.
 *
 * An invocation keeps the largest exponent of all that it stores, and looks at it once, at its end: a branch at every store would
 * cost more than the kernel itself on adapters that run lanes in step.
 *
 * @param flag memory for that word, 16 bytes.
 * @param maxBindings a kernel that already binds this many is not watched: the kernel that reads its NaN next reports it.
 * @param roleOf what to call a binding.
 * @returns no guard where no kernel is watched.
 */
export function guard(
  calls: readonly KernelCall[],
  flag: VirtualBuffer,
  maxBindings: number,
  roleOf: (binding: Binding) => string,
): { readonly calls: readonly KernelCall[]; readonly guard: Guard | undefined } {
  const stores: { kernel: string; layer: string | undefined; role: string }[] = [];
  const guarded = calls.map((call): KernelCall => {
    const { kernel, bindings, label, layer } = call;
    const floats = watchable(kernel);
    if (bindings.length >= maxBindings || floats.length === 0) return call;
    const watched = new Map(
      floats.map((buffer) => {
        const role = roleOf(bindings[kernel.buffers.indexOf(buffer)]!);
        return [buffer.name, stores.push({ kernel: label, layer, role })];
      }),
    );
    return { ...call, watched, bindings: [...bindings, { buffer: flag, offset: 0, size: 16, access: "read_write" }] };
  });
  return { calls: guarded, guard: stores.length > 0 ? { flag, stores } : undefined };
}
