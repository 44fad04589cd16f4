import { bytesPer, type DType, rowMajor, type Shape } from "./shape.ts";
import type { Attrs, Node, Source, Spec, Tensor, TensorData } from "./tensor.ts";

/**
 * The contract of an op. A pass asks the node for the rule it needs, so a new op is a new object of this form and nothing else.
 * The few places that know ops by name are listed in `src/README.md`.
 */
export interface Op {
  readonly name: string;
  /** Leaves only: where the value comes from. */
  readonly source?: Source;
  /** Shapes and dtypes of the results. Throws a ShapeError, DTypeError or AttributeError that names op and shapes. */
  infer(inputs: readonly Tensor[], attrs: Attrs): readonly Spec[];
  /**
   * Vector-Jacobian product: gradients of the inputs from those of the results, as new nodes. `undefined` stands for "no
   * gradient" on either side. Ops without it are not differentiable, and their inputs get none.
   */
  vjp?(node: Node, grads: readonly (Tensor | undefined)[]): readonly (Tensor | undefined)[];
  /** Ops that only look at their input otherwise: the result as a view of it, or `undefined` where it needs a copy. */
  view?(node: Node, input: View): View | undefined;
  /** The kernels that compute the results. Pure: it neither encodes nor allocates. */
  lower?(node: Node, to: Lowering): readonly KernelCall[];
  /** Present on pointwise ops: see `ops/pointwise.ts`. */
  readonly pointwise?: PointwiseRule;
  /**
   * Set where a chain of pointwise ops may run on the op's only result before it is stored: the number of the op's own inputs.
   * The fuse pass then makes a node of the same op with `attrs.epilogue`, a program whose first input is that result and whose
   * others follow the op's own.
   */
  readonly epilogueAfter?: number;
  /**
   * Whether a chain of pointwise ops may make the elements of a node's first input as they are read. The fuse pass then makes a node of
   * the same op with `attrs.prologue`, a program over inputs that take the place of that one.
   */
  takesPrologue?(node: Node): boolean;
  /** Whether the kernel can store what the prologue makes, too: as its last result, where `attrs.kept` is set. */
  readonly keepsPrologue?: boolean;
  /** The sum of two results of this op, where there is a simpler way to it than adding. */
  plus?(a: Node, b: Node): Tensor | undefined;
  /** A node's result with its axes in another order, as `permute` says it, where there is a simpler way to it. */
  permuted?(node: Node, axes: readonly number[]): Tensor | undefined;
  /** Whether `attrs.to` may ask for an f32 result of f16 operands. */
  readonly widens?: boolean;
  /** Whether a node's results lie side by side in one buffer of their own. */
  sideBySide?(node: Node): boolean;
  /**
   * What mixed precision does with the op: "half" casts its operands to f16, since that is where time is won; "operands" leaves
   * it to the type of its operands. All others are computed in f32, but views and pointwise ops without `wide` follow their
   * operands, too.
   */
  readonly precision?: "half" | "operands";
  /** Ranges that integer inputs must keep to. Values fed to a program are checked against them before anything runs. */
  bounds?(node: Node): readonly Bounds[];
  /** What to print in a label after the op's name. */
  describe?(node: Node): string;
}

/** Input number `input` holds whole numbers from `low` to `high`, or `except`. */
export interface Bounds {
  readonly input: number;
  readonly low: number;
  readonly high: number;
  readonly except?: number;
}

/** How one element of the result follows from the same element of each input. */
export interface PointwiseRule {
  /** WGSL expression; arguments are names of values of type F, I or U (scalar or vec4, so literals are `F(1.0)`). */
  wgsl(args: readonly string[], attrs: Attrs, at: IndexNames): string;
  /** The same in float64, for the reference executor and for folding constants. @param dtype that of the last operand. */
  js(args: readonly number[], attrs: Attrs, index: number, dtype: DType): number;
  /** WGSL functions that the expression calls. */
  readonly lib?: readonly string[];
  /**
   * Whether f16 operands are computed with in f16: `F` in the text is an f16 type then. Otherwise they are widened, the text is
   * computed in f32, and its result rounded. True of what f16 instructions round correctly.
   */
  readonly half?: boolean;
  /** Whether results may be far larger or smaller than operands, so that mixed precision leaves the op in f32. */
  readonly wide?: boolean;
  /** Whether the element's own position enters: random bits and `iota`. */
  readonly usesIndex?: boolean;
  /** Arithmetic operations an element costs, for the roofline. */
  readonly flops: number;
}

/** Names that stand for the element's position in the text of a kernel. */
export interface IndexNames {
  /** Row-major position in the result, of type U. */
  readonly index: string;
}

/** A buffer of the plan, before it has memory. */
export interface VirtualBuffer {
  readonly id: number;
  readonly kind: "input" | "variable" | "constant" | "scratch";
  /** What it is for, in words. */
  readonly role: string;
  readonly bytes: number;
  /** Constants: their bytes. */
  readonly data?: Uint8Array;
  /** Scratch that keeps its memory for the whole run: program outputs and arenas. */
  readonly pinned?: boolean;
}

/** Elements of a buffer seen as a tensor. `offset` and `strides` count elements; a stride of 0 repeats. */
export interface View {
  readonly buffer: VirtualBuffer;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly strides: readonly number[];
  /** First element, counted from `base`. */
  readonly offset: number;
  /** Byte at which the tensor's home begins in the buffer: a multiple of 256, so that it can be bound. */
  readonly base: number;
  /** Bytes of that home, a multiple of 16. */
  readonly span: number;
}

export interface Binding {
  readonly buffer: VirtualBuffer;
  /** Bytes. */
  readonly offset: number;
  readonly size: number;
  readonly access: "read" | "read_write";
}

/** One dispatch, as data. Bindings stand in group 0, in this order. */
export interface KernelCall {
  /** Composed of op, shapes, epilogue and dtype: `matmul[64x128x784]+add+relu:f32`. */
  readonly label: string;
  /**
   * Path of the layer that it computes, gradients included: `encoder.0`. Of a call made of several layers' nodes that of the product,
   * convolution or reduction, else of the first; of calls that share a dispatch `0 | 2`. Empty outside of layers.
   */
  readonly layer?: string;
  readonly family: string;
  readonly variant: string;
  readonly wgsl: string;
  readonly bindings: readonly Binding[];
  readonly workgroups: readonly [number, number, number];
  /** How many invocations have something to do, the first along x; absent where not known. */
  readonly invocations?: number;
  /** Arithmetic operations, and bytes that must be moved at least once. */
  readonly flops: number;
  readonly bytes: number;
  /** Where the node had a choice of variants. */
  readonly choices?: readonly Choice[];
}

/** A choice of a kernel variant, and what it depended on. */
export interface Choice {
  /** Family, sizes and layout: `matmul m=64 n=128 k=784 …`. Equal problems have one fastest variant on an adapter. */
  readonly problem: string;
  /** Names of the variants that are right here, the plainest first. */
  readonly variants: readonly string[];
}

/**
 * Kernel variants by family, which override the chooser: for tests and for measuring. One that does not fit a problem is an error, but
 * for `{ ifFits }`, which leaves such problems to the chooser. `"*"` stands for all families, wherever they have it and it fits.
 */
export type Forced = Readonly<Record<string, string | { readonly ifFits: string }>>;

/** What the choice of a kernel may depend on. Plain data: a test makes its own. */
export interface AdapterTraits {
  /** A processor pretending to be a GPU: barriers and workgroup memory are slow there. */
  readonly cpu: boolean;
  /** Invocations of the smallest subgroup, where the adapter tells: SwiftShader 4, lavapipe with AVX2 8. */
  readonly lanes?: number;
  readonly maxStorageBuffers: number;
  readonly maxInvocations: number;
  readonly maxWorkgroupBytes: number;
  readonly maxWorkgroups: number;
  /** Bytes of the largest binding, and of the largest buffer. */
  readonly maxBinding: number;
  readonly maxBuffer: number;
  readonly features: ReadonlySet<string>;
  readonly forced?: Forced;
  /** `family/variant`s that this adapter was found to get wrong. */
  readonly avoid?: ReadonlySet<string>;
  /** `problem → variant`, as found fastest here by measuring. */
  readonly tuned?: ReadonlyMap<string, string>;
  /** Is told of each choice. */
  readonly onChoice?: (choice: Choice) => void;
}

/** What `lower` may ask of the pass that calls it. */
export interface Lowering {
  readonly traits: AdapterTraits;
  /** Where the tensor lies, strides and all. */
  view(tensor: Tensor): View;
  /** The same row-major from the beginning of its home; a copy is made where it is not so already. */
  contiguous(tensor: Tensor): View;
  /**
   * The place of result `i`, row-major; `undefined` where nobody reads it. A result without a place of its own yet takes that
   * of `over`, an input that dies here and has the same bytes.
   */
  result(i: number, over?: Tensor): View | undefined;
  /** A place for intermediate values of this node. */
  scratch(role: string, shape: Shape, dtype: DType): View;
  /** Numbers that are uploaded once. Those of one role and shape are the same wherever they are asked for. */
  constant(role: string, shape: Shape, dtype: DType, fill: (data: TensorData) => void): View;
  /** Whether this node is the last to read the tensor's memory, so that a result may take its place. */
  dies(tensor: Tensor): boolean;
}

/** Elements of the memory that a view shows some of. */
export const lengthOf = ({ span, dtype }: View): number => span / bytesPer(dtype);

/** Whether a view is row-major without gaps, starting wherever it starts. */
export function isRowMajor(view: View): boolean {
  const wanted = rowMajor(view.shape);
  return view.shape.every((n, axis) => n === 1 || view.strides[axis] === wanted[axis]);
}

/** How many of a node's inputs are the op's own, or its prologue's, in front of those of its epilogue. */
export const ownInputs = ({ op, inputs, attrs: { prologue, epilogue } }: Node): number =>
  prologue ? prologue.inputs.length + op.epilogueAfter! - 1 : epilogue ? op.epilogueAfter! : inputs.length;
