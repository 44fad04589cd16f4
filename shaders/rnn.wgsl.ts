import { tangentText } from "./lib/math.wgsl.ts";
import type { Cell } from "./recurrent.wgsl.ts";
import { wgsl } from "./wgsl.ts";

/**
 * The simple recurrent network (J. Elman, 1990): h' = tanh(x + u), with x from the input and u from the previous state.
 */
export const rnnCell: Cell = {
  name: "rnn",
  gates: 1,
  keeps: false,
  before: undefined,
  carries: false,
  splits: false,
  flops: 8,
  forward: [
    tangentText,
    wgsl`
      fn cell(x: Gates, u: Gates, before: F) -> Step {
        let h = tangent(x[0] + u[0]);
        return Step(h, F(), Gates(h));
      }`,
  ],
  backward: [
    wgsl`
      fn cellGrad(gates: Gates, kept: F, before: F, dh: F, carried: F) -> StepGrad {
        let h = gates[0];
        let d = Gates(dh * (1.0 - h * h));
        return StepGrad(d, d, F());
      }`,
  ],
};
