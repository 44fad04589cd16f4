import { indented, wgsl } from "../wgsl.ts";
import { lanes, range } from "./epilogue.wgsl.ts";
import { widened } from "./half.wgsl.ts";
import { plus, type Scalar, shifted, vec4Of } from "./view.wgsl.ts";

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
  /** Statements that say what batch `group.z` needs. */
  readonly prologue: readonly string[];
  readonly a: Carried;
  readonly b: Carried;
  /** Expressions of the first k and of the end. */
  readonly from: string;
  readonly to: string;
  /** Length of the longest such range. */
  readonly longest: number;
  /** Statement that takes four neighbouring sums `value` of a row. */
  readonly put: (row: string, col: string, value: string) => string;
}

/**
 * The body of a kernel that multiplies through workgroup memory. A workgroup of 16×16 invocations owns 64×64 results (128×128); it
 * carries slices of 16 along k of both factors into workgroup memory (8 KiB or 16; half of it in f16), from where each invocation
 * multiplies its 4×4 (four of them, 64 rows and columns apart: each element loaded from workgroup memory serves twice as often).
 *
 * An invocation carries a block of 4 × 4 of one factor, which is on its way from memory while the slice before it is multiplied. How
 * GPUs take it is reasoned, not measured yet.
 */
export function tiled(params: TileParams): string {
  const { side = tileSide, type, prologue, a, b, from, to, longest, put } = params;
  const four = vec4Of[type];
  const matrix = `mat4x4${four.at(-1)}`;
  const slices = Math.ceil(longest / depth);
  const parts = range(side / 64);
  /** vec4 of a slice at one k. */
  const stretch = side / 4;
  const sums = parts.flatMap((i) =>
    range(4).flatMap((r) =>
      parts.map((j) => ({ name: `acc${4 * i + r}_${j}`, row: 64 * i + r, col: 64 * j, i, j, r })),
    ),
  );
  /**
   * Where vec4 number `at` of block `q` along k lies. Eight neighbouring invocations store at once: what they hold of one side at
   * several k is moved apart, or all would want the same banks of memory.
   */
  const spread = ({ alongK }: Carried, at: string, q: string) =>
    alongK ? `((${at}) ^ (${8 / blocks}u * (${q})))` : at;
  /** The block of an invocation: its columns are what lies along the side, at one k after the other. */
  const load = ({ at, alongK, fours = false }: Carried): string => {
    const turns = fours && alongK;
    const columns = range(4).map((c) => {
      const k = turns ? "k" : shifted("k", c);
      const elements = range(4).map((r) => at(shifted("along", r), k));
      const value = turns ? elements[c]! : fours ? elements[0]! : `${four}(${elements.join(", ")})`;
      return `select(${four}(), ${value}, ${k} < k_end)`;
    });
    const block = `${matrix}(${columns.join(", ")})`;
    return turns ? `transpose(${block})` : block;
  };
  const carry = (name: "a" | "b", factor: Carried, group: string) => {
    const [q, at] = factor.alongK
      ? [`block % ${blocks}u`, `block / ${blocks}u`]
      : [`block / ${stretch}u`, `block % ${stretch}u`];
    return {
      load: [
        `let k = ${plus(from, `s * ${depth}u`)} + 4u * (${q});`,
        `let along = ${group} * ${side}u + 4u * (${at});`,
        `next = ${load(factor)};`,
      ],
      store: [
        `let at = 4u * (${q}) * ${stretch}u + ${spread(factor, at, q)};`,
        ...range(4).map((c) => `slice_${name}[${shifted("at", c * stretch)}] = next[${c}];`),
      ],
    };
  };
  const [carryA, carryB] = [carry("a", a, "group.y"), carry("b", b, "group.x")];
  return wgsl`
// Slices of a, transposed, and of b: vec4 [k][side / 4].
var<workgroup> slice_a: array<${four}, ${depth * stretch}>;
var<workgroup> slice_b: array<${four}, ${depth * stretch}>;

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
${indented(prologue)}
  let k_end = ${to};
  let row = group.y * ${side}u + lane / 16u * 4u;
  let col = group.x * ${side}u + lane % 16u * 4u;
${sums.map(({ name }) => `  var ${name} = vec4f();`)}
  let block = lane % ${side}u;
  var next = ${matrix}();
  for (var s = 0u; s <= ${slices}u; s++) {
    let goes_on = s < ${slices}u;
    // Beyond the end both slices hold zeros: whatever lies there in memory might not be a number.
    if (goes_on && lane < ${side}u) {
${indented(carryA.load, 6)}
    } else if (goes_on && lane < ${2 * side}u) {
${indented(carryB.load, 6)}
    }
    if (s > 0u) {
      for (var k = 0u; k < ${depth}u; k++) {
${parts.flatMap((i) => [
  `        let va${i} = ${widened(type, `slice_a[k * ${stretch}u + ${spread(a, shifted("lane / 16u", 16 * i), "k / 4u")}]`, 4)};`,
  `        let vb${i} = ${widened(type, `slice_b[k * ${stretch}u + ${spread(b, shifted("lane % 16u", 16 * i), "k / 4u")}]`, 4)};`,
])}
${sums.map(({ name, i, j, r }) => `        ${name} += va${i}.${lanes[r]!} * vb${j};`)}
      }
    }
    // Nobody may overwrite the slices while another invocation still reads them.
    workgroupBarrier();
    if (lane < ${side}u) {
${indented(carryA.store, 6)}
    } else if (lane < ${2 * side}u) {
${indented(carryB.store, 6)}
    }
    workgroupBarrier();
  }
${sums.map(({ name, row, col }) => `  ${put(shifted("row", row), shifted("col", col), name)}`)}
}
`;
}
