import type { DType, Shape } from "../graph/shape.ts";
import type { Node, Op, PointwiseProgram, Tensor, TensorData } from "../graph/tensor.ts";
import type { KernelCall, View, Written } from "./call.ts";
import type { AdapterTraits } from "./traits.ts";

/** What a node's kernels have to do: the op on its own inputs, and the pointwise ops that run with it. */
export interface Work {
  readonly node: Node;
  /** The op's own inputs. The first is missing where `before` makes it. */
  readonly inputs: readonly Tensor[];
  readonly before?: Before | undefined;
  /** What runs on the op's result, and its further inputs. */
  readonly after?: PointwiseProgram | undefined;
  readonly added: readonly Tensor[];
  /** Results that `after` stores, or those of the op. */
  readonly results: readonly Tensor[];
  /** The result that holds what `before` makes. */
  readonly kept?: Tensor | undefined;
}

/** The pointwise ops that make an op's first input. */
export interface Before {
  readonly program: PointwiseProgram;
  readonly inputs: readonly Tensor[];
  /** Dtype of what they make. */
  readonly dtype: DType;
}

/** How an op runs on a GPU. */
export interface Kernels {
  /** The calls that compute the results. Pure: it neither encodes nor allocates. */
  lower(work: Work, to: Lowering): readonly KernelCall[];
  /** Whether pointwise ops may run on the op's only result before it is stored. */
  readonly after?: boolean;
  /** Whether pointwise ops may make the elements of a node's first input as they are read. */
  before?(node: Node): boolean;
  /** Whether the kernel can also store what they make. */
  readonly keeps?: boolean;
  /** Whether a result lies in one buffer with the others that do. */
  sideBySide?(result: number): boolean;
  /**
   * What mixed precision does with the op: "half" casts its operands to f16, because this op gets faster; "operands"
   * follows the type of its operands, as views and pointwise ops without `wide` also do. All others compute in f32.
   */
  readonly precision?: "half" | "operands";
  /** What a user wrote, of which kernels are made. */
  readonly written?: Written;
  /** Whether `attrs.to` may request an f32 result of f16 operands. */
  readonly widens?: boolean;
}

/** How an op runs; nothing where it has no kernels, as views and leaves. */
export const kernelsOf = ({ kernels }: Op): Kernels | undefined => kernels as Kernels | undefined;

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

/** Where a tensor lies, for kernels that only walk upwards: strides count downwards in flipped views, which are copied. */
export function upwards(tensor: Tensor, to: Lowering): View {
  const view = to.view(tensor);
  return view.strides.some((stride) => stride < 0) ? to.contiguous(tensor) : view;
}
