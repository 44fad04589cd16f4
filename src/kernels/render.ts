import type { Text } from "../../shaders/lib/kernel.ts";
import { halfBits, halfValue, largestHalf } from "../graph/half.ts";
import { type DType, floats } from "../graph/shape.ts";
import { dtypeOf, type PointwiseProgram, type Ref } from "../graph/tensor.ts";

/** A number as a WGSL literal of type F, H, I or U. Values beyond the range of f16 are clamped to it. */
export function literal(value: number, dtype: DType = "f32"): string {
  if (dtype === "i32") return value === -2147483648 ? "I(-2147483647 - 1)" : `I(${value})`;
  if (dtype === "u32") return `U(${value}u)`;
  // Round here: WGSL does not specify how literals round to f16.
  if (dtype === "f16")
    return `H(${decimal(halfValue(halfBits(Math.min(Math.max(value, -largestHalf), largestHalf))))})`;
  return `F(${decimal(value)})`;
}

const decimal = (value: number): string => {
  const text = String(Math.fround(value));
  return /[.e]/.test(text) ? text : `${text}.0`;
};

/**
 * The program as WGSL statements `let v0 = …;`. Values of f16 have type H; see shaders/lib/half.wgsl.ts.
 * @param inputs names of the inputs' values.
 * @param index name of the element's position, for ops that use it.
 */
function render(program: PointwiseProgram, inputs: readonly string[], index = "index") {
  const { steps, outputs } = program;
  const nameOf = (ref: Ref): string =>
    "input" in ref ? inputs[ref.input]! : "step" in ref ? `v${ref.step}` : literal(ref.value, ref.dtype);
  const wide = (ref: Ref): string => {
    if (dtypeOf(ref, program) !== "f16") return nameOf(ref);
    return "value" in ref ? literal(ref.value) : `F(${nameOf(ref)})`;
  };
  const lib = new Set<Text>();
  let usesIndex = false;
  const body = steps.map(({ op, attrs, args, dtype }, i) => {
    const { wgsl, half, lib: own = [], usesIndex: places = false } = op.pointwise!;
    for (const text of own) lib.add(text);
    usesIndex ||= places;
    // WGSL rejects constant expressions that overflow or divide an integer by 0. Naming the operands defers them to run
    // time.
    const early = args.filter((ref) => "value" in ref);
    const apart =
      early.length === args.length ? early : early.filter((ref) => ref.value === 0 && !floats.includes(ref.dtype));
    const names = new Map(apart.map((ref, k) => [ref as Ref, `v${i}_${k}`]));
    const operands = args.map((ref) => names.get(ref) ?? (half ? nameOf : wide)(ref));
    const before = [...names].map(([ref, name]) => `let ${name} = ${(half ? nameOf : wide)(ref)}; `).join("");
    const value = wgsl(operands, attrs, { index, float: half && dtype === "f16" ? "H" : "F" });
    return `${before}let v${i} = ${dtype === "f16" && !half ? `H(${value})` : value};`;
  });
  return { body, values: outputs.map(nameOf), lib: [...lib], usesIndex };
}

/** The program as part of a kernel, over values `x0`, `x1`, …. @param type dtype of the value it starts from. */
export const bodyOf = (program: PointwiseProgram, type: DType) => ({
  type,
  ...render(
    program,
    program.inputs.map((_, i) => `x${i}`),
  ),
});
