import type { Part, View } from "./kernel.ts";
import { elementAt, plus, times } from "./view.wgsl.ts";

/**
 * Positions in a tensor along one axis. `NAME_line(i)` is the start of the line that holds element i of a tensor of
 * `shape`; `NAME_at(line, t)` is the position of its element t. Loops are faster if the line is computed before them.
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

/** The coordinate along one axis of row-major position `i`. */
export const coordinateAt = (shape: readonly number[], axis: number, i: string): string =>
  elementAt({ shape, strides: shape.map((_, k) => (k === axis ? 1 : 0)), offset: 0 }, i);
