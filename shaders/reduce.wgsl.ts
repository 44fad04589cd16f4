import { type FlatResults, flatEnding } from "./lib/epilogue.wgsl.ts";
import { type Grid, linearGroup, linearId, storage, workgroupSize } from "./lib/grid.wgsl.ts";
import { sumOf, widened, widened4 } from "./lib/half.wgsl.ts";
import { coalesce, elementAt, type Scalar, type ViewParams, vec4Of } from "./lib/view.wgsl.ts";
import { wgsl } from "./wgsl.ts";

export type ReduceKind = "sum" | "prod" | "max" | "min" | "argmax" | "argmin";

export interface ReduceParams extends FlatResults {
  readonly kind: ReduceKind;
  /** Element type of the input; f16 is folded in f32, with f32 partial results. */
  readonly type: Scalar;
  /** The axes that stay, and those that are folded; the element of both together is the sum of the two positions. */
  readonly kept: ViewParams;
  readonly folded: ViewParams;
  /** Results, folded elements of one result, and how many of them one chunk holds (all, unless the work is split). */
  readonly count: number;
  readonly length: number;
  readonly chunk: number;
  readonly inputLength: number;
  readonly grid: Grid;
}

const lowest = { f32: "-3.4028234663852886e38", f16: "-65504.0h", i32: "i32(-2147483647 - 1)", u32: "0u" };
const highest = { f32: "3.4028234663852886e38", f16: "65504.0h", i32: "2147483647", u32: "4294967295u" };

/** Neutral element and the folding step of each kind. `pick` kinds carry the position of the winner. */
function rule(kind: ReduceKind, elements: Scalar) {
  const type = sumOf(elements);
  switch (kind) {
    case "sum":
      return { start: `${type}(0)`, fold: (a: string, b: string) => `${a} + ${b}` };
    case "prod":
      return { start: `${type}(1)`, fold: (a: string, b: string) => `${a} * ${b}` };
    case "max":
    case "argmax":
      return { start: lowest[type], fold: (a: string, b: string) => `max(${a}, ${b})`, better: ">" };
    case "min":
    case "argmin":
      return { start: highest[type], fold: (a: string, b: string) => `min(${a}, ${b})`, better: "<" };
  }
}

const isPick = (kind: ReduceKind): boolean => kind === "argmax" || kind === "argmin";
const indented = (lines: readonly string[], by = 2): string[] => lines.map((line) => " ".repeat(by) + line);
const chunksOf = ({ length, chunk }: ReduceParams): number => Math.ceil(length / chunk);

/**
 * out[o] = fold of in[o, 0 … LENGTH−1], one invocation per result and no barrier: the variant for CPU adapters and for many
 * short results. Where the folded elements are neighbours in memory they are read as vec4.
 */
export function reduceSerial(p: ReduceParams): string {
  const { kind, type, chunk, length, grid } = p;
  const { start, fold, better } = rule(kind, type);
  const total = p.count * chunksOf(p);
  const ragged = length % chunk !== 0;
  const folded = coalesce(p.folded);
  const vectors =
    !isPick(kind) &&
    !ragged &&
    chunk % 4 === 0 &&
    folded.strides.length === 1 &&
    folded.strides[0] === 1 &&
    p.kept.offset % 4 === 0 &&
    coalesce(p.kept).strides.every((stride) => stride % 4 === 0);
  const quarter = { shape: [length / 4], strides: [1], offset: 0 };
  const first = chunksOf(p) === 1 ? "" : "c * CHUNK + ";
  const ending = flatEnding(p, 1);
  return wgsl`
const OUTPUTS = ${total}u; // results, times the chunks of each
const LENGTH = ${length}u; // elements folded into one result
const CHUNK = ${vectors ? chunk / 4 : chunk}u; // ${vectors ? "vec4" : "elements"} folded by one invocation
${storage(0, "x", "read", vectors ? vec4Of[type] : type, vectors ? p.inputLength / 4 : p.inputLength)}
${ending.declare(1)}

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = ${linearId(grid, workgroupSize)};
  if (i >= OUTPUTS) { return; }
  #if ${chunksOf(p) === 1}
  let o = i;
  #else
  let o = i / ${chunksOf(p)}u;
  let c = i % ${chunksOf(p)}u;
  #endif
  let from_ = ${elementAt(p.kept, "o")};
  #if ${vectors}
  var acc = ${vec4Of[sumOf(type)]}(${start});
  for (var t = 0u; t < CHUNK; t++) {
    let r = ${first}t;
    acc = ${fold("acc", widened4(type, `x[from_ / 4u + ${elementAt(quarter, "r")}]`))};
  }
  let pairs = ${fold("acc.xy", "acc.zw")};
  let whole = ${fold("pairs.x", "pairs.y")};
${indented(ending.store("whole", "i"))}
  #elif ${isPick(kind)}
  // The first of equal elements wins; position 0 stands until something is better.
  var best = x[from_];
  var at = 0u;
  for (var r = 0u; r < LENGTH; r++) {
    let value = x[from_ + ${elementAt(folded, "r")}];
    if (value ${better ?? ">"} best) { best = value; at = r; }
  }
${indented(ending.store("i32(at)", "i"))}
  #else
  var acc = ${start};
  for (var t = 0u; t < CHUNK; t++) {
    let r = ${first}t;
    #if ${ragged}
    if (r < LENGTH) { acc = ${fold("acc", widened(type, `x[from_ + ${elementAt(folded, "r")}]`))}; }
    #else
    acc = ${fold("acc", widened(type, `x[from_ + ${elementAt(folded, "r")}]`))};
    #endif
  }
${indented(ending.store("acc", "i"))}
  #endif
}
`;
}

/**
 * Whether results stand in fours whose elements are neighbours in memory, as in sums over the rows of a matrix.
 * @param kept, folded as in ReduceParams.
 */
export function inColumns(kept: ViewParams, folded: ViewParams): boolean {
  const { shape, strides } = coalesce(kept);
  const fours = ({ strides }: ViewParams) => strides.every((stride) => stride % 4 === 0);
  return (
    strides.at(-1) === 1 &&
    shape.at(-1)! % 4 === 0 &&
    kept.offset % 4 === 0 &&
    strides.slice(0, -1).every((stride) => stride % 4 === 0) &&
    fours(coalesce(folded))
  );
}

/**
 * The same for four neighbouring results at once, read as vec4, where they are `inColumns`. Partial results lie chunk by chunk.
 */
export function reduceColumns(p: ReduceParams): string {
  const { kind, type, chunk, length, grid } = p;
  const { start, fold } = rule(kind, type);
  const chunks = chunksOf(p);
  const sums = vec4Of[sumOf(type)];
  const ending = flatEnding(p, 4);
  return wgsl`
const COLUMNS = ${p.count / 4}u; // results, in fours
const LENGTH = ${length}u; // elements folded into one result
const CHUNK = ${chunk}u; // of these, folded by one invocation
${storage(0, "x", "read", vec4Of[type], p.inputLength / 4)}
${ending.declare(1)}

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = ${linearId(grid, workgroupSize)};
  if (i >= COLUMNS * ${chunks}u) { return; }
  let o = i % COLUMNS * 4u;
  let from_ = ${elementAt(p.kept, "o")};
  var acc = ${sums}(${start});
  for (var r = i / COLUMNS * CHUNK; r < ${chunks === 1 ? "LENGTH" : "min(LENGTH, (i / COLUMNS + 1u) * CHUNK)"}; r++) {
    acc = ${fold("acc", widened4(type, `x[(from_ + ${elementAt(p.folded, "r")}) / 4u]`))};
  }
${indented(ending.store("acc", "i"))}
}
`;
}

/**
 * The same with one workgroup per result: every invocation folds each 64th element, then a tree over workgroup memory folds
 * the 64 partial results in a fixed order. The variant for GPUs and long results.
 */
export function reduceTree(p: ReduceParams): string {
  const { kind, type, chunk, length, grid } = p;
  const { start, fold, better } = rule(kind, type);
  const total = p.count * chunksOf(p);
  const first = chunksOf(p) === 1 ? "" : "c * CHUNK + ";
  const ending = flatEnding(p, 1);
  return wgsl`
const OUTPUTS = ${total}u; // results, times the chunks of each
const LENGTH = ${length}u; // elements folded into one result
const CHUNK = ${chunk}u; // elements folded by one workgroup
const THREADS = ${workgroupSize}u;
const ROUNDS = ${Math.ceil(chunk / workgroupSize)}u;
${storage(0, "x", "read", type, p.inputLength)}
${ending.declare(1)}
var<workgroup> partial: array<${sumOf(type)}, ${workgroupSize}>;
#if ${isPick(kind)}
var<workgroup> place: array<u32, ${workgroupSize}>;
#endif

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  // No early return: every invocation must reach the barriers, also those of surplus workgroups.
  let i = min(${linearGroup(grid)}, OUTPUTS - 1u);
  #if ${chunksOf(p) === 1}
  let o = i;
  #else
  let o = i / ${chunksOf(p)}u;
  let c = i % ${chunksOf(p)}u;
  #endif
  let from_ = ${elementAt(p.kept, "o")};
  var acc = ${start};
  #if ${isPick(kind)}
  var at = 0xffffffffu;
  #endif
  for (var t = 0u; t < ROUNDS; t++) {
    let k = t * THREADS + lane;
    let r = ${first}k;
    if (k < CHUNK && r < LENGTH) {
      let value = ${widened(type, `x[from_ + ${elementAt(p.folded, "r")}]`)};
      #if ${isPick(kind)}
      if (value ${better ?? ">"} acc || at == 0xffffffffu) { acc = value; at = r; }
      #else
      acc = ${fold("acc", "value")};
      #endif
    }
  }
  partial[lane] = acc;
  #if ${isPick(kind)}
  place[lane] = at;
  #endif
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      #if ${isPick(kind)}
      let other = partial[lane + half];
      let otherAt = place[lane + half];
      let wins = other ${better ?? ">"} partial[lane] || (other == partial[lane] && otherAt < place[lane]);
      if (otherAt != 0xffffffffu && (wins || place[lane] == 0xffffffffu)) {
        partial[lane] = other;
        place[lane] = otherAt;
      }
      #else
      partial[lane] = ${fold("partial[lane]", "partial[lane + half]")};
      #endif
    }
  }
  if (lane == 0u && ${linearGroup(grid)} < OUTPUTS) {
    #if ${isPick(kind)}
${indented(ending.store("i32(place[0])", "i"), 4)}
    #else
${indented(ending.store("partial[0]", "i"), 4)}
    #endif
  }
}
`;
}
