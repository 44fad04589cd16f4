import { features } from "../features.ts";
import { taskOf } from "../problems.ts";
import { type Loss, lossOf, type Network } from "../settings.ts";
import { type Given, layersOf, pointsText, startText, titleOf } from "./given.ts";

/** The run as a program for Keras 3. Its batches come in an order of their own. @param epochs to train. */
export function kerasCode(given: Given, epochs: number): string {
  const { settings, samples, batch } = given;
  return `# A run of tilegrad's playground: ${titleOf(given)}.
# The points and the first weights are those of the page; the order of the batches${settings.dropout > 0 ? " and the dropout are" : " is"} Keras's own.
${remarks(given)}import keras
import numpy as np


def main():
    keras.utils.set_random_seed(${settings.seed})
    points = np.array(POINTS, dtype="float32").reshape(-1, 3)
    x1, x2 = points[:, 0], points[:, 1]
    x = np.stack([${settings.features.map((name) => features[name].py).join(", ")}], axis=1)
    y = points[:, 2:]${lossOf(settings) === "logistic" ? "\n    y = (y + 1) / 2" : ""}
    train = (x[:${samples.train}], y[:${samples.train}])
    test = (x[${samples.train}:], y[${samples.train}:])

    model = keras.Sequential([
        keras.Input((${given.sizes[0]},)),
${modelLines(given)
  .map((line) => `        ${line},`)
  .join("\n")}
    ])
    layers = [layer for layer in model.layers if layer.weights]
    for layer, weight in zip(layers, START):
        inputs, units = layer.kernel.shape
        layer.set_weights([np.array(weight, dtype="float32").reshape(units, inputs).T, np.zeros(units)])

    loss_of = ${lossText(given)}

    def report(epoch):
        train_loss, test_loss = [float(loss_of(y, model(x, training=False))) for x, y in (train, test)]
        print(f"epoch {epoch}: training loss {train_loss:.4f}, test loss {test_loss:.4f}")

    model.compile(optimizer=${optimizers[settings.optimizer](settings.rate)}, loss=loss_of)
    report(0)
    model.fit(
        *train,
        batch_size=${batch},
        epochs=${epochs},
        verbose=0,
        callbacks=[
${scheduleText(settings)}            keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: report(epoch + 1)),
        ],
    )


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

/** Where Keras computes something else than the page. */
function remarks({ settings: { optimizer }, samples: { train }, batch }: Given): string {
  return [
    ...(train % batch === 0
      ? []
      : ["# Keras also trains on the last, smaller batch of an epoch, which the page leaves out."]),
    ...(optimizer === "rmsprop" ? ["# Keras adds epsilon below the root of RMSprop, and the page beside it."] : []),
  ]
    .map((line) => `${line}\n`)
    .join("");
}

function modelLines(given: Given): string[] {
  const { activation, dropout, penalty, strength } = given.settings;
  const regularizer =
    penalty === "none" ? "" : `, kernel_regularizer=keras.regularizers.${penalty.toUpperCase()}(${strength})`;
  const last = given.sizes.length - 2;
  const lines = layersOf(
    given,
    (i, _, units) =>
      `keras.layers.Dense(${units}${i < last && activation !== "linear" ? `, activation="${activation}"` : ""}${regularizer})`,
    { activation: undefined, dropout: dropout > 0 ? `keras.layers.Dropout(${dropout})` : undefined },
  );
  const isSquashed = lossOf(given.settings) === "squared" && taskOf(given.settings) === "classification";
  return isSquashed ? [...lines, "keras.layers.Activation(lambda z: keras.ops.tanh(z / 2))"] : lines;
}

function lossText({ settings }: Given): string {
  const texts: Readonly<Record<Loss, string>> = {
    logistic: "keras.losses.BinaryCrossentropy(from_logits=True)",
    hinge: "keras.losses.Hinge()",
    squared: "keras.losses.MeanSquaredError()",
    absolute: "keras.losses.MeanAbsoluteError()",
    huber: "keras.losses.Huber()",
  };
  return texts[lossOf(settings)];
}

/** With PyTorch's constants, which the page has too. */
const optimizers: Readonly<Record<Network["optimizer"], (rate: number) => string>> = {
  adam: (rate) => `keras.optimizers.Adam(${rate}, epsilon=1e-8)`,
  sgd: (rate) => `keras.optimizers.SGD(${rate})`,
  momentum: (rate) => `keras.optimizers.SGD(${rate}, momentum=0.9)`,
  rmsprop: (rate) => `keras.optimizers.RMSprop(${rate}, rho=0.99, epsilon=1e-8)`,
};

function scheduleText({ rate, schedule }: Network): string {
  const rates: Readonly<Record<Network["schedule"], string | undefined>> = {
    constant: undefined,
    halving: `${rate} * 0.5 ** (epoch // 50)`,
    decay: `${rate} * 0.99**epoch`,
    cosine: `${rate} * float(1 + np.cos(np.pi * (epoch % 100) / 100)) / 2`,
    warmup: `${rate} * min(1, 0.1 + 0.09 * epoch)`,
  };
  return rates[schedule]
    ? `            keras.callbacks.LearningRateScheduler(lambda epoch, _: ${rates[schedule]}),\n`
    : "";
}
