import { grad, gru, lstm, mul, type RecurrentWeights, sum, type Tensor } from "../../src/index.ts";
import { given, type KernelCase } from "./case.ts";

interface Sizes {
  readonly steps: number;
  readonly rows: number;
  readonly inputs: number;
  readonly hidden: number;
}

const cells = {
  lstm: { run: lstm, gates: 4 },
  gru: { run: gru, gates: 3 },
};

/** A recurrent layer over a whole sequence, or all its gradients. Both include the product with the inputs. */
function sequence(kind: keyof typeof cells, pass: "forward" | "backward", sizes: Sizes): KernelCase {
  const { run, gates } = cells[kind];
  const { steps, rows, inputs, hidden } = sizes;
  return {
    family: `${kind}${pass === "backward" ? " with gradients" : ""}`,
    shape: `T ${steps}, batch ${rows}, ${inputs} → ${hidden}`,
    forces: kind,
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

const characters: Sizes = { steps: 32, rows: 32, inputs: 64, hidden: 128 };

export const sequenceCases: readonly KernelCase[] = [
  sequence("lstm", "forward", characters),
  sequence("lstm", "backward", characters),
  sequence("gru", "backward", characters),
];
