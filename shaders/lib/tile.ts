import { each, wgsl } from "../wgsl.ts";
import { widened } from "./half.wgsl.ts";
import type { Memory, Part } from "./kernel.ts";
import { components } from "./results.ts";
import { plus, type Scalar, shifted, times, vec4Of } from "./view.wgsl.ts";

/** Default side of the square of results per workgroup. */
export const tileSide = 64;
export type TileSide = typeof tileSide | 128;

/** Steps along K in a slice of both factors, and the same in blocks of four. */
const depth = 16;
const blocks = depth / 4;

/** Bytes of workgroup memory for both slices, in f32. */
export const tileBytes = (side: TileSide): number => 2 * depth * side * 4;

/** Steps along K in each of some parts: whole slices. */
export const partLength = (k: number, parts: number): number => Math.ceil(k / parts / depth) * depth;

/** A factor in memory: a, or b. */
export interface TileFactor {
  /**
   * The element at a row of a (a column of b) and step k; must be 0 outside the factor where memory may hold other
   * values. With `vectors`, a vec4 that begins there.
   */
  readonly at: (line: string, k: string) => string;
  /** Whether neighbours along k are neighbours in memory, rather than those along the rows of a (columns of b). */
  readonly alongK: boolean;
  /** Whether it is loaded as vec4s; the range of k must then be divisible by 4. */
  readonly vectors?: boolean;
}

export interface TileParams {
  readonly side?: TileSide;
  /** Element type of both factors and their slices. */
  readonly type: Scalar;
  readonly a: TileFactor;
  readonly b: TileFactor;
  /** The first k and the end of the range, as WGSL. */
  readonly from: string;
  readonly to: string;
  /** Length of the longest such range. */
  readonly longest: number;
}

/**
 * A matrix product through workgroup memory: the body of a kernel, and what it needs. Its speed on GPUs is an estimate,
 * not yet measured.
 *
 * Parallel plan: a workgroup of 16 × 16 invocations computes a square of 64 × 64 results, each invocation 4 × 4 of them
 * in registers. With a side of 128, an invocation computes four such blocks, 64 rows and columns apart: it then uses
 * each element twice as often. The workgroup walks K in slices of 16 steps: it copies a slice of both factors to its
 * memory (8 or 16 KiB; half in f16), and all multiply from there. A slice has one 4 × 4 block for each of SIDE
 * invocations: the first SIDE copy a, the next SIDE copy b. They load the blocks of the next slice to registers before
 * they multiply the current one, so that loads and products overlap.
 *
 * Workgroup memory: vec4 i at step k of a slice, `slice[k · SIDE / 4 + i]`, is a[4i … 4i + 3, k], so a is transposed;
 * and b[k, 4i … 4i + 3]. One component of the first times the second adds to four results of a row.
 */
export function tiled(params: TileParams): {
  readonly workgroup: [16, 16, 1];
  readonly memory: readonly Memory[];
  readonly part: Part;
  readonly body: string;
} {
  const { side = tileSide, type, a, b, longest } = params;
  const fours = side / 4;
  const slice = (name: string, note: string): Memory => ({ name, type: vec4Of[type], length: depth * fours, note });
  return {
    workgroup: [16, 16, 1],
    memory: [slice("slice_a", `of a, transposed: vec4 [k][${fours}]`), slice("slice_b", `of b: vec4 [k][${fours}]`)],
    part: {
      constants: {
        SIDE: [side, "of a workgroup's square of results"],
        DEPTH: [depth, "of a slice"],
        SLICES: [Math.ceil(longest / depth), "along K"],
      },
      accessors: { ...copying("a", "row", a, params), ...copying("b", "col", b, params) },
    },
    body: walk(params),
  };
}

/** Walks K: copies slices, multiplies them, and hands four neighbouring sums of a row at a time to `put`. */
function walk({ side = tileSide, type, from, to }: TileParams): string {
  /** Blocks of 4 × 4 results per invocation, along each axis of the square. */
  const across = side / 64;
  /** A line of text for each vec4 of sums: row r of block (i, j). */
  const sums = (text: (sum: string, i: number, r: number, j: number) => string): string[] =>
    each(across, (i) => each(4, (r) => each(across, (j) => text(`sum${4 * i + r}_${j}`, i, r, j))));
  return wgsl`
    let k_end = ${to};
    let row = group.y * SIDE + lane / 16u * 4u;
    let col = group.x * SIDE + lane % 16u * 4u;
    ${sums((sum) => `var ${sum} = vec4f();`)}
    let block = lane % SIDE; // the block of a slice that this invocation copies
    var next = mat4x4${vec4Of[type].at(-1)!}();
    // Iteration s loads slice s and multiplies slice s - 1.
    for (var s = 0u; s <= SLICES; s++) {
      let goes_on = s < SLICES;
      // Past the end, both slices must be 0: memory there may hold NaN.
      if (goes_on && lane < SIDE) {
        load_block_a(${plus(from, "s * DEPTH")});
      } else if (goes_on && lane < 2u * SIDE) {
        load_block_b(${plus(from, "s * DEPTH")});
      }
      if (s > 0u) {
        for (var k = 0u; k < DEPTH; k++) {
          ${each(across, (i) => [
            `let a${i} = four_of_a(k, ${shifted("lane / 16u", 16 * i)});`,
            `let b${i} = four_of_b(k, ${shifted("lane % 16u", 16 * i)});`,
          ])}
          ${sums((sum, i, r, j) => `${sum} += a${i}.${components[r]!} * b${j};`)}
        }
      }
      // All invocations must finish reading the slices before any overwrites them.
      workgroupBarrier();
      if (lane < SIDE) {
        store_block_a();
      } else if (lane < 2u * SIDE) {
        store_block_b();
      }
      workgroupBarrier();
    }
    ${sums((sum, i, r, j) => `put(${shifted("row", 64 * i + r)}, ${shifted("col", 64 * j)}, ${sum});`)}`;
}

/**
 * How a factor gets into workgroup memory, and from there into registers.
 * - `load_block_NAME(k);` loads the invocation's block of the slice from step k into `next`, one column per step.
 * - `store_block_NAME();` stores `next` in the slice.
 * - `four_of_NAME(k, i)` is vec4 i at step k of the slice, in f32.
 * @param line what the factor has SIDE of in a slice: rows, or columns.
 */
function copying(
  name: "a" | "b",
  line: "row" | "col",
  { at, alongK, vectors = false }: TileFactor,
  { side = tileSide, type }: TileParams,
): Part["accessors"] {
  const four = vec4Of[type];
  const fours = side / 4;
  // Neighbouring invocations copy blocks that are neighbours in memory.
  const [blockOfK, blockOfLine] = alongK
    ? [`block % ${blocks}u`, `block / ${blocks}u`]
    : [`block / ${fours}u`, `block % ${fours}u`];
  // A swizzle against bank conflicts: eight neighbouring invocations store at once, so the same position at different k
  // is moved to different banks.
  const swizzled = (i: string, blockOfK: string) => (alongK ? `((${i}) ^ (${8 / blocks}u * (${blockOfK})))` : i);
  /** Whether a load gives four steps of one line, rather than four lines at one step. */
  const transposes = vectors && alongK;
  const columns = each(4, (c) => {
    const k = transposes ? "first_k" : shifted("first_k", c);
    const elements = each(4, (r) => at(shifted(`first_${line}`, r), k));
    const value = transposes ? elements[c]! : vectors ? elements[0]! : `${four}(${elements.join(", ")})`;
    return `select(${four}(), ${value}, ${k} < k_end)`;
  });
  const matrix = `mat4x4${four.at(-1)!}(${columns.join(", ")})`;
  return {
    [`load_block_${name}`]: (k) => [
      `let first_k = ${k} + 4u * (${blockOfK});`,
      `let first_${line} = group.${line === "row" ? "y" : "x"} * SIDE + 4u * (${blockOfLine});`,
      `next = ${transposes ? `transpose(${matrix})` : matrix};`,
    ],
    [`store_block_${name}`]: () => [
      `let at = 4u * (${blockOfK}) * ${fours}u + ${swizzled(blockOfLine, blockOfK)};`,
      ...each(4, (c) => `slice_${name}[${shifted("at", c * fours)}] = next[${c}];`),
    ],
    [`four_of_${name}`]: (k, i) =>
      widened(type, `slice_${name}[${times(k!, fours)} + ${swizzled(i!, `${k} / 4u`)}]`, 4),
  };
}
