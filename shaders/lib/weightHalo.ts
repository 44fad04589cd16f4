import { each, wgsl } from "../wgsl.ts";
import { bufferOf } from "./array.ts";
import { widened } from "./half.wgsl.ts";
import { fourAt, haloSize, inFours, type PositionTile, swizzled } from "./halo.ts";
import type { Memory, Part } from "./kernel.ts";
import { plus, times, vec4Of } from "./view.wgsl.ts";
import type { WeightGrad } from "./weightTile.ts";

/** What a workgroup computes of a convolution's weight gradient, and the pixels of dy that it walks over at a time. */
export interface HaloTile extends PositionTile {
  /** vec4s of output channels: per invocation, and per workgroup, a power of two. */
  readonly fours: number;
  readonly outFours: number;
  /** Kernel rows per invocation. */
  readonly rows: number;
}

type Sizes = Pick<WeightGrad, "vertical" | "horizontal" | "input">;

/** vec4s of workgroup memory. */
export const haloMemory = (p: Sizes, tile: HaloTile): number =>
  tile.height * tile.columns * 4 * tile.outFours + haloSize(p, tile);

/** Invocations of a workgroup. */
export const haloLanes = ({ vertical: v }: Pick<WeightGrad, "vertical">, tile: HaloTile): number =>
  (tile.outFours / tile.fours) * tile.inChannels * Math.ceil(v.count / tile.rows);

/**
 * Pixels of dy in workgroup memory.
 * - `load_pixels(n, g, y, q, first_out);` loads output channels of group g, from row y and column 4 · q of image n.
 * - `gradients_at(block, p, four)` are four channels at pixel p of a block of four pixels.
 *
 * Workgroup memory: channels 4i to 4i + 3 at pixel k are vec4 i of line k, see `swizzled`.
 */
export function pixelsOf({ dy }: WeightGrad, tile: HaloTile): Part & { readonly memory: readonly Memory[] } {
  const four = vec4Of[dy.dtype];
  const at = (block: string, pixel: number, i: string): string =>
    `pixels[${plus(`${block} * (4u * OUT_FOURS)`, times("OUT_FOURS", pixel), swizzled(i, block, tile.outFours))}]`;
  return {
    buffers: [bufferOf("dy", dy, "read", inFours(dy) ? 4 : 1)],
    memory: [
      {
        name: "pixels",
        type: four,
        length: tile.height * tile.columns * 4 * tile.outFours,
        note: "of dy: vec4 of channels [pixel][OUT_FOURS]",
      },
    ],
    constants: {
      OUT_FOURS: [tile.outFours, "vec4s of output channels per workgroup"],
      TILE_FOURS: [tile.columns, "vec4s per row of a tile of pixels"],
      BLOCKS: [tile.height * tile.columns, "vec4s per tile of pixels"],
    },
    accessors: {
      load_pixels: (n, g, y, q, firstOut) =>
        wgsl`
        let first_channel = (${n} * GROUPS + ${g}) * OUT_CHANNELS + ${firstOut};
        for (var u = lane; u < BLOCKS * OUT_FOURS; u += LANES) {
          let i = u / BLOCKS;
          let block = u % BLOCKS;
          let row = ${y} + block / TILE_FOURS;
          let col = 4u * (${q} + block % TILE_FOURS);
          let end = select(0u, COLS, row < ROWS);
          let at = ((first_channel + 4u * i) * ROWS + row) * COLS + col;
          ${each(4, (o) => `let channel${o} = ${fourAt("dy", dy.dtype, inFours(dy), plus("at", times("(ROWS * COLS)", o)))};`)}
          let block_of = transpose(mat4x4${four.at(-1)!}(channel0, channel1, channel2, channel3));
          ${each(4, (k) => `${at("block", k, "i")} = block_of[${k}];`)}
        }`
          .trim()
          .split("\n"),
      gradients_at: (block, pixel, i) => widened(dy.dtype, at(block!, Number(pixel), i!), 4),
    },
  };
}
