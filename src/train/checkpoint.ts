import { checkHas, checkWhole, optionsOf, refuse } from "../errors.ts";
import type { Callback, Training } from "./callbacks.ts";

/** Where checkpoints go: a store of `tilegrad/store`, or anything that writes files. */
export interface CheckpointStore {
  write(name: string, bytes: Uint8Array): unknown;
}

/** Checkpoints of a run, as of `tilegrad/checkpoints`, or anything else that keeps several. */
export interface CheckpointList {
  add(bytes: Uint8Array, progress: { readonly step: number }): unknown;
}

/** How often to keep a checkpoint, and where it goes. */
export interface CheckpointOptions {
  /** Steps between two checkpoints; default none. */
  readonly everySteps?: number;
  /** Epochs between two checkpoints; default 1, or none with `everySteps`. */
  readonly everyEpochs?: number;
  /**
   * Takes the bytes: `checkpoints(store, { keep: 3 })`, which keeps several; a store, which writes them under `name`;
   * or a function.
   */
  readonly to: CheckpointList | CheckpointStore | ((bytes: Uint8Array<ArrayBuffer>, training: Training) => unknown);
  /** Of the file in the store; default `"training.safetensors"`. Each checkpoint replaces the last one. */
  readonly name?: string;
}

/**
 * Saves the whole training from time to time, as `Trainer.save`. Steps go on while a checkpoint is written; one that
 * falls due meanwhile is left out. `trainer.load(bytes)` and `fit` with `resume: true` continue from it.
 */
export function checkpoint(options: CheckpointOptions): Callback {
  const op = "checkpoint";
  const { everySteps, everyEpochs, to, name } = optionsOf(op, options, {
    everySteps: undefined,
    everyEpochs: undefined,
    to: undefined,
    name: "training.safetensors",
  });
  if (everySteps !== undefined) checkWhole(op, "everySteps", everySteps);
  if (everyEpochs !== undefined) checkWhole(op, "everyEpochs", everyEpochs);
  const meant = "checkpoints, a store, or a function that takes the bytes";
  if (to === undefined) refuse(op, "to", to, meant);
  if (typeof to !== "function" && !("add" in Object(to))) checkHas(op, "to", to, "write", meant);
  const epochs = everyEpochs ?? (everySteps === undefined ? 1 : Number.POSITIVE_INFINITY);
  let writing: Promise<unknown> | undefined;
  let failure: { readonly error: unknown } | undefined;
  const report = () => {
    if (failure) throw failure.error;
  };
  /** Saves and writes, unless the last checkpoint is still being written. @returns a promise of the saved state. */
  const begin = (training: Training): Promise<unknown> | undefined => {
    report();
    if (writing) return undefined;
    const saving = training.save();
    const write = async () => {
      const bytes = await saving;
      if (typeof to === "function") await to(bytes, training);
      else if ("add" in to) await to.add(bytes, { step: await stepIn(bytes) });
      else await to.write(name, bytes);
    };
    writing = write()
      .catch((error) => {
        // One that the device did not survive is left out: the training ends for the same reason, or goes back.
        if (error.name !== "DeviceLostError") failure = { error };
      })
      .finally(() => {
        writing = undefined;
      });
    return Promise.allSettled([saving]);
  };
  return {
    name: "checkpoint",
    onTrainBegin() {
      failure = undefined;
    },
    ...(everySteps !== undefined && {
      onBatchEnd({ step }, training) {
        if (step % everySteps === 0) void begin(training);
        report();
      },
    }),
    async onEpochEnd({ epoch }, training) {
      if (epoch % epochs !== 0) return report();
      await writing;
      // Of the last step of this epoch; steps of the next one go on while it is written.
      await begin(training);
    },
    async onTrainEnd() {
      await writing;
      report();
    },
  };
}

/** Steps taken when the bytes were saved; the training has gone on since. */
async function stepIn(bytes: Uint8Array<ArrayBuffer>): Promise<number> {
  const { readAbout } = await import("./state.ts");
  return readAbout(bytes, "checkpoint").position?.step ?? 0;
}
