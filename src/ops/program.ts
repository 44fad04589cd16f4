import { halfBits, halfValue, largestHalf } from "../graph/half.ts";
import type { Op } from "../graph/op.ts";
import { type DType, floats } from "../graph/shape.ts";
import type { Attrs, Node, Tensor } from "../graph/tensor.ts";
import { fullValue } from "./constants.ts";

/** An operand inside a program: one of its inputs, the value of an earlier step, or a number. */
export type Ref =
  | { readonly input: number }
  | { readonly step: number }
  | { readonly value: number; readonly dtype: DType };

export interface Step {
  readonly op: Op;
  readonly attrs: Attrs;
  readonly args: readonly Ref[];
  readonly dtype: DType;
}

/**
 * A chain of pointwise ops as straight-line code over single elements: what a fused kernel computes, what a matmul appends to
 * its sums, what an optimizer does to each weight.
 */
export interface PointwiseProgram {
  readonly inputs: readonly DType[];
  readonly steps: readonly Step[];
  readonly outputs: readonly Ref[];
}

/**
 * The program that computes `outputs` from the other tensors that `members` read, in order of first use. Constants (`full`)
 * become numbers in the text, of whatever shape they were.
 */
export function programOf(members: readonly Node[], outputs: readonly Tensor[], first: readonly Tensor[] = []) {
  const inputs: Tensor[] = [...first];
  const steps: Step[] = [];
  const stepOf = new Map<Tensor, number>();
  const refTo = (tensor: Tensor): Ref => {
    const step = stepOf.get(tensor);
    if (step !== undefined) return { step };
    const value = fullValue(tensor);
    if (value !== undefined) return { value, dtype: tensor.dtype };
    const at = inputs.indexOf(tensor);
    return { input: at >= 0 ? at : inputs.push(tensor) - 1 };
  };
  for (const node of members) {
    const args = node.inputs.map(refTo);
    const result = node.results[0]!;
    stepOf.set(result, steps.push({ op: node.op, attrs: node.attrs, args, dtype: result.dtype }) - 1);
  }
  const program: PointwiseProgram = { inputs: [], steps, outputs: outputs.map(refTo) };
  return { inputs, program: { ...program, inputs: inputs.map((tensor) => tensor.dtype) } };
}

/** A number as WGSL writes it, of type F, H, I or U. f16 holds less: what is beyond its largest number becomes that. */
export function literal(value: number, dtype: DType = "f32"): string {
  if (dtype === "i32") return value === -2147483648 ? "I(-2147483647 - 1)" : `I(${value})`;
  if (dtype === "u32") return `U(${value}u)`;
  // Exactly as rounded here: WGSL leaves open which neighbour it takes.
  if (dtype === "f16")
    return `H(${decimal(halfValue(halfBits(Math.min(Math.max(value, -largestHalf), largestHalf))))})`;
  return `F(${decimal(value)})`;
}

const decimal = (value: number): string => {
  const text = String(Math.fround(value));
  return /[.e]/.test(text) ? text : `${text}.0`;
};

/**
 * The program as WGSL statements `let v0 = …;`. Values of f16 are of type H; shaders/lib/half.wgsl.ts says what is done with them.
 * @param inputs names of the inputs' values.
 * @param index name of the element's position, for ops that use it.
 */
export function render(program: PointwiseProgram, inputs: readonly string[], index = "index") {
  const { steps, outputs } = program;
  const nameOf = (ref: Ref): string =>
    "input" in ref ? inputs[ref.input]! : "step" in ref ? `v${ref.step}` : literal(ref.value, ref.dtype);
  const wide = (ref: Ref): string => {
    if (dtypeOf(ref, program) !== "f16") return nameOf(ref);
    return "value" in ref ? literal(ref.value) : `F(${nameOf(ref)})`;
  };
  const lib = new Set<string>();
  let usesIndex = false;
  const body = steps.map(({ op, attrs, args, dtype }, i) => {
    const { wgsl, half, lib: own = [], usesIndex: places = false } = op.pointwise!;
    for (const text of own) lib.add(text);
    usesIndex ||= places;
    // WGSL refuses what it can compute beforehand and finds infinite, or divided by a whole 0: names put it off to the run.
    const early = args.filter((ref) => "value" in ref);
    const apart =
      early.length === args.length ? early : early.filter((ref) => ref.value === 0 && !floats.includes(ref.dtype));
    const names = new Map(apart.map((ref, k) => [ref as Ref, `v${i}_${k}`]));
    const operands = args.map((ref) => names.get(ref) ?? (half ? nameOf : wide)(ref));
    const before = [...names].map(([ref, name]) => `let ${name} = ${(half ? nameOf : wide)(ref)}; `).join("");
    const value = wgsl(operands, attrs, { index });
    if (dtype !== "f16") return `${before}let v${i} = ${value};`;
    return `${before}let v${i} = ${half ? value.replace(/\bF\(/g, "H(") : `H(${value})`};`;
  });
  const half = [...program.inputs, ...steps.map(({ dtype }) => dtype), ...outputs.map((ref) => dtypeOf(ref, program))];
  return { body, values: outputs.map(nameOf), lib: [...lib], usesIndex, half: half.includes("f16") };
}

/** The program as part of a kernel, over values `x0`, `x1`, …. @param type of what it starts from. */
export const bodyOf = (program: PointwiseProgram, type: DType) => ({
  type,
  ...render(
    program,
    program.inputs.map((_, i) => `x${i}`),
  ),
});

/** Element type of an operand of a program. */
export const dtypeOf = (ref: Ref, { inputs, steps }: PointwiseProgram): DType =>
  "input" in ref ? inputs[ref.input]! : "step" in ref ? steps[ref.step]!.dtype : ref.dtype;

/** `mul+add+tanh`, cut short where the chain is long. */
export function nameOf({ steps }: PointwiseProgram): string {
  const names = steps.map(({ op }) => op.name);
  return names.length > 6 ? `${names.slice(0, 5).join("+")}+…${names.length - 5}` : names.join("+");
}

/** `v0 = mul(a, 2); v1 = add(v0, b) -> v1`: for printing. */
export function show({ steps, outputs }: PointwiseProgram): string {
  const ref = (at: Ref): string => ("input" in at ? `a${at.input}` : "step" in at ? `v${at.step}` : String(at.value));
  const lines = steps.map(({ op, args, attrs }, i) => {
    const extra = Object.keys(attrs).length > 0 && !op.pointwise!.usesIndex ? ` ${JSON.stringify(attrs)}` : "";
    return `v${i} = ${op.name}(${args.map(ref).join(", ")})${extra}`;
  });
  return `{${lines.join("; ")} -> ${outputs.map(ref).join(", ")}}`;
}

/** Runs the program on one element in float64, for the reference executor. */
export function evaluate(program: PointwiseProgram, inputs: readonly number[], index: number): number[] {
  const { steps, outputs } = program;
  const values: number[] = [];
  const valueAt = (ref: Ref): number =>
    "input" in ref ? inputs[ref.input]! : "step" in ref ? values[ref.step]! : ref.value;
  for (const { op, attrs, args, dtype } of steps) {
    const of = dtypeOf(args.at(-1) ?? { value: 0, dtype }, program);
    values.push(asDType(op.pointwise!.js(args.map(valueAt), attrs, index, of), dtype));
  }
  return outputs.map(valueAt);
}

/** What a number becomes where only its dtype can stand: integers are cut towards zero and wrap at 32 bits. */
export const asDType = (value: number, dtype: DType): number =>
  dtype === "i32" ? value | 0 : dtype === "u32" ? value >>> 0 : value;

export const flopsOf = ({ steps }: PointwiseProgram): number =>
  steps.reduce((sum, { op }) => sum + op.pointwise!.flops, 0);

/** The program that copies its input. */
export const identity = (dtype: DType): PointwiseProgram => ({ inputs: [dtype], steps: [], outputs: [{ input: 0 }] });
