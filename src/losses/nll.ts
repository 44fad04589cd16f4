import { DTypeError, optionsOf, ShapeError } from "../errors.ts";
import { sameShape, showShape } from "../graph/shape.ts";
import { checkTensors, type Tensor } from "../graph/tensor.ts";
import { gather } from "../ops/moves/gather.ts";
import { squeeze, unsqueeze } from "../ops/moves/views.ts";
import { cast, mul, neg, where } from "../ops/pointwise/arithmetic.ts";
import { batched, type ClassOptions, checkClasses, classDefaults, factors, total } from "./classes.ts";

/**
 * Negative log-likelihood: −w[y] x[y], as `torch.nn.functional.nll_loss`; reductions as in `crossEntropy`.
 * @param input log-probabilities `[N, C, …]`, or `[C]` for a single row.
 * @param target labels, i32 `[N, …]` (`[]` for a single row).
 */
export function nll(input: Tensor, target: Tensor, given: ClassOptions = {}): Tensor<"f32"> {
  checkTensors("nll", input, target);
  const options = optionsOf("nll", given, classDefaults);
  return batched(cast(input, "f32"), target, options, (x, y) => {
    checkClasses("nll", x, options);
    if (y.dtype !== "i32") throw new DTypeError(`nll: labels are ${y.dtype}, expected i32`);
    const lines = x.shape.filter((_, axis) => axis !== 1);
    if (!sameShape(y.shape, lines)) {
      throw new ShapeError(
        `nll: labels ${showShape(y.shape)} do not fit input ${showShape(x.shape)}, expected ${showShape(lines)}`,
      );
    }
    const { factor, kept, safe } = factors(y, options);
    const picked = neg(squeeze(gather(x, 1, unsqueeze(safe, 1)), 1));
    const losses = kept ? where(kept, picked, 0) : picked;
    return total("nll", options.weight && factor ? mul(losses, factor) : losses, factor, options);
  });
}
