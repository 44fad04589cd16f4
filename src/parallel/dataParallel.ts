import { grad } from "../compile/grad.ts";
import { AttributeError, checkNumber, optionsOf, refuse, StateError } from "../errors.ts";
import { sizeOf } from "../graph/shape.ts";
import { arrayOf, type Tensor, type Variable } from "../graph/tensor.ts";
import { concat } from "../ops/moves/concat.ts";
import { reshape, slice } from "../ops/moves/views.ts";
import { cast } from "../ops/pointwise/arithmetic.ts";
import { input } from "../ops/sources/constants.ts";
import type { Clip } from "../optim/clip.ts";
import { type OptimizerLike, parametersOf } from "../optim/optimizer.ts";
import type { Engine } from "../runtime/engine.ts";
import type { Feeds } from "../runtime/feeds.ts";
import type { Program } from "../runtime/program.ts";
import { Group } from "./group.ts";

/** What members train together. */
export interface DataParallelOptions {
  /** The engine of this member. */
  readonly engine: Engine;
  /** Of `joinGroup`. */
  readonly group: Group;
  /** All variables by name, as `nn.stateDict(model)` gives them. They start with the values of rank 0. */
  readonly variables: ReadonlyMap<string, Variable>;
  /** The loss of one member's part of the batch, `[]`: a mean over its samples. */
  readonly loss: Tensor;
  /** What changes the weights, the same for all members. */
  readonly optimizer: OptimizerLike;
  /** `clipGradNorm`, `clipGradValue` or both, applied to the mean gradient. Default none. */
  readonly clip?: Clip | readonly Clip[];
}

type Numbers = Program<{ readonly numbers: Tensor<"f32"> }>;

/** One member's side of a training that all members share. Created by `dataParallel`. */
export class DataParallel {
  readonly #group: Group;
  readonly #gradients: Numbers;
  readonly #step: Program;
  #destroyed = false;

  /** @internal */
  constructor(group: Group, gradients: Numbers, step: Program) {
    this.#group = group;
    this.#gradients = gradients;
    this.#step = step;
  }

  /**
   * One step of all members together: each computes the gradient of its own samples, and all take the same step from
   * the mean. Variables are the same to the bit in all members afterwards, except those that a layer updates by itself,
   * such as running statistics.
   * @param feeds this member's samples.
   * @param weight this member's share in the mean, e.g. its number of samples, where members have parts of different
   * size; default 1. With 0 it only follows.
   * @returns the mean loss of all members.
   * @throws StateError where another member fails: no variable has changed then in any member, and the next step may
   * follow. FeedError for unfit feeds: the step then fails in all members.
   */
  async step(feeds: Feeds, { weight = 1 }: { readonly weight?: number } = {}): Promise<{ readonly loss: number }> {
    if (this.#destroyed) throw new StateError("step: destroyed");
    const numbers = await this.#ownNumbers(feeds, weight);
    const sums = await this.#group.allReduce(numbers);
    const total = sums[sums.length - 1]!;
    if (total === 0) throw new StateError("step: the weights of all members are 0");
    const means = sums.subarray(0, -1).map((sum) => sum / total);
    try {
      await this.#step.run({ gradient: means.subarray(1) });
    } catch (error) {
      // The others take this step, so this member is no longer like them.
      await this.#group.leave();
      throw error;
    }
    return { loss: means[0]! };
  }

  /** Loss, gradients and weight of this member, all but the last multiplied by the weight. */
  async #ownNumbers(feeds: Feeds, weight: number): Promise<Float32Array> {
    try {
      checkNumber("step", "weight", weight, "a number from 0", (n) => n >= 0);
      const { numbers } = await this.#gradients.compute(feeds);
      const all = new Float32Array(numbers.length + 1);
      all.set(weight === 1 ? numbers : numbers.map((number) => number * weight));
      all[numbers.length] = weight;
      return all;
    } catch (error) {
      await tell(this.#group, error);
      throw error;
    }
  }

  /** Frees the programs. The variables stay in the engine, the group goes on. */
  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#gradients.destroy();
    this.#step.destroy();
  }
}

/**
 * Trains one model by several members, each with an engine and samples of its own: two tabs, workers, or machines. What
 * `DistributedDataParallel` does in PyTorch: the mean of the members' gradients is the gradient of all their samples.
 *
 * All members call it with the same model and optimizer. It copies all variables and the optimizer's state from rank 0 to
 * the others, so that all start alike. Gradients go over the host; see the guide for what that costs.
 *
 * ```ts
 * const parallel = await dataParallel({ engine, group, variables: nn.stateDict(model), loss, optimizer });
 * const { loss: mean } = await parallel.step({ x, y });
 * ```
 * @throws StateError where the models or optimizers of members differ, or a member does not answer.
 * @throws AttributeError as `optimizer.minimize`; and for a loss whose gradient reaches a parameter that is not among
 * `variables`.
 */
export async function dataParallel(options: DataParallelOptions): Promise<DataParallel> {
  const none = undefined as never;
  const given = optionsOf<DataParallelOptions, Required<DataParallelOptions>>("dataParallel", options, {
    engine: none,
    group: none,
    variables: none,
    loss: none,
    optimizer: none,
    clip: [],
  });
  const { engine, group, variables, optimizer } = given;
  if (typeof engine?.compile !== "function") refuse("dataParallel", "engine", engine, "an engine");
  if (!(group instanceof Group)) refuse("dataParallel", "group", group, "the result of joinGroup");
  if (!(variables instanceof Map)) refuse("dataParallel", "variables", variables, "nn.stateDict(model)");
  if (typeof optimizer?.apply !== "function") refuse("dataParallel", "optimizer", optimizer, "an optimizer");
  try {
    const { numbers, updates } = describe(given);
    const state = [...optimizer.state(variables)].map(([name, one]) => [`optimizer ${name}`, one] as const);
    const all = new Map([...variables, ...state]);
    const gradients = await engine.compile({ outputs: { numbers } });
    const step = await engine.compile({ updates });
    // All have come this far, or all hear why not.
    await group.allReduce(Float32Array.of(1));
    await agree(group, all);
    await share(engine, group, all);
    return new DataParallel(group, gradients, step);
  } catch (error) {
    await tell(group, error);
    throw error;
  }
}

/** The graphs of one member: its loss and gradients as one list, and the step from the mean of such lists. */
function describe({ variables, loss, optimizer, clip }: Required<DataParallelOptions>) {
  const parameters = parametersOf(loss);
  const known = new Set(variables.values());
  const missed = parameters.filter((parameter) => !known.has(parameter)).map(({ name }) => `"${name}"`);
  if (missed.length > 0)
    throw new AttributeError(`dataParallel: the loss depends on ${missed.join(", ")}, which variables lack`);
  const gradients = grad(loss, parameters);
  // Only for its checks: it sees how the gradients came about, which their means do not show.
  optimizer.apply(parameters, gradients);
  const parts = [loss, ...gradients].map((part) => reshape(cast(part, "f32"), [part.size]));
  const numbers = concat(parts, 0);
  const mean = input("gradient", [numbers.size - 1]);
  let from = 0;
  const means = parameters.map(({ shape, dtype }) => {
    const size = sizeOf(shape);
    from += size;
    return cast(reshape(slice(mean, [[from - size, from]]), shape), dtype);
  });
  return { numbers, updates: optimizer.apply(parameters, means, { clip }) };
}

/** Tells the others that this member failed, so that nobody waits for it. */
const tell = (group: Group, error: unknown): Promise<void> =>
  group.fail(error instanceof Error ? error.message : String(error)).catch(() => {});

/** Refuses members whose variables differ. */
async function agree(group: Group, variables: ReadonlyMap<string, Variable>): Promise<void> {
  const lines = [...variables].map(([name, { shape, dtype }]) => `${name} ${dtype}[${shape}]`);
  const first = new TextDecoder().decode(await group.broadcast(new TextEncoder().encode(lines.join("\n")))).split("\n");
  const at = lines.findIndex((line, i) => line !== first[i]);
  const differs =
    at >= 0 || first.length !== lines.length
      ? `rank ${group.rank} has ${lines[at] ?? `${lines.length} variables`}, rank 0 has ${first[at] ?? `${first.length} variables`}`
      : "";
  // All hear of a difference, also those who have none.
  const faults = await group.allReduce(Float32Array.of(differs ? 1 : 0));
  if (differs) throw new StateError(`dataParallel: the models or optimizers differ: ${differs}`);
  if (faults[0]! > 0)
    throw new StateError("dataParallel: the model or optimizer of another member differs from that of rank 0");
}

/** Gives everybody the values of rank 0, four bytes each, as the host holds them. */
async function share(engine: Engine, group: Group, variables: ReadonlyMap<string, Variable>): Promise<void> {
  const list = [...variables.values()];
  const sizes = list.map(({ shape }) => 4 * sizeOf(shape));
  const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((sum, size) => sum + size, 0));
  const bytes = new Uint8Array(group.rank === 0 ? sizes.reduce((sum, size) => sum + size, 0) : 0);
  if (group.rank === 0) {
    for (const [i, variable] of list.entries()) {
      const { buffer, byteOffset } = await engine.read(variable);
      bytes.set(new Uint8Array(buffer, byteOffset, sizes[i]), starts[i]);
    }
  }
  const { buffer } = await group.broadcast(bytes);
  if (group.rank === 0) return;
  for (const [i, variable] of list.entries())
    engine.write(variable, new arrayOf[variable.dtype](buffer, starts[i]!, sizeOf(variable.shape)));
}
