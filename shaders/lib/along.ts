import type { Part, View } from "./kernel.ts";
import { elementAt, plus, times } from "./view.wgsl.ts";

/**
 * Positions in a tensor that a kernel walks along one axis. `NAME_line(i)` is where a line begins: the one on which element i of a tensor
 * of `shape` lies. `NAME_at(line, t)` is where its element t lies. Loops are faster if they find the line once, before they begin.
 */
export function along(name: string, { strides, offset }: View, axis: number, shape: readonly number[]): Part {
  const line = { shape, strides: strides.map((stride, k) => (k === axis ? 0 : stride)), offset };
  const step = strides[axis]!;
  return {
    accessors: {
      [`${name}_line`]: (i) => elementAt(line, i!),
      [`${name}_at`]: (from, t) => (step < 0 ? `${from} - ${times(t!, -step)}` : plus(from!, times(t!, step))),
    },
  };
}

/** The coordinate of row-major position `i` along one axis of a shape. */
export const coordinateAt = (shape: readonly number[], axis: number, i: string): string =>
  elementAt({ shape, strides: shape.map((_, k) => (k === axis ? 1 : 0)), offset: 0 }, i);
