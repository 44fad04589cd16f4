import { refuse, StateError } from "../errors.ts";
import { reachable } from "../graph/print.ts";
import type { Tensor, Update, Variable } from "../graph/tensor.ts";
import { sum } from "../ops/lines/reduce.ts";
import { cast, gt, mul, where } from "../ops/pointwise/arithmetic.ts";
import { variable } from "../ops/sources/constants.ts";
import type { Engine } from "../runtime/engine.ts";
import type { Program } from "../runtime/program.ts";
import { statisticsOf } from "./gradients.ts";
import { type Outcome, outcomeOf, type Recipe, usedBy } from "./recipe.ts";
import { Ring, stillFinite } from "./ring.ts";
import type { Specs } from "./specs.ts";
import type { Weights } from "./weights.ts";

/** A program for batches of one size. */
export interface Sized {
  readonly program: Program;
  readonly size: number;
  /** Names of its inputs. */
  readonly inputs: readonly string[];
  /** Whether the loss has a value for each sample, so that samples can be weighted. */
  readonly perSample: boolean;
  /** The same program, with outputs: statistics of the gradients, `[3]`, by parameter. */
  statistics(): Promise<Program<Statistics>>;
  /** Sets the weights of samples; default 1. They stay until they are set again. */
  weigh(weights: Weights): void;
}

/** Graphs of the statistics of gradients, by parameter. */
export type Statistics = Readonly<Record<string, Tensor>>;

/** How programs come to be. */
interface Plan {
  readonly training: boolean;
  readonly ring: Ring;
  /**
   * Numbers to record beside loss and metrics, and all updates.
   * @param loss the mean, for its gradient. @param total the weighted sum of the losses, which is computed anyway.
   */
  finish(loss: Tensor, total: Tensor): { readonly numbers: readonly Tensor[]; readonly updates: readonly Update[] };
}

/** The graph of a program. */
interface Described {
  readonly loss: Tensor;
  readonly updates: readonly Update[];
  readonly weights: Variable<"f32">;
  /** Weights over their sum. */
  readonly shares: Variable<"f32">;
  /** The engine's GPU on which all weights are 1 now; a recovery brings those of a snapshot. */
  equalOn: object | undefined;
  readonly perSample: boolean;
}

/** The programs of one kind, training or evaluation, one for each batch size that occurs. */
export class Programs {
  readonly ring: Ring;
  readonly #recipe: Recipe;
  readonly #specs: Specs;
  readonly #plan: Plan;
  readonly #sized = new Map<string, Promise<Sized>>();
  readonly #made: Program[] = [];
  readonly #outcomes = new Map<number, Outcome>();
  readonly #described = new Map<number, Described>();
  readonly #own: Variable[] = [];
  #mixes: boolean | undefined;
  /** Variables that a program changes, beside those of model, optimizer and trainer: random keys, running states. */
  readonly touched = new Set<Variable>();

  constructor(recipe: Recipe, specs: Specs, plan: Plan) {
    this.#recipe = recipe;
    this.#specs = specs;
    this.#plan = plan;
    this.ring = plan.ring;
  }

  get engine(): Engine {
    return this.#recipe.engine;
  }

  /** Whether samples influence each other, so that a partial batch needs a program of its size. */
  async mixes(size: number): Promise<boolean> {
    this.#mixes ??= await this.#findMixture(size);
    return this.#mixes;
  }

  async #findMixture(n: number): Promise<boolean> {
    const known = this.#outcomes.get(n);
    const sampled = (n: number, outcome: Outcome) => ({
      n,
      inputs: Object.values(outcome.tensors),
      results: [outcome.loss, ...outcome.values],
    });
    const { training } = this.#plan;
    const a = known ?? outcomeOf(this.#recipe, this.#specs, n, training);
    if (a.loss.shape.length === 0) return true;
    // Not every page has partial batches, so the rules come on demand.
    const { mixes } = await import("./mixes.ts");
    const b = outcomeOf(this.#recipe, this.#specs, n + 1, training);
    return mixes(sampled(n, a), sampled(n + 1, b));
  }

  /** The program for batches of n samples. @param checkFinite whether its kernels check what they store. */
  for(size: number, checkFinite = false): Promise<Sized> {
    const key = `${size}${checkFinite ? " checked" : ""}`;
    const known = this.#sized.get(key);
    if (known) return known;
    const made = this.#make(size, checkFinite);
    this.#sized.set(key, made);
    made.catch(() => this.#sized.delete(key));
    return made;
  }

  /** Builds the graph without compiling it, so that all variables exist. */
  describe(size: number): Described {
    const known = this.#described.get(size);
    if (known) return known;
    const { training, ring, finish } = this.#plan;
    const outcome = outcomeOf(this.#recipe, this.#specs, size, training);
    this.#outcomes.set(size, outcome);
    const perSample = outcome.loss.shape.length > 0;
    // In a group of its own for each size: a variable of another program may be written at any time.
    const group = `weights of ${size} samples in ${training ? "training" : "evaluation"}`;
    const weights = variable(1, [size], { name: "weights", group });
    const shares = variable(1 / size, [size], { name: "shares", group });
    // Sums of zeros and ones stay whole numbers; the host divides them.
    const total = (values: Tensor) => (values.shape.length > 0 ? sumOf(values, weights) : mul(values, size));
    const sums = [outcome.loss, ...outcome.values].map(total);
    // Only the gradient of this mean is computed, which is the shares themselves.
    const loss = perSample ? sum(mul(outcome.loss, shares)) : outcome.loss;
    const { numbers, updates } = finish(loss, sums[0]!);
    const [position, recorded] = ring.record([...sums, ...numbers]);
    // Kernels run in this order, and small ones beside their neighbours: the first beside a layer, the last beside the
    // optimizer.
    const all = [position, ...updates, recorded];
    for (const { effects } of reachable([loss, ...all.map(([, value]) => value)]))
      for (const [variable] of effects) this.touched.add(variable);
    this.#own.push(weights, shares);
    const equalOn: object | undefined = this.engine.live;
    const described = { loss, updates: all, weights, shares, equalOn, perSample };
    this.#described.set(size, described);
    return described;
  }

  async #make(size: number, checkFinite: boolean): Promise<Sized> {
    const { engine, variables } = this.#recipe;
    const described = this.describe(size);
    const { loss, updates, weights, shares, perSample } = described;
    const compile = async <O extends Readonly<Record<string, Tensor>>>(outputs: O) => {
      const program = await engine.compile({ outputs, updates }, checkFinite ? { checkFinite } : {});
      this.#made.push(program as unknown as Program);
      return program;
    };
    const program = (await compile({})) as unknown as Program;
    let watched: Promise<Program<Statistics>> | undefined;
    const inputs = usedBy(updates.map(([, value]) => value));
    return {
      program,
      size,
      inputs,
      perSample,
      statistics: () => (watched ??= compile(statisticsOf(loss, variables))),
      weigh({ values, sum }) {
        if (!values && described.equalOn === engine.live) return;
        described.equalOn = values ? undefined : engine.live;
        engine.write(weights, values ?? 1);
        // Without any weight there is no mean: the gradient is 0.
        engine.write(shares, values ? values.map((weight) => (sum > 0 ? weight / sum : 0)) : 1 / size);
      },
    };
  }

  /** All programs so far. */
  get programs(): readonly Program[] {
    return this.#made;
  }

  /** Destroys all programs. @returns variables to free. */
  async destroy(): Promise<Variable[]> {
    await Promise.allSettled(this.#sized.values());
    for (const program of this.#made) program.destroy();
    return [...this.#own, ...this.ring.variables];
  }
}

/** Σ weights · values. What has no weight is left out, not multiplied by 0: it may be NaN. */
const sumOf = (values: Tensor, weights: Tensor): Tensor => sum(where(gt(weights, 0), mul(values, weights), 0));

/** Programs that train. @param going i32 `[]`: turned to 0 by the first loss that is not finite; then steps change nothing. */
export function trainingPrograms(recipe: Recipe, specs: Specs, going: Variable<"i32">): Programs {
  const { engine, optimizer, clip, scaler, ema, metrics } = recipe;
  if (!recipe.hasLoss) refuse("fit", "loss", undefined, "one in the options of Trainer, such as losses.mse");
  if (!optimizer) return refuse("fit", "optimizer", undefined, "one in the options of Trainer, such as optim.adam()");
  const count = Object.values(metrics).reduce((sum, { means }) => sum + means.length, 0);
  const hasNorm = [clip ?? []].flat().some(({ limit }) => limit);
  const ring = new Ring(engine, 2 + count + (hasNorm ? 1 : 0), "training");
  return new Programs(recipe, specs, {
    training: true,
    ring,
    finish(loss, total) {
      const goes = stillFinite(going, total);
      const step = optimizer.minimize(loss, {
        when: cast(goes, "f32"),
        ...(clip && { clip }),
        ...(scaler && { scaler }),
      });
      return {
        numbers: [step.rate, ...(step.norm ? [step.norm] : [])],
        updates: [...(ema ? ema.follow(step) : step), [going, goes]],
      };
    },
  });
}

/** Programs that only measure. */
export function evaluationPrograms(recipe: Recipe, specs: Specs): Programs {
  if (!recipe.hasLoss) throw new StateError("evaluate: the trainer has no loss");
  const count = Object.values(recipe.metrics).reduce((sum, { means }) => sum + means.length, 0);
  const ring = new Ring(recipe.engine, 1 + count, "evaluation");
  return new Programs(recipe, specs, { training: false, ring, finish: () => ({ numbers: [], updates: [] }) });
}
