import { narrowed, widened } from "./half.wgsl.ts";
import type { Buffer, Part, View } from "./kernel.ts";
import { elementAt, type Vec4Load, vec4Load, vec4Of } from "./view.wgsl.ts";

/**
 * The comment on a buffer: `input x, f32[64, 784]`. The shape is the one in memory; words tell how a kernel that reads
 * another uses it.
 */
function noteOf({ name, buffer, dtype, shape, strides }: View): string {
  const axes = shape.map((n, k) => ({ n, step: n > 1 ? Math.abs(strides[k]!) : 1 })).filter(({ step }) => step > 0);
  const long = axes.filter(({ n }) => n > 1);
  const sorted = [...long].sort((a, b) => b.step - a.step);
  const isOrdered = long.every((axis, k) => axis === sorted[k]);
  const inMemory = (isOrdered ? axes : sorted).map(({ n }) => n).join(", ");
  const use = (isOrdered ? "" : ", transposed") + (axes.length < shape.length ? ", repeated" : "");
  return `${name ?? buffer.role}, ${dtype}[${inMemory}]${use}`;
}

const bytes = { f32: 4, f16: 2, i32: 4, u32: 4 } as const;

/** A buffer over the whole memory of a view. @param width elements per array element: scalar, vec2 or vec4. */
export function bufferOf(name: string, view: View, access: Buffer["access"], width: 1 | 2 | 4 = 1): Buffer {
  const { dtype, span } = view;
  const type = width === 4 ? vec4Of[dtype] : width === 2 ? `vec2${dtype[0]}` : dtype;
  return { name, access, type, length: span / bytes[dtype] / width, note: noteOf(view), view };
}

/** Memory that a kernel reads by position: `NAME(i)` is element i, or vec4 i; f16 is converted to f32. */
export const array = (name: string, view: View | undefined, width: 1 | 4 = 1): Part =>
  view
    ? {
        buffers: [bufferOf(name, view, "read", width)],
        accessors: { [name]: (i) => widened(view.dtype, `${name}[${i}]`, width) },
      }
    : {};

/** Memory that a kernel writes: `NAME_put(i, value)` rounds if the memory is f16; `NAME(i)` reads. */
export const result = (name: string, view: View, width: 1 | 4 = 1): Part => ({
  buffers: [bufferOf(name, view, "read_write", width)],
  accessors: {
    [name]: (i) => widened(view.dtype, `${name}[${i}]`, width),
    [`${name}_put`]: (i, value) => [`${name}_store(${i}, ${narrowed(view.dtype, value!, width)});`],
  },
});

/** How a kernel reads an element of a view, or four neighbours at once. */
export const readOf = (view: View, width: 1 | 4): Vec4Load =>
  width === 4 ? vec4Load(view, view.dtype) : { vectors: false, load: (name, i) => `${name}[${elementAt(view, i)}]` };

/** A tensor that a kernel reads in row-major order, whatever its layout: `NAME(i)` is element i, or vec4 i. */
export function strided(name: string, view: View, width: 1 | 4 = 1): Part {
  const { vectors, load } = readOf(view, width);
  return {
    buffers: [bufferOf(name, view, "read", vectors ? 4 : 1)],
    accessors: { [name]: (i) => widened(view.dtype, load(name, i!), width) },
  };
}
