import { grad } from "../compile/grad.ts";
import { AttributeError } from "../errors.ts";
import { reachable } from "../graph/print.ts";
import { sizeOf } from "../graph/shape.ts";
import { type Tensor, type Update, Variable } from "../graph/tensor.ts";
import { add, cast } from "../ops/arithmetic.ts";
import { variable } from "../ops/constants.ts";
import { foreach } from "../ops/foreach.ts";

/** One element of a parameter, its gradient and its moments; scalars that all elements share. Formulas are ordinary ops. */
export interface Element {
  readonly p: Tensor;
  readonly g: Tensor;
  /** Moments by the names of `Rule.moments`. */
  readonly state: readonly Tensor[];
}

/** What an optimizer does, said for one element. */
export interface Rule {
  readonly name: string;
  /** Values kept from step to step for each element; they start at 0. */
  readonly moments: readonly string[];
  /** Scalars computed once per step from the step's number (f32, 1 in the first step); none: no step is counted. */
  scalars?(step: Tensor): readonly Tensor[];
  /** New parameter and new moments. */
  update(element: Element, lr: Tensor, scalars: readonly Tensor[]): readonly Tensor[];
}

/**
 * A rule with its state. One optimizer serves all programs that train the same parameters: learning rate, step count and
 * moments are variables, created when `minimize` first meets a parameter.
 */
export class Optimizer {
  /** The learning rate, on the GPU: `engine.write(optimizer.lr, new Float32Array([1e-4]))` changes it between runs. */
  readonly lr: Variable;
  /** Steps taken, i32; absent where the rule does not depend on it. */
  readonly step: Variable | undefined;
  readonly #rule: Rule;
  readonly #moments = new Map<Variable, Variable[]>();

  constructor(rule: Rule, lr: number) {
    if (!(lr >= 0 && Number.isFinite(lr)))
      throw new AttributeError(`optim.${rule.name}: lr is ${lr}, expected a number from 0`);
    this.#rule = rule;
    // Groups of their own: the step is written while the learning rate is read, which one buffer would not allow.
    this.lr = variable(new Float32Array([lr]), [], { name: "lr", group: `${rule.name} learning rate` });
    this.step = rule.scalars && variable(new Int32Array(1), [], { name: "step", group: `${rule.name} step` });
  }

  /** Everything the optimizer keeps, by name: what a checkpoint saves beside the weights. `parameters` gives the names. */
  state(parameters: ReadonlyMap<string, Variable>): Map<string, Variable> {
    const all = new Map<string, Variable>([["lr", this.lr]]);
    if (this.step) all.set("step", this.step);
    for (const [name, parameter] of parameters) {
      this.#moments.get(parameter)?.forEach((moment, i) => all.set(`${name}.${this.#rule.moments[i]}`, moment));
    }
    return all;
  }

  /**
   * Updates that lower `loss` by one step. All parameters are updated by one dispatch.
   * @param loss one element.
   * @param parameters default: every variable of the group "parameters" that `loss` depends on.
   * @returns updates for `engine.compile`.
   */
  minimize(loss: Tensor, parameters: readonly Variable[] = parametersOf(loss)): Update[] {
    return this.apply(parameters, grad(loss, parameters));
  }

  /** The same from gradients that the caller computed (clipped, say). */
  apply(parameters: readonly Variable[], gradients: readonly Tensor[]): Update[] {
    const rule = this.#rule;
    if (parameters.length === 0) throw new AttributeError(`optim.${rule.name}: there are no parameters to update`);
    const updates: Update[] = [];
    const step = this.step && add(this.step, 1);
    if (this.step && step) updates.push([this.step, step]);
    const scalars = rule.scalars?.(cast(step!, "f32")) ?? [];
    const moments = parameters.map((parameter) => this.#momentsOf(parameter));
    const roles = [parameters, gradients, ...rule.moments.map((_, i) => moments.map((own) => own[i]!))];
    const results = foreach(rule.name, [this.lr, ...scalars], roles, ([lr, ...rest], [p, g, ...state]) =>
      rule.update({ p: p!, g: g!, state }, lr!, rest),
    );
    parameters.forEach((parameter, i) => {
      updates.push([parameter, results[0]![i]!]);
      moments[i]!.forEach((moment, k) => updates.push([moment, results[k + 1]![i]!]));
    });
    return updates;
  }

  #momentsOf(parameter: Variable): Variable[] {
    const known = this.#moments.get(parameter);
    if (known) return known;
    const made = this.#rule.moments.map((moment) =>
      variable(new Float32Array(sizeOf(parameter.shape)), parameter.shape, {
        name: `${parameter.name}.${moment}`,
        group: `${this.#rule.name} ${moment}`,
      }),
    );
    this.#moments.set(parameter, made);
    return made;
  }
}

/** Variables of the group "parameters" that a tensor depends on, in order of their making. */
export function parametersOf(tensor: Tensor): Variable[] {
  return reachable([tensor]).flatMap(({ results: [y] }) =>
    y instanceof Variable && y.group === "parameters" ? [y] : [],
  );
}
