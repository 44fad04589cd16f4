import { DTypeError, ShapeError } from "../errors.ts";
import {
  broadcastShapes,
  checkValue,
  type DType,
  type Float,
  floats,
  type Shape,
  sameShape,
  showShape,
} from "../graph/shape.ts";
import {
  type Attrs,
  apply,
  checkTensor,
  type KernelNames,
  type Op,
  type PointwiseRule,
  type Spec,
  Tensor,
} from "../graph/tensor.ts";
import { pointwiseKernels } from "../kernels/elementwise.ts";
import { full } from "./constants.ts";
import { expand } from "./views.ts";

/** A tensor, or a plain number that is broadcast to where it is needed. */
export type Operand<D extends DType = DType> = Tensor<D> | number;

/** The row that defines a pointwise op. See CONTRIBUTING.md for how to add one. */
export interface PointwiseRow {
  /**
   * WGSL expression of its operands, which are of type F (f32), I (i32) or U (u32), each scalar or vec4. Rows that are `half` get one more: the
   * type of floats to compute in, F or H.
   */
  wgsl(...args: string[]): string;
  /** The same in float64. */
  js(...args: number[]): number;
  /** The same of whole numbers, where it differs. What has more than 32 bits is cut to them afterwards. */
  whole?(...args: number[]): number;
  /**
   * Gradients of the operands from that of the result. Derive them from `y`, the result, where possible, so that the
   * operands need not be kept. Leave it out where there is none.
   */
  vjp?(dy: Tensor, y: Tensor, ...args: Tensor[]): readonly (Tensor | undefined)[];
  /** WGSL functions that `wgsl` calls, each a complete text in terms of F, I and U. */
  lib?: PointwiseRule["lib"];
  /** Dtype of the result: that of the operands unless given. */
  result?: DType;
  /** Dtypes that operands may have: all unless given. */
  takes?: readonly DType[];
  /** Dtype of the first operand where it differs from the others (the condition of `where`). */
  first?: DType;
  /** Arithmetic operations per element, 1 unless given. */
  flops?: number;
  /** Whether f16 operands are computed with in f16, not in f32; see `PointwiseRule`. Default false. */
  half?: boolean;
  /** Whether mixed precision leaves the op in f32, since f16 may not hold its results. Default false. */
  wide?: boolean;
}

/** Makes the op that a row defines. Its operands have one shape: broadcasting is an `expand` before it. */
export function pointwiseOp(name: string, row: PointwiseRow): Op {
  return attributedOp<Attrs>(name, () => row, row);
}

/** The same for a family of rows: attributes (a slope, a bound) choose the row. */
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

/** A pointwise op whose value depends on the element's own position. */
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

/** Stretches operands to a common shape (NumPy's rules) and turns numbers into constants of the tensors' dtype. */
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

/** The public function of a unary row: of floats, unless its type says otherwise. */
export function unary(name: string, row: PointwiseRow): <D extends DType>(x: Tensor<D>) => Tensor<D & Float> {
  const op = pointwiseOp(name, row);
  return (x) => apply(op, [x]);
}

/** A unary op of numbers of any dtype. */
export type Unary = <D extends DType>(x: Tensor<D>) => Tensor<D>;

/** What a binary op looks like. Both operands have one dtype, so the result has what is known of either. */
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

/** Refuses attributes that would only show up as NaN on the GPU. */
export const finite = (op: string, name: string, value: number): number => checkValue(op, name, value, "f32");
