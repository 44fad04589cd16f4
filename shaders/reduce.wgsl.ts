import { type Body, type FlatResults, flatEnding, indented, namesOf } from "./lib/epilogue.wgsl.ts";
import { type Grid, linearGroup, linearId, storage, workgroupSize } from "./lib/grid.wgsl.ts";
import { sumOf, widened, widened4 } from "./lib/half.wgsl.ts";
import { coalesce, elementAt, type Scalar, type ViewParams, vec4Of } from "./lib/view.wgsl.ts";
import { wgsl } from "./wgsl.ts";

export type ReduceKind = "sum" | "prod" | "max" | "min";

/** A tensor as a reduction reads it. */
export interface Folded {
  readonly type: Scalar;
  /** The axes that stay, and those that are folded; the element of both together is the sum of the two positions. */
  readonly kept: ViewParams;
  readonly folded: ViewParams;
  /** Elements of the bound range. */
  readonly length: number;
}

export interface ReduceParams extends FlatResults {
  readonly kind: ReduceKind;
  /** One tensor, or those that `prologue` makes each element of. All have the same axes. */
  readonly inputs: readonly Folded[];
  /** Statements over the inputs' elements `x0`, `x1`, …, whose value is folded. */
  readonly prologue?: Body | undefined;
  /** Type of the folded elements; f16 is folded in f32, with f32 partial results. */
  readonly type: Scalar;
  /** Results, folded elements of one result, and how many of them one chunk holds (all, unless the work is split). */
  readonly count: number;
  readonly length: number;
  readonly chunk: number;
  readonly grid: Grid;
}

const lowest = { f32: "-3.4028234663852886e38", f16: "-65504.0h", i32: "i32(-2147483647 - 1)", u32: "0u" };
const highest = { f32: "3.4028234663852886e38", f16: "65504.0h", i32: "2147483647", u32: "4294967295u" };

/** Neutral element and the folding step of each kind. */
function rule(kind: ReduceKind, elements: Scalar) {
  const type = sumOf(elements);
  switch (kind) {
    case "sum":
      return { start: `${type}(0)`, fold: (a: string, b: string) => `${a} + ${b}` };
    case "prod":
      return { start: `${type}(1)`, fold: (a: string, b: string) => `${a} * ${b}` };
    case "max":
      return { start: lowest[type], fold: (a: string, b: string) => `max(${a}, ${b})` };
    case "min":
      return { start: highest[type], fold: (a: string, b: string) => `min(${a}, ${b})` };
  }
}

/** The texts that read what is folded: one element (width 1), or those of four neighbouring results. */
function reading({ inputs, prologue, type }: ReduceParams, width: 1 | 4) {
  const wide = inputs.map((input) => width === 4 && inColumns(input));
  const nameOf = (i: number) => (prologue ? `in${i}` : "x");
  const from = (i: number) => (prologue ? `from${i}` : "from_");
  const load = ({ type, folded }: Folded, i: number, r: string): string => {
    const at = `${from(i)} + ${elementAt(folded, r)}`;
    if (wide[i]) return `${nameOf(i)}[(${at}) / 4u]`;
    // The same for four neighbours.
    return width === 4 ? `${vec4Of[type]}(${nameOf(i)}[${at}])` : `${nameOf(i)}[${at}]`;
  };
  const widen = width === 4 ? widened4 : widened;
  return {
    declare: inputs.map(({ type, length }, i) =>
      storage(i, nameOf(i), "read", wide[i] ? vec4Of[type] : type, wide[i] ? length / 4 : length),
    ),
    /** Statements that find the first elements of result `o`. */
    begin: inputs.map(({ kept }, i) => `let ${from(i)} = ${elementAt(kept, "o")};`),
    /** Statements, and the value that they make, of the folded element at position `r`. */
    at(r: string): { readonly lines: readonly string[]; readonly value: string } {
      if (!prologue) return { lines: [], value: widen(type, load(inputs[0]!, 0, r)) };
      const loads = inputs.map((input, i) => `let x${i} = ${load(input, i, r)};`);
      return { lines: [...loads, ...prologue.body], value: widen(type, prologue.values[0]!) };
    },
  };
}

const names = ({ prologue, epilogue }: ReduceParams, width: 1 | 4): string[] =>
  namesOf([...(prologue ? [prologue] : []), epilogue], width);

const chunksOf = ({ length, chunk }: ReduceParams): number => Math.ceil(length / chunk);

/**
 * out[o] = fold of in[o, 0 … LENGTH−1], one invocation per result and no barrier: the variant for CPU adapters and for many
 * short results. Where the folded elements are neighbours in memory they are read as vec4.
 */
export function reduceSerial(p: ReduceParams): string {
  const { kind, type, chunk, length, grid } = p;
  const { start, fold } = rule(kind, type);
  const total = p.count * chunksOf(p);
  const ragged = length % chunk !== 0;
  const [input] = p.inputs as [Folded];
  const folded = coalesce(input.folded);
  const vectors =
    !p.prologue &&
    !ragged &&
    chunk % 4 === 0 &&
    folded.strides.length === 1 &&
    folded.strides[0] === 1 &&
    input.kept.offset % 4 === 0 &&
    coalesce(input.kept).strides.every((stride) => stride % 4 === 0);
  const quarter = { shape: [length / 4], strides: [1], offset: 0 };
  const first = chunksOf(p) === 1 ? "" : "c * CHUNK + ";
  const ending = flatEnding(p, 1);
  const read = reading(p, 1);
  const { lines, value } = read.at("r");
  return wgsl`
const OUTPUTS = ${total}u; // results, times the chunks of each
const LENGTH = ${length}u; // elements folded into one result
const CHUNK = ${vectors ? chunk / 4 : chunk}u; // ${vectors ? "vec4" : "elements"} folded by one invocation
${names(p, 1)}
${vectors ? storage(0, "x", "read", vec4Of[type], input.length / 4) : read.declare}
${ending.declare(p.inputs.length)}

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
${indented(read.begin)}
  #if ${vectors}
  var acc = ${vec4Of[sumOf(type)]}(${start});
  for (var t = 0u; t < CHUNK; t++) {
    let r = ${first}t;
    acc = ${fold("acc", widened4(type, `x[from_ / 4u + ${elementAt(quarter, "r")}]`))};
  }
  let pairs = ${fold("acc.xy", "acc.zw")};
  let whole = ${fold("pairs.x", "pairs.y")};
${indented(ending.store("whole", "i"))}
  #else
  var acc = ${start};
  for (var t = 0u; t < CHUNK; t++) {
    let r = ${first}t;
    #if ${ragged}
    if (r >= LENGTH) { break; }
    #endif
${indented(lines, 4)}
    acc = ${fold("acc", value)};
  }
${indented(ending.store("acc", "i"))}
  #endif
}
`;
}

/** Whether results stand in fours whose elements are neighbours in memory, as in sums over the rows of a matrix. */
export function inColumns({ kept, folded }: Pick<Folded, "kept" | "folded">): boolean {
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

/** Whether results stand in fours with the same elements, as where each row has a number. */
export function inRows({ kept }: Pick<Folded, "kept">): boolean {
  const { shape, strides } = coalesce(kept);
  return strides.at(-1) === 0 && shape.at(-1)! % 4 === 0;
}

/**
 * The same for four neighbouring results at once, read as vec4, where they are `inColumns`. Partial results lie chunk by chunk.
 */
export function reduceColumns(p: ReduceParams): string {
  const { kind, type, chunk, length, grid } = p;
  const { start, fold } = rule(kind, type);
  const chunks = chunksOf(p);
  const ending = flatEnding(p, 4);
  const read = reading(p, 4);
  const { lines, value } = read.at("r");
  return wgsl`
const COLUMNS = ${p.count / 4}u; // results, in fours
const LENGTH = ${length}u; // elements folded into one result
const CHUNK = ${chunk}u; // of these, folded by one invocation
${names(p, 4)}
${read.declare}
${ending.declare(p.inputs.length)}

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = ${linearId(grid, workgroupSize)};
  if (i >= COLUMNS * ${chunks}u) { return; }
  let o = i % COLUMNS * 4u;
${indented(read.begin)}
  var acc = ${vec4Of[sumOf(type)]}(${start});
  for (var r = i / COLUMNS * CHUNK; r < ${chunks === 1 ? "LENGTH" : "min(LENGTH, (i / COLUMNS + 1u) * CHUNK)"}; r++) {
${indented(lines, 4)}
    acc = ${fold("acc", value)};
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
  const { start, fold } = rule(kind, type);
  const total = p.count * chunksOf(p);
  const first = chunksOf(p) === 1 ? "" : "c * CHUNK + ";
  const ending = flatEnding(p, 1);
  const read = reading(p, 1);
  const { lines, value } = read.at("r");
  return wgsl`
const OUTPUTS = ${total}u; // results, times the chunks of each
const LENGTH = ${length}u; // elements folded into one result
const CHUNK = ${chunk}u; // elements folded by one workgroup
const THREADS = ${workgroupSize}u;
const ROUNDS = ${Math.ceil(chunk / workgroupSize)}u;
${names(p, 1)}
${read.declare}
${ending.declare(p.inputs.length)}
var<workgroup> partial: array<${sumOf(type)}, ${workgroupSize}>;

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
${indented(read.begin)}
  var acc = ${start};
  for (var t = 0u; t < ROUNDS; t++) {
    let k = t * THREADS + lane;
    let r = ${first}k;
    if (k < CHUNK && r < LENGTH) {
${indented(lines, 6)}
      acc = ${fold("acc", value)};
    }
  }
  partial[lane] = acc;
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      partial[lane] = ${fold("partial[lane]", "partial[lane + half]")};
    }
  }
  if (lane == 0u && ${linearGroup(grid)} < OUTPUTS) {
${indented(ending.store("partial[0]", "i"), 4)}
  }
}
`;
}
