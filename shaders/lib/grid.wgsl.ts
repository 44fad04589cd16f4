import { type Scalar, vec4Of } from "./view.wgsl.ts";

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

/**
 * Declares a storage buffer of known length: constant bounds make the checks of each access cheap.
 * @param width 4 to have its elements in fours; their type is a scalar then.
 */
export function storage(
  binding: number,
  name: string,
  access: "read" | "read_write",
  element: string,
  length: number,
  width: 1 | 4 = 1,
): string {
  const array = width === 4 ? `${vec4Of[element as Scalar]}, ${length / 4}` : `${element}, ${length}`;
  return `@group(0) @binding(${binding}) var<storage, ${access}> ${name}: array<${array}>;`;
}
