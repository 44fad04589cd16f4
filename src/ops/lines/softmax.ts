import { checkNumber, DTypeError, ShapeError } from "../../errors.ts";
import { axisOf, type DType, type Float, floats, sameShape, showShape } from "../../graph/shape.ts";
import { apply, checkTensors, type Op, type Tensor } from "../../graph/tensor.ts";
import {
  crossEntropyGradKernels,
  crossEntropyKernels,
  logSoftmaxKernels,
  softmaxKernels,
} from "../../kernels/softmax.ts";
import { detach, expand, reshape, unsqueeze } from "../moves/views.ts";
import { cast, div, eq, mul, ne, sub, where } from "../pointwise/arithmetic.ts";
import { exp } from "../pointwise/elementary.ts";
import { iota } from "../sources/random.ts";
import { max, sum } from "./reduce.ts";
import { softmaxGrad } from "./softmaxGrad.ts";

/** `attrs.to` is the result's dtype if f16 becomes f32. */
const softmaxOp: Op = {
  name: "softmax",
  infer: ([x], { to }) => [{ shape: x!.shape, dtype: to ?? floatOnly("softmax", x!.dtype) }],
  vjp: ({ results: [y], attrs: { axis } }, [dy]) => [dy && softmaxGrad(y!, dy, axis)],
  kernels: softmaxKernels,
};

const logSoftmaxOp: Op = {
  name: "logSoftmax",
  infer: ([x]) => [{ shape: x!.shape, dtype: floatOnly("logSoftmax", x!.dtype) }],
  vjp({ results: [y], attrs: { axis } }, [dy]) {
    if (!dy) return [];
    return [sub(dy, mul(exp(y!), expand(sum(dy, axis, true), dy.shape)))];
  },
  kernels: logSoftmaxKernels,
};

/** eˣ / Σ eˣ along an axis, shifted by the maximum to avoid overflow. @param axis default the last. */
export const softmax = <D extends DType>(x: Tensor<D>, axis = -1): Tensor<D & Float> => along(softmaxOp, x, axis);

/** log softmax along an axis, without taking logarithms of small numbers. @param axis default the last. */
export const logSoftmax = <D extends DType>(x: Tensor<D>, axis = -1): Tensor<D & Float> => along(logSoftmaxOp, x, axis);

/** A scalar is treated as a line of one element. */
function along<D extends DType>(op: Op, x: Tensor<D>, axis: number): Tensor<D & Float> {
  checkTensors(op.name, x);
  if (x.shape.length === 0) return reshape(along(op, reshape(x, [1]), axis), []);
  return apply(op, [x], { axis: axisOf(op.name, axis, x.shape.length) });
}

const crossEntropyOp: Op = {
  name: "crossEntropy",
  infer: ([, labels]) => [{ shape: labels!.shape, dtype: "f32" }],
  bounds: ({ inputs: [logits], attrs }) => [
    { input: 1, low: 0, high: logits!.shape[1]! - 1, ...("ignore" in attrs && { except: attrs["ignore"] }) },
  ],
  vjp: ({ inputs: [logits, labels], attrs }, [dloss]) => [
    dloss && apply(crossEntropyGradOp, [logits!, labels!, dloss], attrs),
  ],
  kernels: crossEntropyKernels,
};

/** (softmax(logits) − one-hot(labels)) · dloss in one kernel; its own gradient uses ordinary ops. */
const crossEntropyGradOp: Op = {
  name: "crossEntropyGrad",
  infer: ([logits]) => [{ shape: logits!.shape, dtype: logits!.dtype }],
  vjp({ inputs: [logits, labels, dloss], attrs: { ignore } }, [u]) {
    if (!u) return [];
    const { shape, dtype } = logits!;
    const stretch = (line: Tensor) => expand(unsqueeze(line, 1), shape);
    // Lines without a target may hold NaN: replace their values before and after.
    const kept = ignore === undefined ? undefined : ne(labels!, ignore);
    const keep = (line: Tensor) => (kept ? where(kept, line, 0) : line);
    const [x, wide] = [logits!, u].map((all) => {
      const full = cast(all, "f32");
      return kept ? where(stretch(kept), full, 0) : full;
    }) as [Tensor, Tensor];
    // Use ordinary ops, so that a bundle with only this loss does not include the softmax kernels.
    const powers = exp(sub(x, stretch(detach(max(x, 1)))));
    const p = div(powers, stretch(sum(powers, 1)));
    const scaled = mul(wide, stretch(keep(dloss!)));
    const toLogits = mul(p, sub(scaled, stretch(sum(mul(scaled, p), 1))));
    const target = cast(eq(iota(shape, 1), stretch(labels!)), "f32");
    return [cast(toLogits, dtype), undefined, keep(sum(mul(wide, sub(p, target)), 1))];
  },
  kernels: crossEntropyGradKernels,
};

/**
 * −log softmax(logits)[label] for each line, fused: softmax, logarithm and selection are one kernel, and so is the
 * gradient. Losses are f32 even for f16 logits.
 * @param logits `[N, C, …]`; classes along axis 1.
 * @param labels `[N, …]`, i32 from 0 to C − 1, or `ignore`, for loss and gradient 0.
 * @param ignore a label that means "no target"; default none.
 */
export function softmaxCrossEntropy(logits: Tensor, labels: Tensor, ignore?: number): Tensor<"f32"> {
  const op = "softmaxCrossEntropy";
  checkTensors(op, logits, labels);
  checkLabels(op, logits, labels);
  return apply(
    crossEntropyOp,
    [logits, labels],
    ignore === undefined ? {} : { ignore: checkNumber(op, "ignore", ignore, "a whole number", Number.isInteger) },
  );
}

/** Refuses labels of another shape than the logits without axis 1, or of another dtype than i32. */
export function checkLabels(op: string, { shape, dtype }: Tensor, labels: Tensor): void {
  const lines = shape.filter((_, axis) => axis !== 1);
  if (shape.length < 2 || !sameShape(labels.shape, lines)) {
    const last = shape.length - 1;
    const order = shape.map((_, axis) => (axis === 0 ? 0 : axis === 1 ? last : axis - 1));
    const isLast = last > 1 && sameShape(labels.shape, shape.slice(0, last));
    const instead = `: classes are axis 1 of logits, so move them there, as permute(logits, ${showShape(order)}) does`;
    throw new ShapeError(
      `${op}: labels ${showShape(labels.shape)} do not fit logits ${showShape(shape)}, expected ${showShape(lines)}${isLast ? instead : ""}`,
    );
  }
  if (labels.dtype !== "i32") throw new DTypeError(`${op}: labels are ${labels.dtype}, expected i32`);
  floatOnly(op, dtype);
}

function floatOnly(op: string, dtype: DType): DType {
  if (!floats.includes(dtype)) throw new DTypeError(`${op}: operand is ${dtype}, expected f32 or f16`);
  return dtype;
}
