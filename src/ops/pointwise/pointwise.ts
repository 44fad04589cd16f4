import { DTypeError, ShapeError } from "../../errors.ts";
import {
  broadcastShapes,
  checkValue,
  type DType,
  type Float,
  floats,
  type Shape,
  sameShape,
  showShape,
} from "../../graph/shape.ts";
import {
  type Attrs,
  apply,
  checkTensor,
  type KernelNames,
  type Op,
  type PointwiseRule,
  type Spec,
  Tensor,
} from "../../graph/tensor.ts";
import { pointwiseKernels } from "../../kernels/elementwise.ts";
import { expand } from "../moves/views.ts";
import { full } from "../sources/constants.ts";

/** A tensor, or a number that is broadcast. */
export type Operand<D extends DType = DType> = Tensor<D> | number;

/** The row that defines a pointwise op. See CONTRIBUTING.md for how to add one. */
export interface PointwiseRow {
  /**
   * WGSL expression over the operands, of type F (f32), I (i32) or U (u32), each scalar or vec4. Rows with `half` get
   * one more argument: the float type to compute in, F or H.
   */
  wgsl(...args: string[]): string;
  /** The same in float64. */
  js(...args: number[]): number;
  /** The same for integers, if it differs. Results are truncated to 32 bits. */
  whole?(...args: number[]): number;
  /**
   * Gradients of the operands from that of the result. Use the result `y` where possible, so that the operands can be
   * freed. Omit it for ops without a gradient.
   */
  vjp?(dy: Tensor, y: Tensor, ...args: Tensor[]): readonly (Tensor | undefined)[];
  /** WGSL functions that `wgsl` calls, each a complete declaration in terms of F, I and U. */
  lib?: PointwiseRule["lib"];
  /** Dtype of the result; default: that of the operands. */
  result?: DType;
  /** Allowed dtypes of operands; default: all. */
  takes?: readonly DType[];
  /** Dtype of the first operand, if it differs from the others (the condition of `where`). */
  first?: DType;
  /** Arithmetic operations per element; default 1. */
  flops?: number;
  /** Whether f16 operands are computed in f16 rather than f32; see `PointwiseRule`. Default false. */
  half?: boolean;
  /** Whether mixed precision keeps the op in f32, because its results may exceed f16. Default false. */
  wide?: boolean;
}

/** Makes the op that a row defines. Its operands have one shape: broadcasting is an `expand` before it. */
export function pointwiseOp(name: string, row: PointwiseRow): Op {
  return attributedOp<Attrs>(name, () => row, row);
}

/** Makes an op from a family of rows: attributes (a slope, a bound) select the row. */
export function attributedOp<A extends Attrs>(
  name: string,
  rowOf: (attrs: A) => PointwiseRow,
  { lib = [], flops = 1, half = false, wide = false }: Pick<PointwiseRow, "lib" | "flops" | "half" | "wide"> = {},
): Op {
  const rule: PointwiseRule = {
    wgsl: (args, attrs, { float }) => rowOf(attrs as A).wgsl(...args, ...(half ? [float] : [])),
    js(args, attrs, _, dtype) {
      const row = rowOf(attrs as A);
      return row.whole && !floats.includes(dtype) ? row.whole(...args) : row.js(...args);
    },
    lib,
    flops,
    half,
    wide,
  };
  const op: Op = {
    name,
    pointwise: rule,
    infer: (inputs, attrs) => [inferPointwise(name, inputs, rowOf(attrs as A))],
    vjp(node, [dy]) {
      const row = rowOf(node.attrs as A);
      return dy && row.vjp ? row.vjp(dy, node.results[0]!, ...node.inputs) : [];
    },
    kernels: pointwiseKernels,
  };
  return op;
}

/** A pointwise op whose value depends on the element's position. */
export function indexedOp(
  name: string,
  result: DType,
  rule: {
    wgsl(args: readonly string[], attrs: Attrs, at: KernelNames): string;
    js(args: readonly number[], attrs: Attrs, index: number): number;
    lib?: PointwiseRule["lib"];
    flops: number;
  },
): Op {
  return {
    name,
    pointwise: { ...rule, usesIndex: true },
    infer: (inputs, { shape }) => [{ shape: (shape as Shape | undefined) ?? inputs[0]!.shape, dtype: result }],
    kernels: pointwiseKernels,
  };
}

function inferPointwise(name: string, inputs: readonly Spec[], row: PointwiseRow) {
  const { shape } = inputs[0]!;
  inputs.forEach((input, i) => {
    if (!sameShape(input.shape, shape)) {
      throw new ShapeError(`${name}: operands differ in shape: ${showShape(shape)} and ${showShape(input.shape)}`);
    }
    const wanted = i === 0 && row.first ? row.first : inputs[row.first ? 1 : 0]!.dtype;
    if (input.dtype !== wanted) throw new DTypeError(`${name}: operand ${i} is ${input.dtype}, expected ${wanted}`);
    if (row.takes && !(i === 0 && row.first) && !row.takes.includes(input.dtype)) {
      throw new DTypeError(`${name}: operand ${i} is ${input.dtype}, expected ${row.takes.join(" or ")}`);
    }
  });
  return { shape, dtype: row.result ?? inputs[inputs.length - 1]!.dtype };
}

/** Broadcasts operands to a common shape (NumPy's rules); numbers become constants of the tensors' dtype. */
export function broadcast(name: string, operands: readonly Operand[], first?: DType): Tensor[] {
  operands.forEach((operand, i) => {
    if (typeof operand !== "number") checkTensor(name, `operand ${i}`, operand, "a tensor or a number");
  });
  const tensors = operands.filter((operand) => operand instanceof Tensor);
  const shape = broadcastShapes(name, ...tensors.map((tensor) => tensor.shape));
  const typed = operands.find((operand, i): operand is Tensor => operand instanceof Tensor && !(first && i === 0));
  const dtype = typed?.dtype ?? "f32";
  return operands.map((operand, i) => {
    if (operand instanceof Tensor) return expand(operand, shape);
    const own = i === 0 && first ? first : dtype;
    return full(shape, checkValue(name, `operand ${i}`, operand, own), own);
  });
}

/** The public function of a unary row on floats. */
export function unary(name: string, row: PointwiseRow): <D extends DType>(x: Tensor<D>) => Tensor<D & Float> {
  const op = pointwiseOp(name, row);
  return (x) => apply(op, [x]);
}

/** A unary op that accepts any dtype. */
export type Unary = <D extends DType>(x: Tensor<D>) => Tensor<D>;

/** A binary op. Both operands have one dtype, so the result's type combines what is known of each. */
export type Binary = <A extends DType, B extends DType>(a: Operand<A>, b: Operand<B>) => Tensor<A & B>;

/** The public function of a binary row: operands broadcast, and either may be a number. */
export function binary(name: string, row: PointwiseRow): Binary {
  const op = pointwiseOp(name, row);
  return (a, b) => apply(op, broadcast(name, [a, b]));
}

/** The public function of a unary family. */
export function unaryWith<A extends Attrs>(
  name: string,
  rowOf: (attrs: A) => PointwiseRow,
  costs?: Pick<PointwiseRow, "lib" | "flops" | "wide">,
): <D extends DType>(x: Tensor<D>, attrs: A) => Tensor<D & Float> {
  const op = attributedOp(name, rowOf, costs);
  return (x, attrs) => apply(op, [x], attrs);
}

/** Refuses NaN and infinite attributes here, before they show up as NaN on the GPU. */
export const finite = (op: string, name: string, value: number): number => checkValue(op, name, value, "f32");
