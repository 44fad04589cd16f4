/** Invocations of a workgroup in kernels that do not care: small enough for every adapter, whole multiples of every subgroup. */
export const workgroupSize = 64;

/**
 * Workgroups of a kernel whose invocations stand along one axis. Kernels are written for grids of any size: those that are larger than
 * an adapter allows are laid out anew, see src/compile/grid.ts.
 */
export const alongX = (invocations: number, size = workgroupSize): readonly [number, number, number] => [
  Math.ceil(invocations / size),
  1,
  1,
];
