import { DTypeError } from "../../errors.ts";
import { type DType, type Float, floats, sizeOf } from "../../graph/shape.ts";
import { apply, applyAll, type Op, type Spec, type Tensor } from "../../graph/tensor.ts";
import {
  gradInputs,
  type NormAttrs,
  type NormGradAttrs,
  normGradKernels,
  normKernels,
} from "../../kernels/layerNorm.ts";
import { sum } from "../lines/reduce.ts";
import { expand, reshape } from "../moves/views.ts";
import { add, cast, div, mul, sub } from "../pointwise/arithmetic.ts";

/** The operands as f32, in which everything but the kernels' own memory is. */
const wide = (x: Tensor): Tensor => cast(x, "f32");

/**
 * Inputs: x `[rows, length]`, and optionally weight and bias, all f32 or all f16. Results: y, and per row `[rows, 1]`,
 * in f32, 1 / √(variance + ε) and (unless "rms") the mean, which the gradient reuses.
 */
const normOp: Op = {
  name: "layerNorm",
  infer(inputs, { kind }) {
    const [{ shape, dtype }] = inputs as [Spec];
    const other = inputs.find((operand) => operand.dtype !== dtype || !floats.includes(dtype));
    if (other) throw new DTypeError(`layerNorm: an operand is ${other.dtype}, expected f32 or f16 for all`);
    const perRow = { shape: [shape[0]!, 1], dtype: "f32" } as const;
    return [{ shape, dtype }, perRow, ...(kind === "rms" ? [] : [perRow])];
  },
  vjp({ inputs: [x, weight, bias], results: [, rstd, mean], attrs }, [dy, drstd, dmean]) {
    const length = x!.shape[1]!;
    const spread = (row: Tensor) => expand(row, x!.shape);
    const parts: Tensor[] = [];
    if (dy) parts.push(wide(gradOf(attrs as NormAttrs, x!, weight, dy, rstd!, mean)));
    if (dmean) parts.push(spread(div(dmean, length)));
    if (drstd) {
      const cubed = mul(rstd!, mul(rstd!, rstd!));
      parts.push(mul(centred(x!, mean), spread(mul(mul(drstd, cubed), -1 / length))));
    }
    const dx = parts.length > 0 ? cast(parts.reduce(add), x!.dtype) : undefined;
    if (!weight || !dy) return [dx];
    // Stored, it takes no more memory than x. The sum is f32.
    const h = cast(mul(centred(x!, mean), rstd!), dy.dtype);
    const dweight = perWeight(attrs as NormAttrs, mul(dy, h), weight);
    return [dx, dweight, bias && perWeight(attrs as NormAttrs, dy, bias)];
  },
  kernels: normKernels,
};

/** x minus its mean, or x for "rms", in f32. */
const centred = (x: Tensor, mean: Tensor | undefined): Tensor => (mean ? sub(wide(x), mean) : wide(x));

/** Sums a value over all elements that share a weight. The sum has the weight's dtype. */
function perWeight({ groups, spread }: NormAttrs, value: Tensor, weight: Tensor): Tensor {
  const [rows, length] = value.shape as [number, number];
  // Without reshaping, even by axes of size 1, the value can be computed inside the sum's kernel.
  if (groups === 1 && spread === 1) return cast(reshape(sum(value, 0), weight.shape), weight.dtype);
  const parted = reshape(value, [rows / groups, groups, length / spread, spread]);
  return cast(reshape(sum(parted, spread === 1 ? [0] : [0, 3]), weight.shape), weight.dtype);
}

/** A weight expanded to all elements, in f32. */
function stretched({ groups, spread }: NormAttrs, weight: Tensor, [rows, length]: readonly number[]): Tensor {
  const own = reshape(wide(weight), [1, groups, length! / spread, 1]);
  return reshape(expand(own, [rows! / groups, groups, length! / spread, spread]), [rows!, length!]);
}

const gradOf = (
  attrs: NormAttrs,
  x: Tensor,
  weight: Tensor | undefined,
  dy: Tensor,
  rstd: Tensor,
  mean: Tensor | undefined,
): Tensor => {
  const inputs = [x, ...(weight ? [weight] : []), dy, rstd, ...(mean ? [mean] : [])];
  return apply(gradOp, inputs, { ...attrs, weighted: weight !== undefined });
};

/**
 * dx of the normalisation, in one kernel. Its own gradient uses ordinary ops: the map from g = dy · weight to dx is its
 * own transpose, and the gradients of mean and rstd go to the op that computed them.
 */
const gradOp: Op = {
  name: "layerNormGrad",
  describe: ({ attrs }) => JSON.stringify(attrs),
  infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  vjp({ inputs, results: [dx], attrs }, [du]) {
    if (!du) return [];
    const own = attrs as NormGradAttrs;
    const { x, weight, dy, rstd, mean } = gradInputs(inputs, own);
    const length = x.shape[1]!;
    const average = (v: Tensor) => mul(sum(v, 1, true), 1 / length);
    const g = weight ? mul(wide(dy), stretched(own, weight, x.shape)) : wide(dy);
    const h = mul(centred(x, mean), rstd);
    const u = wide(du);
    const toG = wide(gradOf(own, x, undefined, du, rstd, mean));
    // The gradient for h: −rstd · (u · mean(g · h) + g · mean(u · h)).
    const toH = mul(mul(add(mul(u, average(mul(g, h))), mul(g, average(mul(u, h)))), rstd), -1);
    const toX = mul(toH, rstd);
    const toRstd = sum(add(div(mul(u, wide(dx!)), rstd), mul(toH, centred(x, mean))), 1, true);
    const toRows = [toRstd, ...(mean ? [mul(sum(toX, 1, true), -1)] : [])];
    const narrow = (gradient: Tensor) => cast(gradient, x.dtype);
    if (!weight) return [narrow(toX), narrow(toG), ...toRows];
    const toDy = mul(toG, stretched(own, weight, x.shape));
    return [narrow(toX), perWeight(own, mul(toG, wide(dy)), weight), narrow(toDy), ...toRows];
  },
  kernels: normGradKernels,
};

/**
 * Normalises rows: the kernel of layer, RMS, group and instance normalisation.
 * @param x `[rows, length]`
 * @param bias only with a weight.
 */
export const normalizeRows = <D extends DType>(attrs: NormAttrs, x: Tensor<D>, weight?: Tensor, bias?: Tensor) =>
  applyAll(normOp, [x, ...(weight ? [weight] : []), ...(weight && bias ? [bias] : [])], {
    ...attrs,
  })[0] as Tensor<D & Float>;

/** Number and length of rows: the product of the first axes, and of the others. */
export const rowsOf = (x: Tensor, leading: number): [rows: number, length: number] => {
  const rows = sizeOf(x.shape.slice(0, leading));
  return [rows, sizeOf(x.shape) / rows];
};
