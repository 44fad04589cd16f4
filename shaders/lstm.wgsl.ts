import { sigmoidText, tangentText } from "./lib/math.wgsl.ts";
import type { Cell } from "./recurrent.wgsl.ts";
import { wgsl } from "./wgsl.ts";

/**
 * Long short-term memory (S. Hochreiter and J. Schmidhuber, 1997) with a forget gate, and rows in PyTorch's order:
 * input, forget, candidate, output. x comes from the input, u from the previous state.
 *
 *     i, f, o = sigmoid(x + u)   g = tanh(x + u)   c' = f · c + i · g   h' = o · tanh(c')
 */
export const lstmCell: Cell = {
  name: "lstm",
  gates: 4,
  keeps: true,
  before: "kept",
  carries: true,
  splits: false,
  flops: 30,
  forward: [
    sigmoidText,
    tangentText,
    wgsl`
      // kept: the cell state c.
      fn cell(x: Gates, u: Gates, c_before: F) -> Step {
        let i = sigmoid(x[0] + u[0]);
        let f = sigmoid(x[1] + u[1]);
        let g = tangent(x[2] + u[2]);
        let o = sigmoid(x[3] + u[3]);
        let c = f * c_before + i * g;
        return Step(o * tangent(c), c, Gates(i, f, g, o));
      }`,
  ],
  backward: [
    tangentText,
    wgsl`
      // carried: the gradient of c from the later step.
      fn cellGrad(gates: Gates, c: F, c_before: F, dh: F, carried: F) -> StepGrad {
        let i = gates[0];
        let f = gates[1];
        let g = gates[2];
        let o = gates[3];
        let s = tangent(c);
        let dc = carried + dh * o * (1.0 - s * s);
        let d = Gates(dc * g * i * (1.0 - i), dc * c_before * f * (1.0 - f), dc * i * (1.0 - g * g), dh * s * o * (1.0 - o));
        return StepGrad(d, d, dc * f);
      }`,
  ],
};
