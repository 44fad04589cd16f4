import { sigmoidText, tangentText } from "./lib/math.wgsl.ts";
import type { Cell } from "./recurrent.wgsl.ts";
import { wgsl } from "./wgsl.ts";

/**
 * Gated recurrent unit (K. Cho et al., 2014) as in PyTorch and cuDNN, where the reset gate applies after the product.
 * Rows are ordered reset, update, candidate. x comes from the input, u (with its own bias) from the previous state.
 *
 *     r, z = sigmoid(x + u)   n = tanh(x + r · u)   h' = (1 − z) · n + z · h
 */
export const gruCell: Cell = {
  name: "gru",
  gates: 3,
  keeps: true,
  before: "outputs",
  carries: true,
  splits: true,
  flops: 24,
  forward: [
    sigmoidText,
    tangentText,
    wgsl`
      // kept: the candidate's u, needed for the gradient of the reset gate.
      fn cell(x: Gates, u: Gates, h_before: F) -> Step {
        let r = sigmoid(x[0] + u[0]);
        let z = sigmoid(x[1] + u[1]);
        let n = tangent(x[2] + r * u[2]);
        return Step((1.0 - z) * n + z * h_before, u[2], Gates(r, z, n));
      }`,
  ],
  backward: [
    wgsl`
      // carried: the gradient of h that comes through the later step's update gate.
      fn cellGrad(gates: Gates, u: F, h_before: F, dh_own: F, carried: F) -> StepGrad {
        let dh = dh_own + carried;
        let r = gates[0];
        let z = gates[1];
        let n = gates[2];
        let dn = dh * (1.0 - z) * (1.0 - n * n);
        let dr = dn * u * r * (1.0 - r);
        let dz = dh * (h_before - n) * z * (1.0 - z);
        // Only for the candidate do the gradients of x and u differ.
        return StepGrad(Gates(dr, dz, dn), Gates(dr, dz, dn * r), dh * z);
      }`,
  ],
};
