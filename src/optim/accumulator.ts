import { checkLoss, grad } from "../compile/grad.ts";
import { AttributeError, checkList, optionsOf, show } from "../errors.ts";
import { checkVariable, type Tensor, type Update, type Variable } from "../graph/tensor.ts";
import { add, cast, div, maximum } from "../ops/pointwise/arithmetic.ts";
import { foreach } from "../ops/pointwise/foreach.ts";
import { full, variable } from "../ops/sources/constants.ts";
import { layBeside } from "./beside.ts";
import { checkReached, type OptimizerLike, reaches, type StepOptions, type StepUpdates } from "./optimizer.ts";
import { checkTraining } from "./training.ts";

/**
 * Sums gradients over several batches and takes one step from their mean, so that a large batch can be computed in
 * parts. Two programs share it:
 *
 * @example
 * const sums = optim.accumulator(parameters);
 * const collect = await engine.compile({ outputs: { loss }, updates: sums.collect(loss) });
 * const step = await engine.compile({ updates: sums.step(optimizer) });
 * for (const part of parts) await collect.run(part);
 * await step.run();
 */
export class Accumulator {
  readonly parameters: readonly Variable[];
  /** Gradient sums, one per parameter. */
  readonly sums: readonly Variable[];
  /** Batches collected since the last step, i32. */
  readonly count: Variable<"i32">;
  /** Parameters reached by a gradient of some collected loss. */
  readonly #reached = new Set<Variable>();

  /** @throws AttributeError without parameters. */
  constructor(parameters: readonly Variable[]) {
    for (const parameter of checkList("optim.accumulator", "the list of parameters", parameters))
      checkVariable("optim.accumulator", "a parameter", parameter);
    if (parameters.length === 0) throw new AttributeError("optim.accumulator: no parameters");
    this.parameters = parameters;
    this.sums = parameters.map(({ name, shape }) =>
      variable(0, shape, { name: `${name}.grad`, group: "accumulated gradients" }),
    );
    this.count = variable(0, [], { name: "batches", group: "accumulated batches", dtype: "i32" });
  }

  /**
   * Updates that add the gradients of a loss. If losses are means, all parts should have the same size. If a scaler
   * takes the step, pass `scaler.scaled(loss)`.
   * @throws AttributeError for a loss that goes through a layer in evaluation, as `minimize`.
   */
  collect(loss: Tensor): Update[] {
    checkLoss("optim.accumulator", loss);
    checkTraining("optim.accumulator", [loss]);
    layBeside(this.parameters, this.sums);
    const gradients = grad(loss, this.parameters);
    this.parameters.forEach((parameter, i) => {
      if (reaches(gradients[i]!)) this.#reached.add(parameter);
    });
    const [sums] = foreach("accumulate", [], [this.sums, gradients], (_, [sum, g]) => [add(sum!, g!)]);
    return [[this.count, add(this.count, 1)], ...this.sums.map((sum, i): Update => [sum, sums![i]!])];
  }

  /**
   * Updates that take one step from the mean of the collected gradients and reset the sums. `clip` bounds that mean.
   * @throws AttributeError for parameters that no loss passed to `collect` so far reaches through a gradient.
   */
  step(optimizer: OptimizerLike, options: Omit<StepOptions, "scale" | "when"> = {}): StepUpdates {
    checkReached(
      "optim.accumulator",
      this.parameters.filter((parameter) => !this.#reached.has(parameter)),
    );
    layBeside(this.parameters, this.sums);
    const scale = div(1, cast(maximum(this.count, 1), "f32"));
    if (typeof optimizer?.apply !== "function" || !("lr" in optimizer))
      throw new AttributeError(`optim.accumulator: got ${show(optimizer)}, expected an optimizer`);
    const updates = optimizer.apply(this.parameters, this.sums, {
      ...optionsOf("optim.accumulator", options, { clip: undefined, scaler: undefined }),
      scale,
    });
    const [zeros] = foreach("forget", [], [this.sums], () => [full([], 0)]);
    updates.push([this.count, full([], 0, "i32")], ...this.sums.map((sum, i): Update => [sum, zeros![i]!]));
    return updates;
  }
}

/** Sums of gradients over several batches; see `Accumulator`. */
export const accumulator = (parameters: readonly Variable[]): Accumulator => new Accumulator(parameters);
