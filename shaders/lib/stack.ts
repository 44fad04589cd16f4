import { bufferOf } from "./array.ts";
import { widened } from "./half.wgsl.ts";
import type { Part, View } from "./kernel.ts";
import { coalesce, elementAt, plus, times, type ViewParams } from "./view.wgsl.ts";

/** A stack of matrices. Element (batch, i, j) is at `batch` + i · strides[0] + j · strides[1]. */
export interface Stack {
  readonly view: View;
  readonly batch: ViewParams;
  readonly strides: readonly [number, number];
}

/** A view as a stack of matrices: its batch axes as one view, its last two as strides. */
export function stackOf(view: View): Stack {
  const { shape } = view;
  // The stride of an axis of size 1 is irrelevant.
  const strides = view.strides.map((stride, axis) => (shape[axis] === 1 ? 0 : stride));
  const batch = coalesce({ shape: shape.slice(0, -2), strides: strides.slice(0, -2), offset: view.offset });
  return { view, batch, strides: [strides.at(-2)!, strides.at(-1)!] };
}

/** Index of an element. */
export const inMatrix = ({ batch, strides }: Stack, at: string, row: string, col: string): string =>
  plus(elementAt(batch, at), times(row, strides[0]), times(col, strides[1]));

/** Whether four neighbours along an axis are an aligned vec4. */
export const loadsVectors = ({ strides, batch }: Stack, along: 0 | 1): boolean =>
  strides[along] === 1 &&
  strides[1 - along]! % 4 === 0 &&
  batch.offset % 4 === 0 &&
  batch.strides.every((stride) => stride % 4 === 0);

/** `NAME(batch, row, col)`: an element in f32. */
export const elements = (name: string, stack: Stack): Part => ({
  buffers: [bufferOf(name, stack.view, "read")],
  accessors: {
    [name]: (batch, row, col) => widened(stack.view.dtype, `${name}[${inMatrix(stack, batch!, row!, col!)}]`),
  },
});
