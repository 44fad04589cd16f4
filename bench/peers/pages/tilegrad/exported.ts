import file from "exported:784-128-10";
import { load, Runner } from "tilegrad/exported";
import * as tasks from "../tasks.ts";
import type { Work } from "../work.ts";

export const open = () => Runner.create({ backend: "webgpu" });

/** The same steps as in mlp.ts, compiled when the page was built. */
export async function mlp(runner: Runner): Promise<Work> {
  const { parameters, x, labels: y } = tasks.mlp(64);
  const { programs, variables } = await load<{ step: "loss" }>(runner, file);
  for (const [name, variable] of variables) runner.write(variable, parameters[name]!.values);
  const { step } = programs;
  return { once: () => step.run({ x, y }), result: () => step.outputs.loss.data() };
}
