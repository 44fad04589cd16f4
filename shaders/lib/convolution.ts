import { bufferOf } from "./array.ts";
import { widened } from "./half.wgsl.ts";
import type { Part, View } from "./kernel.ts";
import type { End } from "./results.ts";
import { plus, times } from "./view.wgsl.ts";

/*
 * What the kernels of a convolution and of both its gradients share: how a kernel walks over an image, names for all sizes, and how a
 * piece of an image's row is loaded.
 */

/**
 * Along one axis, which elements of the input are multiplied with which elements of the kernel. Tap t of a position takes kernel element
 * first + t · step and input element position · stride + offset + t · shift, if there is one.
 *
 * Forward, the input moves on with the kernel (shift = dilation). In the gradient of the input, input and output change places: the
 * kernel runs backwards (shift < 0), and a position takes only every stride-th element of it. Which ones depends on the position modulo
 * the stride, its `phase`. So a call serves one phase, and never multiplies by zero.
 */
export interface Taps {
  readonly count: number;
  readonly first: number;
  readonly step: number;
  readonly stride: number;
  readonly offset: number;
  readonly shift: number;
  /** Results lie at phase + position · spacing; there are `positions` of them. */
  readonly phase: number;
  readonly spacing: number;
  readonly positions: number;
}

/** A convolution as its kernels walk it. */
export interface Convolution {
  readonly images: number;
  /** Groups of channels that do not mix. */
  readonly groups: number;
  /** Channels of one group: of the result, and of the input. */
  readonly outChannels: number;
  readonly inChannels: number;
  readonly vertical: Taps;
  readonly horizontal: Taps;
  readonly input: View;
}

/** y = finish(x * w), or the gradient of x, where dy takes the place of the input. */
export interface Correlation extends Convolution {
  readonly weight: View;
  /** Where its element (group, out, in, i) lies; its columns are neighbours. */
  readonly weightStrides: readonly [group: number, out: number, in_: number, i: number];
  readonly end: End;
}

/** Names for all sizes; those that a kernel does not use are not printed. @param input what the kernel calls it. */
export const sizesOf = (
  { images, groups, outChannels, inChannels, vertical: v, horizontal: h, input }: Convolution,
  name = "input",
) =>
  ({
    IMAGES: images,
    GROUPS: [groups, "of channels"],
    OUT_CHANNELS: [outChannels, "of the result, in a group"],
    IN_CHANNELS: [inChannels, `of ${name}, in a group`],
    HEIGHT: [input.shape[2]!, `of ${name}`],
    WIDTH: input.shape[3]!,
    KERNEL_H: v.count,
    KERNEL_W: h.count,
    STRIDE_Y: v.stride,
    STRIDE_X: h.stride,
    DILATION_Y: v.shift,
    DILATION_X: h.shift,
    TOP: [-v.offset, "rows of padding"],
    LEFT: [-h.offset, "columns of padding"],
  }) as const;

/** Whether some tap reaches beyond the input, so that loads need a bounds check. */
export const reaches = ({ count, stride, offset, shift, positions }: Taps, size: number): boolean => {
  const ends = [0, (positions - 1) * stride].flatMap((at) => [at + offset, at + offset + (count - 1) * shift]);
  return Math.min(...ends) < 0 || Math.max(...ends) >= size;
};

/** `name + by`, for a constant of either sign. What would be negative wraps around to a huge number. */
export const moved = (name: string, by: number): string =>
  by === 0 ? name : by > 0 ? `${name} + ${by}u` : `${name} - ${-by}u`;

/** Expression of the input row or column that tap `t` of a position takes. Those before the input wrap around to huge numbers. */
export function tapAt({ stride, offset, shift }: Taps, position: string, t: string): string {
  const [start, by] = [times(position, stride), times(t, Math.abs(shift))];
  return shift < 0 ? `${moved(start, offset)} - ${by}` : moved(plus(start, by), offset);
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** What a piece of an input row is loaded for: `positions` neighbouring results and `h.count` neighbouring elements of the kernel's row. */
export interface Stretch {
  readonly input: View;
  readonly horizontal: Taps;
  readonly positions: number;
  /** Whether it begins with the first result of a row: then it is known here which loads lie outside of the input. */
  readonly whole?: boolean;
  /** Whether loads need a bounds check. */
  readonly guarded: boolean;
}

/**
 * A piece of an input row in registers.
 * - `load_stretch(line);` loads `x0`, `x1`, …, each input element once, from the row that begins at `line`. The first position's first tap
 *   takes column `left` of it.
 * - `four(c, t)` is what tap t of positions 4 · c to 4 · c + 3 takes, as a vec4. `isOutside(c, t)` says whether all of it lies outside.
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
