import { checkLike } from "../errors.ts";
import { reachable } from "../graph/print.ts";
import { evaluate, programOf } from "../graph/program.ts";
import type { Tensor } from "../graph/tensor.ts";
import { input } from "../ops/sources/constants.ts";

/** A learning rate as a function of the step. The step itself computes it on the GPU; nothing is uploaded. */
export interface Schedule {
  /** The rate of a step as a graph. @param step i32, 0 in the first step. @param lr the optimizer's own rate. */
  rate(step: Tensor<"i32">, lr: Tensor<"f32">): Tensor<"f32">;
  /** The same as a number, for plots and tests: the graph's formula in float64. */
  at(step: number, lr: number): number;
}

/** Creates a schedule from a formula of pointwise ops over scalars. @param rate as in `Schedule`. */
export function schedule(rate: Schedule["rate"]): Schedule {
  checkLike("optim.schedule", "rate", rate, schedule);
  let program: ReturnType<typeof programOf>["program"] | undefined;
  const compiled = () => {
    const inputs = [input("step", [], "i32"), input("lr", [])] as const;
    const y = rate(...inputs);
    const members = reachable([y]).filter((node) => node.op.pointwise);
    return programOf(members, [y], inputs).program;
  };
  return {
    rate,
    at(step, lr) {
      program ??= compiled();
      return evaluate(program, [step, lr], 0)[0]!;
    },
  };
}
