import { AttributeError, checkLike, checkObject, optionsOf, show } from "../errors.ts";
import type { DType, Float } from "../graph/shape.ts";
import { type Tensor, Variable } from "../graph/tensor.ts";
import { currentLayer, inLayer } from "../layer.ts";
import { evaluated } from "../ops/views.ts";

/** How a model is applied. Training and evaluation are two graphs of one model: there is no mode to switch at run time. */
export interface Mode {
  /**
   * Whether layers such as dropout and batch normalisation act as in training. Left out, they act as in evaluation, and optimizers
   * refuse a loss that depends on it. Say `false` to train with them in evaluation, with frozen statistics, say.
   */
  readonly training?: boolean;
}

/**
 * A function from tensor to tensor with variables of its own. `D` are the dtypes that it gives: floats, unless it was made of a
 * function that gives whole numbers. Nothing but f32 comes of f32.
 */
export interface Module<D extends DType = Float> {
  (x: Tensor<"f32">, mode?: Mode): Tensor<Exclude<D, "f16">>;
  (x: Tensor, mode?: Mode): Tensor<D>;
  /** Variables by the names that PyTorch gives them within this module ("weight", "0.bias"). */
  readonly variables: ReadonlyMap<string, Variable>;
}

/** The dtypes of a module whose function gives `D`; where the function does not say, floats. */
type Given<D extends DType> = DType extends D ? Float : D;

/** What a model is made of: variables, modules, and objects or lists of them, in which names are found. */
export type Parts =
  | Variable
  | Pick<Module, "variables">
  | ReadonlyMap<string, Variable>
  | readonly Parts[]
  | { readonly [name: string]: Parts };

const within = (path: string, name: string): string => (path ? `${path}.${name}` : name);

/** Variables that have been put into a module. */
const placed = new WeakSet<Variable>();

/**
 * The variables of some parts by their paths, which become their names. A variable keeps the path in the model that it was first put
 * into; where that becomes part of another, it grows.
 */
function named(parts: Parts, path = "", found = new Map<string, Variable>()): ReadonlyMap<string, Variable> {
  if (parts instanceof Variable) {
    if (!placed.has(parts) || path.endsWith(`.${parts.name}`)) Object.assign(parts.node.attrs, { name: path });
    placed.add(parts);
    return found.set(path, parts);
  }
  const { variables = parts } = Object(parts) as Pick<Module, "variables">;
  if (!(variables instanceof Map || Array.isArray(variables)))
    checkObject("nn.module", `"${path}"`, variables, "variables or modules");
  for (const [name, part] of variables instanceof Map ? variables : Object.entries(variables))
    named(part, within(path, name), found);
  return found;
}

/** What the paths of variables have before their names in a module: the module's own path, "" where it is in no other. */
function pathOf(variables: ReadonlyMap<string, Variable>): string {
  for (const [own, { name }] of variables) if (name.endsWith(`.${own}`)) return name.slice(0, -own.length - 1);
  return "";
}

/**
 * Gives a function its variables, and the nodes that it makes the path of the layer: where it is applied as part of a module that knows
 * its name, that one, else the path of its variables.
 */
export function layer<F extends (...args: never[]) => unknown>(forward: F, parts: Parts) {
  const variables = named(parts);
  const call = (...args: Parameters<F>) => {
    const [outer, path] = [currentLayer(), pathOf(variables)];
    return inLayer(path.startsWith(within(outer, "")) ? path : outer, () => forward(...args));
  };
  return Object.assign(call as F, { variables });
}

/** Modes in which training is neither true nor false. Whoever asks them for it leaves a note on the result. */
const unsaid = new WeakSet<Mode>();

/**
 * Makes a module of a function and what it uses: `module((x) => relu(head(body(x))), { body, head })`. Names of variables, kernels and
 * errors come from the names given here.
 * @param parts variables, modules, or objects and lists of them; default none.
 * @param name what errors call it; default "a module".
 */
export function module<D extends DType>(
  forward: (x: Tensor, mode: Mode) => Tensor<D>,
  parts: Parts = {},
  name = "a module",
): Module<Given<D>> {
  checkLike("nn.module", "forward", forward, module);
  const call = (x: Tensor, mode: Mode = {}): Tensor<D> => {
    checkMode(name, mode);
    if (!unsaid.has(mode) && mode.training !== undefined) return forward(x, mode);
    let asked = false;
    const get = () => {
      asked = true;
    };
    // Not enumerable: a copy of the mode that an inner module is given leaves the question to that one.
    const own = Object.defineProperty({ ...mode }, "training", { get, enumerable: false }) as Mode;
    unsaid.add(own);
    const y = forward(x, own);
    return asked ? evaluated(y, name) : y;
  };
  return layer(call, parts) as unknown as Module<Given<D>>;
}

/** Refuses what is no mode. It is not asked for: see above. */
export function checkMode(op: string, mode: Mode): void {
  optionsOf(op, mode, { training: true });
}

/** A layer without variables, such as an activation. */
export const stateless = <D extends DType>(forward: (x: Tensor) => Tensor<D>): Module<Given<D>> => module(forward);

/** A module of no arithmetic: what goes in as whole numbers comes out as whole numbers. */
export type Moving = (<D extends DType>(x: Tensor<D>, mode?: Mode) => Tensor<D>) & Module;

/**
 * Applies modules one after the other. Their variables are named by position, as in PyTorch's `nn.Sequential`, or by the given
 * names: `sequential({ conv1: conv2d(…), act: relu() })`.
 */
export function sequential<D extends DType = Float>(
  ...layers: readonly [...before: readonly Module<DType>[], last: Module<D>]
): Module<D>;
export function sequential<D extends DType = Float>(
  ...layers: readonly Module<D>[] | readonly [Readonly<Record<string, Module<D>>>]
): Module<D>;
export function sequential(
  ...layers: readonly Module<DType>[] | readonly [Readonly<Record<string, Module<DType>>>]
): Module<DType> {
  const [first] = layers;
  const isNamed = typeof first === "object" && first !== null;
  if (isNamed && layers.length > 1)
    throw new AttributeError(
      `nn.sequential: layer 0 is ${show(first)}, expected a module, or one object of modules alone`,
    );
  if (isNamed)
    checkObject("nn.sequential", "layer 0", Array.isArray(first) ? {} : first, "a module, or an object of modules");
  const parts = (isNamed ? first : { ...layers }) as Readonly<Record<string, Module<DType>>>;
  for (const [name, each] of Object.entries(parts)) checkModule("nn.sequential", `layer ${name}`, each);
  return module((x, mode) => {
    const path = currentLayer();
    return Object.entries(parts).reduce((y, [name, each]) => inLayer(within(path, name), () => each(y, mode)), x);
  }, parts) as Module<DType>;
}

/**
 * All variables of a module, or of an object of modules, by PyTorch's names: what is saved and loaded. Modules that are in no other are
 * named by an object: `stateDict({ generator, discriminator })`.
 */
export const stateDict = (parts: Parts): ReadonlyMap<string, Variable> => named(parts);

/** Refuses what is no module of one result. */
export function checkModule(op: string, name: string, value: unknown): void {
  if (typeof value === "function" && "variables" in value && !("output" in value)) return;
  const meant =
    typeof value !== "function"
      ? ""
      : "output" in value
        ? " with one result: take its .output"
        : ": a layer is called first, as in nn.relu(), and a function of your own stands in nn.stateless(…)";
  throw new AttributeError(`${op}: ${name} is ${show(value)}, expected a module${meant}`);
}
