import { argmax, type Exported, exportPrograms, input, losses, nn, optim } from "../src/index.ts";

/** A file as a page gets it: training and prediction over one model, whose first weight is given, not drawn. */
export function trainingFile(targets?: Parameters<typeof exportPrograms>[1]): Exported {
  nn.seed(3);
  const model = nn.sequential(nn.linear(6, 16), nn.relu(), nn.linear(16, 3));
  const weight = model.variables.get("0.weight")!;
  const values = new Map([[weight, weight.initial.map((value, i) => (i === 7 ? 1 : value))]]);
  const loss = losses.crossEntropy(model(input("x", [8, 6])), input("y", [8], "i32"));
  const train = { outputs: { loss }, updates: optim.adam().minimize(loss) };
  const predict = { outputs: { guess: argmax(model(input("x", [1, 6])), 1) } };
  return JSON.parse(
    JSON.stringify(exportPrograms({ train, predict }, { variables: nn.stateDict(model), values, ...targets })),
  );
}
