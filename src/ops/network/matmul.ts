import { DTypeError, ShapeError } from "../../errors.ts";
import { broadcastShapes, type DType, type Float, floats, showShape, sizeOf } from "../../graph/shape.ts";
import { apply, checkTensors, type Op, type Tensor } from "../../graph/tensor.ts";
import { matmulKernels } from "../../kernels/matmul.ts";
import { expand, reshape, transpose } from "../moves/views.ts";
import { add } from "../pointwise/arithmetic.ts";

const matmulOp: Op = {
  name: "matmul",
  kernels: matmulKernels,
  infer([a, b]) {
    if (a!.dtype !== b!.dtype || !floats.includes(a!.dtype)) {
      throw new DTypeError(`matmul: operands are ${a!.dtype} and ${b!.dtype}, expected f32 or f16 for both`);
    }
    const [m, k] = a!.shape.slice(-2);
    const [l, n] = b!.shape.slice(-2);
    if (k !== l) throw new ShapeError(`matmul: inner sizes differ: ${showShape(a!.shape)} × ${showShape(b!.shape)}`);
    return [{ shape: [...a!.shape.slice(0, -2), m!, n!], dtype: a!.dtype }];
  },
  vjp: ({ inputs: [a, b] }, [dy]) => (dy ? [matmul(dy, transpose(b!)), matmul(transpose(a!), dy)] : []),
  // (a·b)ᵀ = bᵀ·aᵀ: transposed operands are free, while a transposed result may need a copy.
  permuted: ({ op, inputs: [a, b] }, axes) =>
    swapsLast(axes) ? apply(op, [transposed(b!), transposed(a!)]) : undefined,
};

/** Whether a permutation swaps the last two axes and keeps the others. */
const swapsLast = (axes: readonly number[]): boolean =>
  axes.every((axis, i) => axis === (i === axes.length - 1 ? i - 1 : i === axes.length - 2 ? i + 1 : i));

/** The transpose of a stack of matrices; for a transpose, the original. */
const transposed = (x: Tensor): Tensor =>
  x.node.op.name === "permute" && swapsLast(x.node.attrs["axes"]) ? x.node.inputs[0]! : transpose(x);

/**
 * Matrix product of the last two axes; leading batch axes broadcast. As in PyTorch, a 1-D left operand is a row and a
 * 1-D right operand a column, and that axis is dropped from the result.
 *
 * Transposed operands (`transpose(w)`) are free: kernels read any strides. With f16 operands, products are exact, sums
 * are f32, and the result is rounded to f16 once.
 */
export function matmul<A extends DType, B extends DType>(a: Tensor<A>, b: Tensor<B>): Tensor<A & B & Float> {
  checkTensors("matmul", a, b);
  if (a.shape.length === 0 || b.shape.length === 0) {
    throw new ShapeError(
      `matmul: operands are ${showShape(a.shape)} and ${showShape(b.shape)}, expected at least one axis each`,
    );
  }
  const left = a.shape.length === 1 ? reshape(a, [1, a.shape[0]!]) : a;
  const right = b.shape.length === 1 ? reshape(b, [b.shape[0]!, 1]) : b;
  if (left.shape.at(-1) !== right.shape.at(-2)) {
    throw new ShapeError(`matmul: inner sizes differ: ${showShape(a.shape)} × ${showShape(b.shape)}`);
  }
  const batch = broadcastShapes("matmul", left.shape.slice(0, -2), right.shape.slice(0, -2));
  const y = apply<A & B & Float>(matmulOp, [
    expand(left, [...batch, ...left.shape.slice(-2)]),
    expand(right, [...batch, ...right.shape.slice(-2)]),
  ]);
  if (a.shape.length > 1 && b.shape.length > 1) return y;
  return reshape(y, [
    ...batch,
    ...(a.shape.length > 1 ? left.shape.slice(-2, -1) : []),
    ...(b.shape.length > 1 ? right.shape.slice(-1) : []),
  ]);
}

/**
 * Linear map of the last axis: x · weightᵀ + bias.
 * @param x `[…, in]`
 * @param weight `[out, in]`
 * @param bias `[out]`, optional.
 * @returns `[…, out]`
 */
export function linear<A extends DType, B extends DType>(
  x: Tensor<A>,
  weight: Tensor<B>,
  bias?: Tensor,
): Tensor<A & B & Float> {
  checkTensors("linear", x, weight, ...(bias === undefined ? [] : [bias]));
  const [inputs] = x.shape.slice(-1);
  if (weight.shape.length !== 2 || inputs !== weight.shape[1]) {
    throw new ShapeError(
      `linear: input ${showShape(x.shape)} does not fit weight ${showShape(weight.shape)}: expected […, ${weight.shape[1]}]`,
    );
  }
  const [out] = weight.shape;
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== out)) {
    throw new ShapeError(
      `linear: bias ${showShape(bias.shape)} does not fit weight ${showShape(weight.shape)}: expected [${out}]`,
    );
  }
  // Treat all rows as one matrix, so that the bias is fused at any rank of x.
  const rows = reshape(x, [sizeOf(x.shape) / inputs!, inputs!]);
  const product = matmul(rows, transpose(weight));
  return reshape(bias ? add(product, bias) : product, [...x.shape.slice(0, -1), out!]);
}
