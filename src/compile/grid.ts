import type { Kernel } from "../../shaders/lib/kernel.ts";
import type { Folded } from "../../shaders/lib/print.ts";
import { LimitError } from "../errors.ts";
import type { Call } from "../kernels/call.ts";
import type { AdapterTraits } from "../kernels/traits.ts";

/** A workgroup's running number is a u32, and so are those of its invocations along an axis. */
const most = 2 ** 32 - 1;

/**
 * Lays out a grid over all three axes where it has more workgroups along one than the adapter takes (65,535, as a rule). Each
 * workgroup finds its place in the kernel's own grid by its running number; surplus workgroups leave at once. So kernels are written
 * for grids of any size.
 * @throws LimitError for a grid that no layout holds.
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
