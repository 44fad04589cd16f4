import { checkLoss, grad } from "../compile/grad.ts";
import { AttributeError, checkHas, checkList, checkNumber, optionsOf, refuse, ShapeError } from "../errors.ts";
import { reachable } from "../graph/print.ts";
import { showShape } from "../graph/shape.ts";
import { checkTensor, checkVariable, fullValue, type Tensor, type Update, Variable } from "../graph/tensor.ts";
import { sum } from "../ops/lines/reduce.ts";
import { add, cast, gt, mul, where } from "../ops/pointwise/arithmetic.ts";
import { foreach } from "../ops/pointwise/foreach.ts";
import { variable } from "../ops/sources/constants.ts";
import type { Clip } from "./clip.ts";
import type { LossScaler } from "./scaling.ts";
import type { Schedule } from "./schedule.ts";
import { checkTraining } from "./training.ts";

/** One element of a parameter, its gradient and its moments. Formulas over it are ordinary ops. */
export interface Element {
  readonly p: Tensor;
  readonly g: Tensor;
  /** Moments in the order of `Rule.moments`. */
  readonly state: readonly Tensor[];
}

/** A value kept from step to step, and its initial value. */
export interface Kept {
  readonly name: string;
  readonly initial: number;
}

/** Options of an optimizer by their names, such as `betas`. */
export type Settings = Readonly<Record<string, number | boolean | readonly number[]>>;

/** An optimizer, as a formula for one element. */
export interface Rule {
  readonly name: string;
  /** Its options, filled in, but for rate and schedule: what describes the rule elsewhere. */
  readonly settings: Settings;
  /** Values kept per element from step to step. Those given only by name start at 0. */
  readonly moments: readonly (string | Kept)[];
  /** Single numbers kept from step to step. */
  readonly kept?: readonly Kept[];
  /** The next values of `kept`. @param step as for `scalars`. */
  advance?(step: Tensor, kept: readonly Tensor[]): readonly Tensor[];
  /**
   * Scalars computed once per step from the step number (f32, 1 in the first step) and the kept numbers, already
   * advanced. Without them, steps are not counted.
   */
  scalars?(step: Tensor, kept: readonly Tensor[]): readonly Tensor[];
  /** The new parameter and new moments. */
  update(element: Element, lr: Tensor, scalars: readonly Tensor[]): readonly Tensor[];
}

/** What happens to gradients before a step. */
export interface StepOptions {
  /** `clipGradNorm`, `clipGradValue` or both, applied in this order. Default none. */
  readonly clip?: Clip | readonly Clip[];
  /** A number `[]` that multiplies all gradients before clipping, e.g. 1 / (accumulated batches). Default 1. */
  readonly scale?: Tensor<"f32">;
  /** Scales the loss, and skips steps whose gradients overflow; see `LossScaler`. Default none. */
  readonly scaler?: LossScaler;
  /** f32 `[]`: the step is skipped where it is 0, and leaves parameters, moments and counts as they are. Default 1. */
  readonly when?: Tensor<"f32">;
}

/** The updates of one step, with tensors that can be outputs of the program. */
export type StepUpdates = Update[] & {
  /** The learning rate of the step. */
  readonly rate: Tensor<"f32">;
  /** The 2-norm of all gradients together, before clipping; only with `clipGradNorm`. */
  readonly norm?: Tensor<"f32">;
  /** f32 `[]`: 1, or 0 where the step was skipped; only with a scaler or `when`. */
  readonly taken?: Tensor<"f32">;
};

/**
 * A rule with its state. One optimizer serves all programs that train the same parameters. Its learning rate, step
 * count and moments are variables, created when `minimize` first sees a parameter.
 */
export class Optimizer {
  /** The learning rate, on the GPU: `engine.write(optimizer.lr, 1e-4)` changes it between runs. */
  readonly lr: Variable<"f32">;
  /** Steps taken, i32; absent where neither rule nor schedule depends on it. */
  readonly step: Variable<"i32"> | undefined;
  /** How the rate changes from step to step; absent where it does not. */
  readonly schedule: Schedule | undefined;
  readonly #rule: Rule;
  readonly #moments = new Map<Variable, Variable[]>();
  readonly #kept: readonly Variable[];

  constructor(rule: Rule, lr: number, schedule?: Schedule) {
    const op = `optim.${rule.name}`;
    checkNumber(op, "lr", lr, "a number from 0", (n) => n >= 0);
    checkHas(op, "schedule", schedule, "rate", "a schedule");
    this.#rule = rule;
    this.schedule = schedule;
    // In groups of their own: a dispatch that writes the step reads the learning rate, and cannot do both in one
    // buffer.
    this.lr = variable(lr, [], { name: "lr", group: `${rule.name} learning rate` });
    const counts = rule.scalars || schedule;
    this.step = counts && variable(0, [], { name: "step", group: `${rule.name} step`, dtype: "i32" });
    this.#kept = (rule.kept ?? []).map(({ name, initial }) =>
      variable(initial, [], { name, group: `${rule.name} ${name}` }),
    );
  }

  /** The rule's name, such as "adam". */
  get name(): string {
    return this.#rule.name;
  }

  /** The rule's options, filled in, but for rate and schedule. */
  get settings(): Settings {
    return this.#rule.settings;
  }

  /** Names of the values kept for each element of a parameter, as PyTorch calls them: "exp_avg". */
  get moments(): readonly string[] {
    return this.#rule.moments.map((moment) => keptOf(moment).name);
  }

  /** Names of the single numbers kept, beside the step. */
  get kept(): readonly string[] {
    return this.#kept.map(({ name }) => name);
  }

  /** All state of the optimizer, by name, for a checkpoint. `parameters` gives the names. */
  state(parameters: ReadonlyMap<string, Variable>): Map<string, Variable> {
    const all = new Map<string, Variable>([["lr", this.lr]]);
    if (this.step) all.set("step", this.step);
    for (const kept of this.#kept) all.set(kept.name, kept);
    const names = this.moments;
    if (!(parameters instanceof Map))
      refuse(`optim.${this.#rule.name}`, "the argument", parameters, "nn.stateDict(model)");
    for (const [name, parameter] of parameters) {
      this.#moments.get(parameter)?.forEach((moment, i) => all.set(`${name}.${names[i]}`, moment));
    }
    return all;
  }

  /**
   * Updates that lower `loss` by one step: one dispatch for all parameters, or none where the gradient kernels include
   * it.
   * @param loss a tensor with one element.
   * @param parameters default: `parametersOf(loss)`, which leaves out frozen parameters, see `nn.freeze`. Nothing moves
   * those, not even weight decay.
   * @returns updates for `engine.compile`, with the step's learning rate and, if computed, the gradients' norm.
   * @throws AttributeError where no gradient reaches a parameter, or not all of a given list; and where the loss goes
   * through a layer such as dropout or batch normalisation in evaluation without an explicit `{ training: false }`.
   */
  minimize(loss: Tensor, options?: StepOptions): StepUpdates;
  minimize(loss: Tensor, parameters?: readonly Variable[], options?: StepOptions): StepUpdates;
  minimize(loss: Tensor, second: readonly Variable[] | StepOptions = {}, third: StepOptions = {}): StepUpdates {
    return this.apply(...gradientsOf(`optim.${this.#rule.name}`, loss, second, third));
  }

  /**
   * The same for gradients computed by the caller; with a scaler, of a loss that it scaled.
   * @throws AttributeError for a gradient that is 0 because the loss does not depend on the parameter, see
   * `parametersOf`, and for one that goes through a layer in evaluation, as `minimize`.
   */
  apply(parameters: readonly Variable[], gradients: readonly Tensor[], options: StepOptions = {}): StepUpdates {
    const rule = this.#rule;
    const op = `optim.${rule.name}`;
    const { clips, ...given } = stepOf(op, parameters, gradients, options);
    checkTraining(op, gradients);
    checkReached(
      op,
      parameters.filter((parameter, i) => parameter.frozen || !reaches(gradients[i]!)),
    );
    const updates: Update[] = [];
    const { check, scale, goes } = scaling(gradients, given);
    /** A variable's next value, or its old one where the step is skipped. */
    const unless = (next: Tensor, old: Tensor, taken: Tensor | undefined = goes) =>
      taken ? where(gt(taken, 0), next, old) : next;
    const step = this.step && add(this.step, 1);
    if (this.step && step) updates.push([this.step, unless(step, this.step)]);
    const number = step && cast(step, "f32");
    const kept = rule.advance ? rule.advance(number!, this.#kept) : [];
    kept.forEach((value, i) => updates.push([this.#kept[i]!, unless(value, this.#kept[i]!)]));
    const scalars = rule.scalars?.(number!, kept) ?? [];
    const rate = this.schedule ? this.schedule.rate(this.step!, this.lr) : this.lr;
    const byNorm = clips.find(({ limit }) => limit)?.limit?.(gradients, scale);
    const { norm, factor } = byNorm ?? { norm: undefined, factor: scale };
    const each = clips.find(({ each }) => each)?.each;
    const moments = parameters.map((parameter) => this.#momentsOf(parameter));
    const roles = [parameters, gradients, ...rule.moments.map((_, i) => moments.map((own) => own[i]!))];
    const shared = [rate, ...(factor ? [factor] : []), ...(goes ? [goes] : []), ...scalars];
    const results = foreach(rule.name, shared, roles, ([lr, ...rest], [p, g, ...state]) => {
      const scaled = factor ? mul(g!, rest.shift()!) : g!;
      const taken = goes && rest.shift();
      const next = rule.update({ p: p!, g: each ? each(scaled) : scaled, state }, lr!, rest);
      return next.map((value, i) => unless(value, i === 0 ? p! : state[i - 1]!, taken));
    });
    parameters.forEach((parameter, i) => {
      updates.push([parameter, results[0]![i]!]);
      moments[i]!.forEach((moment, k) => updates.push([moment, results[k + 1]![i]!]));
    });
    if (check) updates.push(...check.updates);
    return Object.assign(updates, { rate, ...(norm && { norm }), ...(goes && { taken: goes }) });
  }

  #momentsOf(parameter: Variable): Variable[] {
    const known = this.#moments.get(parameter);
    if (known) return known;
    const made = this.#rule.moments.map((moment) => {
      const { name, initial } = keptOf(moment);
      return variable(initial, parameter.shape, {
        name: `${parameter.name}.${name}`,
        group: `${this.#rule.name} ${name}`,
      });
    });
    this.#moments.set(parameter, made);
    return made;
  }
}

/** The arguments of `minimize`, checked, as those of `apply`. */
export function gradientsOf(
  op: string,
  loss: Tensor,
  second: readonly Variable[] | StepOptions,
  third: StepOptions,
): [parameters: readonly Variable[], gradients: readonly Tensor[], options: StepOptions] {
  checkLoss(op, loss);
  checkTraining(op, [loss]);
  const [parameters, given] = isList(second) ? [second, third] : [parametersOf(loss), second];
  const options = optionsOf(op, given, stepOptions);
  checkHas(op, "scaler", options.scaler, "scaled", "optim.lossScaler()");
  checkParameters(op, parameters);
  const scaled = options.scaler ? options.scaler.scaled(loss) : loss;
  return [parameters, grad(scaled, parameters), options];
}

/** Checks the arguments of `apply`. @returns its options. */
export function stepOf(
  op: string,
  parameters: readonly Variable[],
  gradients: readonly Tensor[],
  options: StepOptions,
): Omit<StepOptions, "clip"> & { readonly clips: readonly Clip[] } {
  const { clip = [], ...others } = optionsOf(op, options, stepOptions);
  checkSingle(op, { scale: others.scale, when: others.when });
  checkParameters(op, parameters);
  if (checkList(op, "the list of gradients", gradients).length !== parameters.length)
    refuse(op, "the number of gradients", gradients.length, `${parameters.length}`);
  if (parameters.length === 0) throw new AttributeError(`${op}: no parameters to update`);
  const clips = [clip].flat();
  for (const one of clips)
    if (!one?.limit && !one?.each) refuse(op, "clip", one, "optim.clipGradNorm(…) or optim.clipGradValue(…)");
  return { ...others, clips };
}

/** What a step multiplies gradients by, and the number that is 0 where it is skipped: with a scaler, its own included. */
export function scaling(gradients: readonly Tensor[], { scale, scaler, when }: Omit<StepOptions, "clip">) {
  const check = scaler?.check(gradients);
  return {
    check,
    scale: check && scale ? mul(check.inverse, scale) : (check?.inverse ?? scale),
    goes: check && when ? mul(check.taken, when) : (check?.taken ?? when),
  };
}

/** Refuses anything but tensors of one element; `undefined` passes. */
function checkSingle(op: string, numbers: Readonly<Record<string, Tensor | undefined>>): void {
  for (const [name, number] of Object.entries(numbers)) {
    if (number === undefined) continue;
    checkTensor(op, name, number);
    if (number.shape.some((n) => n !== 1))
      throw new ShapeError(`${op}: ${name} has shape ${showShape(number.shape)}, expected a single element`);
  }
}

/** What trains parameters: an optimizer, or those of several groups. */
export interface OptimizerLike extends Pick<Optimizer, "lr" | "state" | "minimize" | "apply"> {
  /** The groups with a rate of their own. */
  readonly groups?: readonly Pick<Optimizer, "lr">[];
}

function checkParameters(op: string, parameters: readonly Variable[]): void {
  for (const parameter of checkList(op, "the list of parameters", parameters))
    checkVariable(op, "a parameter", parameter);
}

const stepOptions = { clip: undefined, scale: undefined, scaler: undefined, when: undefined };

const keptOf = (moment: string | Kept): Kept => (typeof moment === "string" ? { name: moment, initial: 0 } : moment);

/** `Array.isArray` does not narrow readonly arrays. */
const isList = (value: readonly Variable[] | StepOptions): value is readonly Variable[] => Array.isArray(value);

/** Whether a gradient exists: `grad` returns the number 0 where no path leads to the loss. */
export const reaches = (gradient: Tensor): boolean => fullValue(gradient) !== 0;

/** Refuses parameters that no gradient reaches: weight decay and old momentum would still move them. */
export function checkReached(name: string, missed: readonly Variable[]): void {
  if (missed.length === 0) return;
  const names = missed.map((variable) => `"${variable.name}"`).join(", ");
  throw new AttributeError(
    `${name}: no gradient of the loss reaches ${names}: leave them out of the list, or remove what cuts the path (nn.freeze, detach, argmax, a cast to integers)`,
  );
}

/**
 * Variables of the group "parameters" that a tensor depends on through a gradient, in order of creation. Leaves out
 * frozen ones, and those that it reads only through `detach`, comparisons or integers.
 */
export function parametersOf(tensor: Tensor): Variable[] {
  const all = reachable([tensor]).flatMap(({ results: [y] }) =>
    y instanceof Variable && y.group === "parameters" && !y.frozen ? [y] : [],
  );
  const gradients = grad(sum(tensor), all);
  return all.filter((_, i) => reaches(gradients[i]!));
}
