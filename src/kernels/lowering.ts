import type { DType, Shape } from "../graph/shape.ts";
import type { Node, Op, PointwiseProgram, Tensor, TensorData } from "../graph/tensor.ts";
import type { KernelCall, View, Written } from "./call.ts";
import type { AdapterTraits } from "./traits.ts";

/** The work of a node's kernels: the op, and the pointwise ops fused with it. */
export interface Work {
  readonly node: Node;
  /** The op's own inputs. Without the first if `before` computes it. */
  readonly inputs: readonly Tensor[];
  readonly before?: Before | undefined;
  /** Pointwise ops on the op's result, and their further inputs. */
  readonly after?: PointwiseProgram | undefined;
  readonly added: readonly Tensor[];
  /** The results stored: those of `after`, or of the op. */
  readonly results: readonly Tensor[];
  /** The result that stores the value of `before`. */
  readonly kept?: Tensor | undefined;
}

/** Pointwise ops that compute an op's first input. */
export interface Before {
  readonly program: PointwiseProgram;
  readonly inputs: readonly Tensor[];
  /** Dtype of their result. */
  readonly dtype: DType;
}

/** How an op runs on a GPU. */
export interface Kernels {
  /** The calls that compute the results. Pure: encodes and allocates nothing. */
  lower(work: Work, to: Lowering): readonly KernelCall[];
  /** Whether the ops that the node is composed of run on this adapter, in place of its kernels: see `Op.compose`. */
  composes?(node: Node, traits: AdapterTraits): boolean;
  /** Whether pointwise ops may run on the op's only result before it is stored. */
  readonly after?: boolean;
  /** Whether pointwise ops may compute the elements of the node's first input as they are loaded. */
  before?(node: Node): boolean;
  /** Whether the kernel can also store these elements. */
  readonly keeps?: boolean;
  /** Whether a result shares a buffer with the other results for which this is true. */
  sideBySide?(result: number): boolean;
  /**
   * What mixed precision does with the op: "half" casts its operands to f16, because this op gets faster; "operands"
   * follows the type of its operands, as views and pointwise ops without `wide` also do; "first" leaves only the first
   * operand in f16, whose type the result has. All others compute in f32.
   */
  readonly precision?: "half" | "operands" | "first";
  /** The user-written WGSL in these kernels. */
  readonly written?: Written;
  /** Whether `attrs.to` may request an f32 result from f16 operands. */
  readonly widens?: boolean;
  /** Whether `attrs.to` may request an f16 result from f32 operands, as mixed precision then does. */
  readonly narrows?: boolean;
}

/** How an op runs; undefined for views and leaves, which have no kernels. */
export const kernelsOf = ({ kernels }: Op): Kernels | undefined => kernels as Kernels | undefined;

/** What the pass provides to an op's `lower`. */
export interface Lowering {
  readonly traits: AdapterTraits;
  /** The tensor's buffer, strides and offset. */
  view(tensor: Tensor): View;
  /** The same, but row-major without offset; copied if necessary. */
  contiguous(tensor: Tensor): View;
  /**
   * Where to write result `i`, row-major; `undefined` if it is never read. Unless it already has a place, the result
   * reuses the memory of `over`, an input of equal size in bytes whose last use is here.
   */
  result(i: number, over?: Tensor): View | undefined;
  /** Memory for this node's intermediate values. */
  scratch(role: string, shape: Shape, dtype: DType): View;
  /** Numbers uploaded once. Equal role and shape must mean equal numbers. */
  constant(role: string, shape: Shape, dtype: DType, fill: (data: TensorData) => void): View;
  /** Whether this node is the last to read the tensor's memory, so that a result may reuse it. */
  dies(tensor: Tensor): boolean;
}

/** A tensor's view for kernels that handle only positive strides: flipped views are copied. */
export function upwards(tensor: Tensor, to: Lowering): View {
  const view = to.view(tensor);
  return view.strides.some((stride) => stride < 0) ? to.contiguous(tensor) : view;
}
