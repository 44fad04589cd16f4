import { features } from "../features.ts";
import { taskOf } from "../problems.ts";
import { type Loss, lossOf, type Network } from "../settings.ts";
import { type Given, layersOf, pointsText, startText, titleOf } from "./given.ts";

/** The run as a program for Node. It prints the losses of the page. @param epochs to train. */
export function tilegradCode(given: Given, epochs: number): string {
  const { settings, sizes, samples, batch } = given;
  const inputs = sizes[0]!;
  return `// A run of tilegrad's playground: ${titleOf(given)}.
// tilegrad is not on npm yet. Save this as run.mjs in a clone of its repository, then: npm ci && node run.mjs
import { ${["data", "Engine", "input", "losses", "nn", "optim", ...opsOf(given)].join(", ")} } from "tilegrad";
import { createGPU } from "tilegrad/node"; // In a page, leave this line and the engine's options out.

const { points, start } = given();
const featuresOf = ([x1, x2]) => [${settings.features.map((name) => features[name].js).join(", ")}];
const part = (rows) => ({
  x: { data: Float32Array.from(rows.flatMap(featuresOf)), shape: [rows.length, ${inputs}] },
  y: { data: Float32Array.from(rows, ([, , y]) => ${targets[lossOf(settings)]}), shape: [rows.length, 1] },
});
const train = part(points.slice(0, ${samples.train}));
const test = part(points.slice(${samples.train}));

${modelText(given)}
const lossOf = (output, y) => ${lossText(given)};

const engine = await Engine.create({ gpu: await createGPU() });
const optimizer = ${optimizers[settings.optimizer](settings.rate)};
const loss = lossOf(model(input("x", [${batch}, ${inputs}]), { training: true }), input("y", [${batch}, 1]));
${costText(given)}
const step = await engine.compile({ updates: optimizer.minimize(cost) });

// A function that computes the mean loss of some points.
const meanLossOf = async ({ x, y }) => {
  const loss = lossOf(model(input("x", x.shape), { training: false }), input("y", y.shape));
  const program = await engine.compile({ outputs: { loss } });
  return async () => (await program.compute({ x: x.data, y: y.data })).loss[0].toFixed(4);
};
const trainLoss = await meanLossOf(train);
const testLoss = await meanLossOf(test);
const report = async (epoch) =>
  console.log(\`epoch \${epoch}: training loss \${await trainLoss()}, test loss \${await testLoss()}\`);

await report(0);
for (let epoch = 0; epoch < ${epochs}; epoch++) {
${rateText(settings)}  const options = { batchSize: ${batch}, shuffle: true, seed: ${settings.seed}, epoch, dropLast: true };
  for (const batch of data.batches(train, options)) await step.run(batch);
  await report(epoch + 1);
}
engine.destroy();

// The page's points [x1, x2, y], those to train on first, and its first weights [units, inputs].
function given() {
  const points = [
${pointsText(given)}
  ];
  const start = [
${startText(given)}
  ];
  return { points, start };
}
`;
}

/** Labels are −1 and 1; cross-entropy takes probabilities. */
const targets: Readonly<Record<Loss, string>> = {
  logistic: "(y + 1) / 2",
  hinge: "y",
  squared: "y",
  absolute: "y",
  huber: "y",
};

/** For classes, the squared error is that of a value between −1 and 1. */
const isSquashed = ({ settings }: Given): boolean =>
  lossOf(settings) === "squared" && taskOf(settings) === "classification";

function lossText(given: Given): string {
  const names: Readonly<Record<Loss, string>> = {
    logistic: "bceWithLogits",
    hinge: "hinge",
    squared: "mse",
    absolute: "l1",
    huber: "huber",
  };
  return `losses.${names[lossOf(given.settings)]}(${isSquashed(given) ? "tanh(mul(output, 0.5))" : "output"}, y)`;
}

/** Names of the operations that the program needs beside layers and losses. */
function opsOf(given: Given): string[] {
  const { penalty, dropout } = given.settings;
  const names = [
    ...(dropout > 0 ? ["Random"] : []),
    ...(penalty === "none" ? [] : ["add", "mul", "sum", ...(penalty === "l1" ? ["abs"] : [])]),
    ...(isSquashed(given) ? ["mul", "tanh"] : []),
  ];
  return [...new Set(names)].sort();
}

function modelText(given: Given): string {
  const { dropout, seed } = given.settings;
  const activation = { tanh: "nn.tanh()", relu: "nn.relu()", sigmoid: "nn.sigmoid()", linear: undefined };
  const names = layersOf(given, (i, inputs, units) => `nn.linear(${inputs}, ${units}, from(${i}))`, {
    activation: activation[given.settings.activation],
    dropout: dropout > 0 ? "drop" : undefined,
  });
  return `const from = (layer) => ({ weightInit: () => Float32Array.from(start[layer]), biasInit: () => 0 });
${dropout > 0 ? `const drop = nn.dropout(${dropout}, new Random(${seed}));\n` : ""}const model = nn.sequential(
${names.map((name) => `  ${name},`).join("\n")}
);`;
}

const optimizers: Readonly<Record<Network["optimizer"], (rate: number) => string>> = {
  adam: (rate) => `optim.adam({ lr: ${rate} })`,
  sgd: (rate) => `optim.sgd({ lr: ${rate} })`,
  momentum: (rate) => `optim.sgd({ lr: ${rate}, momentum: 0.9 })`,
  rmsprop: (rate) => `optim.rmsProp({ lr: ${rate} })`,
};

function costText({ settings: { penalty, strength } }: Given): string {
  if (penalty === "none") return "const cost = loss;";
  const size = penalty === "l1" ? "abs(weight)" : "mul(weight, weight)";
  return `const weights = [...nn.stateDict(model)].filter(([name]) => name.endsWith("weight"));
const penalty = weights.map(([, weight]) => sum(${size})).reduce((a, b) => add(a, b));
const cost = add(loss, mul(penalty, ${strength}));`;
}

function rateText({ rate, schedule }: Network): string {
  const rates: Readonly<Record<Network["schedule"], string | undefined>> = {
    constant: undefined,
    halving: `${rate} * 0.5 ** Math.floor(epoch / 50)`,
    decay: `${rate} * 0.99 ** epoch`,
    cosine: `(${rate} * (1 + Math.cos((Math.PI * (epoch % 100)) / 100))) / 2`,
    warmup: `${rate} * Math.min(1, 0.1 + 0.09 * epoch)`,
  };
  return rates[schedule] ? `  engine.write(optimizer.lr, ${rates[schedule]});\n` : "";
}
