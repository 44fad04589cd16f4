import { checkList, refuse } from "../errors.ts";
import type { Variable } from "../graph/tensor.ts";
import type { OptimizerLike } from "../optim/optimizer.ts";
import type { Engine } from "../runtime/engine.ts";
import type { GradientLogs } from "./gradients.ts";
import type { EpochLogs, History, Progress, StepLogs } from "./history.ts";

/** What callbacks see of a training, and can do with it. */
export interface Training {
  readonly engine: Engine;
  readonly optimizer: OptimizerLike;
  /** The model's variables by name; averages of them as "ema.weight". */
  readonly variables: ReadonlyMap<string, Variable>;
  readonly history: History;
  readonly epochs: number;
  /** Epochs completed. */
  readonly epoch: number;
  /** Steps submitted since the training began. */
  readonly step: number;
  /** Ends the training after the current step. @param reason becomes `history.stopped`. */
  stop(reason: string): void;
  /** The whole state as bytes, at a step's end; see `Trainer.save`. */
  save(): Promise<Uint8Array<ArrayBuffer>>;
}

/** Values of a callback that a checkpoint keeps: plain data, and arrays by name. */
export interface CallbackState {
  readonly data: unknown;
  readonly arrays?: ReadonlyMap<string, Float32Array | Int32Array | Uint32Array>;
}

/**
 * Watches a training. Every function may be async and is awaited; training goes on meanwhile, except at the ends of
 * epochs. If one throws, the training ends after the current step, and `fit` rejects with that error.
 */
export interface Callback {
  /** Names the callback in checkpoints, which keep its `state`. */
  readonly name?: string;
  onTrainBegin?(training: Training): unknown;
  onEpochBegin?(epoch: number, training: Training): unknown;
  /** After each step, once its numbers have been read, in order: up to some hundred steps later. */
  onBatchEnd?(logs: StepLogs, training: Training): unknown;
  /** After each look at the gradients, see `gradientsEvery`. */
  onGradients?(logs: GradientLogs, training: Training): unknown;
  /** At the rate of `progressEvery`. */
  onProgress?(progress: Progress, training: Training): unknown;
  /** After validation. */
  onEpochEnd?(logs: EpochLogs, training: Training): unknown;
  /** After the last step, also of a training that was stopped. */
  onTrainEnd?(history: History, training: Training): unknown;
  /** Instead of `onTrainEnd` where the training ends with an error, which `fit` throws. Errors in here are dropped. */
  onTrainError?(error: unknown, training: Training): unknown;
  /** What to keep in a checkpoint. */
  state?(): CallbackState;
  /** Called before `onTrainBegin` where a saved training is resumed. */
  restore?(state: CallbackState): void;
}

/** The functions of a callback that a training calls. */
export type Event = Exclude<keyof Callback, "name" | "state" | "restore">;

export type EventArguments<E extends Event> = Parameters<NonNullable<Callback[E]>>;

/** Refuses anything but a list of objects. */
export function checkCallbacks(op: string, callbacks: readonly Callback[]): readonly Callback[] {
  for (const callback of checkList(op, "callbacks", callbacks))
    if (typeof callback !== "object" || callback === null)
      refuse(op, "a callback", callback, "an object, such as earlyStopping()");
  return callbacks;
}

/** Calls one function of all callbacks, in order. */
export async function notify<E extends Event>(
  callbacks: readonly Callback[],
  event: E,
  ...args: EventArguments<E>
): Promise<void> {
  for (const callback of callbacks) await (callback[event] as ((...args: unknown[]) => unknown) | undefined)?.(...args);
}

/** The key of a callback's state in a file. */
export const keyOf = ({ name = "" }: Callback, i: number): string => `callbacks.${i}.${name}`;

/** Gives callbacks their saved states. */
export function restore(callbacks: readonly Callback[], states: ReadonlyMap<string, CallbackState>): void {
  callbacks.forEach((callback, i) => {
    const state = states.get(keyOf(callback, i));
    if (state) callback.restore?.(state);
  });
}
