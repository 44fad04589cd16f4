import { checkNumber, checkWhole, DTypeError, optionsOf } from "../errors.ts";
import { checkTensor, type Tensor, type Update, type Variable } from "../graph/tensor.ts";
import { nonFinite } from "../ops/lines/squaredNorm.ts";
import { add, cast, clamp, div, eq, ge, mul, where } from "../ops/pointwise/arithmetic.ts";
import { variable } from "../ops/sources/constants.ts";

/** How the factor on the loss grows and shrinks, with PyTorch's defaults. */
export interface LossScalerOptions {
  /** Initial factor on the loss; default 65536. */
  readonly initial?: number;
  /** Multiplies the factor after `interval` steps without overflow; default 2. */
  readonly growth?: number;
  /** Multiplies the factor after an overflow; default 0.5. */
  readonly backoff?: number;
  /** Default 2000. */
  readonly interval?: number;
}

/** Bounds of the factor. Beyond them it is useless for f16, whose numbers span 2⁻²⁴ to 2¹⁶. */
const bounds = { min: 2 ** -24, max: 2 ** 24 };

/**
 * Dynamic loss scaling (Micikevicius et al., "Mixed Precision Training", 2018), as `torch.amp.GradScaler`. The loss is
 * multiplied by a factor, so that gradients of f16 activations do not underflow, and the parameters' f32 gradients are
 * divided by it. If one of them is NaN or infinite, the step leaves parameters, moments and counts unchanged, and the
 * factor shrinks. After `interval` steps without overflow it grows. All of this happens on the GPU; nothing is read
 * back.
 *
 * @example
 * const scaler = optim.lossScaler();
 * const updates = optimizer.minimize(loss, { scaler });
 */
export class LossScaler {
  /** The current factor, f32 `[]`. */
  readonly scale: Variable<"f32">;
  /** Steps without overflow since the factor last changed, i32 `[]`. */
  readonly good: Variable<"i32">;
  readonly #options: Required<LossScalerOptions>;

  /**
   * @throws AttributeError for a growth of 1 or less, a backoff outside (0, 1), or an interval that is not a whole
   * number from 1.
   */
  constructor(options: LossScalerOptions = {}) {
    const op = "optim.lossScaler";
    const all = optionsOf(op, options, { initial: 65536, growth: 2, backoff: 0.5, interval: 2000 });
    const { initial, growth, backoff, interval } = all;
    checkNumber(op, "initial", initial, "a number from 2⁻²⁴ to 2²⁴", (n) => n >= bounds.min && n <= bounds.max);
    checkNumber(op, "growth", growth, "a number above 1", (n) => n > 1);
    checkNumber(op, "backoff", backoff, "a number between 0 and 1", (n) => n > 0 && n < 1);
    checkWhole(op, "interval", interval);
    this.#options = { initial, growth, backoff, interval };
    this.scale = variable(initial, [], { name: "scale", group: "loss scale" });
    this.good = variable(0, [], { name: "good", group: "steps without overflow", dtype: "i32" });
  }

  /** The scaler's state by name, for a checkpoint. */
  state(): Map<string, Variable> {
    return new Map<string, Variable>([
      ["scale", this.scale],
      ["good", this.good],
    ]);
  }

  /** The loss times the factor. `minimize` calls this itself. @param loss f32 */
  scaled(loss: Tensor): Tensor<"f32"> {
    checkTensor("optim.lossScaler", "the loss", loss);
    if (loss.dtype !== "f32")
      throw new DTypeError(`optim.lossScaler: the loss is ${loss.dtype}, expected f32: cast it first`);
    return mul(loss, this.scale);
  }

  /**
   * What an optimizer needs to know about the gradients of a scaled loss: 1 / factor, and whether to take the step (f32
   * 1 or 0). Also the updates of the factor; a program may contain only one such update.
   */
  check(gradients: readonly Tensor[]): { inverse: Tensor<"f32">; taken: Tensor<"f32">; updates: Update[] } {
    const { growth, backoff, interval } = this.#options;
    const isTaken = eq(nonFinite(gradients), 0);
    const counted = where(isTaken, add(this.good, 1), 0);
    const grows = ge(counted, interval);
    const kept = where(grows, mul(this.scale, growth), this.scale);
    const next = clamp(where(isTaken, kept, mul(this.scale, backoff)), bounds);
    return {
      inverse: div(1, this.scale),
      taken: cast(isTaken, "f32"),
      updates: [
        [this.scale, next],
        [this.good, where(grows, 0, counted)],
      ],
    };
  }
}

/** A self-adjusting factor on the loss; see `LossScaler`. */
export const lossScaler = (options: LossScalerOptions = {}): LossScaler => new LossScaler(options);
