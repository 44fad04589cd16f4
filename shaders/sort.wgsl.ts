import { bufferOf } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { workgroupSize } from "./lib/grid.wgsl.ts";
import { widened } from "./lib/half.wgsl.ts";
import type { Kernel, Part, View } from "./lib/kernel.ts";
import { plus, type Scalar, times } from "./lib/view.wgsl.ts";
import { wgsl } from "./wgsl.ts";

/**
 * Row-major lines whose neighbouring elements are `inner` apart, and the first positions of each line's sorted order.
 */
export interface Sorting {
  readonly x: View;
  /** i32, `kept` per line. */
  readonly y: View;
  readonly lines: number;
  readonly length: number;
  readonly inner: number;
  readonly kept: number;
  readonly descending: boolean;
}

/**
 * Unsigned integers in the order of the values: −0 equals 0, and NaN is largest, as in PyTorch. WGSL may assume no
 * float is NaN; integers avoid this.
 */
const keyOf: Readonly<Record<"f32" | "i32" | "u32", string>> = {
  f32: wgsl`
fn key_of(value: f32) -> u32 {
  let bits = bitcast<u32>(value);
  let size = bits & 0x7fffffffu;
  let ordered = select(bits | 0x80000000u, ~bits, bits > 0x80000000u);
  return select(select(ordered, 0x80000000u, size == 0u), 0xffffffffu, size > 0x7f800000u);
}`,
  i32: wgsl`
fn key_of(value: i32) -> u32 {
  return bitcast<u32>(value) ^ 0x80000000u;
}`,
  u32: wgsl`
fn key_of(value: u32) -> u32 {
  return value;
}`,
};

/** `key(line, t)` is the key of element t of a line. Equal keys keep their order in both directions. */
function keys({ x, length, inner, descending }: Sorting): Part {
  const type: Exclude<Scalar, "f16"> = x.dtype === "f16" ? "f32" : x.dtype;
  const key = (at: string) => `${descending ? "~" : ""}key_of(${widened(x.dtype, `x[${at}]`)})`;
  return {
    buffers: [bufferOf("x", x, "read")],
    functions: [keyOf[type]],
    accessors: { key: (line, t) => key(placeOf(length, inner, line!, t!)) },
  };
}

/** Index of element t of a line of `length` elements. */
function placeOf(length: number, inner: number, line: string, t: string): string {
  if (inner === 1) return plus(times(line, length), t);
  return `${line} / ${inner}u * ${length * inner}u + ${line} % ${inner}u + ${times(t, inner)}`;
}

/**
 * Positions of a line's elements: `NAME(line, t)` reads one, `NAME_put(line, t, position);` stores it, if it is among
 * those kept.
 */
function positions(
  name: string,
  view: View,
  access: "read" | "read_write",
  { length, inner, kept }: Sorting,
  whole: boolean,
): Part {
  const perLine = whole ? length : kept;
  return {
    buffers: [bufferOf(name, view, access)],
    accessors: {
      [name]: (line, t) => `u32(${name}[${placeOf(perLine, inner, line!, t!)}])`,
      [`${name}_put`]: (line, t, position) => {
        const store = `${name}_store(${placeOf(perLine, inner, line!, t!)}, i32(${position}));`;
        return [perLine < length ? `if (${t} < KEPT) { ${store} }` : store];
      },
    },
  };
}

const sizes = ({ lines, length, kept }: Sorting) =>
  ({
    COUNT: [lines * length, "elements"],
    LENGTH: [length, "of these per line"],
    KEPT: [kept, "positions stored per line"],
  }) as const;

/** The definition: an element's rank is the number of elements before it in sorted order. */
export const sortNaive = (p: Sorting): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [keys(p), positions("y", p.y, "read_write", p, false)],
    constants: sizes(p),
    body: wgsl`
      let i = id.x;
      if (i >= COUNT) { return; }
      let line = i / LENGTH;
      let t = i % LENGTH;
      let own = key(line, t);
      var rank = 0u;
      for (var j = 0u; j < LENGTH; j++) {
        let other = key(line, j);
        if (other < own || (other == own && j < t)) { rank++; }
      }
      y_put(line, rank, t);`,
  });

/** Sorts blocks of `block` elements. The loop is that of the definition, which stays whole for readers. */
export const sortBlocks = (p: Sorting, sorted: View, block: number): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [keys(p), positions("sorted", sorted, "read_write", p, true)],
    constants: { ...sizes(p), BLOCK: [block, "elements of a sorted block"] },
    body: wgsl`
      let i = id.x;
      if (i >= COUNT) { return; }
      let line = i / LENGTH;
      let t = i % LENGTH;
      let own = key(line, t);
      let start = t / BLOCK * BLOCK;
      var rank = start;
      for (var j = start; j < min(start + BLOCK, LENGTH); j++) {
        let other = key(line, j);
        if (other < own || (other == own && j < t)) { rank++; }
      }
      sorted_put(line, rank, t);`,
  });

/**
 * Merges pairs of sorted runs: an element's rank is its rank in its own run plus the number of smaller elements in the
 * other.
 */
export const sortMerge = (p: Sorting, sorted: View, merged: View, run: number): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [
      keys(p),
      positions("sorted", sorted, "read", p, true),
      positions("merged", merged, "read_write", p, merged !== p.y),
    ],
    constants: { ...sizes(p), RUN: [run, "elements of a sorted run"] },
    body: wgsl`
      let i = id.x;
      if (i >= COUNT) { return; }
      let line = i / LENGTH;
      let place = i % LENGTH;
      let t = sorted(line, place);
      let own = key(line, t);
      let is_second = place / RUN % 2u == 1u;
      // Binary search: how many elements of the other run come before this one.
      let start = select(place / RUN * RUN + RUN, place / RUN * RUN - RUN, is_second);
      var low = min(start, LENGTH);
      var high = min(start + RUN, LENGTH);
      while (low < high) {
        let middle = (low + high) / 2u;
        let other = key(line, sorted(line, middle));
        if (other < own || (other == own && is_second)) {
          low = middle + 1u;
        } else {
          high = middle;
        }
      }
      let rank = select(place, place - RUN, is_second) + low - min(start, LENGTH);
      merged_put(line, rank, t);`,
  });
