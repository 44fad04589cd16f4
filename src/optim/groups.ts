import { AttributeError, checkLike, checkList, checkObject, quoted, refuse } from "../errors.ts";
import { checkVariable, type Tensor, type Update, type Variable } from "../graph/tensor.ts";
import {
  gradientsOf,
  type Optimizer,
  type OptimizerLike,
  parametersOf,
  type StepOptions,
  type StepUpdates,
  scaling,
  stepOf,
} from "./optimizer.ts";

/** A list of parameters, or a module that has them: of its variables, those that optimizers train by default. */
export type ParameterList = readonly Variable[] | { readonly variables: ReadonlyMap<string, Variable> };

/** Parameters with options of their own, which replace the common ones. */
export type Group<O extends object> = Partial<O> & { readonly parameters: ParameterList };

/** What an optimizer's function takes. */
type OptionsOf<F extends (options: never) => Optimizer> = NonNullable<Parameters<F>[0]>;

/**
 * Optimizers of several groups of parameters that take one step together. Clipping by norm and loss scaling see the
 * gradients of all groups. Each group takes one dispatch.
 */
export class GroupedOptimizer implements OptimizerLike {
  /** The optimizers of the groups, in the order given: `engine.write(optimizer.groups[0].lr, 1e-4)`. */
  readonly groups: readonly Optimizer[];
  /** The learning rate of all other parameters. */
  readonly lr: Variable<"f32">;
  /** That of all other parameters. */
  readonly others: Optimizer;
  readonly #groupOf = new Map<Variable, Optimizer>();

  constructor(
    others: Optimizer,
    groups: readonly (readonly [optimizer: Optimizer, parameters: readonly Variable[]])[],
  ) {
    this.lr = others.lr;
    this.others = others;
    this.groups = groups.map(([optimizer]) => optimizer);
    for (const [i, [optimizer, parameters]] of groups.entries()) {
      for (const parameter of parameters) {
        if (this.#groupOf.has(parameter))
          throw new AttributeError(`optim.groups: ${quoted(parameter.name)} is in two groups, or twice in group ${i}`);
        this.#groupOf.set(parameter, optimizer);
        // Side by side in memory, so that one dispatch updates the group.
        parameter.arena ??= `${parameter.group} of group ${i}`;
      }
    }
  }

  /**
   * All state by name, for a checkpoint: what a single optimizer has, and "groups.0.lr", "groups.0.step" and so on for
   * each group. @param parameters gives the names, as `nn.stateDict(model)`.
   */
  state(parameters: ReadonlyMap<string, Variable>): Map<string, Variable> {
    const all = this.others.state(parameters);
    for (const [i, group] of this.groups.entries()) {
      const numbers = group.state(new Map());
      for (const [name, variable] of group.state(parameters))
        all.set(numbers.has(name) ? `groups.${i}.${name}` : name, variable);
    }
    return all;
  }

  /** The optimizer that updates a parameter. */
  optimizerOf(parameter: Variable): Optimizer {
    return this.#groupOf.get(parameter) ?? this.others;
  }

  /** As `Optimizer.minimize`. Parameters in no group are trained with the common options. */
  minimize(loss: Tensor, options?: StepOptions): StepUpdates;
  minimize(loss: Tensor, parameters?: readonly Variable[], options?: StepOptions): StepUpdates;
  minimize(loss: Tensor, second: readonly Variable[] | StepOptions = {}, third: StepOptions = {}): StepUpdates {
    return this.apply(...gradientsOf("optim.groups", loss, second, third));
  }

  /** As `Optimizer.apply`. */
  apply(parameters: readonly Variable[], gradients: readonly Tensor[], options: StepOptions = {}): StepUpdates {
    const { clips, ...given } = stepOf("optim.groups", parameters, gradients, options);
    const { check, scale, goes } = scaling(gradients, given);
    const limit = clips.find((one) => one.limit)?.limit;
    const { norm, factor } = limit ? limit(gradients, scale) : { norm: undefined, factor: scale };
    const inner: StepOptions = {
      clip: clips.filter((one) => !one.limit),
      ...(factor && { scale: factor }),
      ...(goes && { when: goes }),
    };
    const updates: Update[] = [];
    let rate: Tensor<"f32"> | undefined;
    for (const optimizer of [this.others, ...this.groups]) {
      const own = parameters
        .map((parameter, i) => ({ parameter, gradient: gradients[i]! }))
        .filter(({ parameter }) => this.optimizerOf(parameter) === optimizer)
        .sort((a, b) => a.parameter.node.id - b.parameter.node.id);
      if (own.length === 0) continue;
      const step = optimizer.apply(
        own.map(({ parameter }) => parameter),
        own.map(({ gradient }) => gradient),
        inner,
      );
      rate ??= step.rate;
      updates.push(...step);
    }
    if (check) updates.push(...check.updates);
    return Object.assign(updates, { rate: rate!, ...(norm && { norm }), ...(goes && { taken: goes }) });
  }
}

/**
 * An optimizer whose groups of parameters have options of their own, as a list of groups in PyTorch.
 *
 * @example
 * // Weight decay for matrices only, not for biases and normalisations:
 * const vectors = [...nn.stateDict(model).values()].filter(({ shape }) => shape.length < 2);
 * const optimizer = optim.groups(optim.adamW, { lr: 1e-3 }, [{ parameters: vectors, weightDecay: 0 }]);
 *
 * Make it before the first `compile`: then each group lies side by side in memory, and one dispatch updates it. Later,
 * neighbours share a dispatch.
 * @param make `optim.sgd`, `optim.adam` or another optimizer. @param options common to all parameters.
 * @param groups each with `parameters`, and options that replace the common ones. All other parameters have the common
 * options. A schedule of the common options applies to all groups, to the rate of each.
 * @throws AttributeError for a parameter in two groups; the optimizer's own errors for its options.
 */
export function groups<F extends (options: never) => Optimizer>(
  make: F,
  options: OptionsOf<F>,
  groups: readonly Group<OptionsOf<F>>[],
): GroupedOptimizer {
  const op = "optim.groups";
  checkLike(op, "the optimizer", make, parametersOf);
  checkObject(op, "options", options, "an object");
  const made = checkList(op, "the list of groups", groups).map((group, i) => {
    checkObject(op, `group ${i}`, group, "{ parameters, … }");
    const { parameters, ...own } = group;
    return [
      make({ ...(options as object), ...own } as never),
      parametersIn(op, `parameters of group ${i}`, parameters),
    ] as const;
  });
  return new GroupedOptimizer(optimizerOf(make(options as never)), made);
}

function optimizerOf(made: Optimizer): Optimizer {
  if (typeof made?.apply !== "function")
    refuse("optim.groups", "the optimizer", made, "optim.adam or another optimizer");
  return made;
}

/** The parameters given as a list or a module. */
export function parametersIn(op: string, name: string, given: ParameterList): readonly Variable[] {
  const { variables } = Object(given) as { variables?: unknown };
  if (variables instanceof Map) return [...variables.values()].filter(({ group }) => group === "parameters");
  if (!isList(given)) return refuse(op, name, given, "an array of variables, or a module");
  for (const parameter of given) checkVariable(op, `${name}: an item`, parameter);
  return given;
}

/** `Array.isArray` does not narrow readonly arrays. */
const isList = <T>(value: readonly T[] | object): value is readonly T[] => Array.isArray(value);
