import { type Compiled, compile, type Description, described } from "../compile/compile.ts";
import { AttributeError, checkHas, checkObject, optionsOf } from "../errors.ts";
import { reachable } from "../graph/print.ts";
import { checkDType, checkShape, type DType, type Shape } from "../graph/shape.ts";
import { checkTensor, type Tensor } from "../graph/tensor.ts";
import { type AdapterTraits, guaranteed } from "../kernels/traits.ts";
import { stateDict } from "../nn/module.ts";
import { input } from "../ops/sources/constants.ts";
import { memoryOf } from "../runtime/inspection.ts";
import { checkModel, isParts, type Model } from "./layers.ts";
import { layersOf } from "./perLayer.ts";
import type { Costs, Summary } from "./report.ts";
import { textOf } from "./text.ts";

/** The input of a model with its batch: `[64, 784]`, or `{ shape: [64, 20], dtype: "i32" }`. */
export type InputSpec = Shape | { readonly shape: Shape; readonly dtype?: DType };

/** What a summary counts, and for which adapter. */
export interface SummaryOptions {
  /** The adapter that kernels are chosen for, such as `engine.traits`. Default: a typical GPU. */
  readonly traits?: AdapterTraits;
  /** What a training program computes, as given to `engine.compile`: adds its memory and operations. Default none. */
  readonly training?: Description;
  /**
   * How to apply the model to the input; default `(x) => model(x)`. For several inputs, it takes an object of tensors.
   */
  // biome-ignore lint/suspicious/noExplicitAny: x is a tensor, or a record of them
  readonly call?: (x: any) => Tensor | Readonly<Record<string, Tensor>>;
}

/** A typical GPU, with room for any model. */
const common: AdapterTraits = {
  ...guaranteed,
  maxStorageBuffers: 10,
  maxBinding: 2 ** 40,
  maxBuffer: 2 ** 40,
  features: /* @__PURE__ */ new Set(["shader-f16"]),
};

/**
 * Lists the layers of a model with their results, parameters, memory, operations and kernels, and the costs of the
 * whole. It compiles the model for evaluation, and needs no GPU.
 *
 * @example
 * console.log(summary(model, [64, 784]).text);
 *
 * @param model made of layers of nn; its own layers are listed if they are its parts. An object of modules needs the
 * option `call`.
 * @param inputSpec shape of the input with its batch, dtype f32 unless given; or several by name, with the option `call`.
 * @throws ShapeError or DTypeError of the layer that the input does not fit. Otherwise as `engine.compile`.
 */
export function summary(
  model: Model,
  inputSpec: InputSpec | Readonly<Record<string, InputSpec>>,
  options: SummaryOptions = {},
): Summary {
  const op = "summary";
  checkModel(op, "the model", model);
  stateDict(model); // so that layers know their paths
  const { traits, training, call } = optionsOf(op, options, { traits: common, training: undefined, call: undefined });
  checkHas(op, "call", call, "call", "a function");
  const isOne =
    Array.isArray(inputSpec) || Object.prototype.toString.call(inputSpec) !== "[object Object]" || "shape" in inputSpec;
  if (!call && (isParts(model) || !isOne)) {
    const what = isOne ? "an object of modules" : "a model of several inputs";
    throw new AttributeError(`${op}: ${what} needs the option call, a function that applies it`);
  }
  const x = isOne
    ? inputOf(op, "x", inputSpec as InputSpec)
    : Object.fromEntries(Object.entries(inputSpec).map(([name, spec]) => [name, inputOf(op, name, spec as InputSpec)]));
  const y = call ? call(x) : (model as unknown as (x: unknown) => ReturnType<NonNullable<SummaryOptions["call"]>>)(x);
  const outputs = resultsOf(op, y);
  const compiled = compile({ outputs }, traits, new Map(), { merge: false });
  const layers = layersOf(model, reachable(Object.values(outputs)), Object.values(outputs), compiled.calls);
  const total = (field: "parameters" | "frozen" | "buffers") => layers.reduce((sum, layer) => sum + layer[field], 0);
  const found = {
    layers,
    parameters: total("parameters"),
    frozen: total("frozen"),
    buffers: total("buffers"),
    evaluation: costsOf({ outputs }, traits, compiled),
    training: training === undefined ? undefined : costsOf(described(training), traits),
  };
  const text = textOf(found, traits === common);
  return { ...found, text, toString: () => text };
}

function inputOf(op: string, name: string, given: InputSpec): Tensor {
  const isShape = Array.isArray(given);
  if (!isShape) checkObject(op, "the input", given, "a shape, or { shape, dtype }");
  const spec = isShape ? { shape: given as Shape } : (given as Exclude<InputSpec, Shape>);
  const { shape, dtype } = optionsOf(op, spec, { shape: undefined, dtype: "f32" });
  checkDType(op, dtype);
  return input(name, checkShape(op, shape), dtype);
}

/** The results of a model by name: one, or those of a recurrent layer. */
function resultsOf(op: string, y: Tensor | Readonly<Record<string, Tensor>>): Readonly<Record<string, Tensor>> {
  const isTensor = Object.prototype.toString.call(y) === "[object Tensor]";
  if (!isTensor) checkObject(op, "the model's result", y, "a tensor, or an object of tensors");
  const outputs = isTensor ? { y: y as Tensor } : { ...(y as Readonly<Record<string, Tensor>>) };
  for (const [name, tensor] of Object.entries(outputs)) checkTensor(op, `the model's result "${name}"`, tensor);
  return outputs;
}

/** @param unmerged the same program compiled with a dispatch for each kernel. */
function costsOf(description: Description, traits: AdapterTraits, unmerged?: Compiled): Costs {
  const merged = compile(description, traits);
  const { calls } = unmerged ?? compile(description, traits, merged.homes, { merge: false });
  return {
    operations: calls.reduce((sum, { flops }) => sum + flops, 0),
    kernels: calls.length,
    dispatches: merged.calls.length,
    memory: memoryOf(merged),
  };
}
