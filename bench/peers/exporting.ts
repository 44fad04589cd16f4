import type { Plugin } from "vite";
import { exportPrograms, input, losses, nn, optim } from "../../src/index.ts";

/** The training step of 784-128-10 as imported by a page without a compiler. The page writes its weights. */
function perceptron(): string {
  const model = nn.sequential(nn.linear(784, 128), nn.relu(), nn.linear(128, 10));
  const loss = losses.crossEntropy(model(input("x", [64, 784]), { training: true }), input("y", [64], "i32"));
  const step = { outputs: { loss }, updates: optim.adam().minimize(loss) };
  return JSON.stringify(exportPrograms({ step }, { variables: nn.stateDict(model) }));
}

const name = "exported:784-128-10";

/** Lets pages import exported programs. */
export const exporting: Plugin = {
  name: "exporting",
  resolveId: (id) => (id === name ? `\0${name}.json` : undefined),
  load: (id) => (id === `\0${name}.json` ? perceptron() : undefined),
};
