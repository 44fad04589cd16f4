import { each, wgsl } from "../wgsl.ts";
import { widened } from "./half.wgsl.ts";
import type { Memory, Part } from "./kernel.ts";
import { lanes } from "./results.ts";
import { plus, type Scalar, shifted, times, vec4Of } from "./view.wgsl.ts";

/** Side of the square of results that a workgroup owns, if nothing else is said. */
export const tileSide = 64;
export type TileSide = typeof tileSide | 128;

/** Depth of the slices of both factors that a workgroup holds, and how many blocks of four that is. */
const depth = 16;
const blocks = depth / 4;

/** Workgroup memory that both slices take, in bytes, of elements of f32. */
export const tileBytes = (side: TileSide): number => 2 * depth * side * 4;

/** A factor, as it lies in memory. */
export interface Carried {
  /**
   * Expression of the element at a row (column, of b) and k; 0 outside of the factor wherever memory may hold something else. With
   * `fours`, of the four neighbours that begin there.
   */
  readonly at: (along: string, k: string) => string;
  /** Whether neighbours along k lie side by side in memory, rather than those along rows (columns). */
  readonly alongK: boolean;
  /** Whether four of them are loaded as one vec4; the range of k is one of whole fours then. */
  readonly fours?: boolean;
}

export interface TileParams {
  readonly side?: TileSide;
  /** Element type of both factors, and of the slices of them. */
  readonly type: Scalar;
  readonly a: Carried;
  readonly b: Carried;
  /** Expressions of the first k and of the end. */
  readonly from: string;
  readonly to: string;
  /** Length of the longest such range. */
  readonly longest: number;
}

/**
 * A product through workgroup memory. A workgroup of 16 × 16 invocations owns 64 × 64 results (128 × 128). It carries slices of both
 * factors, 16 deep, into its memory (8 KiB or 16; half of it in f16). From there each invocation multiplies its 4 × 4 (four of them, 64
 * rows and columns apart: each element loaded from workgroup memory serves twice as often).
 *
 * An invocation carries a block of 4 × 4 of one factor. It loads the next one while the slice before it is multiplied. How GPUs take it is
 * reasoned, not measured yet.
 */
export function tiled(params: TileParams): {
  readonly workgroup: [16, 16, 1];
  readonly memory: readonly Memory[];
  readonly part: Part;
  readonly body: string;
} {
  const { side = tileSide, type, a, b, from, to, longest } = params;
  const four = vec4Of[type];
  /** vec4 of a slice at one k. */
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
        { name: "SIDE", value: `${side}u`, note: "of the square that a workgroup owns" },
        { name: "DEPTH", value: `${depth}u`, note: "of a slice" },
        { name: "SLICES", value: `${Math.ceil(longest / depth)}u` },
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
        // Beyond the end both slices hold zeros: what lies there in memory might not be a number.
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
            ${each(parts, (i) => each(4, (r) => each(parts, (j) => `sum${4 * i + r}_${j} += a${i}.${lanes[r]!} * b${j};`)))}
          }
        }
        // Nobody may overwrite the slices while another invocation still reads them.
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
 * `fetch_NAME(k);` loads the block of an invocation from step k on, `keep_NAME();` stores it in the slice, `four_NAME(k, i)` is vec4 i of
 * the slice at k, in f32.
 */
function carrying(
  name: "a" | "b",
  { at, alongK, fours = false }: Carried,
  { side = tileSide, type }: TileParams,
  group: string,
): Part["accessors"] {
  const four = vec4Of[type];
  const stretch = side / 4;
  // The block of an invocation: its number along k, and along the side.
  const [q, own] = alongK
    ? [`block % ${blocks}u`, `block / ${blocks}u`]
    : [`block / ${stretch}u`, `block % ${stretch}u`];
  // Eight neighbouring invocations store at once: what they hold of one side at several k is moved apart, or all would want the same banks
  // of memory.
  const spread = (i: string, q: string) => (alongK ? `((${i}) ^ (${8 / blocks}u * (${q})))` : i);
  const turns = fours && alongK;
  /** Columns of the block are what lies along the side, at one k after the other. */
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
