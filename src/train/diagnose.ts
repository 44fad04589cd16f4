import { NonFiniteError } from "../errors.ts";
import type { Submitted } from "./parts.ts";
import { outcomeOf, type Recipe, usedBy } from "./recipe.ts";
import { Stage } from "./stage.ts";
import type { Stream } from "./stream.ts";

/**
 * Finds the kernel in which a loss stopped being finite: repeats the step with checks in every kernel. Steps after it
 * have changed nothing, so the weights are those that it began with. Costs nothing before.
 * @param skip samples of the epoch before the step; `undefined` if its samples cannot be read again.
 */
export async function diagnose(
  recipe: Recipe,
  stream: Stream,
  { epoch, step, rows }: Pick<Submitted, "epoch" | "step" | "rows">,
  skip: number | undefined,
  loss: number,
): Promise<NonFiniteError> {
  const { engine } = recipe;
  const what = `fit: the loss is ${loss} in step ${step}, epoch ${epoch}`;
  for (const [name, variable] of recipe.variables) {
    const values = await engine.read(variable);
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0)
      return new NonFiniteError(
        `${what}, because the step before it made "${name}" ${values[bad]}: its gradient was not finite, or too large. Fit again with checkFinite: true to learn in which kernel that began`,
      );
  }
  if (skip === undefined) return new NonFiniteError(what);
  const { loss: losses } = outcomeOf(recipe, stream.specs, rows, true);
  const program = await engine.compile({ outputs: { losses } }, { checkFinite: true });
  const reader = stream.epoch(epoch - 1, skip);
  try {
    const stage = new Stage(stream.specs, rows);
    await reader.fill(stage);
    await program.compute(stage.feeds(usedBy([losses])));
    return new NonFiniteError(`${what}; a repetition of the step was finite: its random numbers differ`);
  } catch (error) {
    if (!(error instanceof NonFiniteError)) throw error;
    return new NonFiniteError(`${what}: ${error.message}`, { cause: error });
  } finally {
    await reader.close();
    program.destroy();
  }
}
