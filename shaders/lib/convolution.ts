import { bufferOf } from "./array.ts";
import { widened } from "./half.wgsl.ts";
import type { Part, View } from "./kernel.ts";
import { components, type End } from "./results.ts";
import { plus, tight, times } from "./view.wgsl.ts";

/*
 * Shared by the kernels of a convolution and its gradients: how a kernel moves over an image, names for all sizes, and
 * how part of an image's row is loaded.
 */

/**
 * Which input elements are multiplied with which kernel elements, along one axis. A tap is one element of the kernel
 * along that axis. Tap t of a position uses kernel element first + t · step and input element position · stride +
 * offset + t · shift, if it exists.
 *
 * Forward, the input index increases with the kernel index (shift = dilation). In the gradient of the input, input and
 * output swap roles: the input index decreases (shift < 0), and a position uses only every stride-th kernel element.
 * Which ones depends on the position modulo the stride, its `phase`. Each call therefore serves one phase and
 * multiplies no zeros.
 *
 * For a kernel of 3, stride 2 and padding 1, forward: count 3, first 0, step 1, stride 2, offset −1, shift 1. Result 4
 * sums kernel elements 0, 1, 2 times inputs 7, 8, 9. The gradient of inputs 0, 2, 4, … (phase 0): count 1, first 1,
 * offset 0. Input 8, at position 4, has kernel element 1 times dy 4. Of inputs 1, 3, 5, … (phase 1): count 2, first 0,
 * step 2, stride 1, offset 1, shift −1. Input 7, at position 3, has kernel elements 0 and 2 times dy 4 and 3.
 */
export interface Taps {
  readonly count: number;
  readonly first: number;
  readonly step: number;
  readonly stride: number;
  readonly offset: number;
  readonly shift: number;
  /** Results are at phase + position · spacing, for `positions` positions. */
  readonly phase: number;
  readonly spacing: number;
  readonly positions: number;
}

/** A convolution from the view of its kernels. */
export interface Convolution {
  readonly images: number;
  /** Groups of channels that are convolved separately. */
  readonly groups: number;
  /** Channels per group: of the result, and of the input. */
  readonly outChannels: number;
  readonly inChannels: number;
  readonly vertical: Taps;
  readonly horizontal: Taps;
  readonly input: View;
}

/** The same before its input has memory. */
export type ConvSizes = Omit<Convolution, "input"> & { readonly input: Pick<View, "dtype" | "shape"> };

/** y = finish(x * w), or the gradient of x, with dy as the input. */
export interface Correlation extends Convolution {
  readonly weight: View;
  /** Strides of element (group, out, in, i); its columns are contiguous. */
  readonly weightStrides: readonly [group: number, out: number, in_: number, i: number];
  readonly end: End;
}

/** Names for all sizes; unused ones are not printed. @param name name of the input in the kernel. */
export const sizesOf = (
  { images, groups, outChannels, inChannels, vertical: v, horizontal: h, input }: Convolution,
  name = "input",
) =>
  ({
    IMAGES: [images, "in the batch"],
    GROUPS: [groups, "of channels"],
    OUT_CHANNELS: [outChannels, "of the result, per group"],
    IN_CHANNELS: [inChannels, `of ${name}, per group`],
    HEIGHT: [input.shape[2]!, `of ${name}`],
    WIDTH: [input.shape[3]!, `of ${name}`],
    KERNEL_H: [v.count, "rows of the kernel"],
    KERNEL_W: [h.count, "columns of the kernel"],
    STRIDE_Y: [v.stride, "rows"],
    STRIDE_X: [h.stride, "columns"],
    DILATION_Y: [v.shift, "rows"],
    DILATION_X: [h.shift, "columns"],
    TOP: [-v.offset, "rows of padding"],
    LEFT: [-h.offset, "columns of padding"],
  }) as const;

/** Whether some tap is outside the input, so that loads need a bounds check. */
export const reaches = ({ count, stride, offset, shift, positions }: Taps, size: number): boolean => {
  const ends = [0, (positions - 1) * stride].flatMap((at) => [at + offset, at + offset + (count - 1) * shift]);
  return Math.min(...ends) < 0 || Math.max(...ends) >= size;
};

/** `name + by`, for a constant of either sign. Negative results wrap around to huge numbers. */
export const moved = (name: string, by: number): string =>
  by === 0 ? name : by > 0 ? `${name} + ${by}u` : `${name} - ${-by}u`;

/** The input row or column of tap `t` at a position. Those before the input wrap around to huge numbers. */
export function tapAt({ stride, offset, shift }: Taps, position: string, t: string): string {
  const [start, by] = [times(position, stride), times(t, Math.abs(shift))];
  return shift < 0 ? `${moved(start, offset)} - ${by}` : moved(plus(start, by), offset);
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/**
 * The results for which part of an input row is loaded: `positions` neighbouring results, for `h.count` neighbouring
 * kernel elements.
 */
export interface Stretch {
  readonly input: View;
  readonly horizontal: Taps;
  readonly positions: number;
  /** Whether it starts at the first result of a row: loads outside the input are then known at print time. */
  readonly whole?: boolean;
  /** Whether loads need a bounds check. */
  readonly guarded: boolean;
}

/**
 * Part of an input row in registers.
 * - `load_stretch(line);` loads `x0`, `x1`, …, each input element once, from the row that begins at `line`. The first
 *   tap of the first position is at column `left`.
 * - `four(c, t)` is a vec4: the elements for tap t of positions 4 · c to 4 · c + 3. `isOutside(c, t)` is whether all of
 *   them are outside the input.
 */
export function stretch({ input, horizontal: h, positions, whole = false, guarded }: Stretch) {
  const distanceOf = (position: number, t: number) => position * h.stride + t * h.shift;
  const isPadding = (distance: number) => whole && (h.offset + distance < 0 || h.offset + distance >= input.shape[3]!);
  const all = range(positions).flatMap((q) => range(h.count).map((t) => distanceOf(q, t)));
  const distances = [...new Set(all)].filter((distance) => !isPadding(distance)).sort((a, b) => a - b);
  const load = (line: string, distance: number): string => {
    const column = whole ? `${h.offset + distance}u` : moved("left", distance);
    const value = widened(input.dtype, `input[${plus(line, column)}]`);
    return guarded ? `select(0.0, ${value}, ${column} < WIDTH)` : value;
  };
  const four = (c: number, t: number) => range(4).map((q) => distanceOf(4 * c + q, t));
  const nameOf = (distance: number) => (isPadding(distance) ? "0.0" : `x${distances.indexOf(distance)}`);
  const part: Part = {
    buffers: [bufferOf("input", input, "read")],
    accessors: {
      load_stretch: (line) => distances.map((distance, i) => `let x${i} = ${load(line!, distance)};`),
      four: (c, t) => `vec4f(${four(Number(c), Number(t)).map(nameOf).join(", ")})`,
    },
  };
  return { part, isOutside: (c: number, t: number) => four(c, t).every(isPadding) };
}

/**
 * The same for four results from position 4 · `q`, if rows of the input have a multiple of 4 elements: loads vec4s, or
 * the one component that is needed.
 */
export function stretchOfFours({ input, horizontal: h }: Pick<Convolution, "input" | "horizontal">): Part {
  const columnOf = (position: number, t: number) => h.offset + position * h.stride + t * h.shift;
  const all = range(4).flatMap((p) => range(h.count).map((t) => columnOf(p, t)));
  const vectors = [...new Set(all.map((column) => Math.floor(column / 4)))].sort((a, b) => a - b);
  const partsOf = (vector: number) => [...new Set(all.filter((column) => Math.floor(column / 4) === vector))];
  const last = (Math.ceil(h.positions / 4) - 1) * h.stride;
  const load = (vector: number, line: string): string => {
    const columns = partsOf(vector);
    const at = moved(times("q", h.stride), vector);
    const whole = `input[${plus(`${tight(line)} / 4u`, at)}]`;
    const isOne = columns.length === 1;
    const value = isOne
      ? widened(input.dtype, `${whole}.${components[columns[0]! - 4 * vector]!}`)
      : widened(input.dtype, whole, 4);
    return vector < 0 || 4 * (last + vector) >= input.shape[3]!
      ? `select(${isOne ? "0.0" : "vec4f()"}, ${value}, ${at} < WIDTH / 4u)`
      : value;
  };
  const nameOf = (column: number): string => {
    const vector = Math.floor(column / 4);
    const name = `x${vectors.indexOf(vector)}`;
    return partsOf(vector).length === 1 ? name : `${name}.${components[column - 4 * vector]!}`;
  };
  return {
    buffers: [bufferOf("input", input, "read", 4)],
    accessors: {
      load_stretch: (line) => vectors.map((vector, i) => `let x${i} = ${load(vector, line!)};`),
      four: (_, t) =>
        `vec4f(${range(4)
          .map((q) => nameOf(columnOf(q, Number(t))))
          .join(", ")})`,
    },
  };
}
