import { mul, nn, optim, reshape, sub, type Variable } from "../../src/index.ts";
import { classes, normalization, pixels, side } from "./dataset.ts";

/** Units of the perceptron's hidden layer. */
const hidden = 128;

/** The networks to choose from: names and constructors. */
export const architectures = {
  mlp: {
    layers: `${pixels}-${hidden}-${classes}`,
    make: () => {
      const perceptron = nn.sequential(nn.linear(pixels, hidden), nn.relu(), nn.linear(hidden, classes));
      return nn.module((x, mode) => perceptron(reshape(x, [-1, pixels]), mode), perceptron.variables);
    },
  },
  cnn: {
    layers: `LeNet: 5×5×8, 5×5×16, ${classes}`,
    make: () =>
      nn.sequential(
        nn.conv2d(1, 8, 5, { padding: 2 }),
        nn.relu(),
        nn.maxPool2d(2),
        nn.conv2d(8, 16, 5),
        nn.relu(),
        nn.maxPool2d(2),
        nn.flatten(),
        nn.linear(16 * 5 * 5, classes),
      ),
  },
} as const;

export type Architecture = keyof typeof architectures;

/** A network and what trains it. */
export interface Network {
  /** Takes images of bytes, as they are: `[n, 1, 28, 28]`, 0 for paper and 255 for ink. */
  readonly model: nn.Module;
  /** Short description of its layers. */
  readonly layers: string;
  /** Named as in PyTorch's `nn.Sequential` of the same layers. */
  readonly weights: ReadonlyMap<string, Variable>;
  readonly optimizer: optim.Optimizer;
}

/** What a sample is, for a trainer. */
export const shapes = { x: [1, side, side], y: { shape: [], dtype: "i32" } } as const;

/**
 * @param seed of the initial weights. @param lr highest learning rate of Adam. @param steps of the whole training, in
 * which the rate rises, and then falls to almost nothing. @param architecture default "mlp".
 */
export function createNetwork({
  seed,
  lr,
  steps,
  architecture = "mlp",
}: {
  readonly seed: number;
  readonly lr: number;
  readonly steps: number;
  readonly architecture?: Architecture;
}): Network {
  nn.seed(seed);
  const { layers, make } = architectures[architecture];
  const network = make();
  const { mean, std } = normalization;
  const weights = nn.stateDict(network);
  const model = nn.module((x, mode) => network(mul(sub(mul(x, 1 / 255), mean), 1 / std), mode), weights);
  // A cycle has at least two steps.
  const schedule = optim.oneCycleLR({ totalSteps: Math.max(2, steps) });
  return { model, layers, weights, optimizer: optim.adam({ lr, schedule }) };
}
