import { each } from "../wgsl.ts";
import { bufferOf } from "./array.ts";
import { type Correlation, moved, reaches, stretch, type Taps } from "./convolution.ts";
import { widened } from "./half.wgsl.ts";
import type { Part } from "./kernel.ts";
import { matrixOf, vectorOf } from "./matrix.wgsl.ts";
import { swapped } from "./quads.wgsl.ts";
import { plus, tight, times } from "./view.wgsl.ts";

/*
 * How an invocation that computes several results of a convolution loads its operands. A tap is one element of the
 * kernel along an axis.
 */

/** Results that one invocation keeps in registers. */
export interface ConvTile {
  readonly channels: number;
  /** Groups of four columns. */
  readonly columns: number;
  /** Whether the four invocations of a quad compute the same results of four images and share loads of the weight. */
  readonly quads?: boolean;
}

/** Taps of group i of a kernel row, up to four. */
const tapsOf = ({ count }: Taps, i: number): number[] =>
  Array.from({ length: Math.min(4, count - 4 * i) }, (_, t) => 4 * i + t);

/**
 * The input. `begin_stretch(x);` finds where part of a row begins, for results from column x; `load_stretch(line);`
 * loads it. `patch(i, c)` is a matrix of 4 columns × up to four taps with their input elements. `isInside(i, c)` is
 * whether any of these is inside the input.
 */
export function patches({ input, horizontal: h }: Correlation, { columns }: ConvTile) {
  const positions = 4 * columns;
  // One invocation computes a whole row.
  const whole = h.positions <= positions;
  const rounded = { ...h, positions: Math.ceil(h.positions / positions) * positions };
  const guarded = !whole && reaches(rounded, input.shape[3]!);
  const { part, isOutside } = stretch({ input, horizontal: h, positions, whole, guarded });
  const accessors: Part["accessors"] = {
    ...part.accessors,
    begin_stretch: (x) => (whole ? [] : [`let left = ${moved(times(x!, h.stride), h.offset)};`]),
    patch: (i, c) => matrixOf(tapsOf(h, Number(i)).map((t) => `four(${c}, ${t})`)),
  };
  return {
    part: { ...part, accessors },
    isInside: (i: number, c: number) => !tapsOf(h, i).every((t) => isOutside(c, t)),
  };
}

/**
 * The weight.
 * - `kernel_of(group, channel, c)` is where the kernel of a channel begins, for input channel c.
 * - `load_weights(kernel, t);` finds its row for tap t. In quads, it loads an invocation's share of that row for
 *   CHANNELS channels: every fourth channel, or if there are fewer, every fourth element.
 * - `weights(i, r)` are up to four elements of the row, for channel `channel_of(r)` of the invocation.
 */
export function weights(p: Correlation, { channels, quads }: ConvTile): Part {
  const { weight, vertical: v, horizontal: h, groups } = p;
  const [ofGroup, ofChannel, ofInput, ofRow] = p.weightStrides;
  const rowOf = (kernel: string, t: string): string =>
    plus(kernel, times(plus(v.first > 0 ? `${v.first}u` : "", times(t, v.step)), ofRow));
  const at = (row: string, t: number, r: number): string =>
    widened(weight.dtype, `weight[${plus(row, `${r * ofChannel + h.first + t * h.step}u`)}]`);
  const ways = {
    alone: {
      load: (row: string) => [`let kernel_row = ${row};`],
      of: (t: number, r: number) => at("kernel_row", t, r),
      channelOf: (r: string) => r,
    },
    // Each invocation has the channels in a different order.
    channels: {
      load: (row: string) => [
        `let own_row = ${plus(row, times("lane", ofChannel))};`,
        ...each(h.count, (t) => each(channels / 4, (k) => `let own${t}_${k} = ${at("own_row", t, 4 * k)};`)),
      ],
      of: (t: number, r: number) => swapped(`own${t}_${r >> 2}`, r & 3),
      channelOf: (r: string) => `(${tight(r)} ^ lane)`,
    },
    taps: {
      load: (row: string) => [
        `let own_row = ${plus(row, times("lane", h.step))};`,
        ...each(channels, (r) => each(Math.ceil(h.count / 4), (k) => `let own${r}_${k} = ${at("own_row", 4 * k, r)};`)),
      ],
      of: (t: number, r: number) => `quadBroadcast(own${r}_${t >> 2}, ${t & 3}u)`,
      channelOf: (r: string) => r,
    },
  };
  const { load, of, channelOf } = ways[!quads ? "alone" : channels % 4 === 0 ? "channels" : "taps"];
  return {
    buffers: [bufferOf("weight", weight, "read")],
    accessors: {
      kernel_of: (group, channel, c) =>
        plus(groups > 1 ? times(group!, ofGroup) : "", times(channel!, ofChannel), times(c!, ofInput)),
      load_weights: (kernel, t) => load(rowOf(kernel!, t!)),
      weights: (i, r) => vectorOf(tapsOf(h, Number(i)).map((t) => of(t, Number(r)))),
      channel_of: (r) => channelOf(r!),
    },
  };
}
