import { grad, gru, lstm, mul, type RecurrentWeights, sum, type Tensor } from "../../src/index.ts";
import { gruFamily, lstmFamily } from "../../src/kernels/recurrent.ts";
import { given, type KernelCase } from "./case.ts";

interface Sizes {
  readonly steps: number;
  readonly rows: number;
  readonly inputs: number;
  readonly hidden: number;
}

const cells = {
  lstm: { run: lstm, gates: 4, forces: lstmFamily },
  gru: { run: gru, gates: 3, forces: gruFamily },
};

/** A recurrent layer over a whole sequence, or all its gradients. Both include the product with the inputs. */
function sequence(kind: keyof typeof cells, pass: "forward" | "backward", sizes: Sizes): KernelCase {
  const { run, gates, forces } = cells[kind];
  const { steps, rows, inputs, hidden } = sizes;
  return {
    family: `${kind}${pass === "backward" ? " with gradients" : ""}`,
    shape: `T ${steps}, batch ${rows}, ${inputs} → ${hidden}`,
    forces,
    build() {
      const x = given("x", steps, rows, inputs);
      const weights = {
        weightIh: given("i", gates * hidden, inputs),
        weightHh: given("h", gates * hidden, hidden),
        biasIh: given("b", gates * hidden),
      } satisfies RecurrentWeights;
      const y: Tensor = run(x, [weights]).output;
      if (pass === "forward") return { outputs: { y } };
      const parameters = [x, ...Object.values(weights)];
      const gradients = grad(sum(mul(y, given("u", ...y.shape))), parameters);
      return { outputs: Object.fromEntries(gradients.map((gradient, i) => [`d${parameters[i]!.name}`, gradient])) };
    },
  };
}

/** A recurrent layer over 32 characters. */
export const characters = (kind: keyof typeof cells, pass: "forward" | "backward"): KernelCase =>
  sequence(kind, pass, { steps: 32, rows: 32, inputs: 64, hidden: 128 });
