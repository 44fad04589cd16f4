import { each, wgsl } from "../wgsl.ts";
import { widened } from "./half.wgsl.ts";
import type { Memory, Part } from "./kernel.ts";
import { components } from "./results.ts";
import { plus, type Scalar, shifted, times, vec4Of } from "./view.wgsl.ts";

/** Default side of the square of results per workgroup. */
export const tileSide = 64;
export type TileSide = typeof tileSide | 128;

/** Depth of the slices of both factors in workgroup memory, and the same in blocks of four. */
const depth = 16;
const blocks = depth / 4;

/** Bytes of workgroup memory for both slices, in f32. */
export const tileBytes = (side: TileSide): number => 2 * depth * side * 4;

/** A factor in memory. */
export interface Carried {
  /**
   * The element at a row (a column, of b) and k; must be 0 outside the factor where memory may hold other values. With
   * `fours`, a vec4 that begins there.
   */
  readonly at: (along: string, k: string) => string;
  /** Whether elements are contiguous along k, rather than along rows (columns). */
  readonly alongK: boolean;
  /** Whether it is loaded as vec4s; the range of k must then be divisible by 4. */
  readonly fours?: boolean;
}

export interface TileParams {
  readonly side?: TileSide;
  /** Element type of both factors and their slices. */
  readonly type: Scalar;
  readonly a: Carried;
  readonly b: Carried;
  /** The first k and the end of the range, as WGSL. */
  readonly from: string;
  readonly to: string;
  /** Length of the longest such range. */
  readonly longest: number;
}

/**
 * A matrix product through workgroup memory. A workgroup of 16 × 16 invocations computes 64 × 64 results (or 128 ×
 * 128). It copies slices of both factors, 16 deep, to its memory (8 or 16 KiB; half in f16). From there, each
 * invocation computes 4 × 4 results (or four such blocks, 64 rows and columns apart, which uses each loaded element
 * twice as often).
 *
 * Each invocation copies a 4 × 4 block of one factor. It loads the next block while the current slice is multiplied.
 * Its speed on GPUs is an estimate, not yet measured.
 */
export function tiled(params: TileParams): {
  readonly workgroup: [16, 16, 1];
  readonly memory: readonly Memory[];
  readonly part: Part;
  readonly body: string;
} {
  const { side = tileSide, type, a, b, from, to, longest } = params;
  const four = vec4Of[type];
  /** vec4s of a slice per k. */
  const stretch = side / 4;
  const parts = side / 64;
  const slice = (name: string, note: string): Memory => ({ name, type: four, length: depth * stretch, note });
  const sums = each(parts, (i) => each(4, (r) => each(parts, (j) => `sum${4 * i + r}_${j}`)));
  return {
    workgroup: [16, 16, 1],
    memory: [
      slice("slice_a", `of a, transposed: vec4 [k][${stretch}]`),
      slice("slice_b", `of b: vec4 [k][${stretch}]`),
    ],
    part: {
      constants: [
        { name: "SIDE", value: `${side}u`, note: "of a workgroup's square of results" },
        { name: "DEPTH", value: `${depth}u`, note: "of a slice" },
        { name: "SLICES", value: `${Math.ceil(longest / depth)}u`, note: "along K" },
      ],
      accessors: { ...carrying("a", a, params, "group.y"), ...carrying("b", b, params, "group.x") },
    },
    body: wgsl`
      let k_end = ${to};
      let row = group.y * SIDE + lane / 16u * 4u;
      let col = group.x * SIDE + lane % 16u * 4u;
      ${sums.map((sum) => `var ${sum} = vec4f();`)}
      let block = lane % SIDE;
      var next = mat4x4${four.at(-1)!}();
      for (var s = 0u; s <= SLICES; s++) {
        let goes_on = s < SLICES;
        // Past the end, both slices must be 0: memory there may hold NaN.
        if (goes_on && lane < SIDE) {
          fetch_a(${plus(from, "s * DEPTH")});
        } else if (goes_on && lane < 2u * SIDE) {
          fetch_b(${plus(from, "s * DEPTH")});
        }
        if (s > 0u) {
          for (var k = 0u; k < DEPTH; k++) {
            ${each(parts, (i) => [
              `let a${i} = four_a(k, ${shifted("lane / 16u", 16 * i)});`,
              `let b${i} = four_b(k, ${shifted("lane % 16u", 16 * i)});`,
            ])}
            ${each(parts, (i) => each(4, (r) => each(parts, (j) => `sum${4 * i + r}_${j} += a${i}.${components[r]!} * b${j};`)))}
          }
        }
        // All invocations must finish reading the slices before any overwrites them.
        workgroupBarrier();
        if (lane < SIDE) {
          keep_a();
        } else if (lane < 2u * SIDE) {
          keep_b();
        }
        workgroupBarrier();
      }
      ${each(parts, (i) => each(4, (r) => each(parts, (j) => `put(${shifted("row", 64 * i + r)}, ${shifted("col", 64 * j)}, sum${4 * i + r}_${j});`)))}`,
  };
}

/**
 * `fetch_NAME(k);` loads an invocation's block from step k, `keep_NAME();` stores it in the slice, and `four_NAME(k,
 * i)` is vec4 i of the slice at k, in f32.
 */
function carrying(
  name: "a" | "b",
  { at, alongK, fours = false }: Carried,
  { side = tileSide, type }: TileParams,
  group: string,
): Part["accessors"] {
  const four = vec4Of[type];
  const stretch = side / 4;
  // An invocation's block: its index along k, and along the side.
  const [q, own] = alongK
    ? [`block % ${blocks}u`, `block / ${blocks}u`]
    : [`block / ${stretch}u`, `block % ${stretch}u`];
  // Avoids bank conflicts: eight neighbouring invocations store at once, so the same position at different k is shifted
  // to different banks.
  const spread = (i: string, q: string) => (alongK ? `((${i}) ^ (${8 / blocks}u * (${q})))` : i);
  const turns = fours && alongK;
  /** The columns of the block run along the side, one for each k. */
  const columns = each(4, (c) => {
    const k = turns ? "k" : shifted("k", c);
    const elements = each(4, (r) => at(shifted("along", r), k));
    const value = turns ? elements[c]! : fours ? elements[0]! : `${four}(${elements.join(", ")})`;
    return `select(${four}(), ${value}, ${k} < k_end)`;
  });
  const whole = `mat4x4${four.at(-1)!}(${columns.join(", ")})`;
  return {
    [`fetch_${name}`]: (k) => [
      `let k = ${k} + 4u * (${q});`,
      `let along = ${group} * SIDE + 4u * (${own});`,
      `next = ${turns ? `transpose(${whole})` : whole};`,
    ],
    [`keep_${name}`]: () => [
      `let at = 4u * (${q}) * ${stretch}u + ${spread(own, q)};`,
      ...each(4, (c) => `slice_${name}[${shifted("at", c * stretch)}] = next[${c}];`),
    ],
    [`four_${name}`]: (k, i) => widened(type, `slice_${name}[${times(k!, stretch)} + ${spread(i!, `${k} / 4u`)}]`, 4),
  };
}
