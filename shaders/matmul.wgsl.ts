import { array, bufferOf } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { acrossOf, depthOf, type Factors, factors, type RegisterTile } from "./lib/factors.ts";
import type { Kernel, Part, View } from "./lib/kernel.ts";
import { type End, making, matrixEnd } from "./lib/results.ts";
import { elements, loadsVectors, type Stack } from "./lib/stack.ts";
import { partLength, type TileFactor, type TileSide, tiled } from "./lib/tile.ts";
import { elementAt, plus, shifted, times } from "./lib/view.wgsl.ts";
import { each, wgsl } from "./wgsl.ts";

/** y[M, N] = finish(a[M, K] · b[K, N]), for each matrix of a stack. */
export interface Product extends Factors {
  readonly rows: number;
  readonly end: End;
  /** Parts of K, each with a stack of results; default 1. */
  readonly parts?: number;
}

/** Rows and columns of the result. */
export const size = ({ rows, cols }: Product) => [rows, cols] as const;

/** The definition: one invocation per result. Tests compare every other variant with it. */
export const matmulNaive = (p: Product): Kernel =>
  kernel({
    workgroup: [8, 8, 1],
    parts: [
      ...(p.made ? [making(p.made, p.k, 1), computed] : [elements("a", p.a)]),
      elements("b", p.b),
      matrixEnd(p.end, size(p), 1),
    ],
    constants: { K: [p.k, "products per result"] },
    body: wgsl`
      let batch = id.z;
      let row = id.y;
      let col = id.x;
      var sum = 0.0;
      for (var k = 0u; k < K; k++) {
        sum += a(batch, row, k) * b(batch, k, col);
      }
      finish(batch, row, col, sum);`,
  });

/** a, computed by other ops as it is loaded. The first column of results stores it, if it is kept. */
const computed = {
  accessors: { a: (batch: string, row: string, k: string) => `made(${batch}, ${row}, ${k}, col == 0u)` },
};

/**
 * The variant for CPU adapters, and for results too small to fill a GPU with tiles. No workgroup memory, no barrier.
 *
 * Parallel plan: each invocation computes ROWS × 4·COLUMNS results in registers and loops over K, a few steps at a
 * time. In quads, each loads a quarter of the elements of a and exchanges them with its neighbours: see
 * lib/quads.wgsl.ts.
 *
 * Memory: a[M, K] and b[K, N] have any strides. lib/factors.ts loads vec4s along the contiguous axis of each.
 *
 * For [6, 8] · [8, 12] in tiles of 4 × 4, the printed loop is this, of which only two rows are shown:
 *
 *     for (var q = 0u; q < STEPS; q++) {
 *       let a0 = a[a_from0 + q]; // four steps along K
 *       let a1 = a[a_from1 + q];
 *       let b0 = mat4x4f(b[b_from + (q * 4u) * 3u], b[b_from + (q * 4u + 1u) * 3u], …); // four steps of four columns
 *       sum0_0 += b0 * a0; // four neighbouring results
 *       sum1_0 += b0 * a1;
 *     }
 *     finish(batch, row + 0u, col, sum0_0);
 *     finish(batch, row + 1u, col, sum1_0);
 */
export const matmulDirect = (p: Product, tile: RegisterTile, workgroup: number): Kernel =>
  kernel({
    workgroup,
    width: 4,
    features: tile.quads ? ["subgroups"] : [],
    parts: [factors(p, tile), matrixEnd(p.end, size(p), 4)],
    constants: {
      TILES_N: [Math.ceil(p.cols / acrossOf(tile)), `of ${acrossOf(tile)} columns`],
      STEPS: [Math.floor(p.k / depthOf(p.k)), `of ${depthOf(p.k)} along K`],
    },
    body: wgsl`
      let batch = id.y;
      #if ${tile.quads === true}
      // No early return: invocations of a quad read each other's values.
      let lane = id.x % 4u;
      let col = (id.x / 4u % TILES_N * 4u + lane) * ${4 * tile.columns}u;
      let row = id.x / 4u / TILES_N * ${tile.rows}u;
      #else
      let col = id.x % TILES_N * ${4 * tile.columns}u;
      let row = id.x / TILES_N * ${tile.rows}u;
      if (row >= ROWS) { return; }
      #endif
      begin_a();
      begin_b();
      ${sums(tile, (sum) => `var ${sum} = vec4f();`)}
      for (var q = 0u; q < STEPS; q++) {
        ${multiply(tile, "q", depthOf(p.k))}
      }
      #if ${p.k % depthOf(p.k) > 0}
      {
        ${multiply(tile, "STEPS", p.k % depthOf(p.k))}
      }
      #endif
      ${finishAll(tile)}`,
  });

/** A line of text for each vec4 of sums, row by row. */
export const sums = (
  { rows, columns }: RegisterTile,
  text: (name: string, r: number, c: number, i: number) => string | string[],
): string[] =>
  each(rows * columns, (i) => {
    const [r, c] = [Math.floor(i / columns), i % columns];
    return text(`sum${r}_${c}`, r, c, i);
  });

/** Adds the products of a few steps along K. */
const multiply = (tile: RegisterTile, q: string, steps: number): string[] => [
  `load_a(${q}, ${steps});`,
  `load_b(${q}, ${steps});`,
  ...sums(tile, (sum, r, c) => `${sum} += b${c} * a${r};`),
];

const listed = (tile: RegisterTile): string =>
  `array<vec4f, ${tile.rows * tile.columns}>(${sums(tile, (sum) => sum).join(", ")})`;

/** Finishes all sums. Uses a loop if there are many, since inlined epilogues take long to compile. */
export const finishAll = (tile: RegisterTile): string[] =>
  tile.rows * tile.columns <= 4
    ? sums(tile, (sum, _, __, i) => `finish(batch, row_of(${i}u), col_of(${i}u), ${sum});`)
    : [
        `var sums = ${listed(tile)};`,
        `for (var i = 0u; i < ${tile.rows * tile.columns}u; i++) { finish(batch, row_of(i), col_of(i), sums[i]); }`,
      ];

/**
 * For a long K and few results, as in products with a vector and gradients of small weights over many rows. The four
 * invocations of a quad share a register tile: each takes every fourth step along K, and they add their sums by quad
 * swaps, without a barrier.
 */
export const matmulQuadK = (p: Product, tile: RegisterTile, workgroup: number): Kernel =>
  kernel({
    workgroup,
    width: 4,
    features: ["subgroups"],
    parts: [factors(p, tile), matrixEnd(p.end, size(p), 4)],
    constants: sharedSizes(p, tile),
    body: wgsl`
      let batch = id.y;
      let lane = id.x % 4u;
      let tile = id.x / 4u;
      ${sharedSums(p, tile, "lane", 4)}
      ${sums(tile, (sum) => [`${sum} += quadSwapX(${sum});`, `${sum} += quadSwapY(${sum});`])}
      var sums = ${listed(tile)};
      for (var i = lane; i < ${tile.rows * tile.columns}u; i += 4u) { finish(batch, row_of(i), col_of(i), sums[i]); }`,
  });

/** Which invocations of a workgroup share a register tile in `matmulGroupK`. */
export interface Sharing {
  /** Invocations in a workgroup. */
  readonly size: number;
  /** Those that share a tile. */
  readonly sharers: number;
}

/**
 * The same with invocations of a workgroup, which add their sums in workgroup memory. Whether neighbouring invocations
 * take neighbouring steps or neighbouring tiles, they load neighbours in b.
 */
export const matmulGroupK = (p: Product, tile: RegisterTile, { size: all, sharers }: Sharing): Kernel => {
  const tiles = all / sharers;
  const alongK = p.b.strides[0] === 1;
  const count = tile.rows * tile.columns;
  return kernel({
    workgroup: all,
    width: 4,
    parts: [factors(p, tile), matrixEnd(p.end, size(p), 4)],
    constants: { ...sharedSizes(p, tile), COUNT: [count, "vec4 sums per invocation"] },
    memory: [{ name: "partial", type: "vec4f", length: all * count, note: "sums of each invocation" }],
    body: wgsl`
      let batch = group.y;
      #if ${tiles === 1}
      let tile = group.x;
      let step = lane;
      #elif ${alongK}
      let tile = group.x * ${tiles}u + lane / ${sharers}u;
      let step = lane % ${sharers}u;
      #else
      let tile = group.x * ${tiles}u + lane % ${tiles}u;
      let step = lane / ${tiles}u;
      #endif
      ${sharedSums(p, tile, "step", sharers)}
      ${sums(tile, (sum, _, __, i) => `partial[lane * COUNT + ${i}u] = ${sum};`)}
      for (var half = ${sharers / 2}u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (step < half) {
          let other = half * ${tiles === 1 || alongK ? "COUNT" : `${tiles}u * COUNT`};
          for (var i = lane * COUNT; i < (lane + 1u) * COUNT; i++) { partial[i] += partial[i + other]; }
        }
      }
      workgroupBarrier();
      if (step < COUNT) { finish(batch, row_of(step), col_of(step), partial[${firstSum(tiles, alongK)}step]); }`,
  });
};

/** Where the sums of the invocation with a tile's first step are, as WGSL. */
const firstSum = (tiles: number, alongK: boolean): string =>
  tiles === 1 ? "" : `${alongK ? "(lane - step)" : `lane % ${tiles}u`} * COUNT + `;

const sharedSizes = (p: Product, { rows, columns }: RegisterTile) =>
  ({
    TILES_N: [Math.ceil(p.cols / (4 * columns)), `of ${rows} rows and ${4 * columns} columns`],
    STEPS: [Math.floor(p.k / depthOf(p.k)), `of ${depthOf(p.k)} along K`],
  }) as const;

/** An invocation's share of a tile's sums. That with the first step also takes the remainder of K. */
const sharedSums = (p: Product, tile: RegisterTile, step: string, sharers: number): string => wgsl`
  let col = tile % TILES_N * ${4 * tile.columns}u;
  let row = tile / TILES_N * ${tile.rows}u;
  begin_a();
  begin_b();
  ${sums(tile, (sum) => `var ${sum} = vec4f();`)}
  for (var q = ${step}; q < STEPS; q += ${sharers}u) {
    ${multiply(tile, "q", depthOf(p.k))}
  }
  #if ${p.k % depthOf(p.k) > 0}
  if (${step} == 0u) {
    ${multiply(tile, "STEPS", p.k % depthOf(p.k))}
  }
  #endif`;

/**
 * With tiles in workgroup memory: the variant for GPUs. lib/tile.ts has its body, with plan and memory layout. If the
 * result has too few tiles for a GPU, each of several workgroups takes a part of K, and `matmulSum` adds their results.
 */
export function matmulTiled(p: Product, side: TileSide): Kernel {
  const { a, b, type, parts = 1 } = p;
  const length = partLength(p.k, parts);
  const tile = tiled({
    side,
    type,
    a: tileFactor("a", a, a.strides, p.k),
    b: tileFactor("b", b, [b.strides[1], b.strides[0]], p.k),
    from: parts > 1 ? "first" : "0u",
    to: parts > 1 ? "min(first + PART, K)" : "K",
    longest: parts > 1 ? length : p.k,
  });
  const memory = (name: string, stack: Stack): Part => ({
    buffers: [bufferOf(name, stack.view, "read", hasVectors(stack, p.k) ? 4 : 1)],
    accessors: { [`base_${name}`]: (batch) => elementAt(stack.batch, batch!) },
  });
  const batches = p.end.places[0]!.shape.slice(0, -2).reduce((count, n) => count * n, 1) / parts;
  return kernel({
    workgroup: tile.workgroup,
    width: 4,
    memory: tile.memory,
    parts: [memory("a", a), memory("b", b), matrixEnd(p.end, size(p), 4), tile.part, putting(parts > 1)],
    constants: {
      K: [p.k, "products per result"],
      ...(parts > 1 && { PART: [length, "of them in a workgroup"], BATCHES: [batches, "products"] }),
    },
    body: wgsl`
      #if ${parts > 1}
      let batch = group.z % BATCHES;
      let first = group.z / BATCHES * PART;
      #else
      let batch = group.z;
      #endif
      let a_base = base_a(batch);
      let b_base = base_b(batch);
      ${tile.body}`,
  });
}

/** Adds the results of all parts of K, in order, and finishes. One invocation for each four neighbours of a row. */
export const matmulSum = (p: Product, partial: View, parts: number, workgroup: number): Kernel => {
  const fours = p.cols % 4 === 0;
  const at = (i: number) => shifted("at", i);
  return kernel({
    workgroup,
    width: 4,
    parts: [array("partial", partial, fours ? 4 : 1), matrixEnd(p.end, size(p), 4)],
    constants: {
      PARTS: [parts, "of K"],
      BATCHES: [partial.shape[0]! / parts, "products"],
      FOURS: [Math.ceil(p.cols / 4), "of a row"],
    },
    body: wgsl`
      let batch = id.y;
      let row = id.x / FOURS;
      let col = id.x % FOURS * 4u;
      if (row >= ROWS) { return; }
      var sum = vec4f();
      for (var part = 0u; part < PARTS; part++) {
        let at = ((part * BATCHES + batch) * ROWS + row) * COLS + col;
        #if ${fours}
        sum += partial(at / 4u);
        #else
        // What lies behind the end of the row is not stored.
        sum += vec4f(${each(4, (i) => `partial(${at(i)})`).join(", ")});
        #endif
      }
      finish(batch, row, col, sum);`,
  });
};

/** Whether a tile loads a factor as vec4s. */
const hasVectors = (stack: Stack, k: number): boolean =>
  k % 4 === 0 && (loadsVectors(stack, 0) || loadsVectors(stack, 1));

/** @param strides between rows of a (columns of b), and along K. */
function tileFactor(name: "a" | "b", stack: Stack, strides: readonly [number, number], k: number): TileFactor {
  const vectors = hasVectors(stack, k);
  return {
    at(line, step) {
      const at = plus(`${name}_base`, times(line, strides[0]), times(step, strides[1]));
      return `${name}[${vectors ? `(${at}) / 4u` : at}]`;
    },
    alongK: strides[1] === 1 && (name === "a" || strides[0] !== 1),
    vectors,
  };
}

/** @param inParts whether each part of K has results of its own. */
const putting = (inParts: boolean): Part => ({
  accessors: { put: (row, col, sum) => [`finish(${inParts ? "group.z" : "batch"}, ${row}, ${col}, ${sum});`] },
});
