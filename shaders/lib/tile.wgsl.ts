import { wgsl } from "../wgsl.ts";
import { lanes, range } from "./epilogue.wgsl.ts";
import { widened4 } from "./half.wgsl.ts";
import { plus, type Scalar, shifted, vec4Of } from "./view.wgsl.ts";

/** Side of the square of results that a workgroup owns, and depth of the slices of both factors that it holds. */
export const tileSide = 64;
const tileDepth = 16;

export interface TileParams {
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
 * The body of a kernel that multiplies through workgroup memory. A workgroup of 16×16 invocations owns 64×64 results; it carries
 * slices of 16 along k of both factors into workgroup memory (8 KiB; 4 in f16), from where each invocation multiplies its 4×4.
 */
export function tiled({ type, prologue, a, b, aAlongK, bAlongK, from, to, slices, put }: TileParams): string {
  // Neighbouring invocations load neighbours in memory: along k where k is contiguous, along the side otherwise.
  const places = (alongK: boolean) => (alongK ? ["lane % 16u", "lane / 16u"] : ["lane / 16u", "lane % 16u"]);
  const four = vec4Of[type];
  const [aK, aSide] = places(aAlongK);
  const [bK, bSide] = places(bAlongK);
  return wgsl`
// Slices of a, transposed, and of b: vec4 [k][side / 4].
var<workgroup> slice_a: array<${four}, ${(tileDepth * tileSide) / 4}>;
var<workgroup> slice_b: array<${four}, ${(tileDepth * tileSide) / 4}>;

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
${prologue.map((line) => `  ${line}`)}
  let k_end = ${to};
  let row = group.y * ${tileSide}u + lane / 16u * 4u;
  let col = group.x * ${tileSide}u + lane % 16u * 4u;
${range(4).map((r) => `  var acc${r} = vec4f();`)}
  for (var s = 0u; s < ${slices}u; s++) {
    let ka = ${plus(from, `s * ${tileDepth}u`, aK!)};
    let ma = group.y * ${tileSide}u + 4u * (${aSide!});
    let kb = ${plus(from, `s * ${tileDepth}u`, bK!)};
    let nb = group.x * ${tileSide}u + 4u * (${bSide!});
    // Beyond the end both slices hold zeros: whatever lies there in memory might not be a number.
    slice_a[(${aK!}) * 16u + ${aSide!}] = select(${four}(), ${four}(${range(4)
      .map((i) => a(shifted("ma", i), "ka"))
      .join(", ")}), ka < k_end);
    slice_b[(${bK!}) * 16u + ${bSide!}] = select(${four}(), ${four}(${range(4)
      .map((i) => b("kb", shifted("nb", i)))
      .join(", ")}), kb < k_end);
    workgroupBarrier();
    for (var k = 0u; k < ${tileDepth}u; k++) {
      let va = ${widened4(type, "slice_a[k * 16u + lane / 16u]")};
      let vb = ${widened4(type, "slice_b[k * 16u + lane % 16u]")};
${range(4).map((r) => `      acc${r} += va.${lanes[r]!} * vb;`)}
    }
    // Nobody may overwrite the slices while another invocation still reads them.
    workgroupBarrier();
  }
${range(4).map((r) => `  ${put(shifted("row", r), "col", `acc${r}`)}`)}
}
`;
}
