import { bufferOf } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { workgroupSize } from "./lib/grid.wgsl.ts";
import { type Sum, sumOf, widened } from "./lib/half.wgsl.ts";
import type { Kernel, Part, View } from "./lib/kernel.ts";
import { type FoldOf, max, sum, type Way } from "./lib/lines.ts";
import { type Body, type End, flatEnd } from "./lib/results.ts";
import { coalesce, elementAt, inFours, inVec4, type Scalar, type ViewParams, vec4Of } from "./lib/view.wgsl.ts";
import { wgsl } from "./wgsl.ts";

/** An operand of a reduction: element r of result o is at position kept(o) + folded(r). */
export interface Folded {
  /** Kept axes, with the offset, and reduced axes. */
  readonly kept: View;
  readonly folded: ViewParams;
}

/** y[o] = x[o, 0] … x[o, n − 1], combined by one operation. */
export interface Reduction {
  readonly rule: ReduceRule;
  /** One tensor, or the inputs of `before`, with the same axes. */
  readonly inputs: readonly Folded[];
  readonly before?: Body | undefined;
  /** Type of the reduced elements; f16 is accumulated in f32. */
  readonly type: Scalar;
  /** Number of results, elements per result, and elements per chunk: all, unless the work is split. */
  readonly count: number;
  readonly length: number;
  readonly chunk: number;
  readonly end: End;
}

/** What a reduction does: where it starts, and how it combines two elements. */
export interface ReduceRule {
  readonly name: "sum" | "prod" | "max" | "min";
  /** The value that changes no other. */
  readonly start: (type: Sum) => string;
  readonly fold: FoldOf;
  /**
   * A statement before the start of f32. WGSL rejects infinite constant expressions, but not the bits of a variable.
   */
  readonly bits?: string;
  /** Whether results may leave the range of f16, although no element does. */
  readonly grows?: boolean;
}

export const sumRule: ReduceRule = { name: "sum", start: (type) => `${type}(0)`, fold: sum, grows: true };

export const prodRule: ReduceRule = {
  name: "prod",
  start: (type) => `${type}(1)`,
  fold: (a, b) => `${a} * ${b}`,
  grows: true,
};

export const maxRule: ReduceRule = {
  name: "max",
  start: (type) => ({ f32: "bitcast<f32>(negative_infinity)", i32: "i32(-2147483647 - 1)", u32: "0u" })[type],
  fold: max,
  bits: "var negative_infinity = 0xff800000u;",
};

export const minRule: ReduceRule = {
  name: "min",
  start: (type) => ({ f32: "bitcast<f32>(infinity)", i32: "2147483647", u32: "4294967295u" })[type],
  fold: (a, b) => `min(${a}, ${b})`,
  bits: "var infinity = 0x7f800000u;",
};

/** The axes along which a kernel reads four elements at once: kept or reduced. */
type Fours = "kept" | "folded";

/** Whether groups of four along these axes are aligned vec4s in memory. */
function areNeighbours(input: Folded, along: Fours): boolean {
  const [own, other] = [coalesce(input[along]), coalesce(input[along === "kept" ? "folded" : "kept"])];
  return own.strides.at(-1) === 1 && own.shape.at(-1)! % 4 === 0 && inFours(own, 1) && inFours(other, 0);
}

/** Whether groups of four along these axes are one repeated element, such as a number per row. */
function areOne(input: Folded, along: Fours): boolean {
  const { shape, strides } = coalesce(input[along]);
  return strides.at(-1) === 0 && shape.at(-1)! % 4 === 0;
}

/** Whether all inputs can be read four at a time along these axes, and at least one as vec4s. */
export const areInFours = (inputs: readonly Folded[], along: Fours): boolean =>
  inputs.some((input) => areNeighbours(input, along)) &&
  inputs.every((input) => areNeighbours(input, along) || areOne(input, along));

/**
 * The operands. `begin(o);` finds where the elements of result o begin; `load(r);` defines `value`, reduced element r.
 * With `fours`, it is a vec4 along those axes, and positions along them count vec4s.
 */
function folded({ inputs, before, type }: Reduction, fours?: Fours): Part {
  const wide = inputs.map((input) => fours !== undefined && areNeighbours(input, fours));
  const nameOf = (i: number) => (before ? `in${i}` : "x");
  const place = (input: Folded, i: number, axes: Fours, at: string): string =>
    wide[i]
      ? elementAt(inVec4(coalesce(input[axes]), axes === fours ? 1 : 0), at)
      : elementAt(input[axes], axes === fours ? `4u * ${at}` : at);
  const load = (input: Folded, i: number, r: string): string => {
    const element = `${nameOf(i)}[${nameOf(i)}_from + ${place(input, i, "folded", r)}]`;
    return fours && !wide[i] ? `${vec4Of[input.kept.dtype]}(${element})` : element;
  };
  const value = (text: string) => `let value = ${widened(type, text, fours ? 4 : 1)};`;
  return {
    buffers: inputs.map(({ kept }, i) => bufferOf(nameOf(i), kept, "read", wide[i] ? 4 : 1)),
    functions: before?.lib ?? [],
    accessors: {
      begin: (o) => inputs.map((input, i) => `let ${nameOf(i)}_from = ${place(input, i, "kept", o!)};`),
      load: (r) =>
        before
          ? [
              ...inputs.map((input, i) => `let x${i} = ${load(input, i, r!)};`),
              ...before.body,
              value(before.values[0]!),
            ]
          : [value(load(inputs[0]!, 0, r!))],
    },
  };
}

/** The rule of a reduction in the type that it adds in. */
function begun({ rule: { start, fold, bits = "" }, type }: Reduction) {
  const sum = sumOf(type);
  return { start: start(sum), fold, bits: sum === "f32" ? bits : "" };
}

/** The definition: one invocation per result, one element at a time. */
export function reduceNaive(p: Reduction): Kernel {
  const { start, fold, bits } = begun(p);
  return kernel({
    workgroup: workgroupSize,
    parts: [folded(p), flatEnd(p.end, 1)],
    constants: { COUNT: [p.count, "results"], LENGTH: [p.length, "elements per result"] },
    body: wgsl`
      let i = id.x;
      if (i >= COUNT) { return; }
      begin(i);
      ${bits}
      var acc = ${start};
      for (var r = 0u; r < LENGTH; r++) {
        load(r);
        acc = ${fold("acc", "value")};
      }
      put(i, acc);`,
  });
}

/**
 * Along lines, optionally split into chunks; partial results are grouped by line. Contiguous elements are read as
 * vec4s.
 */
export const reduceLines =
  (way: Way) =>
  (p: Reduction): Kernel => {
    const type = sumOf(p.type);
    const { start, fold, bits } = begun(p);
    const fours = p.length % 4 === 0 && p.chunk % 4 === 0 && areInFours(p.inputs, "folded");
    const step = fours ? 4 : 1;
    const width = p.before && fours ? 4 : 1;
    const chunks = Math.ceil(p.length / p.chunk);
    const walk = walkOf(p);
    return kernel({
      workgroup: workgroupSize,
      width,
      parts: [
        folded(p, fours ? "folded" : undefined),
        flatEnd(p.end, 1, width),
        way.folds(type, { [p.rule.name]: fold }, fours ? 4 : 1),
      ],
      constants: {
        COUNT: [p.count * chunks, chunks > 1 ? "results, times chunks per result" : "results"],
        ...sizes(p, step),
      },
      body: wgsl`
        ${way.line("COUNT")}
        ${chunks > 1 ? [`let o = i / ${chunks}u;`, `let first = i % ${chunks}u * CHUNK;`] : "let o = i;"}
        begin(o);
        ${bits}
        var acc = ${fours ? `${vec4Of[type]}(${start})` : start};
        ${walk.find}
        for (var t = ${way.first}; t < ${walk.end}; t += ${way.step}) {
          ${walk.load}
          acc = ${fold("acc", "value")};
        }
        let whole = ${p.rule.name}_of_line(acc);
        ${way.once("put(i, whole);")}`,
    });
  };

/** Each invocation computes four neighbouring results at once, read as vec4s; partial results are grouped by chunk. */
export function reduceColumns(p: Reduction): Kernel {
  const type = sumOf(p.type);
  const { start, fold, bits } = begun(p);
  const chunks = Math.ceil(p.length / p.chunk);
  const lines = p.count / 4;
  const walk = walkOf(p);
  return kernel({
    workgroup: workgroupSize,
    width: 4,
    parts: [folded(p, "kept"), flatEnd(p.end, 4)],
    constants: { COUNT: [lines * chunks, "groups of 4 results, times chunks per result"], ...sizes(p, 1) },
    body: wgsl`
      let i = id.x;
      if (i >= COUNT) { return; }
      ${chunks > 1 ? [`let o = i % ${lines}u;`, `let first = i / ${lines}u * CHUNK;`] : "let o = i;"}
      begin(o);
      ${bits}
      var acc = ${vec4Of[type]}(${start});
      ${walk.find}
      for (var t = 0u; t < ${walk.end}; t++) {
        ${walk.load}
        acc = ${fold("acc", "value")};
      }
      put(i, acc);`,
  });
}

/** Sides of a tile: neighbouring results, or groups of four, and slices of their elements. */
export const tileSides = [16, 16] as const;

/**
 * A workgroup computes 16 neighbouring results, or groups of four, of which each of 16 rows of invocations takes every 16th
 * element. Then these are combined in workgroup memory, in a fixed order. Partial results are grouped by chunk.
 */
export function reduceTile(p: Reduction): Kernel {
  const type = sumOf(p.type);
  const { start, fold, bits } = begun(p);
  const fours = areInFours(p.inputs, "kept");
  const width = fours ? 4 : 1;
  const own = fours ? vec4Of[type] : type;
  const chunks = Math.ceil(p.length / p.chunk);
  const [columns, slices] = tileSides;
  const count = p.count / width;
  const tiles = Math.ceil(count / columns);
  const walk = walkOf(p);
  return kernel({
    workgroup: columns * slices,
    width,
    parts: [folded(p, fours ? "kept" : undefined), flatEnd(p.end, width)],
    constants: { COUNT: [count, fours ? "groups of 4 results" : "results"], ...sizes(p, 1) },
    memory: [{ name: "partial", type: own, length: columns * slices, note: "value of each invocation" }],
    body: wgsl`
      ${chunks > 1 ? [`let chunk = group.x / ${tiles}u;`, "let first = chunk * CHUNK;"] : []}
      let o = ${chunks > 1 ? `group.x % ${tiles}u` : "group.x"} * ${columns}u + lane % ${columns}u;
      let slice = lane / ${columns}u;
      ${bits}
      var acc = ${fours ? `${own}(${start})` : start};
      if (o < COUNT) {
        begin(o);
        ${walk.find}
        for (var t = slice; t < ${walk.end}; t += ${slices}u) {
          ${walk.load}
          acc = ${fold("acc", "value")};
        }
      }
      partial[lane] = acc;
      for (var half = ${slices / 2}u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (slice < half) { partial[lane] = ${fold("partial[lane]", `partial[lane + half * ${columns}u]`)}; }
      }
      if (slice == 0u && o < COUNT) {
        let whole = partial[lane];
        put(${chunks > 1 ? "chunk * COUNT + o" : "o"}, whole);
      }`,
  });
}

const sizes = ({ length, chunk }: Reduction, step: number) =>
  ({
    LENGTH: [length / step, `${step > 1 ? "vec4s" : "elements"} per result`],
    CHUNK: [chunk / step, "of these per chunk"],
  }) as const;

/**
 * The loop over a line, or over its chunk that begins at `first`: its end, found by the statements `find`, and how it
 * loads element `t`. The end is a constant where possible: Tint can then prove that accesses are in bounds, and omits
 * their checks.
 */
function walkOf({ length, chunk }: Reduction) {
  if (chunk >= length) return { find: [], end: "LENGTH", load: "load(t);" };
  const load = ["let r = first + t;", "load(r);"];
  if (length % chunk === 0) return { find: [], end: "CHUNK", load };
  return { find: "let count = min(CHUNK, LENGTH - first);", end: "count", load };
}
