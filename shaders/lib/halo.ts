import { each, wgsl } from "../wgsl.ts";
import { bufferOf } from "./array.ts";
import { type Convolution, type ConvSizes, moved, type Taps } from "./convolution.ts";
import { widened } from "./half.wgsl.ts";
import type { Memory, Part } from "./kernel.ts";
import { components } from "./results.ts";
import { plus, type Scalar, times, vec4Of } from "./view.wgsl.ts";

/*
 * The input around a tile of positions, in workgroup memory: each element is loaded once, and serves all taps of all
 * positions that meet it.
 */

/** A tile of positions, and the input channels that a workgroup loads for it. */
export interface PositionTile {
  readonly inChannels: number;
  readonly height: number;
  /** Groups of four columns. */
  readonly columns: number;
}

type Sizes = Pick<ConvSizes, "vertical" | "horizontal" | "input">;

/** The first tap's distance from the smallest element that a position meets. */
const reachBefore = ({ count, shift }: Taps): number => Math.max(0, -(count - 1) * shift);

const spanOf = ({ count, stride, shift }: Taps, positions: number): number =>
  (positions - 1) * stride + (count - 1) * Math.abs(shift) + 1;

/** Whether rows of a tensor are read as vec4s. */
export const inFours = ({ shape }: { readonly shape: readonly number[] }): boolean => shape[3]! % 4 === 0;

/** The input that a tile meets: rows, vec4s per row, and columns before the first that it meets in the first vec4. */
function haloOf({ vertical: v, horizontal: h, input }: Sizes, tile: Omit<PositionTile, "inChannels">) {
  const first = h.offset - reachBefore(h);
  const before = inFours(input) ? ((first % 4) + 4) % 4 : 0;
  return { rows: spanOf(v, tile.height), fours: Math.ceil((before + spanOf(h, 4 * tile.columns)) / 4), before };
}

/** vec4s of workgroup memory that the input takes. */
export function haloSize(p: Sizes, tile: PositionTile): number {
  const { rows, fours } = haloOf(p, tile);
  return tile.inChannels * rows * fours;
}

/** vec4s of a row of the input that `positions` neighbouring results meet at most. */
export const lineFours = ({ horizontal: h }: Sizes, positions: number): number =>
  Math.ceil((3 + spanOf(h, positions)) / 4);

/** Four neighbours from `at`, column `col` of a row that ends at `end`; 0 past the end. */
export const fourAt = (name: string, type: Scalar, wide: boolean, at: string): string =>
  wide
    ? `select(${vec4Of[type]}(), ${name}[(${at}) / 4u], col < end)`
    : `select(${vec4Of[type]}(), ${vec4Of[type]}(${each(4, (k) => `${name}[${plus(at, `${k}u`)}]`).join(", ")}), col + vec4u(0u, 1u, 2u, 3u) < vec4u(end))`;

/**
 * - `load_halo(plane, y, q);` loads what the tile from position row y and column 4 · q meets, of channels from `plane` on.
 * - `begin_lines(c, i, row, q);` finds the row of channel c for kernel row i and the tile's position row, from column 4 · q.
 * - `load_line(r);` loads it, or that for kernel row i + r, as far as an invocation needs it.
 * - `input_at(r, p, t)` is the element of position p, counted from 4 · q, for tap t.
 *
 * Workgroup memory: rows of a channel are HALO_FOURS vec4s each.
 * @param lanes invocations of a workgroup.
 * @param positions neighbouring positions of an invocation.
 */
export function haloInput(
  p: Pick<Convolution, keyof Sizes>,
  tile: PositionTile,
  lanes: number,
  positions: number,
): Part & { readonly memory: readonly Memory[] } {
  const { vertical: v, horizontal: h, input } = p;
  const halo = haloOf(p, tile);
  const size = haloSize(p, tile);
  const elementOf = (position: number, t: number): number =>
    halo.before + position * h.stride + t * h.shift + reachBefore(h);
  const last = Math.max(elementOf(positions - 1, 0), elementOf(positions - 1, h.count - 1));
  const ofTap = (i: string): string => (v.shift < 0 ? times(`(${v.count - 1}u - ${i})`, -v.shift) : times(i, v.shift));
  return {
    buffers: [bufferOf("input", input, "read", inFours(input) ? 4 : 1)],
    memory: [
      {
        name: "halo",
        type: vec4Of[input.dtype],
        length: size,
        note: "vec4 of columns [channel][HALO_ROWS][HALO_FOURS]",
      },
    ],
    constants: {
      LANES: [lanes, "invocations"],
      HALO_ROWS: [halo.rows, "of the input around a tile"],
      HALO_FOURS: [halo.fours, "vec4s per such row"],
      HALO_SIZE: [size, "vec4s of all channels"],
    },
    accessors: {
      load_halo: (plane, y, q) =>
        wgsl`
        for (var u = lane; u < HALO_SIZE; u += LANES) {
          let c = u / (HALO_ROWS * HALO_FOURS);
          let row = ${moved(plus(times(y!, v.stride), "u / HALO_FOURS % HALO_ROWS"), v.offset - reachBefore(v))};
          let col = ${moved(plus(times(q!, 4 * h.stride), "4u * (u % HALO_FOURS)"), h.offset - reachBefore(h) - halo.before)};
          let end = select(0u, WIDTH, row < HEIGHT);
          let at = ((${plane} + c) * HEIGHT + row) * WIDTH + col;
          halo[u] = ${fourAt("input", input.dtype, inFours(input), "at")};
        }`
          .trim()
          .split("\n"),
      begin_lines: (c, i, row, q) => [
        `let lines = (${c} * HALO_ROWS + ${plus(times(row!, v.stride), ofTap(i!))}) * HALO_FOURS + ${times(q!, h.stride)};`,
      ],
      load_line: (r) =>
        each(Math.floor(last / 4) + 1, (k) => {
          const at = plus("lines", times("HALO_FOURS", Number(r) * v.shift), `${k}u`);
          return `let x${r}_${k} = ${widened(input.dtype, `halo[${at}]`, 4)};`;
        }),
      input_at(r, position, t) {
        const element = elementOf(Number(position), Number(t));
        return `x${r}_${element >> 2}.${components[element & 3]!}`;
      },
    },
  };
}

/**
 * Where vec4 i of a line of `fours` vec4s, a power of two, is kept: lines that neighbours store at once are moved to
 * different banks.
 */
export const swizzled = (i: string, line: string, fours: number): string =>
  `((${i}) ^ (${line} % ${Math.min(8, fours)}u))`;
