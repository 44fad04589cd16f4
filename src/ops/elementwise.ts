import { rename } from "../../shaders/lib/print.ts";
import { lanes } from "../../shaders/lib/results.ts";
import { wgsl } from "../../shaders/wgsl.ts";
import { AttributeError, checkList, checkNumber, DTypeError, optionsOf, refuse, ShapeError } from "../errors.ts";
import { checkDType, type DType, floats, sameShape, showShape } from "../graph/shape.ts";
import { apply, checkTensor, type Op, Tensor } from "../graph/tensor.ts";
import { pointwiseKernels } from "../kernels/elementwise.ts";
import {
  checkText,
  claim,
  type Declared,
  declarationsOf,
  Names,
  names,
  type Own,
  written,
} from "../kernels/written.ts";
import { broadcast, type Operand, type PointwiseRow, pointwiseOp } from "./pointwise.ts";

/** A pointwise op of your own: how one element of the result follows from the same element of each operand. */
export interface ElementwiseDefinition<I extends readonly string[], R extends DType | undefined = undefined> {
  /** Names of the operands, in the order of the arguments. */
  readonly inputs: I;
  /**
   * The value in WGSL: an expression over the names in `inputs`, `"x / (1 + abs(x))"`; or statements, of which the last returns it. It is
   * scalar code: each name is a number of the operands' dtype. Operands of f16 come as f32, and the result is rounded.
   */
  readonly wgsl: string;
  /** WGSL declarations that `wgsl` uses: `fn`, `struct`, `alias`, `const`. Other ops may give their own the same names. */
  readonly functions?: string;
  /** The same value in float64: for constants that are computed while compiling, and for `tilegrad/reference`. */
  readonly reference: (...operands: { [K in keyof I]: number }) => number;
  /** Where the value of whole numbers is another. If given, `dtypes` is all four by default. */
  readonly integer?: {
    /** Default: `wgsl` above. */
    readonly wgsl?: string;
    /** Default: `reference` above. What has more than 32 bits is cut to them afterwards. */
    readonly reference?: (...operands: { [K in keyof I]: number }) => number;
  };
  /**
   * Gradients of the operands from `dy`, that of the result, and `y`, the result: in a list, in the order of `inputs`; of a single
   * operand, also without a list. All tensors have one shape. If it reads only `y`, the operands can be freed early. Leave out an operand
   * with `undefined`. Without `gradient`, `grad` refuses to go through the op.
   */
  readonly gradient?: (
    dy: Tensor,
    y: Tensor,
    ...operands: { [K in keyof I]: Tensor }
  ) => Tensor | readonly (Tensor | undefined)[];
  /** Dtypes that the operands may have, all of them the same one; default f32 and f16. */
  readonly dtypes?: readonly DType[];
  /** Dtype of the result; default that of the operands. */
  readonly result?: R;
  /** Arithmetic operations for each element, as `inspect` reports them; default 1. */
  readonly flops?: number;
  /** Whether mixed precision leaves the op in f32, since f16 may not hold its results; default false. */
  readonly wide?: boolean;
}

/** A function over tensors and numbers, at least one tensor, which broadcast. */
export type Elementwise<I extends readonly string[], R extends DType | undefined = undefined> = <D extends DType>(
  ...operands: { [K in keyof I]: Operand<D> }
) => Tensor<R extends DType ? R : D>;

/**
 * Makes a pointwise op of your own. It broadcasts, takes numbers among its operands, runs in one kernel with the ops around it (before,
 * after and inside matmuls, convolutions and reductions), and is differentiated, printed, profiled and exported as tilegrad's own are.
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
 * @param name as labels and errors show it.
 * @returns a function of the operands, in the order of `inputs`. Their shapes broadcast as NumPy's do, to that of the result.
 * @throws AttributeError, DTypeError where a part of the definition is missing or of another kind, or a name is none or is taken. The
 * function throws as `add` does. `compile` throws a DeviceError for WGSL that does not compile, with its line and column.
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
      const given = gradient(dy, y, ...operands);
      const all = given instanceof Tensor ? [given] : checkList(`grad: the gradient of ${name}`, "the result", given);
      if (all.length !== inputs.length)
        throw new AttributeError(
          `grad: the gradient of ${name} gives ${all.length} tensors, expected ${inputs.length}: ${inputs.join(", ")}`,
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
    return { ...made, kernels: { ...pointwiseKernels, written: written(name, () => alone(functions, value)) } };
  };
  // One for each type that it computes in.
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

/** A definition whose parts are what they should be, with its defaults. */
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
  for (const helper of helpers) known.take(helper.name, "function");
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
    // What takes no f16 stays in f32.
    wide: wide || !taken.includes("f16"),
  };
}

/** The types that the text of an op computes in. */
type Computed = "f32" | "i32" | "u32";

/** A value as its op writes it, in one type. */
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
 * The op's functions as kernels print them, and how they are called: a function of scalars, and where kernels compute four elements
 * at once, one that calls it for each.
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
  const [...all] = claim(name, (prefix) => [
    ...helpers.map(({ name, text }) => ({
      name: `${prefix}_${name}`,
      text: rename(wgsl`${text}`.trim(), renamed(prefix)),
    })),
    { name: `${prefix}_of`, text: scalar(`${prefix}_of`, prefix) },
  ]);
  const main = all.pop()!;
  const prefix = main.name.slice(0, -"_of".length);
  const four = `vec4${result[0]}`;
  const each = lanes.map((lane) => `${main.name}1(${inputs.map((input) => `${input}.${lane}`).join(", ")})`);
  const wide = wgsl`
    fn ${main.name}(${inputs.map((input) => `${input}: vec4${type[0]}`).join(", ")}) -> ${four} {
      return ${four}(${each.join(", ")});
    }`;
  return {
    lib: [
      ...all.map(({ text }) => fixed(text)),
      (width) => (width === 1 ? main.text : `${scalar(`${main.name}1`, prefix)}\n\n${wide}`),
    ],
    wgsl: (...args) => `${main.name}(${args.join(", ")})`,
  };
}

/** What the user wrote, and what it takes to compile it alone. */
const alone = (functions: string, { inputs, own, type, result }: Value): readonly (string | Own)[] => [
  ...(functions ? [{ what: "functions", text: functions }] : []),
  `fn main(${inputs.map((input) => `${input}: ${type}`).join(", ")}) -> ${result} {`,
  ...(isExpression(own.text) ? ["return"] : []),
  own,
  isExpression(own.text) ? ";\n}" : "}",
];

/** A gradient that a user's rule gives, refused unless it has the shape and dtype of what it is the gradient of. */
export function gradientOf(name: string, input: string, x: Tensor, dx: Tensor): Tensor {
  const op = `grad: the gradient of ${name}`;
  checkTensor(op, `that of ${input}`, dx);
  if (!sameShape(dx.shape, x.shape))
    throw new ShapeError(`${op}: that of ${input} has shape ${showShape(dx.shape)}, expected ${showShape(x.shape)}`);
  if (dx.dtype !== x.dtype) throw new DTypeError(`${op}: that of ${input} is ${dx.dtype}, expected ${x.dtype}`);
  return dx;
}

/** An op without a gradient is refused, rather than taken for a constant. */
export const noGradient = (name: string): AttributeError =>
  new AttributeError(`grad: ${name} has no gradient: define one, or detach its result`);

export const miscounted = (name: string, operands: readonly unknown[], inputs: readonly string[]): AttributeError =>
  new AttributeError(`${name}: got ${operands.length} operands, expected ${inputs.length}: ${inputs.join(", ")}`);

/** Refuses anything but a function. */
export function checkFunction(op: string, name: string, value: unknown): void {
  if (typeof value !== "function" || "variables" in value) refuse(op, name, value, "a function");
}
