import { wgsl } from "../wgsl.ts";
import { lanes, range } from "./epilogue.wgsl.ts";
import { widened } from "./half.wgsl.ts";
import { plus, type Scalar, shifted, vec4Of } from "./view.wgsl.ts";

/** Side of the square of results that a workgroup owns, if nothing else is said. */
export const tileSide = 64;
export type TileSide = typeof tileSide | 128;

/** Depth of the slices of both factors that a workgroup holds. */
const tileDepth = 16;

/** Workgroup memory that both slices take, in bytes, of elements of f32. */
export const tileBytes = (side: TileSide): number => 2 * tileDepth * side * 4;

export interface TileParams {
  readonly side?: TileSide;
  /** Element type of both factors, and of the slices of them. */
  readonly type: Scalar;
  /** Statements that say what batch `group.z` needs. */
  readonly prologue: readonly string[];
  /** Expressions of an element of either factor, 0 outside of it wherever memory may hold something else. */
  readonly a: (row: string, k: string) => string;
  readonly b: (k: string, col: string) => string;
  /** Whether neighbours along k lie side by side in memory. */
  readonly aAlongK: boolean;
  readonly bAlongK: boolean;
  /** Expressions of the first k and of the end. */
  readonly from: string;
  readonly to: string;
  /** Number of slices that cover the longest such range. */
  readonly slices: number;
  /** Statement that takes four neighbouring sums `value` of a row. */
  readonly put: (row: string, col: string, value: string) => string;
}

/**
 * The body of a kernel that multiplies through workgroup memory. A workgroup of 16×16 invocations owns 64×64 results (128×128); it
 * carries slices of 16 along k of both factors into workgroup memory (8 KiB or 16; half of it in f16), from where each invocation
 * multiplies its 4×4 (four of them, 64 rows and columns apart: each element loaded from workgroup memory serves twice as often).
 */
export function tiled(params: TileParams): string {
  const { side = tileSide, type, prologue, a, b, aAlongK, bAlongK, from, to, slices, put } = params;
  // Neighbouring invocations load neighbours in memory: along k where k is contiguous, along the side otherwise.
  const places = (alongK: boolean) => (alongK ? ["lane % 16u", "lane / 16u"] : ["lane / 16u", "lane % 16u"]);
  const four = vec4Of[type];
  const [aK, aSide] = places(aAlongK);
  const [bK, bSide] = places(bAlongK);
  const parts = range(side / 64);
  const stretch = side / 4;
  const sums = parts.flatMap((i) =>
    range(4).flatMap((r) =>
      parts.map((j) => ({ name: `acc${4 * i + r}_${j}`, row: 64 * i + r, col: 64 * j, i, j, r })),
    ),
  );
  const load = (slice: string, k: string, along: string, elements: readonly string[], bound: string) =>
    `slice_${slice}[(${k}) * ${stretch}u + ${along}] = select(${four}(), ${four}(${elements.join(", ")}), ${bound} < k_end);`;
  return wgsl`
// Slices of a, transposed, and of b: vec4 [k][side / 4].
var<workgroup> slice_a: array<${four}, ${tileDepth * stretch}>;
var<workgroup> slice_b: array<${four}, ${tileDepth * stretch}>;

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
${prologue.map((line) => `  ${line}`)}
  let k_end = ${to};
  let row = group.y * ${side}u + lane / 16u * 4u;
  let col = group.x * ${side}u + lane % 16u * 4u;
${sums.map(({ name }) => `  var ${name} = vec4f();`)}
  for (var s = 0u; s < ${slices}u; s++) {
    let ka = ${plus(from, `s * ${tileDepth}u`, aK!)};
    let ma = group.y * ${side}u + 4u * (${aSide!});
    let kb = ${plus(from, `s * ${tileDepth}u`, bK!)};
    let nb = group.x * ${side}u + 4u * (${bSide!});
    // Beyond the end both slices hold zeros: whatever lies there in memory might not be a number.
${parts.map((i) => {
  const elements = range(4).map((r) => a(shifted("ma", 64 * i + r), "ka"));
  return `    ${load("a", aK!, shifted(aSide!, 16 * i), elements, "ka")}`;
})}
${parts.map((j) => {
  const elements = range(4).map((c) => b("kb", shifted("nb", 64 * j + c)));
  return `    ${load("b", bK!, shifted(bSide!, 16 * j), elements, "kb")}`;
})}
    workgroupBarrier();
    for (var k = 0u; k < ${tileDepth}u; k++) {
${parts.flatMap((i) => [
  `      let va${i} = ${widened(type, `slice_a[k * ${stretch}u + ${shifted("lane / 16u", 16 * i)}]`, 4)};`,
  `      let vb${i} = ${widened(type, `slice_b[k * ${stretch}u + ${shifted("lane % 16u", 16 * i)}]`, 4)};`,
])}
${sums.map(({ name, i, j, r }) => `      ${name} += va${i}.${lanes[r]!} * vb${j};`)}
    }
    // Nobody may overwrite the slices while another invocation still reads them.
    workgroupBarrier();
  }
${sums.map(({ name, row, col }) => `  ${put(shifted("row", row), shifted("col", col), name)}`)}
}
`;
}
