import type { DType, Float } from "../graph/shape.ts";
import type { Tensor, Variable } from "../graph/tensor.ts";

/** How a model is applied. Training and evaluation are two graphs of one model: there is no mode to switch at run time. */
export interface Mode {
  /** Whether layers such as dropout act as in training; default false. */
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

/** Makes a module of a function and the variables it uses. */
export function module<D extends DType>(
  forward: (x: Tensor, mode: Mode) => Tensor<D>,
  variables: Readonly<Record<string, Variable>> | ReadonlyMap<string, Variable> = {},
): Module<Given<D>> {
  const named = variables instanceof Map ? variables : new Map(Object.entries(variables));
  return Object.assign((x: Tensor, mode: Mode = {}) => forward(x, mode), {
    variables: named as ReadonlyMap<string, Variable>,
  }) as unknown as Module<Given<D>>;
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
