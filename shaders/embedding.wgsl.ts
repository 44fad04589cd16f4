import { storage, workgroupSize } from "./lib/grid.wgsl.ts";
import { type Scalar, vec4Of } from "./lib/view.wgsl.ts";
import { wgsl } from "./wgsl.ts";

export interface EmbeddingParams {
  readonly type: Scalar;
  /** Rows of the table, elements of a row, positions that name a row each. */
  readonly rows: number;
  readonly size: number;
  readonly positions: number;
  /** Row that gets no gradient, if any. */
  readonly padding: number | undefined;
  /** Elements of the bound ranges. */
  readonly inputLength: number;
  readonly indexLength: number;
  readonly outputLength: number;
}

/** Four columns at once where rows are whole vec4s. */
export const embeddingWidth = (size: number): 1 | 4 => (size % 4 === 0 ? 4 : 1);

/** @param fours whether the indices are read four at a time. */
function declarations(p: EmbeddingParams, input: string, fours = false): string[] {
  const width = embeddingWidth(p.size);
  const element = width === 4 ? vec4Of[p.type] : p.type;
  return [
    `alias T = ${element};`,
    `alias F = ${width === 4 ? "vec4f" : "f32"}; // sums are f32`,
    `const ROWS = ${p.rows}u;`,
    `const SIZE = ${p.size / width}u; // ${width === 4 ? "vec4" : "elements"} of a row`,
    `const POSITIONS = ${p.positions}u;`,
    storage(0, input, "read", "T", p.inputLength / width),
    fours ? storage(1, "index", "read", "vec4i", p.indexLength / 4) : storage(1, "index", "read", "i32", p.indexLength),
    storage(2, "y", "read_write", "T", p.outputLength / width),
  ];
}

/** y[n, :] = weight[index[n], :]; an index beyond the table is held at its ends. One invocation per (position, column). */
export const embeddingRows = (p: EmbeddingParams): string => wgsl`
${declarations(p, "weight")}

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= POSITIONS * SIZE) { return; }
  let row = u32(clamp(index[i / SIZE], 0, i32(ROWS) - 1));
  y[i] = weight[row * SIZE + i % SIZE];
}
`;

/**
 * Gradient of the table: y[v, :] = Σ dy[n, :] over the positions n that name row v, in their order. One invocation per
 * (row, column), which looks through all positions, by fours: the variant for tables that are small beside the number of positions.
 */
export const embeddingGradByRow = (p: EmbeddingParams): string => wgsl`
${declarations(p, "dy", true)}

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= ROWS * SIZE) { return; }
  let row = i32(i / SIZE);
  var acc = F();
  #if ${p.padding !== undefined}
  if (row != ${p.padding ?? 0}) {
  #else
  {
  #endif
    for (var q = 0u; q < ${Math.ceil(p.positions / 4)}u; q++) {
      let four = index[q];
      if (any(four == vec4i(row))) {
        for (var n = 4u * q; n < min(4u * q + 4u, POSITIONS); n++) {
          if (four[n % 4u] == row) { acc += F(dy[n * SIZE + i % SIZE]); }
        }
      }
    }
  }
  y[i] = T(acc);
}
`;

/**
 * The same on a table of zeros, one invocation per (position, column): the first position that names a row adds up all of
 * them, the others leave. The order of the sums is that of the variant above, so both give the same bits. For large tables.
 */
export const embeddingGradByPosition = (p: EmbeddingParams): string => wgsl`
${declarations(p, "dy", true)}

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= POSITIONS * SIZE) { return; }
  let own = i / SIZE;
  let row = index[own / 4u][own % 4u];
  if (row < 0 || row >= i32(ROWS)${p.padding === undefined ? "" : ` || row == ${p.padding}`}) { return; }
  var acc = F();
  for (var q = 0u; q < ${Math.ceil(p.positions / 4)}u; q++) {
    let four = index[q];
    if (any(four == vec4i(row))) {
      for (var n = 4u * q; n < min(4u * q + 4u, POSITIONS); n++) {
        if (four[n % 4u] == row) {
          if (n < own) { return; }
          acc += F(dy[n * SIZE + i % SIZE]);
        }
      }
    }
  }
  y[u32(row) * SIZE + i % SIZE] = T(acc);
}
`;

/** Zeros for a whole table. */
export const embeddingZeros = ({ type, outputLength }: EmbeddingParams): string => wgsl`
const COUNT = ${outputLength / 4}u; // vec4 in the table
${storage(0, "y", "read_write", vec4Of[type], outputLength / 4)}

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i < COUNT) { y[i] = ${vec4Of[type]}(); }
}
`;
