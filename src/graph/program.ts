import type { DType } from "./shape.ts";
import { dtypeOf, fullValue, type Node, type PointwiseProgram, type Ref, type Step, type Tensor } from "./tensor.ts";

/**
 * The program that computes `outputs` from the other tensors that `members` read, in order of first use. Constants
 * (`full`) become numbers in the text, of whatever shape they were.
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
