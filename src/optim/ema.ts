import { applied } from "../compile/inline.ts";
import { AttributeError, checkHas, checkList, listed, optionsOf } from "../errors.ts";
import { rewrite } from "../graph/rewrite.ts";
import {
  checkNamed,
  checkTensor,
  checkVariable,
  type Node,
  type PointwiseProgram,
  type Tensor,
  type Update,
  Variable,
} from "../graph/tensor.ts";
import { reshape, slice } from "../ops/moves/views.ts";
import { add, cast, eq, mul, sub, where } from "../ops/pointwise/arithmetic.ts";
import { foreach } from "../ops/pointwise/foreach.ts";
import { variable } from "../ops/sources/constants.ts";
import { layBeside } from "./beside.ts";
import { type ParameterList, parametersIn } from "./groups.ts";
import type { OptimizerLike, StepOptions, StepUpdates } from "./optimizer.ts";
import { checkShares } from "./options.ts";

/** How fast averaged weights follow. */
export interface EmaOptions {
  /** The share of its value that an average keeps in each step; default 0.999. */
  readonly decay?: number;
}

/**
 * An exponential moving average of each parameter, as `AveragedModel` with `get_ema_multi_avg_fn` in PyTorch: after the
 * first step a = p, after every other a = decay · a + (1 − decay) · p, where p is the new parameter. The averages often
 * predict better than the last weights.
 *
 * @example
 * const ema = optim.ema(model, { decay: 0.999 });
 * const train = await engine.compile({ updates: ema.follow(optimizer.minimize(loss)) });
 * const test = await engine.compile({ outputs: { y: ema.averaged(model(x)) } });
 */
export class Ema {
  /** The average of each parameter. Until the first step it has the parameter's first value. */
  readonly averages: ReadonlyMap<Variable, Variable>;
  /** Steps averaged, i32 `[]`. */
  readonly count: Variable<"i32">;
  readonly #decay: number;

  /** @throws AttributeError for a decay outside [0, 1), or without parameters. */
  constructor(parameters: ParameterList, options: EmaOptions = {}) {
    const { decay } = optionsOf("optim.ema", options, { decay: 0.999 });
    checkShares("ema", { decay });
    const list = parametersIn("optim.ema", "parameters", parameters);
    if (list.length === 0) throw new AttributeError("optim.ema: no parameters");
    this.#decay = decay;
    const sorted = [...list].sort((a, b) => a.node.id - b.node.id);
    this.averages = new Map(sorted.map((parameter) => [parameter, averageOf(parameter)]));
    this.count = variable(0, [], { name: "n_averaged", group: "steps averaged", dtype: "i32" });
  }

  /**
   * The updates of a step, and those of the averages. They take no dispatch of their own: the kernel that updates the
   * parameters also updates their averages. A step that is skipped changes no average.
   * @param updates of `minimize`, `apply`, or an accumulator's `step`.
   * @throws AttributeError where the updates change none of the parameters.
   */
  follow<U extends readonly Update[]>(updates: U): U {
    for (const update of checkList("optim.ema", "the list of updates", updates)) {
      const [changed] = checkList<unknown>("optim.ema", "an update", update as never);
      checkVariable("optim.ema", "the variable of an update", changed);
    }
    const followed = updates.filter(([changed]) => this.averages.has(changed));
    if (followed.length === 0)
      throw new AttributeError(
        `optim.ema: the updates change none of ${listed([...this.averages.keys()].map(({ name }) => `"${name}"`))}`,
      );
    layBeside(this.averages.keys(), [...this.averages.values()]);
    const { taken } = updates as unknown as Partial<StepUpdates>;
    const first = where(eq(this.count, 0), 1, 1 - this.#decay);
    const weight = taken ? mul(first, taken) : first;
    const counted = add(this.count, taken ? cast(taken, "i32") : 1);
    /** New results of each foreach that now computes averages, too. */
    const replaced = new Map<Node, readonly Tensor[]>();
    const own: Update[] = [[this.count, counted]];
    const others: Update[] = [];
    for (const [node, members] of byNode(followed)) {
      const together = this.#extended(node, members, weight);
      if (together) {
        replaced.set(node, together.slice(0, -1).flat());
        members.forEach(([parameter], i) => own.push([this.averages.get(parameter)!, together.at(-1)![i]!]));
      } else others.push(...members);
    }
    if (others.length > 0) {
      const averages = others.map(([parameter]) => this.averages.get(parameter)!);
      const values = others.map(([, value]) => value);
      const [next] = foreach("ema", [weight], [averages, values], ([w], [a, p]) => [mix(a!, p!, w!)]);
      averages.forEach((average, i) => own.push([average, next![i]!]));
    }
    const now = ([changed, value]: Update): Update => [changed, replaced.get(value.node)?.[value.index] ?? value];
    const extra = Object.entries(updates).filter(([name]) => !/^\d+$/.test(name));
    return Object.assign([...updates.map(now), ...own], Object.fromEntries(extra)) as unknown as U;
  }

  /**
   * An optimizer whose every step also updates the averages, for a trainer or an accumulator. Its state includes theirs,
   * as "ema.n_averaged", "ema.0.weight" and so on.
   */
  around(optimizer: OptimizerLike): OptimizerLike {
    checkHas("optim.ema", "the optimizer", optimizer ?? {}, "minimize", "an optimizer, such as optim.adam()");
    return {
      lr: optimizer.lr,
      groups: optimizer.groups ?? [],
      minimize: (...args: unknown[]) => this.follow(optimizer.minimize(...(args as [Tensor, StepOptions]))),
      apply: (...args) => this.follow(optimizer.apply(...args)),
      state: (parameters) => {
        const own = [...this.state(parameters)].map(([name, variable]) => [`ema.${name}`, variable] as const);
        return new Map([...optimizer.state(parameters), ...own]);
      },
    };
  }

  /** A tensor computed with the averages in place of the parameters: what to evaluate and predict with. */
  averaged<T extends Tensor>(y: T): T {
    checkTensor("optim.ema", "the argument", y);
    const [result] = rewrite([y], ({ results: [x] }) => {
      const average = x instanceof Variable && this.averages.get(x);
      return average ? [average] : undefined;
    });
    return result as T;
  }

  /** Updates that exchange parameters and averages, in one dispatch. Run them again to change back. */
  swap(): Update[] {
    const [parameters, averages] = [[...this.averages.keys()], [...this.averages.values()]];
    const [first, second] = foreach("swap", [], [parameters, averages], (_, [p, a]) => [a!, p!]);
    return [
      ...parameters.map((parameter, i): Update => [parameter, first![i]!]),
      ...averages.map((average, i): Update => [average, second![i]!]),
    ];
  }

  /** All state by name, for a checkpoint. @param parameters gives the names, as `nn.stateDict(model)`. */
  state(parameters: ReadonlyMap<string, Variable>): Map<string, Variable> {
    checkNamed("optim.ema", parameters);
    const named = [...parameters].flatMap(([name, parameter]): [string, Variable][] => {
      const average = this.averages.get(parameter);
      return average ? [[name, average]] : [];
    });
    return new Map([["n_averaged", this.count], ...named]);
  }

  /**
   * A model's variables by name, with the averages in place of the parameters: `io.saveSafetensors(engine,
   * ema.weights(nn.stateDict(model)))` saves weights that the model loads as its own.
   */
  weights(named: ReadonlyMap<string, Variable>): Map<string, Variable> {
    checkNamed("optim.ema", named);
    return new Map([...named].map(([name, variable]) => [name, this.averages.get(variable) ?? variable]));
  }

  /**
   * The results of a foreach that updates parameters, and their averages as the last result; `undefined` where it
   * updates others, too.
   */
  #extended({ op, inputs, attrs }: Node, members: readonly Update[], weight: Tensor): Tensor[][] | undefined {
    if (op.name !== "foreach" || members.length !== attrs["members"]) return undefined;
    const { program, name } = attrs as { program: PointwiseProgram; name: string };
    const [count, packed] = [members.length, inputs.slice(0, attrs["scalars"])];
    const tuples = inputs.slice(packed.length);
    const roles = Array.from({ length: tuples.length / count }, (_, r) => tuples.slice(r * count, (r + 1) * count));
    // Scalars that exceed the bindings share a vector.
    const scalars = packed.flatMap((x) =>
      x.shape.length === 0 ? [x] : Array.from({ length: x.size }, (_, i) => reshape(slice(x, [[i, i + 1]]), [])),
    );
    const averages = members.map(([parameter]) => this.averages.get(parameter)!);
    const place = Math.floor(members[0]![1].index / count);
    return foreach(name, [...scalars, weight], [...roles, averages], (shared, element) => {
      const results = applied(program, [...shared.slice(0, -1), ...element.slice(0, -1)]);
      return [...results, mix(element.at(-1)!, results[place]!, shared.at(-1)!)];
    });
  }
}

/** The average's next value: exactly p for a weight of 1, and a for 0. */
const mix = (a: Tensor, p: Tensor, weight: Tensor): Tensor => add(mul(a, sub(1, weight)), mul(p, weight));

function averageOf(parameter: Variable): Variable {
  const { name, shape, first } = parameter;
  const start = first === undefined ? 0 : typeof first === "object" && !("drawing" in first) ? first.slice() : first;
  return variable(start, shape, { name: `${name}.average`, group: "moving averages" });
}

/** Updates by the node that computes them; of a foreach, in the order of its members. */
function byNode(updates: readonly Update[]): Map<Node, Update[]> {
  const found = new Map<Node, Update[]>();
  for (const update of updates) found.set(update[1].node, [...(found.get(update[1].node) ?? []), update]);
  for (const members of found.values()) members.sort(([, a], [, b]) => a.index - b.index);
  return found;
}

/**
 * Moving averages of parameters; see `Ema`. Make it before the first `compile`.
 * @param parameters a model, or a list. @param options `decay`, default 0.999.
 */
export function ema(parameters: ParameterList, options: EmaOptions = {}): Ema {
  return new Ema(parameters, options);
}
