import type { Tensor, Variable } from "../graph/tensor.ts";

/** How a model is applied. Training and evaluation are two graphs of one model: there is no mode to switch at run time. */
export interface Mode {
  /** Whether layers such as dropout act as in training; default false. */
  readonly training?: boolean;
}

/** A function from tensor to tensor with variables of its own. */
export interface Module {
  (x: Tensor, mode?: Mode): Tensor;
  /** Variables by the names that PyTorch gives them within this module ("weight", "0.bias"). */
  readonly variables: ReadonlyMap<string, Variable>;
}

/** Makes a module of a function and the variables it uses. */
export function module(
  forward: (x: Tensor, mode: Mode) => Tensor,
  variables: Readonly<Record<string, Variable>> | ReadonlyMap<string, Variable> = {},
): Module {
  const named = variables instanceof Map ? variables : new Map(Object.entries(variables));
  return Object.assign((x: Tensor, mode: Mode = {}) => forward(x, mode), {
    variables: named as ReadonlyMap<string, Variable>,
  });
}

/** A layer without variables, such as an activation. */
export const stateless = (forward: (x: Tensor) => Tensor): Module => module(forward);

/**
 * Applies modules one after the other. Their variables are named by position, as in PyTorch's `nn.Sequential`, or by the given
 * names: `sequential({ conv1: conv2d(…), act: relu() })`.
 */
export function sequential(...layers: readonly Module[] | readonly [Readonly<Record<string, Module>>]): Module {
  const [first] = layers;
  const isNamed = first !== undefined && typeof first !== "function";
  const named: Readonly<Record<string, Module>> = isNamed
    ? first
    : Object.fromEntries(Object.entries(layers as readonly Module[]));
  const variables = new Map<string, Variable>();
  for (const [name, layer] of Object.entries(named)) {
    for (const [own, variable] of layer.variables) variables.set(`${name}.${own}`, variable);
  }
  return module((x, mode) => Object.values(named).reduce((y, layer) => layer(y, mode), x), variables);
}

/** All variables of a module by PyTorch's names: what is saved and loaded. */
export const stateDict = ({ variables }: Pick<Module, "variables">): ReadonlyMap<string, Variable> => variables;
