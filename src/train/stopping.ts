import { AttributeError, checkChoice, checkNumber, checkObject, checkWhole, optionsOf, refuse } from "../errors.ts";
import type { TensorData, Variable } from "../graph/tensor.ts";
import { type Plateau, type PlateauOptions, reduceOnPlateau } from "../optim/plateau.ts";
import type { Callback, CallbackState, Training } from "./callbacks.ts";
import type { EpochLogs } from "./history.ts";

/** What early stopping watches. */
export interface EarlyStoppingOptions {
  /** Name of the value in the logs of an epoch; default `"val_loss"`, or `"loss"` without validation. */
  readonly monitor?: string;
  /** Epochs without a better value after which the training ends; default 0, which is as 1: the first worse one ends it. */
  readonly patience?: number;
  /** Smallest change that counts as better; default 0. */
  readonly minDelta?: number;
  /** Whether the value should fall or rise; default `"min"` for losses and errors, `"max"` for accuracies. */
  readonly mode?: "min" | "max";
  /**
   * Whether to give the model the weights of the best epoch at the end, however the training ends; default true. A resumed
   * training goes on from the weights of its last step.
   */
  readonly restoreBest?: boolean;
}

/** The value that a callback watches. */
function monitored(op: string, logs: EpochLogs, name: string | undefined): { name: string; value: number } {
  const values = logs as unknown as Readonly<Record<string, number>>;
  const chosen = name ?? ("val_loss" in values ? "val_loss" : "loss");
  const value = values[chosen];
  if (value === undefined)
    throw new AttributeError(
      `${op}: there is no "${chosen}" to monitor, only ${Object.keys(values)
        .map((key) => `"${key}"`)
        .join(", ")}`,
    );
  return { name: chosen, value };
}

/** Accuracies and the like should rise, everything else should fall. */
const modeOf = (name: string, mode: "min" | "max" | undefined): "min" | "max" =>
  mode ?? (/acc|precision|recall|f1|auc|r2/i.test(name) ? "max" : "min");

/**
 * Ends a training whose value has stopped improving, and gives the model its best weights, as Keras's EarlyStopping
 * (where `restoreBest` is off by default).
 */
export function earlyStopping(options: EarlyStoppingOptions = {}): Callback {
  const op = "earlyStopping";
  const { monitor, patience, minDelta, mode, restoreBest } = optionsOf(op, options, {
    monitor: undefined,
    patience: 0,
    minDelta: 0,
    mode: undefined,
    restoreBest: true,
  });
  if (monitor !== undefined && typeof monitor !== "string")
    refuse(op, "monitor", monitor, 'a name, such as "val_loss"');
  checkWhole(op, "patience", patience, 0);
  checkNumber(op, "minDelta", minDelta, "a number from 0", (n) => n >= 0);
  if (mode !== undefined) checkChoice(op, "mode", mode, ["min", "max"]);
  let best: { value: number; epoch: number } | undefined;
  let weights = new Map<string, TensorData>();
  /** Those of the last step, where the model was given the best ones. */
  let last = new Map<string, TensorData>();
  let waited = 0;
  const end = async (training: Training) => {
    if (!best || weights.size === 0) return;
    const now = await valuesOf(training);
    if (!areSame(now, weights)) last = now;
    give(training, weights);
    training.history.best = best.epoch;
  };
  return {
    name: "earlyStopping",
    async onTrainBegin(training) {
      if (training.step === 0) {
        best = undefined;
        weights = new Map();
        waited = 0;
      } else if (last.size > 0 && areSame(await valuesOf(training), weights)) give(training, last);
      last = new Map();
    },
    async onEpochEnd(logs, training) {
      const { name, value } = monitored(op, logs, monitor);
      const sign = modeOf(name, mode) === "min" ? 1 : -1;
      if (best === undefined ? !Number.isNaN(value) : sign * (best.value - value) > minDelta) {
        best = { value, epoch: logs.epoch };
        waited = 0;
        if (restoreBest) weights = await valuesOf(training);
      } else if (++waited >= patience) {
        training.stop(`earlyStopping: ${name} has not improved since epoch ${best?.epoch ?? 0}`);
      }
    },
    onTrainEnd: (_, training) => end(training),
    onTrainError: (_, training) => end(training),
    state: () => ({
      data: { best, waited },
      arrays: new Map([...weights, ...[...last].map(([name, value]) => [lastOf + name, value] as const)]),
    }),
    restore({ data, arrays = new Map() }: CallbackState) {
      const known = data as { best?: typeof best; waited: number };
      best = known.best;
      waited = known.waited;
      weights = new Map([...arrays].filter(([name]) => !name.startsWith(lastOf)));
      last = new Map(
        [...arrays].flatMap(([name, value]) => (name.startsWith(lastOf) ? [[name.slice(lastOf.length), value]] : [])),
      );
    },
  };
}

/** Begins the names of the last step's weights in a checkpoint. */
const lastOf = "last:";

/** Gives a model its weights. */
function give({ engine, variables }: Training, weights: ReadonlyMap<string, TensorData>): void {
  for (const [name, value] of weights) engine.write(variables.get(name)!, value);
}

/** Whether two sets of weights agree in every bit. */
const areSame = (a: ReadonlyMap<string, TensorData>, b: ReadonlyMap<string, TensorData>): boolean =>
  [...a].every(([name, values]) => values.every((value, i) => Object.is(value, b.get(name)?.[i])));

/** The values of a model's variables. */
async function valuesOf({ engine, variables }: Training): Promise<Map<string, TensorData>> {
  const entries = [...variables].map(
    async ([name, variable]: [string, Variable]): Promise<[string, TensorData]> => [name, await engine.read(variable)],
  );
  return new Map(await Promise.all(entries));
}

/** What the callback watches, beside the options of the schedule. */
export interface PlateauCallbackOptions extends PlateauOptions {
  /** Name of the value to watch; default as for `earlyStopping`. */
  readonly monitor?: string;
}

/**
 * Lowers the learning rate when a value has stopped improving: `optim.reduceOnPlateau`, reported to after each epoch.
 * With a schedule, it lowers the rate that the schedule starts from; with groups of parameters, the rate of each by the
 * same factor.
 */
export function reduceLROnPlateau(options: PlateauCallbackOptions = {}): Callback {
  checkObject("reduceLROnPlateau", "the argument", options, "{ monitor, patience, factor, … }");
  const { monitor, ...rest } = options;
  if (monitor !== undefined && typeof monitor !== "string")
    refuse("reduceLROnPlateau", "monitor", monitor, 'a name, such as "val_loss"');
  reduceOnPlateau(1, rest); // Checks the options.
  const make = (lr: number, name: string) => reduceOnPlateau(lr, { ...rest, mode: modeOf(name, rest.mode) });
  let plateau: Plateau | undefined;
  return {
    name: "reduceLROnPlateau",
    onTrainBegin({ epoch }) {
      if (epoch === 0) plateau = undefined;
    },
    async onEpochEnd(logs, { engine, optimizer }) {
      const { name, value } = monitored("reduceLROnPlateau", logs, monitor);
      plateau ??= make((await engine.read(optimizer.lr))[0]!, name);
      const before = plateau.lr;
      if (!plateau.report(value)) return;
      engine.write(optimizer.lr, plateau.lr);
      for (const { lr } of optimizer.groups ?? [])
        engine.write(lr, ((await engine.read(lr))[0]! * plateau.lr) / before);
    },
    state: () => ({
      data: plateau && { lr: plateau.lr, best: plateau.best, bad: plateau.bad, resting: plateau.resting },
    }),
    restore({ data }) {
      plateau = data ? Object.assign(make((data as Plateau).lr, monitor ?? "loss"), data) : undefined;
    },
  };
}
