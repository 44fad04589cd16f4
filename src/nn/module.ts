import type { DType, Float } from "../graph/shape.ts";
import type { Tensor, Variable } from "../graph/tensor.ts";
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

/** Modes in which training is neither true nor false. Whoever asks them for it leaves a note on the result. */
const unsaid = new WeakSet<Mode>();

/**
 * Makes a module of a function and the variables it uses.
 * @param name what errors call it; default "a module".
 */
export function module<D extends DType>(
  forward: (x: Tensor, mode: Mode) => Tensor<D>,
  variables: Readonly<Record<string, Variable>> | ReadonlyMap<string, Variable> = {},
  name = "a module",
): Module<Given<D>> {
  const named = variables instanceof Map ? variables : new Map(Object.entries(variables));
  const call = (x: Tensor, mode: Mode = {}): Tensor<D> => {
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
  return Object.assign(call, { variables: named as ReadonlyMap<string, Variable> }) as unknown as Module<Given<D>>;
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
  const isNamed = first !== undefined && typeof first !== "function";
  const named: Readonly<Record<string, Module<DType>>> = isNamed
    ? first
    : Object.fromEntries(Object.entries(layers as readonly Module<DType>[]));
  const variables = new Map<string, Variable>();
  for (const [name, layer] of Object.entries(named)) {
    for (const [own, variable] of layer.variables) variables.set(`${name}.${own}`, variable);
  }
  return module((x, mode) => Object.values(named).reduce((y, layer) => layer(y, mode), x), variables) as Module<DType>;
}

/** All variables of a module by PyTorch's names: what is saved and loaded. */
export const stateDict = ({ variables }: Pick<Module, "variables">): ReadonlyMap<string, Variable> => variables;
