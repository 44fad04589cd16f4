import { bufferOf } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { workgroupSize } from "./lib/grid.wgsl.ts";
import type { Kernel, View } from "./lib/kernel.ts";
import { wgsl } from "./wgsl.ts";

export interface CastAll {
  /** The memory of all f32 tensors, and of all f16 results; each starts at a multiple of 256 bytes. */
  readonly x: View;
  readonly y: View;
  /** For each piece of a tensor: its first vec4 in x, its first vec4 in y, and its number of vec4s. */
  readonly table: View;
  /** Most vec4s in a piece. */
  readonly piece: number;
}

/** The definition: rounds tensors in one f32 buffer to f16, into one buffer. One invocation per element of a piece. */
export const castAllNaive = ({ x, table, y }: CastAll): Kernel =>
  kernel({
    workgroup: [1, workgroupSize, 1],
    parts: [
      { buffers: [bufferOf("x", x, "read"), bufferOf("table", table, "read", 4), bufferOf("y", y, "read_write")] },
    ],
    body: wgsl`
      let piece = table[id.x];
      let k = id.y;
      if (k < 4u * piece.z) { y_store(4u * piece.y + k, f16(x[4u * piece.x + k])); }`,
  });

/** The same on vec4s, with one workgroup per piece. */
export const castAll = ({ x, table, y, piece }: CastAll): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [
      {
        buffers: [bufferOf("x", x, "read", 4), bufferOf("table", table, "read", 4), bufferOf("y", y, "read_write", 4)],
      },
    ],
    constants: { ROUNDS: [Math.ceil(piece / workgroupSize), "vec4s per invocation"] },
    body: wgsl`
      let piece = table[group.x];
      for (var t = 0u; t < ROUNDS; t++) {
        let k = t * ${workgroupSize}u + lane;
        if (k < piece.z) { y_store(piece.y + k, vec4h(x[piece.x + k])); }
      }`,
  });
