import { type Scalar, vec4Of } from "./view.wgsl.ts";

/** Invocations of a workgroup in kernels that do not care: small enough for every adapter, whole multiples of every subgroup. */
export const workgroupSize = 64;

/** A number of workgroups laid out over two axes, since one axis holds 65,535 at most. */
export interface Grid {
  readonly x: number;
  readonly y: number;
}

/** @param count workgroups wanted; the grid may hold a few more, which the kernel must turn away. */
export function gridOf(count: number, max = 65535): Grid {
  const y = Math.ceil(count / max);
  return { x: Math.ceil(count / y), y };
}

/** Expression of an invocation's running number, from `id: vec3u`, the global invocation id. */
export const linearId = (grid: Grid, size: number): string =>
  grid.y === 1 ? "id.x" : `id.x + id.y * ${grid.x * size}u`;

/** Expression of a workgroup's running number, from `group: vec3u`, the workgroup id. */
export const linearGroup = (grid: Grid): string => (grid.y === 1 ? "group.x" : `group.x + group.y * ${grid.x}u`);

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
