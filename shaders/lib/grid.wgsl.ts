/** Default workgroup size: small enough for every adapter, and a multiple of every subgroup size. */
export const workgroupSize = 64;

/**
 * Workgroups of a one-dimensional grid. It may have any size: src/compile/grid.ts folds grids that exceed the
 * adapter's limit.
 */
export const alongX = (invocations: number, size = workgroupSize): readonly [number, number, number] => [
  Math.ceil(invocations / size),
  1,
  1,
];
