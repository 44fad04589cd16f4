import { expect } from "vitest";
import { grad } from "../src/compile/grad.ts";
import { floats, sizeOf } from "../src/graph/shape.ts";
import type { Tensor, TensorData } from "../src/graph/tensor.ts";
import { sum } from "../src/ops/lines/reduce.ts";
import { add, mul } from "../src/ops/pointwise/arithmetic.ts";
import { constant, input } from "../src/ops/sources/constants.ts";
import { evaluate } from "../src/reference/index.ts";
import { fill, signed } from "./draws.ts";

/** Inputs x0, x1, … of a test, with their feeds. */
export function inputsOf(data: readonly TensorData[], shapes: readonly (readonly number[])[]) {
  const inputs = shapes.map((shape, i) => input(`x${i}`, shape, data[i] instanceof Float32Array ? "f32" : "i32"));
  return { inputs, feeds: Object.fromEntries(data.map((values, i) => [`x${i}`, values])) };
}

/** Σ y · u for fixed random u: a scalar whose gradient tests every element of y. */
export function weigh(y: Tensor, seed = 99): Tensor {
  const [u] = fill([signed(0.5, 1.5)], [sizeOf(y.shape)], seed);
  return sum(mul(y, constant(u!, y.shape)));
}

/** The weighted sum of several gradients, to differentiate a second time. */
export const weighAll = (tensors: readonly Tensor[]): Tensor =>
  tensors.map((tensor, i) => weigh(tensor, 7 + i)).reduce(add);

/**
 * Compares the gradients of a scalar with central differences of the float64 twin, at up to `most` elements of each
 * input. Truncation costs h²/6 · f‴ and rounding about 1e-16 · f / h, so both stay far below the tolerance of 1e-6.
 */
export function checkGradients(
  loss: Tensor,
  inputs: readonly Tensor[],
  feeds: Readonly<Record<string, ArrayLike<number>>>,
  { most = 12, h = 1e-5 } = {},
): void {
  const wrt = inputs.flatMap((x, i) => (floats.includes(x.dtype) ? [[x, `x${i}`] as const] : []));
  const gradients = grad(
    loss,
    wrt.map(([x]) => x),
  );
  const [, ...found] = evaluate([loss, ...gradients], { inputs: feeds });
  wrt.forEach(([x, name], i) => {
    const data = feeds[name]!;
    expect(found[i]!.shape, `shape of the gradient of ${name}`).toEqual(x.shape);
    for (let k = 0; k < Math.min(data.length, most); k++) {
      // The ends, and positions spread between them.
      const at = Math.floor((k * (data.length - 1)) / Math.max(1, Math.min(data.length, most) - 1));
      const lossAt = (value: number) =>
        evaluate([loss], { inputs: { ...feeds, [name]: Float64Array.from(data).with(at, value) } })[0]!.data[0]!;
      const wanted = (lossAt(data[at]! + h) - lossAt(data[at]! - h)) / (2 * h);
      const got = found[i]!.data[at]!;
      if (!(Math.abs(got - wanted) <= 1e-6 + 1e-6 * Math.abs(wanted))) {
        expect.fail(`d loss / d ${name}[${at}] is ${got}, the difference quotient ${wanted}`);
      }
    }
  });
}
