import { finishing, loadsVectors, type Made, making, type Operand, type Results, range } from "./lib/epilogue.wgsl.ts";
import { storage } from "./lib/grid.wgsl.ts";
import { widened } from "./lib/half.wgsl.ts";
import { matrixOf, vectorOf } from "./lib/matrix.wgsl.ts";
import { swapped } from "./lib/quads.wgsl.ts";
import { type Carried, type TileSide, tiled } from "./lib/tile.wgsl.ts";
import { elementAt, plus, type Scalar, shifted, times } from "./lib/view.wgsl.ts";
import { wgsl } from "./wgsl.ts";

export interface MatmulParams extends Results {
  /** rows and cols of Results are M and N. */
  readonly k: number;
  readonly batches: number;
  /** Element type of both factors; sums are f32 whatever it is. */
  readonly type: Scalar;
  readonly a: Operand;
  readonly b: Operand;
  /** Where a is computed as it is read, and K whole fours. `a` is the first of what it is computed from then. */
  readonly made?: Made | undefined;
}

/** What stands before the entry point: the bindings, `finish`, and `made` where a is computed. */
function head(p: MatmulParams, width: 1 | 4, aVectors = false, bVectors = false): string {
  const finish = finishing(p, width, p.made?.body);
  const made = p.made && making(p.made, p.k, width);
  const bound = made?.bound ?? 1;
  return wgsl`
${made?.declare ?? storage(0, "a", "read", p.type, p.a.length, aVectors ? 4 : 1)}
${storage(bound, "b", "read", p.type, p.b.length, bVectors ? 4 : 1)}
${finish.declare(bound + 1)}
${finish.text}
${made?.text ?? ""}`;
}

/** out[M, N] = finish(a[M,K] · b[K,N]): the definition, one invocation per result. Every other variant is held to it. */
export function matmulNaive(p: MatmulParams): string {
  const element = p.made
    ? "made(id.z, row, k, col == 0u)"
    : widened(
        p.type,
        `a[${plus(elementAt(p.a.batch, "id.z"), times("row", p.a.strides[0]), times("k", p.a.strides[1]))}]`,
      );
  return wgsl`
${head(p, 1)}
const K = ${p.k}u;
@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = id.y;
  let col = id.x;
  var sum = 0.0;
  for (var k = 0u; k < K; k++) {
    sum += ${element}
         * ${widened(p.type, `b[${plus(elementAt(p.b.batch, "id.z"), times("k", p.b.strides[0]), times("col", p.b.strides[1]))}]`)};
  }
  finish(id.z, row, col, sum);
}
`;
}

/** Results that one invocation keeps in registers: rows, and columns in groups of four. */
export interface RegisterTile {
  readonly rows: number;
  readonly columns: number;
  /** Whether four neighbouring invocations own the same rows and the columns after each other, and share what they load of a. */
  readonly quads?: boolean;
}

/**
 * The texts of a register tile whose first result stands at `row` and `col` of `batch`.
 *
 * It walks K in steps of DEPTH, and multiplies a piece of each row of a, DEPTH long, with pieces of b, DEPTH × 4, as matrices of
 * WGSL: 1.2 times as fast on SwiftShader as one step of K after the other, and less to read. Loads are vec4 along whichever axis
 * of an operand is contiguous, so neither operand is ever transposed in memory. Rows and columns beyond the result read whatever
 * the bounds check hands out, and are not stored.
 */
function registerTile(p: MatmulParams, { rows, columns, quads = false }: RegisterTile) {
  // What would be left of K is a second text to compile.
  const depth = [4, 3, 2].find((n) => p.k % n === 0) ?? 4;
  const wholeFours = p.k % 4 === 0;
  const aAlongK = p.made !== undefined || (wholeFours && loadsVectors(p.a, 1));
  const aAlongM = wholeFours && !aAlongK && rows % 4 === 0 && loadsVectors(p.a, 0);
  const bAlongN = loadsVectors(p.b, 1);
  /** Whether each lane loads a step of K of its own, and so meets the four in an order of its own. */
  const ownSteps = quads && aAlongM;
  const bAlongK = wholeFours && !bAlongN && !ownSteps && loadsVectors(p.b, 0);
  /** Whether a column of the tile lies beyond the result in any case: where there is no second tile beside it. */
  const isBeyond = (c: number): boolean => !quads && c >= p.cols;
  /** Of a, an invocation loads all of its rows, or every fourth. */
  const owned = range(quads ? rows / 4 : rows);

  const rowAt = (r: number) => (quads ? `(${shifted("row", 4 * r)} + lane)` : shifted("row", r));
  /** Columns of the tile, or of the four side by side. */
  const across = (quads ? 16 : 4) * columns;

  /** Loads and multiply-adds of `steps` steps along K, from step `q` · DEPTH. */
  const block = (q: string, steps: number): string[] => {
    const first = `${depth}u * ${q}`;
    const k = (d: number) => (ownSteps ? `(${first} + ${d ? `(lane ^ ${d}u)` : "lane"})` : shifted(first, d));
    const load = (name: "a" | "b", at: string, width: 1 | 4 = 1) => widened(p.type, `${name}[${at}]`, width);
    const alongK = (name: "a" | "b", i: number) => load(name, `${name}_from${i} + ${q}`, 4);
    const rowOfA = (r: number): string =>
      p.made
        ? `made(batch, ${rowAt(r)}, ${first}, col < ${across}u)`
        : aAlongK
          ? alongK("a", r)
          : vectorOf(range(steps).map((d) => load("a", plus(`a_from${r}`, times(k(d), p.a.strides[1])))));
    // Of four rows side by side in memory, the steps are the columns of a matrix.
    const fourRowsOfA = (j: number): string[] => {
      const at = (step: string) =>
        load("a", shifted(`(${plus("a_base", times(step, p.a.strides[1]), "row")}) / 4u`, j), 4);
      const rowsOfA = matrixOf(range(steps).map((d) => (quads ? swapped(`own${j}`, d) : at(k(d)))));
      return [
        ...(quads ? [`let own${j} = ${at(k(0))};`] : []),
        `let rows${j} = transpose(${rowsOfA});`,
        ...range(4).map((r) => `let a${4 * j + r} = rows${j}[${r}];`),
      ];
    };
    const fourColumnsOfB = (c: number): string => {
      const columns = range(4).map((i) => 4 * c + i);
      if (bAlongK) return `transpose(${matrixOf(columns.map((i) => alongK("b", i)))})`;
      const ofB = (d: number): string => {
        const from = plus("b_base", times(k(d), p.b.strides[0]));
        if (bAlongN) return load("b", shifted(`(${plus(from, "col")}) / 4u`, c), 4);
        const elements = columns.map((i) =>
          isBeyond(i) ? "0.0" : load("b", plus(from, times(shifted("col", i), p.b.strides[1]))),
        );
        return `vec4f(${elements.join(", ")})`;
      };
      return matrixOf(range(steps).map(ofB));
    };
    const ofAll = [
      ...owned.map((r) => `let ${quads ? "own" : "a"}${r} = ${rowOfA(r)};`),
      ...(quads ? range(rows).map((r) => `let a${r} = ${swapped(`own${r >> 2}`, r & 3)};`) : []),
    ];
    return [
      ...(aAlongM ? range(rows / 4).flatMap(fourRowsOfA) : ofAll),
      ...range(columns).map((c) => `let b${c} = ${fourColumnsOfB(c)};`),
      ...range(rows).flatMap((r) => range(columns).map((c) => `acc${r}_${c} += b${c} * a${r};`)),
    ].map((line) => `    ${line}`);
  };

  const aRow = (r: number) => `(${plus("a_base", times(rowAt(r), p.a.strides[0]))})${aAlongK ? " / 4u" : ""}`;
  const sums = range(rows).flatMap((r) => range(columns).map((c) => `acc${r}_${c}`));
  /** Row and column of sum number `i`. */
  const placed = (i: string): string => {
    const r = columns === 1 ? i : `(${i} / ${columns}u)`;
    const c = columns === 1 ? "col" : `col + 4u * (${i} % ${columns}u)`;
    return `row + ${quads && !aAlongM ? `(${r} ^ lane)` : r}, ${c}`;
  };
  return {
    head: head(p, 4, aAlongK || aAlongM, bAlongN || bAlongK),
    across,
    begin: [
      ...(p.made ? [] : [`let a_base = ${elementAt(p.a.batch, "batch")};`]),
      `let b_base = ${elementAt(p.b.batch, "batch")};`,
      ...(aAlongM || p.made ? [] : owned.map((r) => `let a_from${r} = ${aRow(r)};`)),
      ...(bAlongK
        ? range(4 * columns).map(
            (c) => `let b_from${c} = (${plus("b_base", times(shifted("col", c), p.b.strides[1]))}) / 4u;`,
          )
        : []),
      ...sums.map((sum) => `var ${sum} = vec4f();`),
    ].map((line) => `  ${line}`),
    block,
    /** Names of the sums, row by row. */
    sums,
    placed,
    /** Finishes them all: in a loop where they are many, since the epilogue takes its time to compile. */
    finish:
      sums.length <= 4
        ? sums.map((sum, i) => `  finish(batch, ${placed(`${i}u`)}, ${sum});`)
        : [
            `  var sums = array<vec4f, ${sums.length}>(${sums.join(", ")});`,
            `  for (var i = 0u; i < ${sums.length}u; i++) { finish(batch, ${placed("i")}, sums[i]); }`,
          ],
    /** Walks along K from one value of `q` to the next, and what is left. */
    depth,
    walks: Math.floor(p.k / depth),
    rest: p.k % depth,
  };
}

/**
 * out[M, N] = finish(a[M,K] · b[K,N]). One invocation owns ROWS × 4·COLUMNS results in registers and walks K, a few steps at a time;
 * no workgroup memory, no barrier: the variant for CPU adapters and for results too small to fill a GPU with tiles.
 *
 * In quads, each invocation loads a quarter of the rows' elements and swaps them with its neighbours: see lib/quads.wgsl.ts.
 */
export function matmulDirect(p: MatmulParams, shape: RegisterTile, workgroup: number): string {
  const { rows, columns, quads = false } = shape;
  const tile = registerTile(p, shape);
  return wgsl`
${quads ? "enable subgroups;" : ""}
${tile.head}
const TILES_M = ${Math.ceil(p.rows / rows)}u; // ${rows} rows each
const TILES_N = ${Math.ceil(p.cols / tile.across)}u; // ${tile.across} columns each

@compute @workgroup_size(${workgroup})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let batch = id.y;
  #if ${quads}
  // All invocations go all the way, for their neighbours' sake.
  let lane = id.x % 4u;
  let col = (id.x / 4u % TILES_N * 4u + lane) * ${4 * columns}u;
  let row = id.x / 4u / TILES_N * ${rows}u;
  #else
  let col = id.x % TILES_N * ${4 * columns}u;
  let row = id.x / TILES_N * ${rows}u;
  if (row >= ROWS) { return; }
  #endif
${tile.begin}
  #if ${tile.walks > 0}
  for (var q = 0u; q < ${tile.walks}u; q++) {
${tile.block("q", tile.depth)}
  }
  #endif
  #if ${tile.rest > 0}
  {
${tile.block(`${tile.walks}u`, tile.rest)}
  }
  #endif
${tile.finish}
}
`;
}

/**
 * The same where K is long and the results are few: several invocations own the same register tile and share out K, each taking
 * every fourth (64th) of these steps; then their sums are added up. The variant for products with a vector and for gradients of small
 * weights over many rows.
 * @param sharers 4: neighbours in a quad, who swap their sums without a barrier; 64: a workgroup, through its memory.
 */
export function matmulShared(p: MatmulParams, shape: RegisterTile, sharers: 4 | 64, workgroup: number): string {
  const { rows, columns } = shape;
  const tile = registerTile(p, shape);
  const count = rows * columns;
  const quad = sharers === 4;
  return wgsl`
${quad ? "enable subgroups;" : ""}
${tile.head}
const TILES_N = ${Math.ceil(p.cols / (4 * columns))}u; // ${4 * columns} columns each, of ${rows} rows
#if ${!quad}
var<workgroup> partial: array<vec4f, ${64 * count}>; // of each invocation
#endif

@compute @workgroup_size(${workgroup})
#if ${quad}
fn main(@builtin(global_invocation_id) id: vec3u) {
  let batch = id.y;
  let lane = id.x % 4u;
  let tile = id.x / 4u;
#else
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let batch = group.y;
  let tile = group.x;
#endif
  let col = tile % TILES_N * ${4 * columns}u;
  let row = tile / TILES_N * ${rows}u;
${tile.begin}
  #if ${tile.walks > 0}
  for (var q = lane; q < ${tile.walks}u; q += ${sharers}u) {
${tile.block("q", tile.depth)}
  }
  #endif
  #if ${tile.rest > 0}
  if (lane == 0u) {
${tile.block(`${tile.walks}u`, tile.rest)}
  }
  #endif
  #if ${quad}
${tile.sums.flatMap((sum) => [`  ${sum} += quadSwapX(${sum});`, `  ${sum} += quadSwapY(${sum});`])}
  var sums = array<vec4f, ${count}>(${tile.sums.join(", ")});
  for (var i = lane; i < ${count}u; i += 4u) { finish(batch, ${tile.placed("i")}, sums[i]); }
  #else
${tile.sums.map((sum, i) => `  partial[lane * ${count}u + ${i}u] = ${sum};`)}
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      for (var i = lane * ${count}u; i < (lane + 1u) * ${count}u; i++) { partial[i] += partial[i + half * ${count}u]; }
    }
  }
  workgroupBarrier();
  if (lane < ${count}u) { finish(batch, ${tile.placed("lane")}, partial[lane]); }
  #endif
}
`;
}

/** out[M, N] = finish(a[M,K] · b[K,N]) through workgroup memory: the variant for GPUs. See lib/tile.wgsl.ts. */
export function matmulTiled(p: MatmulParams, side: TileSide): string {
  /** @param strides along rows (of b, columns), and along K. */
  const carried = (name: "a" | "b", [along, k]: readonly [number, number], vectors: boolean): Carried => ({
    at: (place, step) => {
      const at = plus(`${name}_base`, times(place, along), times(step, k));
      return `${name}[${vectors ? `(${at}) / 4u` : at}]`;
    },
    alongK: k === 1 && (name === "a" || along !== 1),
    fours: vectors,
  });
  const { a, b } = p;
  const areFours = (factor: Operand) => p.k % 4 === 0 && (loadsVectors(factor, 0) || loadsVectors(factor, 1));
  const [aFours, bFours] = [areFours(a), areFours(b)];
  return wgsl`
${head(p, 4, aFours, bFours)}
${tiled({
  side,
  type: p.type,
  prologue: [
    "let batch = group.z;",
    `let a_base = ${elementAt(a.batch, "batch")};`,
    `let b_base = ${elementAt(b.batch, "batch")};`,
  ],
  a: carried("a", a.strides, aFours),
  b: carried("b", [b.strides[1], b.strides[0]], bFours),
  from: "0u",
  to: `${p.k}u`,
  longest: p.k,
  put: (row, col, value) => `finish(batch, ${row}, ${col}, ${value});`,
})}`;
}
