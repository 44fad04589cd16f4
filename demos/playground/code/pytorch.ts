import { features } from "../features.ts";
import { taskOf } from "../problems.ts";
import { type Loss, lossOf, type Network } from "../settings.ts";
import { type Given, layersOf, pointsText, startText, titleOf } from "./given.ts";

/** The run as a program for PyTorch. Its batches come in an order of their own. @param epochs to train. */
export function pytorchCode(given: Given, epochs: number): string {
  const { settings, samples, batch } = given;
  return `# A run of tilegrad's playground: ${titleOf(given)}.
# The points and the first weights are those of the page; the order of the batches${settings.dropout > 0 ? " and the dropout are" : " is"} PyTorch's own.
import numpy as np
import torch
from torch import nn


def main():
    torch.manual_seed(${settings.seed})
    points = np.array(POINTS, dtype=np.float32).reshape(-1, 3)
    x1, x2 = points[:, 0], points[:, 1]
    x = torch.from_numpy(np.stack([${settings.features.map((name) => features[name].py).join(", ")}], axis=1))
    y = torch.from_numpy(points[:, 2:])${lossOf(settings) === "logistic" ? "\n    y = (y + 1) / 2" : ""}
    train = torch.utils.data.TensorDataset(x[:${samples.train}], y[:${samples.train}])
    loader = torch.utils.data.DataLoader(train, batch_size=${batch}, shuffle=True, drop_last=True)

    model = nn.Sequential(
${modelLines(given)
  .map((line) => `        ${line},`)
  .join("\n")}
    )
    layers = [layer for layer in model if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        for layer, weight in zip(layers, START):
            layer.weight.copy_(torch.tensor(weight).reshape(layer.weight.shape))
            layer.bias.zero_()

    def loss_of(output, y):
        return ${lossText(given)}

    optimizer = ${optimizers[settings.optimizer](settings.rate)}
${scheduleText(settings)}
    def report(epoch):
        model.eval()
        with torch.no_grad():
            parts = [slice(0, ${samples.train}), slice(${samples.train}, None)]
            train_loss, test_loss = [loss_of(model(x[part]), y[part]).item() for part in parts]
        model.train()
        print(f"epoch {epoch}: training loss {train_loss:.4f}, test loss {test_loss:.4f}")

    report(0)
    for epoch in range(${epochs}):
        for batch_x, batch_y in loader:
            loss = loss_of(model(batch_x), batch_y)${penaltyText(settings)}
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()${settings.schedule === "constant" ? "" : "\n        scheduler.step()"}
        report(epoch + 1)


# [x1, x2, y], the ${samples.train} to train on first.
POINTS = [
${pointsText(given, "    ")}
]

# The first weights of each layer, [units, inputs]; the biases are 0.
START = [
${startText(given, "    ")}
]

main()
`;
}

function modelLines(given: Given): string[] {
  const activation = { tanh: "nn.Tanh()", relu: "nn.ReLU()", sigmoid: "nn.Sigmoid()", linear: undefined };
  const { dropout } = given.settings;
  return layersOf(given, (_, inputs, units) => `nn.Linear(${inputs}, ${units})`, {
    activation: activation[given.settings.activation],
    dropout: dropout > 0 ? `nn.Dropout(${dropout})` : undefined,
  });
}

function lossText({ settings }: Given): string {
  const texts: Readonly<Record<Loss, string>> = {
    logistic: "nn.functional.binary_cross_entropy_with_logits(output, y)",
    hinge: "torch.clamp(1 - y * output, min=0).mean()",
    squared:
      taskOf(settings) === "classification"
        ? "nn.functional.mse_loss(torch.tanh(output / 2), y)"
        : "nn.functional.mse_loss(output, y)",
    absolute: "nn.functional.l1_loss(output, y)",
    huber: "nn.functional.huber_loss(output, y)",
  };
  return texts[lossOf(settings)];
}

const optimizers: Readonly<Record<Network["optimizer"], (rate: number) => string>> = {
  adam: (rate) => `torch.optim.Adam(model.parameters(), lr=${rate})`,
  sgd: (rate) => `torch.optim.SGD(model.parameters(), lr=${rate})`,
  momentum: (rate) => `torch.optim.SGD(model.parameters(), lr=${rate}, momentum=0.9)`,
  rmsprop: (rate) => `torch.optim.RMSprop(model.parameters(), lr=${rate})`,
};

function scheduleText({ schedule }: Network): string {
  const texts: Readonly<Record<Network["schedule"], string | undefined>> = {
    constant: undefined,
    halving: "StepLR(optimizer, step_size=50, gamma=0.5)",
    decay: "ExponentialLR(optimizer, gamma=0.99)",
    cosine: "CosineAnnealingWarmRestarts(optimizer, T_0=100)",
    warmup: "LinearLR(optimizer, start_factor=0.1, total_iters=10)",
  };
  return texts[schedule] ? `    scheduler = torch.optim.lr_scheduler.${texts[schedule]}\n` : "";
}

function penaltyText({ penalty, strength }: Network): string {
  if (penalty === "none") return "";
  const size = penalty === "l1" ? "layer.weight.abs().sum()" : "layer.weight.square().sum()";
  return `\n            loss = loss + ${strength} * sum(${size} for layer in layers)`;
}
