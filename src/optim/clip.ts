import { AttributeError } from "../errors.ts";
import type { Tensor } from "../graph/tensor.ts";
import { add, div, minimum, mul } from "../ops/arithmetic.ts";
import { sqrt } from "../ops/elementary.ts";
import { squaredNorm } from "../ops/squaredNorm.ts";

/** Bounds on gradients; both may be given, the norm comes first. */
export interface Clip {
  /** Largest 2-norm of all gradients together: beyond it all are scaled down alike (Pascanu et al., 2013). */
  readonly norm?: number;
  /** Largest magnitude of an element. */
  readonly value?: number;
}

/**
 * What clipping by norm asks of a step: the norm of the (scaled) gradients, and the factor min(1, bound / (norm + 1e-6)) on
 * them, as in PyTorch. Clipping by value is part of the update's formula.
 */
export function clipping(
  { norm: bound, value }: Clip,
  gradients: readonly Tensor[],
  scale: Tensor | undefined,
): { readonly norm?: Tensor; readonly factor?: Tensor } {
  for (const [key, limit] of Object.entries({ norm: bound, value })) {
    if (limit !== undefined && !(limit > 0 && Number.isFinite(limit)))
      throw new AttributeError(`optim: clip.${key} is ${limit}, expected a positive number`);
  }
  if (bound === undefined) return scale ? { factor: scale } : {};
  const plain = sqrt(squaredNorm(gradients));
  const norm = scale ? mul(plain, scale) : plain;
  const limited = minimum(div(bound, add(norm, 1e-6)), 1);
  return { norm, factor: scale ? mul(scale, limited) : limited };
}
