import { type DType, rowMajor, type Shape, sizeOf } from "../graph/shape.ts";
import type { Node } from "../graph/tensor.ts";

/** A computed tensor: row-major, in float64 whatever its dtype. i32 and u32 tensors hold integers. */
export interface Value {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly data: Float64Array;
}

/**
 * One op in float64, by its definition and without optimisation: the row-major data of each result. The op's own rule
 * has checked the inputs' shapes and dtypes.
 */
export type Kernel = (node: Node, inputs: readonly Value[]) => readonly Float64Array[];

/** Maps the coordinates of an element to its row-major position. */
export function positions(shape: Shape): (at: readonly number[]) => number {
  const strides = rowMajor(shape);
  return (at) => {
    let position = 0;
    for (let axis = 0; axis < strides.length; axis++) position += strides[axis]! * at[axis]!;
    return position;
  };
}

/** Maps coordinates to the element there. */
export function elements({ shape, data }: Value): (at: readonly number[]) => number {
  const position = positions(shape);
  return (at) => data[position(at)]!;
}

/** Calls `visit` with the coordinates of every element, in row-major order. Reuses one array for the coordinates. */
export function eachElement(shape: Shape, visit: (at: readonly number[], position: number) => void): void {
  const at = shape.map(() => 0);
  const count = sizeOf(shape);
  for (let position = 0; position < count; position++) {
    visit(at, position);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at[axis]!++;
      if (at[axis]! < shape[axis]!) break;
      at[axis] = 0;
    }
  }
}

/** A tensor's data from a function of its coordinates. */
export function generate(shape: Shape, element: (at: readonly number[], position: number) => number): Float64Array {
  const data = new Float64Array(sizeOf(shape));
  eachElement(shape, (at, position) => {
    data[position] = element(at, position);
  });
  return data;
}
