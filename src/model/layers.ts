import { AttributeError, checkLike, refuse, show } from "../errors.ts";
import * as nn from "../nn/index.ts";
import type { Recipe } from "../nn/module.ts";

/** Anything with variables: a module, a recurrent layer, a cell. */
export type Layer = Pick<nn.Module, "variables">;

/** A model: a layer, or an object or list of layers, as a trainer takes it. */
export type Model = Layer | readonly Model[] | { readonly [part: string]: Model };

/** A function that makes a layer. */
export type Constructor = (...args: never[]) => Layer;

/** Functions that make layers, by the names that descriptions use. */
export type Constructors = Readonly<Record<string, Constructor>>;

const outputOf =
  <A extends unknown[]>(make: (...args: A) => { readonly output: nn.Module }) =>
  (...args: A): nn.Module =>
    make(...args).output;

/** Every layer of nn. A layer missing here cannot be described; a test compares this list with nn. */
export const layersOfNn: Constructors = {
  adaptiveAvgPool2d: nn.adaptiveAvgPool2d,
  avgPool2d: nn.avgPool2d,
  batchNorm1d: nn.batchNorm1d,
  batchNorm2d: nn.batchNorm2d,
  conv1d: nn.conv1d,
  conv2d: nn.conv2d,
  convTranspose2d: nn.convTranspose2d,
  dropout: nn.dropout,
  elu: nn.elu,
  embedding: nn.embedding,
  flatten: nn.flatten,
  gelu: nn.gelu,
  groupNorm: nn.groupNorm,
  gru: nn.gru,
  "gru.output": /* @__PURE__ */ outputOf(nn.gru),
  gruCell: nn.gruCell,
  hardswish: nn.hardswish,
  instanceNorm2d: nn.instanceNorm2d,
  lastStep: nn.lastStep,
  layerNorm: nn.layerNorm,
  leakyRelu: nn.leakyRelu,
  linear: nn.linear,
  logSoftmax: nn.logSoftmax,
  lstm: nn.lstm,
  "lstm.output": /* @__PURE__ */ outputOf(nn.lstm),
  lstmCell: nn.lstmCell,
  maxout: nn.maxout,
  maxPool2d: nn.maxPool2d,
  mish: nn.mish,
  mixedPrecision: nn.mixedPrecision,
  multiheadAttention: nn.multiheadAttention,
  relu: nn.relu,
  rmsNorm: nn.rmsNorm,
  rnn: nn.rnn,
  "rnn.output": /* @__PURE__ */ outputOf(nn.rnn),
  rnnCell: nn.rnnCell,
  selu: nn.selu,
  sequential: nn.sequential,
  sigmoid: nn.sigmoid,
  silu: nn.silu,
  softmax: nn.softmax,
  softplus: nn.softplus,
  softsign: nn.softsign,
  tanh: nn.tanh,
  tiedLinear: nn.tiedLinear,
  transformerEncoderLayer: nn.transformerEncoderLayer,
  upsample: nn.upsample,
};

/** The recipe of a layer; `undefined` for anything else. */
export const recipeOf = (layer: unknown): Recipe | undefined =>
  typeof layer === "function" && "recipe" in layer ? (layer.recipe as Recipe) : undefined;

/** The kind, in descriptions, of a model that is an object or a list of layers. */
export const partsKind = "parts";

/** Whether a model is an object or a list of layers. */
export function isParts(model: unknown): model is Exclude<Model, Layer> {
  if (!Array.isArray(model) && Object.prototype.toString.call(model) !== "[object Object]") return false;
  const parts = Object.values(model as object);
  return parts.length > 0 && parts.every((part) => recipeOf(part) !== undefined || isParts(part));
}

/** Refuses anything but a model. */
export function checkModel(op: string, name: string, model: unknown): asserts model is Model {
  if (!recipeOf(model) && !isParts(model)) refuse(op, name, model, "a module, or an object of modules");
}

/** The layer's name in descriptions: that of nn's function without "nn.". */
export const kindOf = ([, name = "module"]: Recipe): string =>
  name === "a module" ? "module" : name.replace(/^nn\./, "");

/** Refuses anything but functions by names that nn leaves free. */
export function checkConstructors(op: string, constructors: Constructors): void {
  // What `import * as` gives is a module of JavaScript.
  if (!/Object|Module/.test(Object.prototype.toString.call(constructors)))
    refuse(op, "custom", constructors, "{ name: a function that makes a module, … }");
  for (const [name, make] of Object.entries(constructors)) {
    checkLike(op, `"${name}"`, make, checkLike);
    if (Object.hasOwn(layersOfNn, name) || name === partsKind)
      throw new AttributeError(`${op}: nn has a layer "${name}": take another name`);
  }
}

/**
 * Makes functions of yours, which make modules, part of descriptions: the result has the same functions, and each notes
 * its name and arguments on the module that it returns. Arguments may be numbers, texts, booleans, modules, and lists
 * and objects of these.
 *
 * @example
 * const blocks = custom({
 *   residual: (size: number) => {
 *     const body = nn.linear(size, size);
 *     return nn.module((x) => add(x, relu(body(x))), { body });
 *   },
 * });
 * const model = nn.sequential(nn.linear(4, 8), blocks.residual(8), nn.linear(8, 2));
 * const copy = fromJSON(toJSON(model), { custom: blocks });
 *
 * @throws AttributeError for the name of a layer of nn; a call of a result throws it unless it makes a module.
 */
export function custom<C extends Constructors>(constructors: C): C {
  checkConstructors("custom", constructors);
  const noted = Object.entries(constructors).map(([name, make]) => [
    name,
    (...args: never[]) => noteRecipe(make(...args), name, args),
  ]);
  return Object.fromEntries(noted);
}

/** Notes how a user's function made a module. */
export function noteRecipe<L extends Layer>(layer: L, name: string, args: readonly unknown[]): L {
  const recipe = recipeOf(layer);
  if (!recipe) throw new AttributeError(`custom: "${name}" returned ${show(layer)}, expected a module`);
  return Object.assign(layer, { recipe: [recipe[0], name, args] satisfies Recipe });
}
