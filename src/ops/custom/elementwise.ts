import { rename } from "../../../shaders/lib/print.ts";
import { components } from "../../../shaders/lib/results.ts";
import { wgsl } from "../../../shaders/wgsl.ts";
import {
  AttributeError,
  checkList,
  checkNumber,
  counted,
  DTypeError,
  optionsOf,
  refuse,
  ShapeError,
  TilegradError,
} from "../../errors.ts";
import { checkDType, type DType, floats, sameShape, showShape } from "../../graph/shape.ts";
import { apply, checkTensor, type Op, Tensor } from "../../graph/tensor.ts";
import { pointwiseKernels } from "../../kernels/elementwise.ts";
import {
  checkText,
  claim,
  type Declared,
  declarationsOf,
  Names,
  names,
  type Own,
  written,
} from "../../kernels/written.ts";
import { broadcast, type Operand, type PointwiseRow, pointwiseOp } from "../pointwise/pointwise.ts";

/** Your own pointwise op: computes one element of the result from the same element of each operand. */
export interface ElementwiseDefinition<I extends readonly string[], R extends DType | undefined = undefined> {
  /** Names of the operands, in the order of the arguments. */
  readonly inputs: I;
  /**
   * The value in WGSL: an expression over the names in `inputs`, such as `"x / (1 + abs(x))"`, or statements that end
   * with `return`. Write scalar code: each name is a number of the operands' dtype. Operands of f16 are converted to
   * f32, and the result is rounded.
   */
  readonly wgsl: string;
  /** WGSL declarations for `wgsl`: `fn`, `struct`, `alias`, `const`. Different ops may use the same names. */
  readonly functions?: string;
  /** The same value in float64, for constant folding and for `tilegrad/reference`. */
  readonly reference: (...operands: { [K in keyof I]: number }) => number;
  /** The value for integers, if it differs. With this given, `dtypes` defaults to all four. */
  readonly integer?: {
    /** Default: `wgsl` above. */
    readonly wgsl?: string;
    /** Default: `reference` above. Results are truncated to 32 bits. */
    readonly reference?: (...operands: { [K in keyof I]: number }) => number;
  };
  /**
   * Gradients of the operands, computed from the result's gradient `dy` and the result `y`: a list in the order of
   * `inputs`, or for a single operand just the tensor. All tensors have one shape. If the gradient reads only `y`, the
   * operands can be freed early. Use `undefined` for an operand without a gradient. Without `gradient`, `grad` through
   * the op throws.
   */
  readonly gradient?: (
    dy: Tensor,
    y: Tensor,
    ...operands: { [K in keyof I]: Tensor }
  ) => Tensor | readonly (Tensor | undefined)[];
  /** Allowed dtypes; all operands must have the same one. Default f32 and f16. */
  readonly dtypes?: readonly DType[];
  /** Dtype of the result; default: that of the operands. */
  readonly result?: R;
  /** Arithmetic operations per element, shown by `inspect`; default 1. */
  readonly flops?: number;
  /** Whether mixed precision keeps the op in f32, because its results may exceed f16; default false. */
  readonly wide?: boolean;
}

/** A function of tensors and numbers that broadcasts; at least one operand must be a tensor. */
export type Elementwise<I extends readonly string[], R extends DType | undefined = undefined> = <D extends DType>(
  ...operands: { [K in keyof I]: Operand<D> }
) => Tensor<R extends DType ? R : D>;

/**
 * Makes your own pointwise op. It broadcasts, accepts numbers, and is fused with neighbouring ops (including matmuls,
 * convolutions and reductions). It is differentiated, printed, profiled and exported like the built-in ones.
 *
 * @example
 * const swish = elementwise("swish", {
 *   inputs: ["x", "beta"],
 *   wgsl: "x / (1 + exp(-beta * x))",
 *   reference: (x, beta) => x / (1 + Math.exp(-beta * x)),
 *   gradient: (dy, y, x, beta) => {
 *     const s = sigmoid(mul(beta, x));
 *     return [mul(dy, add(s, mul(mul(beta, y), sub(1, s)))), mul(dy, mul(mul(x, y), sub(1, s)))];
 *   },
 * });
 * const y = swish(x, 1.5);
 *
 * @param name name in labels and errors.
 * @returns a function of the operands, in the order of `inputs`. Their shapes broadcast like NumPy's.
 * @throws AttributeError or DTypeError if a part of the definition is missing or invalid, or a name is invalid or
 * taken. The function throws like `add`. `compile` throws DeviceError with line and column for WGSL that does not
 * compile.
 */
export function elementwise<
  const I extends readonly [string, ...string[]],
  const R extends DType | undefined = undefined,
>(name: string, definition: ElementwiseDefinition<I, R>): Elementwise<I, R> {
  const checked = checkElementwise(name, definition as unknown as Loose);
  const { inputs, functions, helpers, gradient, result } = checked;
  const row = {
    js: checked.reference,
    whole: checked.integer.reference,
    takes: checked.dtypes,
    flops: checked.flops,
    wide: checked.wide,
    ...(result && { result }),
    vjp: (dy: Tensor, y: Tensor, ...operands: Tensor[]) => {
      if (!floats.includes(operands[0]!.dtype)) return [];
      if (!gradient) throw noGradient(name);
      const receives = `(dy, y, ${inputs.join(", ")})`;
      const given = called(`elementwise ${name}: gradient`, receives, () => gradient(dy, y, ...operands));
      const all = given instanceof Tensor ? [given] : checkList(`grad: the gradient of ${name}`, "the result", given);
      if (all.length !== inputs.length)
        throw new AttributeError(
          `grad: the gradient of ${name} gives ${counted(all.length, "tensor")}, expected ${inputs.length}: ${inputs.join(", ")}`,
        );
      return all.map((dx, i) => dx && gradientOf(name, inputs[i]!, operands[i]!, dx));
    },
  };
  const make = (type: Computed): Op => {
    const { wgsl, integer } = checked;
    const isOther = type !== "f32" && integer.wgsl !== wgsl;
    const own = isOther ? { what: "integer.wgsl", text: integer.wgsl } : { what: "wgsl", text: wgsl };
    const value = { inputs, helpers, own, type, result: result === "f16" ? "f32" : (result ?? type) };
    const made = pointwiseOp(name, { ...row, ...printed(name, value) });
    return { ...made, kernels: { ...pointwiseKernels, written: written(name, hints, () => alone(functions, value)) } };
  };
  const hints = new Map(inputs.map((input) => [input, `${input} is a number: the op computes one element at a time`]));
  // One op per type it computes in.
  const ops = new Map<Computed, Op>();
  return (...operands) => {
    if (operands.length !== inputs.length) throw miscounted(name, operands, inputs);
    const tensors = broadcast(name, operands);
    const { dtype } = tensors[0]!;
    const type = dtype === "f16" ? "f32" : dtype;
    const made = ops.get(type) ?? make(type);
    ops.set(type, made);
    return apply(made, tensors);
  };
}

type Loose = ElementwiseDefinition<readonly string[], DType | undefined>;

/** Validates a definition and fills in defaults. */
function checkElementwise(name: string, definition: Loose) {
  const known = new Names("elementwise", name);
  const op = `elementwise ${name}`;
  const { inputs, wgsl, functions, reference, integer, gradient, dtypes, result, flops, wide } = optionsOf(
    op,
    definition,
    {
      inputs: undefined,
      wgsl: undefined,
      functions: "",
      reference: undefined,
      integer: undefined,
      gradient: undefined,
      dtypes: undefined,
      result: undefined,
      flops: 1,
      wide: false,
    },
  );
  for (const input of checkList(op, "inputs", inputs)) known.take(input, "input");
  if (inputs.length === 0) refuse(op, "inputs", inputs, 'the names of its operands, ["x"]');
  const whole = optionsOf(`${op}: integer`, integer, { wgsl, reference });
  checkText(op, "wgsl", wgsl);
  checkText(op, "integer.wgsl", whole.wgsl);
  checkFunction(op, "reference", reference);
  checkFunction(op, "integer.reference", whole.reference);
  if (gradient !== undefined) checkFunction(op, "gradient", gradient);
  checkNumber(op, "flops", flops, "a number from 0", (n) => n >= 0);
  const taken = checkList<DType>(
    op,
    "dtypes",
    dtypes === undefined ? (integer ? ["f32", "f16", "i32", "u32"] : floats) : dtypes,
  );
  for (const dtype of result === undefined ? taken : [...taken, result]) checkDType(op, dtype);
  const helpers = declarationsOf(op, functions);
  for (const { name, text } of helpers) {
    if (names(text, "private"))
      throw new AttributeError(`${op}: functions declare var<private> ${name}, expected fn, struct, alias or const`);
    known.take(name, "function");
  }
  return {
    inputs,
    wgsl,
    functions,
    helpers,
    reference,
    integer: whole,
    gradient,
    dtypes: taken,
    result,
    flops,
    // An op that does not take f16 stays in f32.
    wide: wide || !taken.includes("f16"),
  };
}

/** The types that an op's WGSL computes in. */
type Computed = "f32" | "i32" | "u32";

/** An op's WGSL in one type. */
interface Value {
  readonly inputs: readonly string[];
  readonly helpers: readonly Declared[];
  readonly own: Own;
  readonly type: Computed;
  readonly result: Computed;
}

const fixed = (text: string) => (): string => text;

const isExpression = (text: string): boolean => !names(text, "return");

/**
 * The op's functions in a kernel, and the call: a scalar function, and for kernels that compute four elements at once,
 * a vec4 function that calls it per component.
 */
function printed(
  name: string,
  { inputs, helpers, own: { text }, type, result }: Value,
): Pick<PointwiseRow, "lib" | "wgsl"> {
  const renamed = (prefix: string) => new Map(helpers.map(({ name }) => [name, `${prefix}_${name}`]));
  const scalar = (called: string, prefix: string): string => {
    const body = rename(text, renamed(prefix));
    return wgsl`
      fn ${called}(${inputs.map((input) => `${input}: ${type}`).join(", ")}) -> ${result} {
        ${isExpression(text) ? `return ${body.trim()}${/\/\//.test(body) ? "\n" : ""};` : wgsl`${body}`.trim()}
      }`.trim();
  };
  const isUsed = (fresh: string): boolean =>
    [text, ...helpers.map(({ text }) => text)].some((own) => names(own, fresh));
  const declare = (prefix: string) => [
    ...helpers.map(({ name, text }) => ({
      name: `${prefix}_${name}`,
      text: rename(wgsl`${text}`.trim(), renamed(prefix)),
    })),
    { name: `${prefix}_1`, text: scalar(`${prefix}_1`, prefix) },
    { name: prefix, text: scalar(prefix, prefix) },
  ];
  const all = claim(name, declare, isUsed);
  const [one, main] = all.slice(-2) as [Declared, Declared];
  const four = `vec4${result[0]}`;
  const each = components.map((part) => `${one.name}(${inputs.map((input) => `${input}.${part}`).join(", ")})`);
  const wide = wgsl`
    fn ${main.name}(${inputs.map((input) => `${input}: vec4${type[0]}`).join(", ")}) -> ${four} {
      return ${four}(${each.join(", ")});
    }`;
  return {
    lib: [
      ...all.slice(0, -2).map(({ text }) => fixed(text)),
      (width) => (width === 1 ? main.text : `${one.text}\n\n${wide}`),
    ],
    wgsl: (...args) => `${main.name}(${args.join(", ")})`,
  };
}

/** The user's text with just enough around it to compile alone. */
const alone = (functions: string, { inputs, own, type, result }: Value): readonly (string | Own)[] => [
  ...(functions ? [{ what: "functions", text: functions }] : []),
  `fn main(${inputs.map((input) => `${input}: ${type}`).join(", ")}) -> ${result} {`,
  ...(isExpression(own.text) ? ["return"] : []),
  own,
  isExpression(own.text) ? ";\n}" : "}",
];

/** Checks that a gradient from a user's rule has the shape and dtype of its input. */
export function gradientOf(name: string, input: string, x: Tensor, dx: Tensor): Tensor {
  const op = `grad: ${name}`;
  checkTensor(op, `the gradient of ${input}`, dx);
  if (!sameShape(dx.shape, x.shape))
    throw new ShapeError(
      `${op}: the gradient of ${input} has shape ${showShape(dx.shape)}, expected ${showShape(x.shape)}`,
    );
  if (dx.dtype !== x.dtype) throw new DTypeError(`${op}: the gradient of ${input} is ${dx.dtype}, expected ${x.dtype}`);
  return dx;
}

/** Going through an op without a gradient is an error; it is not silently a constant. */
export const noGradient = (name: string): AttributeError =>
  new AttributeError(`grad: ${name} has no gradient: define one, or detach its result`);

/**
 * Calls a function of a definition. What it throws, unless an error of tilegrad's, becomes the cause of an
 * AttributeError. @param receives what the function is called with, in words.
 */
export function called<T>(what: string, receives: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof TilegradError) throw error;
    throw new AttributeError(`${what} threw ${error}; it is called with ${receives}`, { cause: error });
  }
}

export const miscounted = (name: string, operands: readonly unknown[], inputs: readonly string[]): AttributeError =>
  new AttributeError(
    `${name}: got ${counted(operands.length, "operand")}, expected ${inputs.length}: ${inputs.join(", ")}`,
  );

export function checkFunction(op: string, name: string, value: unknown): void {
  if (typeof value !== "function" || "variables" in value) refuse(op, name, value, "a function");
}
