import { checkChoice, checkNumber, checkWhole, optionsOf, refuse } from "../errors.ts";

/** When the learning rate falls because a metric no longer gets better, with PyTorch's defaults. */
export interface PlateauOptions {
  /** Whether the metric should fall ("min", default) or rise ("max"). */
  readonly mode?: "min" | "max";
  /** Factor on the rate; default 0.1. */
  readonly factor?: number;
  /** Number of reports without progress before the rate drops; default 10. */
  readonly patience?: number;
  /** Smallest change that counts as progress; default 1e-4. */
  readonly threshold?: number;
  /** Whether the threshold is relative to the best metric ("rel", default) or absolute ("abs"). */
  readonly thresholdMode?: "rel" | "abs";
  /** Number of reports after a reduction in which lack of progress does not count; default 0. */
  readonly cooldown?: number;
  /** The lowest rate; default 0. */
  readonly minLr?: number;
  /** Skip reductions smaller than this; default 1e-8. */
  readonly eps?: number;
}

/**
 * Lowers the learning rate when a metric stops improving, as PyTorch's ReduceLROnPlateau. It runs on the host, where
 * the metric is known once per epoch.
 *
 * @example
 * const plateau = optim.reduceOnPlateau(0.1, { patience: 3 });
 * if (plateau.report(validationLoss)) engine.write(optimizer.lr, Float32Array.of(plateau.lr));
 */
export class Plateau {
  /** The current rate. */
  lr: number;
  /** The best metric so far. */
  best: number;
  /** Reports without progress since the best one or the last reduction. */
  bad = 0;
  /** Remaining reports of the cooldown. */
  resting = 0;
  readonly #options: Required<PlateauOptions>;

  constructor(lr: number, options: PlateauOptions = {}) {
    const op = "optim.reduceOnPlateau";
    this.#options = optionsOf(op, options, {
      mode: "min",
      factor: 0.1,
      patience: 10,
      threshold: 1e-4,
      thresholdMode: "rel",
      cooldown: 0,
      minLr: 0,
      eps: 1e-8,
    });
    const { mode, factor, patience, thresholdMode, cooldown } = this.#options;
    checkNumber(op, "lr", lr, "a number from 0", (n) => n >= 0);
    checkChoice(op, "mode", mode, ["min", "max"]);
    checkChoice(op, "thresholdMode", thresholdMode, ["rel", "abs"]);
    checkNumber(op, "factor", factor, "a number between 0 and 1", (n) => n > 0 && n < 1);
    checkWhole(op, "patience", patience, 0);
    checkWhole(op, "cooldown", cooldown, 0);
    this.lr = lr;
    this.best = mode === "min" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  }

  /** Records a metric. @returns whether the rate has changed. */
  report(metric: number): boolean {
    if (typeof metric !== "number") refuse("optim.reduceOnPlateau", "the metric", metric, "a number");
    const { factor, patience, cooldown, minLr, eps } = this.#options;
    if (this.#isBetter(metric)) {
      this.best = metric;
      this.bad = 0;
    } else {
      this.bad++;
    }
    if (this.resting > 0) {
      this.resting--;
      this.bad = 0;
    }
    if (this.bad <= patience) return false;
    this.resting = cooldown;
    this.bad = 0;
    const lower = Math.max(this.lr * factor, minLr);
    if (this.lr - lower <= eps) return false;
    this.lr = lower;
    return true;
  }

  #isBetter(metric: number): boolean {
    const { mode, threshold, thresholdMode } = this.#options;
    const sign = mode === "min" ? -1 : 1;
    const bar = thresholdMode === "rel" ? this.best * (1 + sign * threshold) : this.best + sign * threshold;
    return sign * (metric - bar) > 0;
  }
}

/** Watches a metric and tells when to lower the learning rate; see `Plateau`. @param lr the initial rate. */
export const reduceOnPlateau = (lr: number, options: PlateauOptions = {}): Plateau => new Plateau(lr, options);
