import { checkNumber } from "../errors.ts";
import type { Tensor } from "../graph/tensor.ts";
import { squaredNorm } from "../ops/lines/squaredNorm.ts";
import { add, clamp, div, minimum, mul } from "../ops/pointwise/arithmetic.ts";
import { sqrt } from "../ops/pointwise/elementary.ts";

/** A bound on gradients, created by `clipGradNorm` or `clipGradValue`. */
export interface Clip {
  /** The bound of `clipGradNorm`. */
  readonly maxNorm?: number;
  /** The bound of `clipGradValue`. */
  readonly clipValue?: number;
  /** The norm of all gradients times `scale`, and the factor on the gradients, which includes `scale`. */
  readonly limit?: (
    gradients: readonly Tensor[],
    scale: Tensor<"f32"> | undefined,
  ) => { norm: Tensor<"f32">; factor: Tensor<"f32"> };
  /** The clipped value of an element that was multiplied by that factor. */
  readonly each?: (g: Tensor) => Tensor;
}

/**
 * Bounds the 2-norm of all gradients together. If it is larger, all are scaled down alike (Pascanu et al., 2013), by
 * min(1, maxNorm / (norm + 1e-6)) as in PyTorch's `clip_grad_norm_`.
 * @throws AttributeError when `maxNorm` is not a positive number.
 */
export function clipGradNorm(maxNorm: number): Clip {
  check("clipGradNorm", "maxNorm", maxNorm);
  return {
    maxNorm,
    limit(gradients, scale) {
      const plain = sqrt(squaredNorm(gradients));
      const norm = scale ? mul(plain, scale) : plain;
      const limited = minimum(div(maxNorm, add(norm, 1e-6)), 1);
      return { norm, factor: scale ? mul(scale, limited) : limited };
    },
  };
}

/**
 * Bounds each gradient element to −clipValue … clipValue, as PyTorch's `clip_grad_value_`.
 * @throws AttributeError when `clipValue` is not a positive number.
 */
export function clipGradValue(clipValue: number): Clip {
  check("clipGradValue", "clipValue", clipValue);
  return { clipValue, each: (g) => clamp(g, { min: -clipValue, max: clipValue }) };
}

function check(name: string, key: string, limit: number): void {
  checkNumber(`optim.${name}`, key, limit, "a positive number", (n) => n > 0);
}
