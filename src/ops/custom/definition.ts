import { bytesOf } from "../../../shaders/lib/kernel.ts";
import {
  AttributeError,
  checkChoice,
  checkList,
  checkObject,
  checkWhole,
  noSuch,
  optionsOf,
  refuse,
} from "../../errors.ts";
import { checkDType, type DType, floats, type Shape, sizeOf } from "../../graph/shape.ts";
import type { Attrs, Spec, Tensor, Values } from "../../graph/tensor.ts";
import type { Custom, Sizes, Specs } from "../../kernels/custom.ts";
import { calls, checkText, declarationsOf, Names } from "../../kernels/written.ts";
import { called, checkFunction } from "./elementwise.ts";

/** Options of an op: plain data, with defaults. */
export type Options = Readonly<Record<string, number | boolean | string | readonly number[]>>;

/** Options as rules receive them: of the default's type, not its literal value. */
export type Widened<P> = {
  readonly [K in keyof P]: P[K] extends number
    ? number
    : P[K] extends boolean
      ? boolean
      : P[K] extends string
        ? string
        : P[K];
};

/** A value, or a function that computes it from the shapes and dtypes of inputs and outputs, and the options. */
type OrRule<T, N extends string, P> = T | ((tensors: Readonly<Record<N, Spec>>, options: Widened<P>) => T);

/** Shape of an output, or shape and dtype. */
export type Outcome = Shape | { readonly shape: Shape; readonly dtype?: DType };

export type Rule<I extends string, P> = (inputs: Readonly<Record<I, Spec>>, options: Widened<P>) => Outcome;

/** The definition of an op with its own kernel. */
export interface CustomDefinition<
  I extends readonly string[],
  Y extends Readonly<Record<string, unknown>>,
  P extends Options,
> {
  /**
   * Names of the inputs, in the order of the arguments. The kernel reads `x(i)`: element i in row-major order, whatever
   * the memory layout of x.
   */
  readonly inputs: I;
  /**
   * For each output, a function of the inputs' shapes and dtypes, by name, and the options. It returns the output's
   * shape, or `{ shape, dtype }`. The default dtype is that of the first input. The kernel must store each element
   * exactly once: `y_store(i, value);`. If several invocations contribute to an element, one of them stores it.
   */
  readonly outputs: Y & Readonly<Record<string, Rule<I[number], P>>>;
  /**
   * WGSL statements that every invocation runs. They may use the inputs and outputs, the constants, `functions`,
   * `memory`, and the built-ins `id` (global_invocation_id, vec3u), `group` (workgroup_id, vec3u) and `lane`
   * (local_invocation_index, u32). Elements of f16 are read and stored as f32.
   */
  readonly wgsl: string;
  /**
   * WGSL declarations for `wgsl`: `fn`, `struct`, `alias`, `const`, `var<private>`. They may use the same names as
   * `wgsl` except `id`, `group` and `lane`.
   */
  readonly functions?: string;
  /**
   * Numbers and booleans, such as sizes, by their names in WGSL. Each converts to any WGSL type that can hold it: with
   * A = 3, `A * x(0)` is a float and `id.x + A` a u32. Whole numbers divide like integers among themselves: with B = 2,
   * `A / B` is 1, and `f32(A) / B` is 1.5.
   */
  readonly constants?: OrRule<Readonly<Record<string, number | boolean>>, I[number] | (keyof Y & string), P>;
  /** Options and their defaults, which fix their types: numbers, booleans, strings or lists of numbers. */
  readonly options?: P;
  /** Allowed dtypes of inputs, by name, one or a list; default f32 and f16. */
  readonly dtypes?: { readonly [K in I[number]]?: DType | readonly DType[] };
  /**
   * How many invocations run the body: a number, and `id.x` counts up to it; or a list of up to three, for `id.x`,
   * `id.y` and `id.z`. Default: one invocation per element of the first output.
   */
  readonly invocations?: OrRule<number | readonly number[], I[number] | (keyof Y & string), P>;
  /**
   * Instead of `invocations`: how many workgroups run, a number or up to three. All of their invocations run the body,
   * so it may use barriers.
   */
  readonly workgroups?: OrRule<number | readonly number[], I[number] | (keyof Y & string), P>;
  /** Invocations per workgroup, a number or up to three; default 64. */
  readonly workgroupSize?: OrRule<number | readonly number[], I[number] | (keyof Y & string), P>;
  /** Arrays in workgroup memory, by name; only with `workgroups`. Initially zero. */
  readonly memory?: OrRule<
    Readonly<Record<string, { readonly type: string; readonly length: number }>>,
    I[number] | (keyof Y & string),
    P
  >;
  /** Arithmetic operations per run, shown by `inspect`; default one per invocation. */
  readonly flops?: OrRule<number, I[number] | (keyof Y & string), P>;
  /**
   * For each input, a function that returns its gradient: a tensor of the input's shape and dtype. It receives all
   * tensors by name: inputs, outputs, and the gradients of outputs (`dy` for y). Work common to several gradients is
   * done once. Inputs without a function are treated as constants. Without `gradient`, `grad` through the op throws.
   */
  readonly gradient?: {
    readonly [K in I[number]]?: (
      tensors: Readonly<Record<I[number] | (keyof Y & string) | `d${keyof Y & string}`, Tensor>>,
      options: Widened<P>,
    ) => Tensor;
  };
  /**
   * The op in float64, for `tilegrad/reference` and `checkOp`: returns the output's elements, row-major, or several
   * outputs by name. It receives inputs by name, each with `shape`, `dtype` and `data`, a Float64Array.
   */
  readonly reference?: (
    inputs: Readonly<Record<I[number], Values>>,
    options: Widened<P>,
  ) => ArrayLike<number> | Readonly<Record<keyof Y & string, ArrayLike<number>>>;
}

/** A definition with unspecific types. */
export type Loose = CustomDefinition<
  readonly string[],
  Readonly<Record<string, (inputs: Specs, options: Attrs) => Outcome>>,
  Options
>;

/** A validated definition. */
export interface Checked extends Omit<Custom, "sizes"> {
  readonly rules: Readonly<Record<string, (inputs: Specs, options: Attrs) => Outcome>>;
  readonly defaults: Options;
  /** Allowed dtypes of each input. */
  readonly dtypes: ReadonlyMap<string, readonly DType[]>;
  readonly gradient:
    | Readonly<Record<string, (tensors: Readonly<Record<string, Tensor>>, options: Attrs) => Tensor>>
    | undefined;
  readonly reference: ((inputs: Readonly<Record<string, Values>>, options: Attrs) => unknown) | undefined;
  readonly given: Given;
  readonly known: Names;
}

/** Parts that may be a value or a function of specs and options. */
const parts = ["constants", "memory", "invocations", "workgroups", "workgroupSize", "flops"] as const;
type Part = (typeof parts)[number];
type Given = Readonly<Partial<Record<Part, unknown>>>;

/** Refuses an invalid definition before it is applied. */
export function checkCustom(name: string, definition: Loose): Checked {
  const known = new Names("customOp", name);
  const op = `customOp ${name}`;
  const { inputs, outputs, wgsl, functions, options, dtypes, gradient, reference, ...given } = optionsOf(
    op,
    definition,
    {
      inputs: undefined,
      outputs: undefined,
      wgsl: undefined,
      functions: "",
      constants: undefined,
      options: undefined,
      dtypes: undefined,
      invocations: undefined,
      workgroups: undefined,
      workgroupSize: undefined,
      memory: undefined,
      flops: undefined,
      gradient: undefined,
      reference: undefined,
    },
  );
  for (const input of checkList<string>(op, "inputs", inputs)) known.take(input, "input");
  checkObject(op, "outputs", outputs, "an object with a function for each output");
  const results = Object.keys(outputs);
  if (results.length === 0) refuse(op, "outputs", outputs, "an object with a function for each output");
  for (const output of results) {
    known.take(output, "output");
    checkFunction(op, `outputs.${output}`, outputs[output]);
    if (inputs.includes(`d${output}`))
      throw new AttributeError(`${op}: input "d${output}" is taken: it is the gradient of output "${output}"`);
  }
  for (const tensor of [...inputs, ...results]) known.take(`${tensor}_data`, "buffer");
  for (const output of results) known.take(`${output}_store`, "function");

  checkText(op, "wgsl", wgsl);
  const declared = declarationsOf(op, functions);
  for (const { name } of declared) known.take(name, "function");
  for (const output of results) {
    if (![wgsl, ...declared.map(({ text }) => text)].some((text) => calls(text, `${output}_store`)))
      throw new AttributeError(`${op}: wgsl never stores output "${output}", expected ${output}_store(i, value);`);
  }
  for (const part of parts) {
    const value = given[part];
    if (value !== undefined && typeof value !== "function") checkPart(op, part, value, (...own) => known.take(...own));
  }
  if (given.workgroups !== undefined && given.invocations !== undefined)
    throw new AttributeError(`${op}: invocations and workgroups are both given, expected one of them`);
  if (given.memory !== undefined && given.workgroups === undefined)
    throw new AttributeError(
      `${op}: memory is given, expected workgroups as well: with invocations, some return before a barrier`,
    );

  if (options !== undefined) checkObject(op, "options", options, "an object of defaults");
  for (const [option, value] of Object.entries(options ?? {})) checkPlain(op, `options.${option}`, value);
  for (const [what, names] of Object.entries({ dtypes, gradient })) {
    if (names !== undefined) checkObject(op, what, names, "an object with names of inputs as keys");
    const stranger = Object.keys(names ?? {}).find((name) => !inputs.includes(name));
    if (stranger !== undefined) throw new AttributeError(`${op}: ${what}: ${noSuch("input", stranger, inputs)}`);
  }
  for (const [input, rule] of Object.entries(gradient ?? {})) checkFunction(op, `gradient.${input}`, rule);
  if (reference !== undefined) checkFunction(op, "reference", reference);
  const among = inputs.map((input) => [input, dtypesOf(op, input, dtypes?.[input])] as const);
  return {
    name,
    inputs: [...inputs],
    outputs: results,
    rules: { ...outputs },
    wgsl,
    functions,
    declared,
    defaults: { ...options },
    dtypes: new Map(among),
    halves: among.every(([, may]) => may.includes("f16") || !may.includes("f32")),
    gradient: gradient as Checked["gradient"],
    reference,
    given,
    known,
  };
}

function dtypesOf(op: string, input: string, given: DType | readonly DType[] = floats): readonly DType[] {
  const list = typeof given === "string" ? [given] : checkList<DType>(op, `dtypes.${input}`, given);
  if (list.length === 0) refuse(op, `dtypes.${input}`, list, "at least one");
  for (const dtype of list) checkDType(`${op}: dtypes.${input}`, dtype);
  return list;
}

/** What functions of a definition receive, in words. */
export const receives = (names: readonly string[]): string => `({ ${names.join(", ")} }, options)`;

/** Sizes of the kernel for given tensors and options, validated. */
export function sizesOf(name: string, { given, known, outputs }: Checked, specs: Specs, options: Attrs): Sizes {
  const value = <T>(part: Part, or: T): T => {
    const rule = given[part];
    if (typeof rule !== "function") return (rule ?? or) as T;
    const made = called(`customOp ${name}: ${part}`, receives(Object.keys(specs)), () => rule(specs, options));
    if (part === "constants")
      for (const [own, constant] of Object.entries(Object(made)))
        if (constant === undefined)
          throw new AttributeError(`${name}: the function for constants gave undefined for ${own}`);
    checkPart(name, part, made, (...own) => known.check(...own));
    return made;
  };
  const workgroup = threeOf(value<Count>("workgroupSize", 64));
  const invocations = listOf(value<Count>("invocations", sizeOf(specs[outputs[0]!]!.shape)));
  const inGroups = given["workgroups"] !== undefined;
  const [x, y, z] = threeOf(invocations);
  const workgroups = inGroups
    ? threeOf(value<Count>("workgroups", 1))
    : ([Math.ceil(x / workgroup[0]), Math.ceil(y / workgroup[1]), Math.ceil(z / workgroup[2])] as const);
  const constants = Object.entries(value<Readonly<Record<string, number | boolean>>>("constants", {}));
  const memory = Object.entries(value<Readonly<Record<string, { type: string; length: number }>>>("memory", {}));
  return {
    workgroup,
    workgroups,
    invocations: inGroups ? undefined : invocations,
    constants: Object.fromEntries(constants.map(([name, value]) => [name, String(value)])),
    memory: memory.map(([name, array]) => ({ name, ...array })),
    flops: value("flops", inGroups ? sizeOf(workgroups) * sizeOf(workgroup) : sizeOf(invocations)),
  };
}

type Count = number | readonly number[];

const listOf = (given: Count): readonly number[] => (typeof given === "number" ? [given] : given);

function threeOf(given: Count): readonly [number, number, number] {
  const [x = 1, y = 1, z = 1] = listOf(given);
  return [x, y, z];
}

/** Refuses invalid constants, memory and counts. @param checkName refuses invalid names. */
function checkPart(op: string, part: Part, value: unknown, checkName: (name: string, kind: string) => void): void {
  switch (part) {
    case "constants":
      checkObject(op, part, value, "{ NAME: number }");
      for (const [name, constant] of Object.entries(value as object)) {
        checkName(name, "constant");
        if (typeof constant !== "boolean" && !Number.isFinite(constant))
          refuse(op, `constants.${name}`, constant, "a finite number or a boolean");
      }
      return;
    case "memory":
      checkObject(op, part, value, "{ name: { type, length } }");
      for (const [name, array] of Object.entries(value as object)) {
        checkName(name, "memory");
        const { type, length } = optionsOf(`${op}: memory.${name}`, array as { type: string; length: number }, {
          type: undefined,
          length: undefined,
        });
        checkChoice(op, `memory.${name}.type`, type, Object.keys(bytesOf));
        checkWhole(op, `memory.${name}.length`, length);
      }
      return;
    case "flops":
      checkWhole(op, part, value as number, 0);
      return;
    default:
      if (Array.isArray(value) && (value.length === 0 || value.length > 3))
        refuse(op, part, value, "a whole number, or up to three");
      for (const n of Array.isArray(value) ? value : [value]) checkWhole(op, part, n, 1, 2 ** 32 - 1);
  }
}

/** Refuses options that are not plain data, since nodes are compared by their options. */
export function checkPlain(op: string, name: string, value: unknown): void {
  const isPlain = /^(boolean|string)$/.test(typeof value) || Number.isFinite(value);
  if (!(Array.isArray(value) ? value.every(Number.isFinite) : isPlain))
    refuse(op, name, value, "a finite number, a boolean, a string or a list of finite numbers");
}
