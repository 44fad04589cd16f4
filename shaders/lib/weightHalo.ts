import { each, wgsl } from "../wgsl.ts";
import { bufferOf } from "./array.ts";
import { moved } from "./convolution.ts";
import { widened } from "./half.wgsl.ts";
import type { Memory, Part } from "./kernel.ts";
import { components } from "./results.ts";
import { plus, type Scalar, times, vec4Of } from "./view.wgsl.ts";
import type { WeightGrad } from "./weightTile.ts";

/*
 * How a workgroup that computes a block of a convolution's weight gradient keeps pixels of dy, and the input around
 * them, in workgroup memory.
 */

/** What a workgroup computes of a gradient, and the pixels that it walks over at a time. */
export interface HaloTile {
  /** vec4s of output channels: per invocation, and per workgroup, a power of two. */
  readonly fours: number;
  readonly outFours: number;
  /** Input channels per workgroup. */
  readonly inChannels: number;
  /** Kernel rows per invocation. */
  readonly rows: number;
  /** Pixels of dy: rows, and groups of four columns. */
  readonly height: number;
  readonly columns: number;
}

type Sizes = Pick<WeightGrad, "vertical" | "horizontal" | "input" | "dy">;

/** Whether rows of the input, and of dy, are read as vec4s. */
const readsFours = ({ horizontal: h, input, dy }: Sizes) => ({
  input: input.shape[3]! % 4 === 0,
  dy: dy.shape[3]! % 4 === 0 && h.positions % 4 === 0,
});

/** The input that a tile of pixels meets: its rows, vec4s per row, and columns before the first tap in the first vec4. */
export function haloOf(p: Sizes, { height, columns }: Pick<HaloTile, "height" | "columns">) {
  const { vertical: v, horizontal: h } = p;
  const before = readsFours(p).input ? ((h.offset % 4) + 4) % 4 : 0;
  const span = before + (4 * columns - 1) * h.stride + (h.count - 1) * h.shift + 1;
  return { rows: (height - 1) * v.stride + (v.count - 1) * v.shift + 1, fours: Math.ceil(span / 4), before };
}

/** vec4s of workgroup memory. */
export function haloMemory(p: Sizes, tile: HaloTile): { readonly dy: number; readonly input: number } {
  const { rows, fours } = haloOf(p, tile);
  return { dy: tile.height * tile.columns * 4 * tile.outFours, input: tile.inChannels * rows * fours };
}

/** Invocations of a workgroup. */
export const haloLanes = ({ vertical: v }: Pick<WeightGrad, "vertical">, tile: HaloTile): number =>
  (tile.outFours / tile.fours) * tile.inChannels * Math.ceil(v.count / tile.rows);

/**
 * The memory of a workgroup.
 * - `load_tile(n, g, y, q, first_out, first_in);` loads it: pixels from row y and column 4 · q of image n, output and
 *   input channels of group g.
 * - `begin_lines(c, block);` finds the input rows of an invocation, for row and group of columns of a block of four
 *   pixels; `load_line(r);` loads that for kernel row r, and `input_at(r, p, t)` is its element for pixel p and tap t.
 * - `gradients_at(block, p, four)` are four channels of dy at pixel p of the block.
 *
 * Workgroup memory: channels 4i to 4i + 3 of dy at pixel k are `tile_dy[k · OUT_FOURS + (i ^ s)]`, where s depends on
 * k / 4, so that neighbours that store at once use different banks. A row of the input is HALO_FOURS vec4s.
 */
export function haloOperands(p: WeightGrad, tile: HaloTile): Part & { readonly memory: readonly Memory[] } {
  const { vertical: v, horizontal: h, input, dy } = p;
  const halo = haloOf(p, tile);
  const { dy: ofDy, input: ofInput } = haloMemory(p, tile);
  const lanes = haloLanes(p, tile);
  const reads = readsFours(p);
  const [inputFour, dyFour] = [vec4Of[input.dtype], vec4Of[dy.dtype]];
  const swizzled = (i: string, block: string) => `((${i}) ^ (${block} % ${Math.min(8, tile.outFours)}u))`;
  /** Element of a row for pixel p and tap t of a block of four pixels, from the first vec4 of the block. */
  const elementOf = (pixel: number, t: number) => halo.before + pixel * h.stride + t * h.shift;
  /** Four neighbours from `at`, column `col` of a row that ends at `end`; 0 past the end. */
  const four = (name: string, type: Scalar, wide: boolean, at: string): string =>
    wide
      ? `select(${vec4Of[type]}(), ${name}[(${at}) / 4u], col < end)`
      : `select(${vec4Of[type]}(), ${vec4Of[type]}(${each(4, (k) => `${name}[${plus(at, `${k}u`)}]`).join(", ")}), col + vec4u(0u, 1u, 2u, 3u) < vec4u(end))`;
  return {
    buffers: [bufferOf("input", input, "read", reads.input ? 4 : 1), bufferOf("dy", dy, "read", reads.dy ? 4 : 1)],
    memory: [
      { name: "tile_dy", type: dyFour, length: ofDy, note: "vec4 of channels [pixel][OUT_FOURS]" },
      {
        name: "tile_input",
        type: inputFour,
        length: ofInput,
        note: "vec4 of columns [channel][HALO_ROWS][HALO_FOURS]",
      },
    ],
    constants: {
      LANES: [lanes, "invocations"],
      OUT_FOURS: [tile.outFours, "vec4s of output channels per workgroup"],
      TILE_FOURS: [tile.columns, "vec4s per row of a tile of pixels"],
      BLOCKS: [tile.height * tile.columns, "vec4s per tile of pixels"],
      HALO_ROWS: [halo.rows, "of the input around a tile"],
      HALO_FOURS: [halo.fours, "vec4s per such row"],
    },
    accessors: {
      load_tile: (n, g, y, q, firstOut, firstIn) =>
        wgsl`
        let first_channel = (${n} * GROUPS + ${g}) * OUT_CHANNELS + ${firstOut};
        for (var u = lane; u < BLOCKS * OUT_FOURS; u += LANES) {
          let i = u / BLOCKS;
          let block = u % BLOCKS;
          let row = ${y} + block / TILE_FOURS;
          let col = 4u * (${q} + block % TILE_FOURS);
          let end = select(0u, COLS, row < ROWS);
          let at = ((first_channel + 4u * i) * ROWS + row) * COLS + col;
          ${each(4, (o) => `let channel${o} = ${four("dy", dy.dtype, reads.dy, plus("at", times("(ROWS * COLS)", o)))};`)}
          let pixels = transpose(mat4x4${dyFour.at(-1)!}(channel0, channel1, channel2, channel3));
          ${each(4, (k) => `tile_dy[${plus("block * (4u * OUT_FOURS)", times("OUT_FOURS", k), swizzled("i", "block"))}] = pixels[${k}];`)}
        }
        let plane = (${n} * GROUPS + ${g}) * IN_CHANNELS + ${firstIn};
        for (var u = lane; u < ${ofInput}u; u += LANES) {
          let c = u / (HALO_ROWS * HALO_FOURS);
          let row = ${moved(plus(times(y!, v.stride), "u / HALO_FOURS % HALO_ROWS"), v.offset)};
          let col = ${moved(plus(times(q!, 4 * h.stride), "4u * (u % HALO_FOURS)"), h.offset - halo.before)};
          let end = select(0u, WIDTH, row < HEIGHT);
          let at = ((plane + c) * HEIGHT + row) * WIDTH + col;
          tile_input[u] = ${four("input", input.dtype, reads.input, "at")};
        }`
          .trim()
          .split("\n"),
      begin_lines: (c, i, row, q) => [
        `let lines = (${c} * HALO_ROWS + ${plus(times(row!, v.stride), times(i!, v.shift))}) * HALO_FOURS + ${times(q!, h.stride)};`,
      ],
      load_line: (r) =>
        each(Math.floor(elementOf(3, h.count - 1) / 4) + 1, (k) => {
          const at = plus("lines", times("HALO_FOURS", Number(r) * v.shift), `${k}u`);
          return `let x${r}_${k} = ${widened(input.dtype, `tile_input[${at}]`, 4)};`;
        }),
      input_at(r, pixel, t) {
        const element = elementOf(Number(pixel), Number(t));
        return `x${r}_${Math.floor(element / 4)}.${components[element % 4]!}`;
      },
      gradients_at: (block, pixel, four) =>
        widened(
          dy.dtype,
          `tile_dy[${plus(`${block} * (4u * OUT_FOURS)`, times("OUT_FOURS", Number(pixel)), swizzled(four!, block!))}]`,
          4,
        ),
    },
  };
}
