import { bytesPer, type DType, rowMajor, type Shape } from "./shape.ts";
import type { Attrs, Node, Source, Spec, Tensor, TensorData } from "./tensor.ts";

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
  infer(inputs: readonly Tensor[], attrs: Attrs): readonly Spec[];
  /**
   * Vector-Jacobian product: the gradients of the inputs from those of the results, as new nodes. `undefined` means "no
   * gradient" on either side. Ops without it are not differentiable; their inputs get no gradient.
   */
  vjp?(node: Node, grads: readonly (Tensor | undefined)[]): readonly (Tensor | undefined)[];
  /** For ops that only view their input: the result as a view of it, or `undefined` where a copy is needed. */
  view?(node: Node, input: View): View | undefined;
  /** The kernels that compute the results. Pure: it neither encodes nor allocates. */
  lower?(node: Node, to: Lowering): readonly KernelCall[];
  /** Present on pointwise ops: see `ops/pointwise.ts`. */
  readonly pointwise?: PointwiseRule;
  /**
   * For kernels that can run a chain of pointwise ops on the op's only result before storing it: the number of the op's
   * own inputs. The fuse pass then creates a node of the same op with `attrs.epilogue`, a program whose first input is
   * that result and whose other inputs follow the op's own.
   */
  readonly epilogueAfter?: number;
  /**
   * Whether a chain of pointwise ops may compute the elements of a node's first input as they are read. The fuse pass
   * then creates a node of the same op with `attrs.prologue`, a program whose inputs replace that one.
   */
  takesPrologue?(node: Node): boolean;
  /** Whether the kernel can also store the prologue's result: as its last result, where `attrs.kept` is set. */
  readonly keepsPrologue?: boolean;
  /** A simpler form of the sum of two results of this op, if there is one. */
  plus?(a: Node, b: Node): Tensor | undefined;
  /** A simpler form of the node's result with its axes permuted, if there is one. `axes` as in `permute`. */
  permuted?(node: Node, axes: readonly number[]): Tensor | undefined;
  /** Whether `attrs.to` may request an f32 result of f16 operands. */
  readonly widens?: boolean;
  /** Whether a node's results lie side by side in a buffer of their own. */
  sideBySide?(node: Node): boolean;
  /**
   * What mixed precision does with the op: "half" casts its operands to f16, because this op gets faster; "operands"
   * follows the type of its operands, as views and pointwise ops without `wide` also do. All others compute in f32.
   */
  readonly precision?: "half" | "operands";
  /** Allowed ranges of integer inputs. Values fed to a program are checked against them before anything runs. */
  bounds?(node: Node): readonly Bounds[];
  /** Detail to print after the op's name in labels. */
  describe?(node: Node): string;
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
  wgsl(args: readonly string[], attrs: Attrs, at: IndexNames): string;
  /** The same in float64, for the reference executor and constant folding. @param dtype that of the last operand. */
  js(args: readonly number[], attrs: Attrs, index: number, dtype: DType): number;
  /** WGSL functions that the expression calls. */
  readonly lib?: readonly string[];
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

/** Names of the element's position in the kernel text. */
export interface IndexNames {
  /** Row-major position in the result, of type U. */
  readonly index: string;
}

/** A planned buffer, before it has memory. */
export interface VirtualBuffer {
  readonly id: number;
  readonly kind: "input" | "variable" | "constant" | "scratch";
  /** What it holds, in words. */
  readonly role: string;
  readonly bytes: number;
  /** Constants only: their bytes. */
  readonly data?: Uint8Array;
  /** Scratch that keeps its memory for the whole run: program outputs and arenas. */
  readonly pinned?: boolean;
}

/** A buffer's elements seen as a tensor. `offset` and `strides` count elements; stride 0 repeats. */
export interface View {
  readonly buffer: VirtualBuffer;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly strides: readonly number[];
  /** First element, counted from `base`. */
  readonly offset: number;
  /** Byte offset of the tensor's home in the buffer: a multiple of 256, so that it can be bound. */
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

/** One dispatch, as data. The bindings are those of group 0, in this order. */
export interface KernelCall {
  /** Composed of op, shapes, epilogue and dtype: `matmul[64x128x784]+add+relu:f32`. */
  readonly label: string;
  /**
   * Path of the layer it computes, gradients included: `encoder.0`. For a fused kernel, the layer of its product,
   * convolution or reduction, else of its first node; for a merged dispatch, all of them: `0 | 2`. Empty outside of
   * layers.
   */
  readonly layer?: string;
  readonly family: string;
  readonly variant: string;
  readonly wgsl: string;
  readonly bindings: readonly Binding[];
  readonly workgroups: readonly [number, number, number];
  /** Invocations that have work to do, counted along x first; absent where unknown. */
  readonly invocations?: number;
  /** Arithmetic operations, and the fewest bytes that must move. */
  readonly flops: number;
  readonly bytes: number;
  /** Present where several variants were possible. */
  readonly choices?: readonly Choice[];
}

/** A choice of a kernel variant, and the problem it depends on. */
export interface Choice {
  /**
   * Family, sizes and layout: `matmul m=64 n=128 k=784 …`. Equal problems have the same fastest variant on an adapter.
   */
  readonly problem: string;
  /** Names of the variants that are correct here, the plainest first. */
  readonly variants: readonly string[];
}

/**
 * Kernel variants by family that override the chooser, for tests and measurements. A variant that does not fit a
 * problem is an error; with `{ ifFits }` the chooser decides instead. `"*"` stands for all families that have the
 * variant, wherever it fits.
 */
export type Forced = Readonly<Record<string, string | { readonly ifFits: string }>>;

/** What the choice of a kernel may depend on. Plain data, so tests can make their own. */
export interface AdapterTraits {
  /** A CPU posing as a GPU: barriers and workgroup memory are slow on it. */
  readonly cpu: boolean;
  /** Size of the smallest subgroup, where the adapter reports it: SwiftShader 4, lavapipe with AVX2 8. */
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
  /** `family/variant`s that compute wrong results on this adapter. */
  readonly avoid?: ReadonlySet<string>;
  /** `problem → variant`, measured to be the fastest here. */
  readonly tuned?: ReadonlyMap<string, string>;
  /** Called with each choice. */
  readonly onChoice?: (choice: Choice) => void;
}

/** What the pass offers to an op's `lower`. */
export interface Lowering {
  readonly traits: AdapterTraits;
  /** Where the tensor lies: buffer, strides, offset. */
  view(tensor: Tensor): View;
  /** The same, row-major from the start of its home; copies where it is not. */
  contiguous(tensor: Tensor): View;
  /**
   * Where to write result `i`, row-major; `undefined` where nobody reads it. A result without a place takes that of
   * `over`, an input of the same size in bytes that dies here.
   */
  result(i: number, over?: Tensor): View | undefined;
  /** A place for intermediate values of this node. */
  scratch(role: string, shape: Shape, dtype: DType): View;
  /** Numbers uploaded once. One role and shape always means the same numbers. */
  constant(role: string, shape: Shape, dtype: DType, fill: (data: TensorData) => void): View;
  /** Whether this node is the last to read the tensor's memory, so that a result may overwrite it. */
  dies(tensor: Tensor): boolean;
}

/** Elements in the memory behind a view. */
export const lengthOf = ({ span, dtype }: View): number => span / bytesPer(dtype);

/** Whether a view is row-major without gaps, at any offset. */
export function isRowMajor(view: View): boolean {
  const wanted = rowMajor(view.shape);
  return view.shape.every((n, axis) => n === 1 || view.strides[axis] === wanted[axis]);
}

/** How many of a node's inputs belong to the op itself or its prologue; those of its epilogue follow. */
export const ownInputs = ({ op, inputs, attrs: { prologue, epilogue } }: Node): number =>
  prologue ? prologue.inputs.length + op.epilogueAfter! - 1 : epilogue ? op.epilogueAfter! : inputs.length;
