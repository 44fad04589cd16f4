import { narrowed, widened } from "./half.wgsl.ts";
import type { Buffer, Part, View } from "./kernel.ts";
import { elementAt, vec4Load, vec4Of } from "./view.wgsl.ts";

/** The comment on a buffer: `input x, f32[64, 784]`. */
const noteOf = ({ name, buffer, dtype, shape }: View): string =>
  `${name ?? buffer.role}, ${dtype}[${shape.join(", ")}]`;

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

/** A tensor that a kernel reads in row-major order, whatever its layout: `NAME(i)` is element i, or vec4 i. */
export function strided(name: string, view: View, width: 1 | 4 = 1): Part {
  const { vectors, load } =
    width === 4
      ? vec4Load(view, view.dtype)
      : { vectors: false, load: (name: string, i: string) => `${name}[${elementAt(view, i)}]` };
  return {
    buffers: [bufferOf(name, view, "read", vectors ? 4 : 1)],
    accessors: { [name]: (i) => widened(view.dtype, load(name, i!), width) },
  };
}
