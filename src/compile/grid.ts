import type { Kernel } from "../../shaders/lib/kernel.ts";
import type { Folded } from "../../shaders/lib/print.ts";
import { LimitError } from "../errors.ts";
import type { Call } from "../kernels/call.ts";
import type { AdapterTraits } from "../kernels/traits.ts";

/** Largest linear index: workgroup indices, and invocation indices along an axis, are u32. */
const most = 2 ** 32 - 1;

/**
 * Folds a grid over all three axes if it exceeds the adapter's limit along one (usually 65,535). Each workgroup
 * derives its position in the kernel's own grid from its linear index; surplus workgroups return at once. Kernels can
 * therefore assume a grid of any size.
 * @throws LimitError for a grid that does not fit in three axes either.
 */
export function fold(
  label: string,
  workgroups: Call["workgroups"],
  size: Kernel["workgroup"],
  { maxWorkgroups: max }: AdapterTraits,
): { readonly workgroups: Call["workgroups"]; readonly folded?: Folded } {
  const [x, y, z] = workgroups;
  if (Math.max(...workgroups) <= max) return { workgroups };
  const count = x * y * z;
  const depth = Math.ceil(count / max ** 2);
  const rows = Math.ceil(count / depth / max);
  const across = Math.ceil(count / depth / rows);
  const to = [across, rows, depth] as const;
  if (depth > max || across * rows * depth > most || workgroups.some((n, axis) => n * size[axis]! > most)) {
    throw new LimitError(
      `compile: ${label} takes ${workgroups.join(" × ")} workgroups; this adapter runs ${max} along each of three axes and ` +
        `kernels count ${most} of them at most`,
    );
  }
  return { workgroups: to, folded: { from: workgroups, to } };
}
