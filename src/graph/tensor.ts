import { AttributeError, refuse, StateError } from "../errors.ts";
import { currentLayer } from "../layer.ts";
import { checkDType, checkShape, type DType, type Shape, showShape, sizeOf } from "./shape.ts";

/** Shape and dtype of one result, known before anything is computed. */
export interface Spec<D extends DType = DType> {
  readonly shape: Shape;
  readonly dtype: D;
}

/** Attributes are plain data, so that nodes can be printed, compared and hashed. */
// biome-ignore lint/suspicious/noExplicitAny: each op knows the type of its own attributes
export type Attrs = Readonly<Record<string, any>>;

/**
 * A value that a program can compute: result `index` of `node`. Tensors are immutable descriptions: building them uses
 * no GPU, and you never dispose of them. `D` is the dtype where TypeScript knows it; a `Tensor<"f32">` is a `Tensor`.
 */
export class Tensor<D extends DType = DType> implements Spec<D> {
  readonly node: Node;
  readonly index: number;
  readonly shape: Shape;
  readonly dtype: D;

  constructor(node: Node, index: number, spec: Spec<D>) {
    this.node = node;
    this.index = index;
    this.shape = spec.shape;
    this.dtype = spec.dtype;
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  get [Symbol.toStringTag](): string {
    return "Tensor";
  }

  /** As text, dtype and shape. Operators throw, since JavaScript would turn the tensor into a number. */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === "string") return `tensor ${this.dtype}${showShape(this.shape)}`;
    throw new AttributeError("tensors have no operators: for x + 1 write add(x, 1)");
  }
}

/** Refuses anything but a tensor, and suggests what may have been meant. */
export function checkTensor(op: string, name: string, value: unknown, expected = "a tensor"): void {
  if (!(value instanceof Tensor)) refuse(op, name, value, `${expected}${hint(value)}`);
}

function hint(value: unknown): string {
  if (typeof value === "function") return ": call it first";
  if (value instanceof Promise) return ": await it first";
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return ": make one with constant(…)";
  const member = Object.entries(Object(value)).find(([, member]) => member instanceof Tensor);
  return member ? `, such as its .${member[0]}` : "";
}

/** Checks all operands of an op. */
export const checkTensors = (op: string, ...operands: readonly unknown[]): void =>
  operands.forEach((operand, i) => {
    checkTensor(op, `operand ${i}`, operand);
  });

/** The number that a tensor repeats, where it is a `full`. */
export const fullValue = ({ node: { op, attrs } }: Tensor): number | undefined =>
  op.source === "constant" ? (attrs["value"] as number | undefined) : undefined;

/** A write at the end of each run of a program: `[variable, its new value]`. */
export type Update = readonly [variable: Variable, value: Tensor];

/**
 * The contract of an op. Passes ask the node for the rule they need, so a new op is a new object of this type and
 * nothing else. `src/README.md` lists the few places that know ops by name.
 */
export interface Op {
  readonly name: string;
  /** Leaves only: where the value comes from. */
  readonly source?: Source;
  /**
   * Shapes and dtypes of the results. Throws a ShapeError, DTypeError or AttributeError that names the op and the
   * shapes.
   */
  infer(inputs: readonly Spec[], attrs: Attrs): readonly Spec[];
  /**
   * Vector-Jacobian product: the gradients of the inputs from those of the results, as new nodes. `undefined` means "no
   * gradient" on either side. Ops without it are not differentiable; their inputs get no gradient.
   */
  vjp?(node: Node, grads: readonly (Tensor | undefined)[]): readonly (Tensor | undefined)[];
  /** For ops that only view their input: the result as a view of it, or `undefined` where a copy is needed. */
  view?<V extends Strided>(node: Node, input: V): V | undefined;
  /**
   * The results as other ops, for an op whose kernels are a choice: `compile` takes it where the adapter has no use for
   * them, and whoever reads or writes graphs takes it always, see `composed` in rewrite.ts.
   */
  compose?(inputs: readonly Tensor[], attrs: Attrs): readonly Tensor[];
  /** How the op runs on a GPU. Opaque here: `src/kernels` makes it and reads it. */
  readonly kernels?: object;
  /** The op by its definition, in float64, where its author is a user: `src/reference` has those of tilegrad's ops. */
  define?(node: Node, inputs: readonly Values[]): readonly Float64Array[];
  /** Present on pointwise ops: see `ops/pointwise/pointwise.ts`. */
  readonly pointwise?: PointwiseRule;
  /** A simpler form of the sum of two results of this op, if there is one. */
  plus?(a: Node, b: Node): Tensor | undefined;
  /** A simpler form of the node's result with its axes permuted, if there is one. `axes` as in `permute`. */
  permuted?(node: Node, axes: readonly number[]): Tensor | undefined;
  /** Allowed ranges of integer inputs. Values fed to a program are checked against them before anything runs. */
  bounds?(node: Node): readonly Bounds[];
  /** Detail to print after the op's name in labels. */
  describe?(node: Node): string;
}

/** A computed tensor: row-major, in float64 whatever its dtype. i32 and u32 tensors hold integers. */
export interface Values extends Spec {
  readonly data: Float64Array;
}

/** Elements of a buffer, walked with strides: `offset` and `strides` count elements, and stride 0 repeats. */
export interface Strided {
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
}

/** Input number `input` holds whole numbers from `low` to `high`, or `except`. */
export interface Bounds {
  readonly input: number;
  readonly low: number;
  readonly high: number;
  readonly except?: number;
}

/** How one element of the result is computed from the same element of each input. */
export interface PointwiseRule {
  /** WGSL expression. Arguments are names of values of type F, I or U (scalar or vec4, so literals are `F(1.0)`). */
  wgsl(args: readonly string[], attrs: Attrs, names: KernelNames): string;
  /** The same in float64, for the reference executor and constant folding. @param dtype that of the last operand. */
  js(args: readonly number[], attrs: Attrs, index: number, dtype: DType): number;
  /** WGSL functions that the expression calls: texts. A function if the text depends on the width of F. */
  readonly lib?: readonly (string | ((width: 1 | 4) => string))[];
  /**
   * Whether f16 operands are computed in f16, with `F` an f16 type. True of operations that f16 instructions round
   * correctly. Otherwise operands are widened, the expression is computed in f32, and its result is rounded.
   */
  readonly half?: boolean;
  /** Whether results may be far larger or smaller than the operands. Mixed precision leaves such an op in f32. */
  readonly wide?: boolean;
  /** Whether the op uses the element's position, as random bits and `iota` do. */
  readonly usesIndex?: boolean;
  /** Arithmetic operations per element, for the roofline. */
  readonly flops: number;
}

/** Names in the kernel text. */
export interface KernelNames {
  /** The element's row-major position in the result, of type U. */
  readonly index: string;
  /** The type of floats that the expression computes in: F, or H where it is computed in f16. */
  readonly float: string;
}

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
 * A chain of pointwise ops as straight-line code over single elements: what a fused kernel computes, what a matmul
 * appends to its sums, what an optimizer does to each weight. See program.ts.
 */
export interface PointwiseProgram {
  readonly inputs: readonly DType[];
  readonly steps: readonly Step[];
  readonly outputs: readonly Ref[];
}

/** Pointwise ops that share a kernel with the op of their node. Made by the fuse pass. */
export interface Fusion {
  /** Makes the elements of the op's first input as they are read. Its inputs replace the op's first input. */
  readonly before?: PointwiseProgram | undefined;
  /** Whether what `before` makes is stored as well: as the last result. */
  readonly keeps?: boolean | undefined;
  /** Runs on the op's only result, its first input. Its other inputs follow those of the op. */
  readonly after?: PointwiseProgram | undefined;
}

let nodesMade = 0;
let differentiated: Node | undefined;

/** Runs a node's rule of differentiation: the nodes it creates belong to that node's gradient. */
export function inGradientOf<T>(node: Node, run: () => T): T {
  const outer = differentiated;
  // A rule may itself differentiate a formula: all that it makes belongs to the node of the rule.
  differentiated ??= node;
  try {
    return run();
  } finally {
    differentiated = outer;
  }
}

/** One application of an op. Ids only grow, so a node's inputs always have smaller ids than the node. */
export class Node {
  readonly id: number = nodesMade++;
  readonly op: Op;
  readonly inputs: readonly Tensor[];
  readonly attrs: Attrs;
  /** Pointwise ops that run in the same kernel. */
  readonly fusion: Fusion | undefined;
  readonly results: readonly Tensor[];
  /** Updates that every program with this node also performs, such as advancing the random key it reads. */
  readonly effects: readonly Update[];
  /**
   * Path of the layer it was created in, "" outside of any. Gradient nodes take that of the node they differentiate.
   */
  readonly layer: string = currentLayer();
  /** The node whose gradient it helps to compute. */
  readonly gradientOf: Node | undefined = differentiated;

  constructor(
    op: Op,
    inputs: readonly Tensor[],
    attrs: Attrs,
    specs: readonly Spec[],
    effects: readonly Update[] = [],
    fusion?: Fusion,
  ) {
    this.op = op;
    this.fusion = fusion;
    this.inputs = inputs;
    this.attrs = attrs;
    this.effects = effects;
    this.results = specs.map((spec, i) => new Tensor(this, i, spec));
  }
}

/** Dtype of an operand of a program. */
export const dtypeOf = (ref: Ref, { inputs, steps }: PointwiseProgram): DType =>
  "input" in ref ? inputs[ref.input]! : "step" in ref ? steps[ref.step]!.dtype : ref.dtype;

/**
 * How many of a fused node's inputs belong to the op itself or to what makes its first input. Those of `after` follow.
 */
export const ownInputs = ({ inputs, fusion }: Pick<Node, "inputs" | "fusion">): number =>
  inputs.length - (fusion?.after ? fusion.after.inputs.length - 1 : 0);

/** Specs of a fused node's results, by the rule of its op. */
function fusedSpecs(op: Op, inputs: readonly Tensor[], attrs: Attrs, fusion: Fusion): readonly Spec[] {
  const { before, keeps, after } = fusion;
  const own: Spec[] = inputs.slice(0, ownInputs({ inputs, fusion }));
  if (before) {
    const [{ shape }] = own as [Spec];
    own.splice(0, before.inputs.length, { shape, dtype: dtypeOf(before.outputs[0]!, before) });
  }
  const results = op.infer(own, attrs);
  const [{ shape }] = results as [Spec];
  return [
    ...(after ? after.outputs.map((ref) => ({ shape, dtype: dtypeOf(ref, after) })) : results),
    ...(keeps ? [own[0]!] : []),
  ];
}

/** Applies an op and returns all its results. The op's own rule checks shapes, dtypes and attributes here. */
export function applyAll(
  op: Op,
  inputs: readonly Tensor[],
  attrs: Attrs = {},
  effects: readonly Update[] = [],
  fusion?: Fusion,
): readonly Tensor[] {
  checkTensors(op.name, ...inputs);
  const specs = fusion ? fusedSpecs(op, inputs, attrs, fusion) : op.infer(inputs, attrs);
  for (const { shape, dtype } of specs) {
    checkShape(op.name, shape);
    checkDType(op.name, dtype);
  }
  return new Node(op, inputs, attrs, specs, effects, fusion).results;
}

/** Applies an op with one result. The caller states its dtype. */
export function apply<D extends DType = DType>(
  op: Op,
  inputs: readonly Tensor[],
  attrs: Attrs = {},
  effects: readonly Update[] = [],
): Tensor<D> {
  return applyAll(op, inputs, attrs, effects)[0] as Tensor<D>;
}

interface Arrays {
  readonly f32: Float32Array;
  readonly f16: Float32Array;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
}

/** The host's typed array for a dtype (Float32Array for f16); any of them by default. */
export type TensorData<D extends DType = DType> = Arrays[D];

/** The dtype of a typed array's elements; f32 for a number or drawn values. */
export type DTypeOf<A extends FirstValues> = A extends Int32Array ? "i32" : A extends Uint32Array ? "u32" : "f32";

/** The host's typed array for each dtype. */
export const arrayOf = { f32: Float32Array, f16: Float32Array, i32: Int32Array, u32: Uint32Array } as const;

/** What makes an op a leaf: where its value comes from. */
export type Source = "input" | "variable" | "constant";

/** Numbers drawn each time they are needed, so they take no memory in between. */
export interface Drawn {
  readonly length: number;
  /** How they are drawn, as plain data. */
  readonly drawing: object;
  /** A new array with them. */
  values(): Float32Array;
}

/** First value of a variable: an array, one number for all elements, or drawn numbers. */
export type FirstValues = TensorData | number | Drawn;

/** The op of variables; only the class below applies it. */
const variableOp: Op = { name: "variable", source: "variable", infer: (_, { spec }) => [spec] };

/**
 * A tensor whose value persists on the GPU from run to run. Only a program's updates and `engine.write` change it.
 * Weights, moments, running statistics, step counters and random keys are all variables: to save a model is to save its
 * variables.
 */
export class Variable<D extends DType = DType> extends Tensor<D> {
  /**
   * @internal Its first value; absent once a given array has moved to a GPU.
   */
  first: FirstValues | undefined;
  /**
   * Variables of one group that first appear in the same program share one buffer, in order of creation. This lets an
   * optimizer treat a whole model as one long vector.
   */
  readonly group: string;
  /**
   * Whether every engine may start from the first value, even after another engine changed it. Random keys do, since
   * their value is only a count. Others refuse, see `checkFirst`.
   */
  readonly restarts: boolean;
  /** Whether optimizers leave it alone: `nn.freeze` sets it, and `minimize` reads it. Absent means false. */
  declare frozen?: boolean;
  /**
   * @internal What shares a buffer with it, where that is not its whole group.
   */
  declare arena?: string;
  #isFirst = true;

  constructor(name: string, spec: Spec<D>, first: FirstValues, group: string, restarts = false) {
    checkShape(`variable "${name}"`, spec.shape);
    checkDType(`variable "${name}"`, spec.dtype);
    super(new Node(variableOp, [], { name, spec }, []), 0, spec);
    (this.node.results as Tensor[]).push(this);
    this.first = first;
    this.group = group;
    this.restarts = restarts;
  }

  /**
   * Its first value, row-major, in a new array.
   * @throws StateError when it was given as an array that has since moved to a GPU. The host keeps only what can be
   * drawn or filled again.
   */
  get initial(): TensorData<D> {
    const { first, dtype } = this;
    if (first === undefined) {
      throw new StateError(
        `the first value of variable "${this.name}" has moved to the GPU: read it with ` +
          "engine.read before the first run, or keep the array",
      );
    }
    const values: TensorData =
      typeof first === "number"
        ? new arrayOf[dtype as DType](sizeOf(this.shape)).fill(first)
        : "drawing" in first
          ? first.values()
          : first.slice();
    return values as TensorData<D>;
  }

  /**
   * @internal Its value has changed, in some engine.
   */
  changed(): void {
    this.#isFirst = this.restarts;
  }

  /**
   * @internal Drops a given array, which the host no longer needs.
   */
  release(): void {
    const { first } = this;
    if (typeof first === "object" && !("drawing" in first) && !this.restarts) this.first = undefined;
  }

  /**
   * @internal @throws StateError unless its value is its first value and is present here. @param remedy what to do
   * about it. @param was what may have happened.
   */
  checkFirst(
    remedy = "copy it with engine.copyFrom(other, model), or write or load it",
    was = "was changed in another engine, or freed",
  ): void {
    if (this.#isFirst && this.first !== undefined) return;
    throw new StateError(`variable "${this.name}" ${was}, so its value is not here: ${remedy}`);
  }

  /** Its path in the first model it was put into ("conv1.weight"), else the name it was created with. */
  get name(): string {
    return this.node.attrs["name"];
  }
}

/** Refuses anything but a variable. */
export function checkVariable(op: string, name: string, value: unknown): void {
  if (!(value instanceof Variable)) refuse(op, name, value, "a variable");
}

/** Refuses anything but a map from names to variables, such as `nn.stateDict(model)`. */
export function checkNamed(op: string, variables: ReadonlyMap<string, Variable>): void {
  if (!(variables instanceof Map)) refuse(op, "the argument", variables, "nn.stateDict(model) or another Map");
  for (const [name, variable] of variables) checkVariable(op, `"${name}"`, variable);
}
