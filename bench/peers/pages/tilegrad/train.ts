import { Engine, type Feeds, type Tensor, type Variable } from "tilegrad";
import * as optim from "tilegrad/optim";
import type { Parameters } from "../tasks.ts";
import type { Work } from "../work.ts";

export const open = () => Engine.create({ backend: "webgpu" });

/** Sets a model's initial weights. */
export function load(engine: Engine, variables: ReadonlyMap<string, Variable>, parameters: Parameters): void {
  for (const [name, variable] of variables) engine.write(variable, parameters[name]!.values);
}

/** Steps of one program. */
export async function train(
  engine: Engine,
  loss: Tensor,
  feeds: Feeds,
  optimizer: optim.Optimizer = optim.adam(),
): Promise<Work> {
  const step = await engine.compile({ outputs: { loss }, updates: optimizer.minimize(loss) });
  return { once: () => step.run(feeds), result: () => step.outputs.loss.data() };
}
