import { counted, DTypeError, optionsOf, ShapeError, TilegradError } from "../../errors.ts";
import { checkDType, checkShape, type DType, floats, type Shape, showShape, sizeOf } from "../../graph/shape.ts";
import { applyAll, checkTensor, type Op, type Spec, type Tensor } from "../../graph/tensor.ts";
import { customKernels } from "../../kernels/custom.ts";
import { zerosLike } from "../sources/constants.ts";
import {
  type CustomDefinition,
  checkCustom,
  checkPlain,
  type Loose,
  type Options,
  type Outcome,
  type Rule,
  receives,
  sizesOf,
  type Widened,
} from "./definition.ts";
import { called, gradientOf, miscounted, noGradient } from "./elementwise.ts";

/** Whether an object type has exactly one key. */
type Single<Y> = { [K in keyof Y]: [keyof Y] extends [K] ? true : false }[keyof Y];

type ResultOf<F, D extends DType> = F extends (...args: never[]) => { readonly dtype: infer E extends DType }
  ? Tensor<E>
  : Tensor<D>;

/** A function of tensors, in the order of the inputs, and optionally an object of options. */
export type CustomOp<I extends readonly string[], Y, P> = <D extends DType>(
  ...args: [...Operands<I, D>, options?: Partial<Widened<P>>]
) => Single<Y> extends true ? ResultOf<Y[keyof Y], D> : { readonly [K in keyof Y]: ResultOf<Y[K], D> };

type Operands<I extends readonly string[], D extends DType> = I extends readonly [string, ...infer R]
  ? [Tensor<D>, ...{ [K in keyof R]: Tensor }]
  : [];

/**
 * Makes your own op from a WGSL kernel: a body over named inputs and outputs. tilegrad writes the bindings, plans the
 * memory and compiles it. The op is profiled, inspected, checked for NaN, exported and differentiated like the built-in
 * ones. Small kernels share a dispatch, and pointwise ops on a single output run in the same kernel.
 *
 * @example
 * const rowMax = customOp("rowMax", {
 *   inputs: ["x"],
 *   outputs: { y: ({ x }) => x.shape.slice(0, -1) },
 *   constants: ({ x }) => ({ COLS: x.shape.at(-1)! }),
 *   wgsl: `
 *     var most = x(id.x * COLS);
 *     for (var c = 1u; c < COLS; c++) { most = max(most, x(id.x * COLS + c)); }
 *     y_store(id.x, most);`,
 *   gradient: {
 *     x: ({ x, y, dy }) => where(eq(x, unsqueeze(y, -1)), unsqueeze(dy, -1), 0),
 *   },
 * });
 * const y = rowMax(x);
 *
 * @param name name in labels and errors.
 * @returns a function of the inputs, in order, and an object of options. It returns the output, or an object of outputs
 * by name if there are several.
 * @throws AttributeError or DTypeError if a part of the definition is missing or invalid, a name is invalid or taken,
 * or `wgsl` never stores an output. The function throws ShapeError, DTypeError or AttributeError for invalid inputs and
 * options. `compile` throws LimitError if the adapter lacks workgroup size, memory or bindings, and DeviceError with
 * line and column for WGSL that does not compile.
 */
export function customOp<
  const I extends readonly string[],
  const Y extends Readonly<Record<string, Rule<I[number], P>>>,
  const P extends Options = Record<never, never>,
>(name: string, definition: CustomDefinition<I, Y, P>): CustomOp<I, Y, P> {
  const checked = checkCustom(name, definition as unknown as Loose);
  const { inputs, outputs, rules, defaults, gradient, reference } = checked;
  const named = <T>(names: readonly string[], values: readonly T[]): Record<string, T> =>
    Object.fromEntries(names.map((name, i) => [name, values[i]!]));
  const made: Op = {
    name,
    infer(operands, options) {
      const given = named(inputs, operands);
      for (const [input, { dtype }] of Object.entries(given))
        checkAmong(name, input, dtype, checked.dtypes.get(input)!);
      const specs = outputs.map((output) =>
        specOf(
          name,
          output,
          called(`customOp ${name}: outputs.${output}`, receives(inputs), () => rules[output]!(given, options)),
          operands[0]?.dtype,
        ),
      );
      // Check everything else that depends on shapes and options here, rather than when compiling.
      sizesOf(name, checked, { ...given, ...named(outputs, specs) }, options);
      return specs;
    },
    vjp(node, upstream) {
      if (!node.inputs.some(({ dtype }) => floats.includes(dtype))) return [];
      if (!gradient) throw noGradient(name);
      const all = {
        ...named(inputs, node.inputs),
        ...named(outputs, node.results),
        ...Object.fromEntries(outputs.map((output, i) => [`d${output}`, upstream[i] ?? zerosLike(node.results[i]!)])),
      };
      return node.inputs.map((x, i) => {
        const rule = floats.includes(x.dtype) ? gradient[inputs[i]!] : undefined;
        return (
          rule &&
          gradientOf(
            name,
            inputs[i]!,
            x,
            called(`customOp ${name}: gradient.${inputs[i]}`, receives(Object.keys(all)), () => rule(all, node.attrs)),
          )
        );
      });
    },
    define({ op, attrs }, values) {
      if (!reference) throw new TilegradError(`reference: ${name} has no reference: define one`);
      const given = called(`customOp ${name}: reference`, receives(inputs), () =>
        reference(named(inputs, values), attrs),
      );
      return op
        .infer(values, attrs)
        .map(({ shape }, i) =>
          elementsOf(name, outputs[i]!, shape, Object(given).length >= 0 ? given : Object(given)[outputs[i]!]),
        );
    },
    kernels: customKernels({ ...checked, sizes: (specs, options) => sizesOf(name, checked, specs, options) }),
  };
  return ((...args: unknown[]) => {
    const operands = args.slice(0, inputs.length);
    if (operands.length < inputs.length || args.length > inputs.length + 1) throw miscounted(name, args, inputs);
    operands.forEach((operand, i) => {
      checkTensor(name, inputs[i]!, operand);
    });
    const options = optionsOf(name, args[inputs.length] as Options | undefined, defaults);
    for (const [option, value] of Object.entries(options)) checkPlain(name, option, value);
    const results = applyAll(made, operands as Tensor[], options);
    return outputs.length === 1 ? results[0] : named(outputs, results);
  }) as never;
}

/** The shape and dtype that a rule gives for an output. @param first dtype of the first input. */
function specOf(name: string, output: string, outcome: Outcome, first: DType = "f32"): Spec {
  const { shape, dtype = first } = Array.isArray(outcome)
    ? { shape: outcome as Shape }
    : (Object(outcome) as { shape: Shape; dtype?: DType });
  checkShape(`${name}: output ${output}`, shape);
  checkDType(`${name}: output ${output}`, dtype);
  return { shape: [...shape], dtype };
}

function checkAmong(name: string, input: string, dtype: DType, among: readonly DType[]): void {
  if (!among.includes(dtype)) throw new DTypeError(`${name}: ${input} is ${dtype}, expected ${among.join(" or ")}`);
}

/** An output computed by the user's reference, checked for its length. */
function elementsOf(name: string, output: string, shape: Shape, data: ArrayLike<number> | undefined): Float64Array {
  if (data?.length === sizeOf(shape)) return Float64Array.from(data);
  throw new ShapeError(
    `reference: ${name} gives ${data ? counted(data.length, "element") : "no elements"} for output ${output}, expected ${sizeOf(shape)}: ${showShape(shape)}`,
  );
}
