import { bufferOf } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { workgroupSize } from "./lib/grid.wgsl.ts";
import type { Kernel, View } from "./lib/kernel.ts";
import { wgsl } from "./wgsl.ts";

export interface CastAll {
  /** Memory of all tensors, f32, and of all results, f16. Both begin at multiples of 256 bytes in it. */
  readonly x: View;
  readonly y: View;
  /** Of each piece of a tensor: first vec4 of x, first vec4 of y, number of vec4. */
  readonly table: View;
  /** Most vec4 of a piece. */
  readonly piece: number;
}

/** Rounds many tensors of one f32 buffer to f16, into one buffer: a workgroup for each piece of a tensor. */
export const castAll = ({ x, table, y, piece }: CastAll): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [
      {
        buffers: [bufferOf("x", x, "read", 4), bufferOf("table", table, "read", 4), bufferOf("y", y, "read_write", 4)],
      },
    ],
    constants: { ROUNDS: Math.ceil(piece / workgroupSize) },
    body: wgsl`
      let piece = table[group.x];
      for (var t = 0u; t < ROUNDS; t++) {
        let k = t * ${workgroupSize}u + lane;
        if (k < piece.z) { y_store(piece.y + k, vec4h(x[piece.x + k])); }
      }`,
  });
