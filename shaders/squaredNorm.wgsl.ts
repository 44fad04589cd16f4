import { type Grid, linearGroup, linearId, storage, workgroupSize } from "./lib/grid.wgsl.ts";
import { wgsl } from "./wgsl.ts";

/** What is added up: x², or 1 for each x that is NaN or infinite. */
export type SquaredNormTerm = "square" | "nonFinite";

export interface SquaredNormParams {
  readonly term: SquaredNormTerm;
  /** Pieces of tensors, and the number of the first one's result. */
  readonly pieces: number;
  readonly first: number;
  /** Most elements of a piece, a multiple of 4. */
  readonly piece: number;
  readonly inputLength: number;
  readonly tableLength: number;
  readonly outputLength: number;
  readonly grid: Grid;
}

const declarations = (p: SquaredNormParams): string[] => [
  `const PIECES = ${p.pieces}u;`,
  storage(0, "x", "read", "vec4f", p.inputLength / 4),
  "// Where each piece begins (a multiple of 4), and how many elements it has.",
  storage(1, "table", "read", "vec2u", p.tableLength / 2),
  storage(2, "y", "read_write", "f32", p.outputLength),
];

/** The terms of the vec4 number `k` of a piece. What lies behind the tensor's end is anything, even no number. */
const terms = ({ term }: SquaredNormParams): string => wgsl`
fn terms(piece: vec2u, k: u32) -> vec4f {
  let inside = 4u * k + vec4u(0u, 1u, 2u, 3u) < vec4u(piece.y);
  let v = select(vec4f(), x[piece.x / 4u + k], inside);
  #if ${term === "square"}
  return v * v;
  #else
  // The bits are tested as integers: WGSL may assume that no value is NaN or infinite.
  return select(vec4f(), vec4f(1.0), (bitcast<vec4u>(v) & vec4u(0x7f800000u)) == vec4u(0x7f800000u));
  #endif
}`;

/** y[piece] = Σ x² (or another term), one invocation per piece and no barrier: the variant for CPU adapters. */
export const squaredNormSerial = (p: SquaredNormParams): string => wgsl`
${declarations(p)}
${terms(p)}

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = ${linearId(p.grid, workgroupSize)};
  if (i >= PIECES) { return; }
  let piece = table[i];
  var acc = vec4f();
  for (var k = 0u; k < (piece.y + 3u) / 4u; k++) { acc += terms(piece, k); }
  y[i + ${p.first}u] = (acc.x + acc.y) + (acc.z + acc.w);
}
`;

/** The same with one workgroup per piece and a tree over workgroup memory: the variant for GPUs. */
export const squaredNormTree = (p: SquaredNormParams): string => wgsl`
${declarations(p)}
const THREADS = ${workgroupSize}u;
const ROUNDS = ${Math.ceil(p.piece / (4 * workgroupSize))}u;
var<workgroup> partial: array<f32, ${workgroupSize}>;
${terms(p)}

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  // No early return: every invocation must reach the barriers, also those of surplus workgroups, which repeat the last piece.
  let i = min(${linearGroup(p.grid)}, PIECES - 1u);
  let piece = table[i];
  var acc = vec4f();
  for (var t = 0u; t < ROUNDS; t++) { acc += terms(piece, t * THREADS + lane); }
  partial[lane] = (acc.x + acc.y) + (acc.z + acc.w);
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { partial[lane] += partial[lane + half]; }
  }
  if (lane == 0u && ${linearGroup(p.grid)} < PIECES) { y[i + ${p.first}u] = partial[0]; }
}
`;
