import { AttributeError, checkChoice, checkHas, checkNumber, checkWhole, optionsOf } from "../errors.ts";
import { type Callback, checkCallbacks } from "./callbacks.ts";
import type { Data } from "./stream.ts";
import type { ClassWeights } from "./weights.ts";

/** How `fit` trains. */
export interface FitOptions {
  /** Passes over the data; default 1. */
  readonly epochs?: number;
  /**
   * Samples per step; default 32, or as many as the first item of an iterable has. The last batch of an epoch may have
   * fewer.
   */
  readonly batchSize?: number;
  /** Whether arrays are read in random order, a new one in each epoch; default true. Iterables have their own order. */
  readonly shuffle?: boolean;
  /** Of the order; default 0. */
  readonly seed?: number;
  /** Leaves out the last batch of an epoch if it is smaller; default false. */
  readonly dropLast?: boolean;
  /** Ends an epoch after this many steps; default: where the data ends. Needed for iterables that never end. */
  readonly stepsPerEpoch?: number;
  /** Measures loss and metrics on this data after each epoch; default none. */
  readonly validationData?: Data;
  /** Samples per batch of validation; default 256, as in `evaluate`. */
  readonly validationBatchSize?: number;
  /**
   * Factors of the samples of each class, by label: a list, such as `data.classWeights(y)`, or an object; default none.
   * Targets are labels, or one-hot f32 `[n, classes]`; where a sample has several labels, use `sampleWeight`.
   */
  readonly classWeight?: ClassWeights;
  /** What is called as the training goes on, in this order; default none. */
  readonly callbacks?: readonly Callback[];
  /** Ends the training after the current step; `fit` then resolves. Default none. */
  readonly signal?: AbortSignal;
  /** Share of the GPU's time to use, above 0; default 1. With 0.5, a page can render beside it. */
  readonly budget?: number;
  /** Whether to keep the numbers of each epoch, or of each step too; default `"epoch"`. */
  readonly history?: "epoch" | "step";
  /**
   * Steps between two looks at the gradients of all parameters: their norm, mean and share of zeros, in
   * `history.gradients` and for `onGradients`. Default: never, at no cost.
   */
  readonly gradientsEvery?: number;
  /**
   * Whether every kernel checks what it stores, so that a NaN in a gradient, too, is reported with its kernel and layer;
   * default false. Slower. A loss that is not finite is always reported so, without it.
   */
  readonly checkFinite?: boolean;
  /** Milliseconds between calls of `onProgress`, and between readings of the losses; default 250. */
  readonly progressEvery?: number;
  /** Goes on with a training that was loaded or stopped; default false: a new one, from the weights as they are. */
  readonly resume?: boolean;
}

/** Options with defaults. */
export type CheckedFitOptions = ReturnType<typeof fitOptions>;

/** The same, once it is known how many samples a batch has. */
export type Fit = CheckedFitOptions & { readonly batchSize: number };

export function fitOptions(options: FitOptions) {
  const all = optionsOf("fit", options, {
    epochs: 1,
    batchSize: undefined,
    shuffle: true,
    seed: 0,
    dropLast: false,
    stepsPerEpoch: undefined,
    validationData: undefined,
    validationBatchSize: 256,
    classWeight: undefined,
    callbacks: [] as readonly Callback[],
    signal: undefined,
    budget: 1,
    history: "epoch" as "epoch" | "step",
    gradientsEvery: undefined,
    checkFinite: false,
    progressEvery: 250,
    resume: false,
  });
  checkWhole("fit", "epochs", all.epochs);
  if (all.batchSize !== undefined) checkWhole("fit", "batchSize", all.batchSize);
  if (!Number.isSafeInteger(all.seed)) throw new AttributeError(`fit: seed is ${all.seed}, expected a whole number`);
  if (all.stepsPerEpoch !== undefined) checkWhole("fit", "stepsPerEpoch", all.stepsPerEpoch);
  checkWhole("fit", "validationBatchSize", all.validationBatchSize);
  checkCallbacks("fit", all.callbacks);
  checkHas("fit", "signal", all.signal, "throwIfAborted", "an AbortSignal");
  checkNumber("fit", "budget", all.budget, "a number above 0, up to 1", (n) => n > 0 && n <= 1);
  checkChoice("fit", "history", all.history, ["epoch", "step"]);
  if (all.gradientsEvery !== undefined) checkWhole("fit", "gradientsEvery", all.gradientsEvery);
  checkNumber("fit", "progressEvery", all.progressEvery, "a number of milliseconds", (n) => n >= 0);
  return all;
}
