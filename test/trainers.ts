import { type Engine, losses, nn, optim } from "../src/index.ts";
import { accuracy, type History, Trainer } from "../src/train/index.ts";

/** Samples with some features and two classes. */
export const samples = (n: number, features = 3) => ({
  x: { data: Float32Array.from({ length: features * n }, (_, i) => Math.sin(i ** 2)), shape: [n, features] },
  y: { data: Int32Array.from({ length: n }, (_, i) => Number(Math.sin(9 * i ** 2) > 0)), shape: [n] },
});

/** A network for samples that draws random numbers. */
export const network = (features = 3): nn.Module =>
  nn.sequential(nn.linear(features, 16), nn.relu(), nn.dropout(0.2), nn.linear(16, 2));

/** A trainer of a model for samples. */
export const trainerOf = (
  engine: Engine,
  model: nn.Module,
  optimizer: optim.OptimizerLike = optim.adam({ lr: 0.02 }),
): Trainer<"accuracy"> => new Trainer({ engine, model, loss: losses.crossEntropy, optimizer, metrics: { accuracy } });

/** A trainer whose weights and random numbers depend on the seed alone. */
export function seeded(
  engine: Engine,
  { seed = 1, model = network as () => nn.Module, optimizer = optim.adam({ lr: 0.02 }) as optim.OptimizerLike } = {},
): Trainer<"accuracy"> {
  nn.seed(seed);
  return trainerOf(engine, model(), optimizer);
}

/** All weights of a model or trainer, in one array. */
export async function weightsOf(engine: Engine, { variables }: Pick<nn.Module, "variables">): Promise<number[]> {
  const values = await Promise.all([...variables.values()].map((variable) => engine.read(variable)));
  return values.flatMap((value) => [...value]);
}

/** A history without the seconds that it took. */
export const timeless = (history: History): unknown =>
  JSON.parse(JSON.stringify(history, (name, value) => (name === "seconds" ? undefined : value)));
