import { type Body, type FlatResults, flatEnding, namesOf } from "./lib/epilogue.wgsl.ts";
import { storage } from "./lib/grid.wgsl.ts";
import { type Sum, sumOf, widened } from "./lib/half.wgsl.ts";
import { type FoldOf, max, ofFour, sum, type Way } from "./lib/lines.wgsl.ts";
import { coalesce, elementAt, inFours, inVec4, type Scalar, type ViewParams, vec4Of } from "./lib/view.wgsl.ts";
import { indented, wgsl } from "./wgsl.ts";

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
}

// Infinities, from bits that are no constant: WGSL refuses those that it can compute beforehand.
const lowest = { f32: "bitcast<f32>(negativeInfinity)", i32: "i32(-2147483647 - 1)", u32: "0u" };
const highest = { f32: "bitcast<f32>(infinity)", i32: "2147483647", u32: "4294967295u" };
const infinities = { max: "var negativeInfinity = 0xff800000u;", min: "var infinity = 0x7f800000u;" };

/** Neutral element and the folding step of each kind. */
function rule(kind: ReduceKind, type: Sum): { readonly start: string; readonly fold: FoldOf } {
  switch (kind) {
    case "sum":
      return { start: `${type}(0)`, fold: sum };
    case "prod":
      return { start: `${type}(1)`, fold: (a, b) => `${a} * ${b}` };
    case "max":
      return { start: lowest[type], fold: max };
    case "min":
      return { start: highest[type], fold: (a, b) => `min(${a}, ${b})` };
  }
}

/** Axes whose neighbours a kernel takes four at a time: those that stay, or those that are folded. */
type Fours = "kept" | "folded";

/** Whether fours along these axes are neighbours in memory, each four in one vec4. */
function areNeighbours(input: Pick<Folded, Fours>, along: Fours): boolean {
  const [own, other] = [coalesce(input[along]), coalesce(input[along === "kept" ? "folded" : "kept"])];
  return own.strides.at(-1) === 1 && own.shape.at(-1)! % 4 === 0 && inFours(own, 1) && inFours(other, 0);
}

/** Whether fours along these axes are one element, as where each row has a number. */
function areOne(input: Pick<Folded, Fours>, along: Fours): boolean {
  const { shape, strides } = coalesce(input[along]);
  return strides.at(-1) === 0 && shape.at(-1)! % 4 === 0;
}

/** Whether all inputs can be taken four at a time along these axes, and one of them as vec4. */
export const areInFours = (inputs: readonly Pick<Folded, Fours>[], along: Fours): boolean =>
  inputs.some((input) => areNeighbours(input, along)) &&
  inputs.every((input) => areNeighbours(input, along) || areOne(input, along));

/**
 * The texts that read what is folded at position `r` for result `o`: one element, or four along some axes, whose positions count fours
 * then.
 */
function reading({ inputs, prologue, type }: ReduceParams, fours: Fours | undefined) {
  const wide = inputs.map((input) => fours !== undefined && areNeighbours(input, fours));
  const nameOf = (i: number) => (prologue ? `in${i}` : "x");
  const from = (i: number) => (prologue ? `from${i}` : "from_");
  const place = (input: Folded, i: number, axes: Fours, at: string): string =>
    wide[i]
      ? elementAt(inVec4(coalesce(input[axes]), axes === fours ? 1 : 0), at)
      : elementAt(input[axes], axes === fours ? `(4u * ${at})` : at);
  const load = (input: Folded, i: number): string => {
    const element = `${nameOf(i)}[${from(i)} + ${place(input, i, "folded", "r")}]`;
    return fours && !wide[i] ? `${vec4Of[input.type]}(${element})` : element;
  };
  return {
    declare: inputs.map(({ type, length }, i) => storage(i, nameOf(i), "read", type, length, wide[i] ? 4 : 1)),
    /** Statements that find the first elements of a result. */
    begin: inputs.map((input, i) => `let ${from(i)} = ${place(input, i, "kept", "o")};`),
    /** Statements, and the value that they make. */
    lines: prologue ? [...inputs.map((input, i) => `let x${i} = ${load(input, i)};`), ...prologue.body] : [],
    value: widened(type, prologue ? prologue.values[0]! : load(inputs[0]!, 0), fours ? 4 : 1),
  };
}

/**
 * Head of the loop over the positions `r` of a line, or of the chunk of it that begins at `first`. It counts up to a constant where it
 * can: Tint proves then that accesses lie inside their buffers, and leaves out their checks.
 */
function positions(way: Way, { length, chunk }: ReduceParams): readonly string[] {
  if (chunk >= length) return [`${way.each("r", "LENGTH")} {`];
  const body = "  let r = first + t;";
  if (length % chunk === 0) return [`${way.each("t", "CHUNK")} {`, body];
  return ["let count = min(CHUNK, LENGTH - first);", `${way.each("t", "count")} {`, body];
}

/**
 * out[o] = fold of in[o, 0 … LENGTH−1] along lines, which may be split in chunks.
 * @param columns takes four neighbouring results at once, read as vec4: what can be read so is said by `areInFours`. Partial results
 * lie chunk by chunk then, otherwise line by line. Without it, folded elements are read as vec4 where they are neighbours.
 */
export const reduce =
  (way: Way, columns = false) =>
  (p: ReduceParams): string => {
    const { kind, chunk, length } = p;
    const type = sumOf(p.type);
    const { start, fold } = rule(kind, type);
    const foldsFours = !columns && length % 4 === 0 && chunk % 4 === 0 && areInFours(p.inputs, "folded");
    const step = foldsFours ? 4 : 1;
    const wide = columns || foldsFours;
    const read = reading(p, columns ? "kept" : foldsFours ? "folded" : undefined);
    const named = columns || (p.prologue && foldsFours) ? 4 : 1;
    const ending = flatEnding(p, columns ? 4 : 1, named);
    const chunks = Math.ceil(length / chunk);
    const lines = columns ? p.count / 4 : p.count;
    return wgsl`
const OUTPUTS = ${lines * chunks}u; // results (in fours, of columns), times the chunks of each
const LENGTH = ${length / step}u; // ${foldsFours ? "vec4" : "elements"} folded into one result
const CHUNK = ${chunk / step}u; // of these, folded at a time
${namesOf([...(p.prologue ? [p.prologue] : []), p.epilogue], named)}
${read.declare}
${ending.declare(p.inputs.length)}
${way.declare(type, { [kind]: fold })}

${way.enter("OUTPUTS")}
  #if ${chunks === 1}
  let o = i;
  #else
  let o = ${columns ? `i % ${lines}u` : `i / ${chunks}u`};
  let first = ${columns ? `i / ${lines}u` : `i % ${chunks}u`} * CHUNK;
  #endif
${indented(read.begin)}
  #if ${(kind === "max" || kind === "min") && type === "f32"}
  ${infinities[kind as "max"] ?? ""}
  #endif
  var acc = ${wide ? `${vec4Of[type]}(${start})` : start};
${indented(positions(way, p))}
${indented(read.lines, 4)}
    acc = ${fold("acc", read.value)};
  }
  let whole = ${way.fold(kind, foldsFours ? ofFour(fold, "acc") : "acc")};
${indented(way.once(ending.store("whole", "i")))}
}
`;
  };
