import { checkLike, checkObject, optionsOf, refuse } from "../errors.ts";
import type { DType, Float } from "../graph/shape.ts";
import { type Tensor, Variable } from "../graph/tensor.ts";
import { callLayer, currentLayer, inLayer } from "../layer.ts";
import { evaluated } from "../ops/moves/views.ts";

/**
 * How a model is applied. Training and evaluation are two graphs of one model; there is no mode to switch at run time.
 */
export interface Mode {
  /**
   * Whether layers such as dropout and batch normalisation behave as in training. If left out, they behave as in
   * evaluation, and optimizers refuse a loss that depends on it. Pass `false` to train while they stay in evaluation,
   * e.g. with frozen statistics.
   */
  readonly training?: boolean;
}

/**
 * A function from tensor to tensor with its own variables. `D` are the dtypes it returns: floats, unless its function
 * returns integers. An f32 input never gives an f16 result.
 */
export interface Module<D extends DType = Float> {
  (x: Tensor<"f32">, mode?: Mode): Tensor<Exclude<D, "f16">>;
  (x: Tensor, mode?: Mode): Tensor<D>;
  /** Variables by PyTorch's names within this module ("weight", "0.bias"). */
  readonly variables: ReadonlyMap<string, Variable>;
}

/** The dtypes of a module whose function returns `D`; floats where that is unknown. */
type Given<D extends DType> = DType extends D ? Float : D;

/** What a model consists of: variables, modules, and objects or lists of them, whose keys become names. */
export type Parts =
  | Variable
  | Pick<Module, "variables">
  | ReadonlyMap<string, Variable>
  | readonly Parts[]
  | { readonly [name: string]: Parts };

const within = (path: string, name: string): string => (path ? `${path}.${name}` : name);

/** Variables that belong to a module. */
const placed = new WeakSet<Variable>();

/**
 * The variables of some parts by their paths, which become their names. A variable keeps its path in the first model it
 * is put into; the path grows when that model becomes part of another.
 */
export function named(
  op: string,
  parts: Parts,
  path = "",
  found = new Map<string, Variable>(),
): ReadonlyMap<string, Variable> {
  if (parts instanceof Variable) {
    if (!placed.has(parts) || path.endsWith(`.${parts.name}`)) Object.assign(parts.node.attrs, { name: path });
    placed.add(parts);
    return found.set(path, parts);
  }
  const { variables = parts } = Object(parts) as Pick<Module, "variables">;
  if (!(variables instanceof Map || Array.isArray(variables)))
    checkObject(op, path ? `"${path}"` : "the argument", variables, "variables or modules");
  for (const [name, part] of variables instanceof Map ? variables : Object.entries(variables))
    named(op, part, within(path, name), found);
  return found;
}

/** The module's own path: what precedes its names in the paths of its variables; "" for a module at the top. */
export function pathOf(variables: ReadonlyMap<string, Variable>): string {
  for (const [own, { name }] of variables) if (name.endsWith(`.${own}`)) return name.slice(0, -own.length - 1);
  return "";
}

/**
 * How a module came about: its parts, the function that made it, and arguments that make another one like it. Initial
 * values are not among them.
 */
export type Recipe = readonly [parts: Parts, name?: string, args?: readonly unknown[]];

/**
 * Attaches variables to a function, and gives the nodes it creates the path of the layer: the path of its variables, or
 * that of the enclosing module if it does not contain this path.
 */
export function layer<F extends (...args: never[]) => unknown>(forward: F, ...recipe: Recipe) {
  const variables = named("nn.module", recipe[0]);
  const run = (...args: Parameters<F>) => {
    const [outer, path] = [currentLayer(), pathOf(variables)];
    return inLayer(path.startsWith(within(outer, "")) ? path : outer, () => forward(...args));
  };
  const made = Object.assign(((...args) => callLayer(made, args, run)) as F, { variables, recipe });
  return made;
}

/** Modes with `training` left out. Reading it marks the result. */
const unsaid = new WeakSet<Mode>();

/**
 * Creates a module from a function and its parts: `module((x) => relu(head(body(x))), { body, head })`. The names of
 * variables, kernels and errors come from the keys given here.
 * @param parts variables, modules, or objects and lists of them; default none.
 * @param name the module's name in errors; default "a module". @param args of nn's own layers, for descriptions.
 */
export function module<D extends DType>(
  forward: (x: Tensor, mode: Mode) => Tensor<D>,
  parts: Parts = {},
  name = "a module",
  args?: readonly unknown[],
): Module<Given<D>> {
  checkLike("nn.module", "forward", forward, module);
  const call = (x: Tensor, mode: Mode = {}): Tensor<D> => {
    checkMode(name, mode);
    if (!unsaid.has(mode) && mode.training !== undefined) return forward(x, mode);
    let asked = false;
    const get = () => {
      asked = true;
    };
    // Not enumerable, so that a copy of the mode passed to an inner module leaves the question to that module.
    const own = Object.defineProperty({ ...mode }, "training", { get, enumerable: false }) as Mode;
    unsaid.add(own);
    const y = forward(x, own);
    return asked ? evaluated(y, name) : y;
  };
  return layer(call, parts, name, args) as unknown as Module<Given<D>>;
}

/** Refuses anything but a mode. Does not read `training`: see above. */
export function checkMode(op: string, mode: Mode): void {
  optionsOf(op, mode, { training: true });
}

/** A layer of nn without variables, such as an activation. @param args the arguments that make it again. */
export const plain = <D extends DType>(
  name: string,
  forward: (x: Tensor) => Tensor<D>,
  ...args: readonly unknown[]
): Module<Given<D>> => module(forward, {}, name, args);

/** A layer without variables, such as an activation. */
export function stateless<D extends DType>(forward: (x: Tensor) => Tensor<D>): Module<Given<D>> {
  checkLike("nn.stateless", "forward", forward, module);
  return module(forward);
}

/** A module that computes nothing: integers in, integers out. */
export type Moving = (<D extends DType>(x: Tensor<D>, mode?: Mode) => Tensor<D>) & Module;

/**
 * Applies modules one after the other. Variables are named by position, as in PyTorch's `nn.Sequential`, or by the
 * given keys: `sequential({ conv1: conv2d(…), act: relu() })`.
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
    refuse("nn.sequential", "layer 0", first, "a module, or a single object of modules");
  if (isNamed)
    checkObject("nn.sequential", "layer 0", Array.isArray(first) ? {} : first, "a module, or an object of modules");
  const parts = (isNamed ? first : { ...layers }) as Readonly<Record<string, Module<DType>>>;
  for (const [name, each] of Object.entries(parts)) checkModule("nn.sequential", `layer ${name}`, each);
  const forward = (x: Tensor, mode: Mode) => {
    const path = currentLayer();
    return Object.entries(parts).reduce((y, [name, each]) => inLayer(within(path, name), () => each(y, mode)), x);
  };
  return module(forward, parts, "nn.sequential", layers) as Module<DType>;
}

/**
 * All variables of a module, or of an object of modules, by PyTorch's names: what to save and load. Combine separate
 * modules in an object: `stateDict({ generator, discriminator })`.
 */
export const stateDict = (parts: Parts): ReadonlyMap<string, Variable> => named("nn.stateDict", parts);

/** Refuses anything but a module with one result. */
export function checkModule(op: string, name: string, value: unknown): void {
  if (typeof value === "function" && "variables" in value && !("output" in value)) return;
  const meant =
    typeof value !== "function"
      ? ""
      : "output" in value
        ? " with one result: take its .output"
        : ": call layers first, as in nn.relu(), and wrap your own functions in nn.stateless(…)";
  refuse(op, name, value, `a module${meant}`);
}
