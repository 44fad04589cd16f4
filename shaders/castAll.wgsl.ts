import { storage, workgroupSize } from "./lib/grid.wgsl.ts";
import { wgsl } from "./wgsl.ts";

export interface CastAllParams {
  /** Most vec4 of a piece. */
  readonly piece: number;
  /** Elements of the bound ranges. */
  readonly inputLength: number;
  readonly tableLength: number;
  readonly outputLength: number;
}

/**
 * Rounds many tensors of one f32 buffer to f16, into one buffer: a workgroup per piece of a tensor, vec4 by vec4. Tensors begin
 * at multiples of 256 bytes in both, so the table says where each piece lies.
 */
export const castAll = (p: CastAllParams): string => wgsl`
const ROUNDS = ${Math.ceil(p.piece / workgroupSize)}u;
${storage(0, "x", "read", "f32", p.inputLength, 4)}
// Of each piece: first vec4 of x, first vec4 of y, number of vec4.
${storage(1, "table", "read", "vec4u", p.tableLength / 4)}
${storage(2, "y", "read_write", "vec4h", p.outputLength / 4)}

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let piece = table[group.x];
  for (var t = 0u; t < ROUNDS; t++) {
    let k = t * ${workgroupSize}u + lane;
    if (k < piece.z) { y[piece.y + k] = vec4h(x[piece.x + k]); }
  }
}
`;
