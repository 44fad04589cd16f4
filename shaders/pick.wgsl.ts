import { type FlatResults, flatEnding, indented, namesOf } from "./lib/epilogue.wgsl.ts";
import { type Grid, linearGroup, linearId, storage, workgroupSize } from "./lib/grid.wgsl.ts";
import { elementAt } from "./lib/view.wgsl.ts";
import type { Folded } from "./reduce.wgsl.ts";
import { wgsl } from "./wgsl.ts";

export interface PickParams extends FlatResults {
  readonly kind: "argmax" | "argmin";
  readonly input: Folded;
  /** Results, and elements that each is the best of. */
  readonly count: number;
  readonly length: number;
  readonly grid: Grid;
}

const better = ({ kind }: PickParams): string => (kind === "argmax" ? ">" : "<");

/** What both variants declare. */
const declared = (p: PickParams): string[] => [
  `const OUTPUTS = ${p.count}u;`,
  `const LENGTH = ${p.length}u; // elements that each is the best of`,
  ...namesOf([p.epilogue], 1),
  storage(0, "x", "read", p.input.type, p.input.length),
  ...flatEnding(p, 1).declare(1),
];

/** out[o] = the first r with the best in[o, r], one invocation per result. */
export const pickSerial = (p: PickParams): string => wgsl`
${declared(p)}

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let o = ${linearId(p.grid, workgroupSize)};
  if (o >= OUTPUTS) { return; }
  let from_ = ${elementAt(p.input.kept, "o")};
  // Position 0 stands until something is better.
  var best = x[from_];
  var at = 0u;
  for (var r = 0u; r < LENGTH; r++) {
    let value = x[from_ + ${elementAt(p.input.folded, "r")}];
    if (value ${better(p)} best) { best = value; at = r; }
  }
${indented(flatEnding(p, 1).store("i32(at)", "o"))}
}
`;

/** The same with one workgroup per result: the best of every 64th element each, then a tree over these. Of equals the first wins. */
export const pickTree = (p: PickParams): string => wgsl`
${declared(p)}
const THREADS = ${workgroupSize}u;
const NONE = 0xffffffffu;
var<workgroup> best: array<${p.input.type}, ${workgroupSize}>;
var<workgroup> place: array<u32, ${workgroupSize}>;

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  // No early return: every invocation must reach the barriers, also those of surplus workgroups.
  let o = min(${linearGroup(p.grid)}, OUTPUTS - 1u);
  let from_ = ${elementAt(p.input.kept, "o")};
  var own = x[from_];
  var at = NONE;
  for (var r = lane; r < LENGTH; r += THREADS) {
    let value = x[from_ + ${elementAt(p.input.folded, "r")}];
    if (value ${better(p)} own || at == NONE) { own = value; at = r; }
  }
  best[lane] = own;
  place[lane] = at;
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      let other = best[lane + half];
      let there = place[lane + half];
      let wins = other ${better(p)} best[lane] || (other == best[lane] && there < place[lane]);
      if (there != NONE && (wins || place[lane] == NONE)) {
        best[lane] = other;
        place[lane] = there;
      }
    }
  }
  if (lane == 0u && ${linearGroup(p.grid)} < OUTPUTS) {
${indented(flatEnding(p, 1).store("i32(place[0])", "o"), 4)}
  }
}
`;
