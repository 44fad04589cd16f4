import { AttributeError, checkHas, checkObject, optionsOf, refuse, ShapeError, show } from "../errors.ts";
import { reachable } from "../graph/print.ts";
import { Tensor, type Variable } from "../graph/tensor.ts";
import { type Mode, type Module, type Parts, stateDict } from "../nn/module.ts";
import { input } from "../ops/sources/constants.ts";
import { numbered } from "../ops/sources/random.ts";
import type { Clip } from "../optim/clip.ts";
import type { Ema } from "../optim/ema.ts";
import type { OptimizerLike } from "../optim/optimizer.ts";
import type { LossScaler } from "../optim/scaling.ts";
import type { Engine } from "../runtime/engine.ts";
import { type Metric, type PerSample, perSample } from "./metrics.ts";
import { type SampleShape, type Specs, specsOf, weightName } from "./specs.ts";

/**
 * A loss: a value for each sample, `[n]` or `[n, …]`, where it is asked for `{ reduction: "none" }`. All functions of
 * `tilegrad/losses` are one, and so is any function that returns such values. One that returns a single number for the
 * whole batch works too; then partial batches are computed by a program of their own size.
 */
// biome-ignore lint/suspicious/noExplicitAny: predictions and targets are tensors, or records of them
export type Loss = (prediction: any, target: any, options: { readonly reduction: "none" }) => Tensor;

/** A metric: a value per sample whose mean counts, or a function of such means. */
export type AnyMetric = PerSample | Metric;

/** What a trainer trains. */
export interface TrainerOptions<M extends string = string> {
  /** The engine that trains. */
  readonly engine: Engine;
  /** The model: a module, or an object of modules, which `forward` applies. */
  readonly model: Module | Parts;
  /**
   * How to apply the model; default by calling it. `x` is a tensor, or an object of tensors if `inputs` is a list; so is
   * the result. Draw random numbers in here: those drawn before may repeat numbers of its layers, see `Random`.
   */
  // biome-ignore lint/suspicious/noExplicitAny: inputs and predictions are tensors, or records of them
  readonly forward?: (x: any, mode: Mode) => Tensor | Readonly<Record<string, Tensor>>;
  /** What training makes small, such as `losses.mse`. Default none: the trainer then only predicts and measures metrics. */
  readonly loss?: Loss;
  /** What changes the weights. Default none: the trainer then does not train. */
  readonly optimizer?: OptimizerLike;
  /** Metrics by name, of training and validation; default none. */
  readonly metrics?: Readonly<Record<M, AnyMetric>>;
  /** Names of the model's inputs in the data; default `"x"`. A list makes the model take an object. */
  readonly inputs?: string | readonly string[];
  /** Names of the targets in the data; default `"y"`. A list makes loss and metrics take an object. */
  readonly targets?: string | readonly string[];
  /**
   * Samples by name: their shape, or `{ shape, dtype }`. Default: as in the data, with f32 for floats and i32 for whole
   * numbers. Needed where the data states no shapes, as in `data.batches`.
   */
  readonly shapes?: Readonly<Record<string, SampleShape>>;
  /** Clips gradients, as `optimizer.minimize` does; default none. */
  readonly clip?: Clip | readonly Clip[];
  /** Scales the loss for f16, as `optimizer.minimize` does; default none. */
  readonly scaler?: LossScaler;
  /** Averages of the weights, which training keeps; validation, `evaluate` and `predict` use them. Default none. */
  readonly ema?: Ema;
}

const defaults = {
  engine: undefined,
  model: undefined,
  forward: undefined,
  loss: undefined,
  optimizer: undefined,
  metrics: undefined,
  inputs: undefined,
  targets: undefined,
  shapes: undefined,
  clip: undefined,
  scaler: undefined,
  ema: undefined,
};

type Predicted = Tensor | Readonly<Record<string, Tensor>>;

/** Checked options of a trainer. */
export interface Recipe {
  readonly engine: Engine;
  readonly variables: ReadonlyMap<string, Variable>;
  readonly inputs: readonly string[];
  readonly targets: readonly string[];
  readonly shapes: Specs;
  readonly metrics: Readonly<Record<string, Metric>>;
  readonly optimizer: OptimizerLike | undefined;
  readonly clip: Clip | readonly Clip[] | undefined;
  readonly scaler: LossScaler | undefined;
  readonly ema: Ema | undefined;
  readonly hasLoss: boolean;
  /** Prediction from the input tensors. */
  predict(tensors: Readonly<Record<string, Tensor>>, mode: Mode): Predicted;
  /** The losses of samples. */
  loss(prediction: Predicted, tensors: Readonly<Record<string, Tensor>>): Tensor;
  /** The values of a metric. */
  measure(metric: PerSample, prediction: Predicted, tensors: Readonly<Record<string, Tensor>>): Tensor;
}

export function recipeOf(op: string, options: TrainerOptions): Recipe {
  const all = optionsOf<TrainerOptions, typeof defaults>(op, options, defaults) as TrainerOptions;
  const { engine, model, loss, optimizer, scaler, ema, clip, metrics = {}, shapes = {} } = all;
  if (typeof engine?.compile !== "function") refuse(op, "engine", engine, "an engine: await Engine.create()");
  const forward = all.forward ?? model;
  if (typeof forward !== "function")
    refuse(op, all.forward === undefined ? "model" : "forward", forward, "a function from input to prediction");
  if (loss !== undefined && typeof loss !== "function") refuse(op, "loss", loss, "a function, such as losses.mse");
  checkHas(op, "ema", ema, "follow", "averages, such as optim.ema(model)");
  checkHas(op, "optimizer", optimizer, "minimize", "an optimizer, such as optim.adam()");
  checkObject(op, "metrics", metrics, "{ name: metric, … }");
  checkObject(op, "shapes", shapes, "{ x: [784], … }");
  const inputs = namesOf(op, "inputs", all.inputs ?? "x");
  const targets = namesOf(op, "targets", all.targets ?? "y");
  const reserved = [...inputs.names, ...targets.names].find((name) => name === weightName);
  if (reserved) throw new AttributeError(`${op}: "${weightName}" is the name of the samples' weights`);
  // Without its variables, nobody could save the model or restore its best weights.
  if (typeof model === "function" && !("variables" in model))
    refuse(op, "model", model, "a module: pass the modules of the function as model, and the function as forward");
  return {
    engine,
    variables: stateDict(model as Parts),
    inputs: inputs.names,
    targets: targets.names,
    shapes: specsOf(op, shapes),
    metrics: Object.fromEntries(Object.entries(metrics).map(([name, metric]) => [name, metricOf(op, name, metric)])),
    optimizer,
    clip,
    scaler,
    ema,
    hasLoss: loss !== undefined,
    predict(tensors, mode) {
      const prediction = checkPrediction(
        (forward as NonNullable<TrainerOptions["forward"]>)(inputs.pick(tensors), mode),
      );
      if (!ema || mode.training) return prediction;
      if (prediction instanceof Tensor) return ema.averaged(prediction);
      return Object.fromEntries(Object.entries(prediction).map(([name, value]) => [name, ema.averaged(value)]));
    },
    loss: (prediction, tensors) => loss!(prediction, targets.pick(tensors), { reduction: "none" }),
    measure: (metric, prediction, tensors) => metric(prediction, targets.pick(tensors)),
  };
}

/** One name, or several: how the user's functions get the tensors. */
function namesOf(op: string, option: string, given: string | readonly string[]) {
  const names = typeof given === "string" ? [given] : given;
  if (!Array.isArray(names) || names.some((name) => typeof name !== "string"))
    return refuse(op, option, given, "a name, or a list of names");
  const pick = (tensors: Readonly<Record<string, Tensor>>) =>
    typeof given === "string" ? tensors[given]! : Object.fromEntries(names.map((name) => [name, tensors[name]!]));
  return { names: names as readonly string[], pick };
}

function metricOf(op: string, name: string, metric: unknown): Metric {
  if (typeof metric === "function") return { means: [metric as PerSample], finish: (mean) => mean };
  const { means, finish } = Object(metric) as Metric;
  if (Array.isArray(means) && typeof finish === "function") return metric as Metric;
  return refuse(op, `metric "${name}"`, metric, "a function of prediction and target");
}

function checkPrediction(prediction: unknown): Predicted {
  if (prediction instanceof Tensor) return prediction;
  const values = Object.values(Object(prediction));
  if (values.length > 0 && values.every((value) => value instanceof Tensor)) return prediction as Predicted;
  throw new AttributeError(`model: its result is ${show(prediction)}, expected a tensor, or an object of tensors`);
}

/** The tensors of a batch. */
export const tensorsOf = (names: readonly string[], specs: Specs, n: number): Record<string, Tensor> =>
  Object.fromEntries(names.map((name) => [name, input(name, [n, ...specs[name]!.shape], specs[name]!.dtype)]));

/** Names of the inputs that tensors depend on: a program takes no others. */
export const usedBy = (tensors: Iterable<Tensor>): string[] => [
  ...new Set(reachable(tensors).flatMap(({ op, attrs }) => (op.source === "input" ? [attrs["name"] as string] : []))),
];

/** What a batch of n samples gives: losses and metric values, for each sample where possible. */
export interface Outcome {
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** `[n]`; `[]` where the loss is one number for the batch. */
  readonly loss: Tensor<"f32">;
  /** The values whose means make up the metrics, in order: `[n]`, or `[]` as for the loss. */
  readonly values: readonly Tensor<"f32">[];
}

/** Builds the graph of a batch. Its random numbers do not depend on the graphs built before, nor on its size. */
export const outcomeOf = (recipe: Recipe, specs: Specs, n: number, training: boolean): Outcome =>
  numbered(() => outcome(recipe, specs, n, training));

function outcome(recipe: Recipe, specs: Specs, n: number, training: boolean): Outcome {
  const tensors = tensorsOf([...recipe.inputs, ...recipe.targets], specs, n);
  const prediction = recipe.predict(tensors, { training });
  const scalar = (op: string, values: Tensor) => {
    const each = perSample(op, values, n);
    if (each) return each;
    if (values.size === 1) return values as Tensor<"f32">;
    throw new ShapeError(`${op}: its result has no axis of ${n} samples`);
  };
  return {
    tensors,
    loss: scalar("loss", recipe.loss(prediction, tensors)),
    values: Object.entries(recipe.metrics).flatMap(([name, { means }]) =>
      means.map((metric) => scalar(`metric "${name}"`, recipe.measure(metric, prediction, tensors))),
    ),
  };
}
