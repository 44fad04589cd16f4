import type { GradientLogs } from "./gradients.ts";

/** Values of training by name, and those of validation with `val_` before the name: as in Keras. */
export type Logs<M extends string = string> = Means<M> & {
  readonly [K in `val_${"loss" | M}`]?: number;
};

/** The mean loss, and that of each metric. */
export type Means<M extends string = string> = { readonly loss: number } & { readonly [K in M]: number };

/** An epoch of training. */
export type EpochLogs<M extends string = string> = Logs<M> & {
  /** 1 for the first. */
  readonly epoch: number;
  /** Steps since the training began. */
  readonly step: number;
  /** Samples of the epoch. */
  readonly samples: number;
  /** Seconds that training took, without validation and pauses. */
  readonly seconds: number;
  /** The learning rate of the last step. */
  readonly lr: number;
  /** Mean norm of the gradients before clipping, with `clipGradNorm`. */
  readonly gradNorm?: number;
};

/** A step of training. */
export type StepLogs<M extends string = string> = Means<M> & {
  readonly epoch: number;
  /** 1 for the first of the training. */
  readonly step: number;
  readonly samples: number;
  readonly lr: number;
  readonly gradNorm?: number;
};

/** The course of a training, as plain data. */
export interface History<M extends string = string> {
  readonly epochs: EpochLogs<M>[];
  /** Only with `history: "step"`. */
  readonly steps: StepLogs<M>[];
  /** Only with `gradientsEvery`. */
  readonly gradients: GradientLogs[];
  /** Why the training ended early: `"aborted"`, or what a callback said. */
  stopped?: string;
  /** The epoch whose weights the model was given at the end, by `earlyStopping`: 1 for the first. */
  best?: number;
}

/** How far a training is. */
export interface Progress<M extends string = string> {
  readonly epoch: number;
  readonly epochs: number;
  /** Steps of this epoch. */
  readonly step: number;
  /** Steps of an epoch, where known. */
  readonly steps: number | undefined;
  /** Samples of this epoch. */
  readonly samples: number;
  /** Means over the epoch so far. */
  readonly logs: Means<M>;
  readonly samplesPerSecond: number;
  /** Seconds of training left, where the number of samples is known. */
  readonly secondsLeft: number | undefined;
}
