import {
  add,
  argmax,
  type Engine,
  input,
  losses,
  mul,
  nn,
  optim,
  type Program,
  reshape,
  type Variable,
  variable,
} from "../../src/index.ts";
import { classes, pixels } from "./dataset.ts";

/** Units of the perceptron's hidden layer. */
const hidden = 128;

/** The networks to choose from: names and constructors. All take images as rows of pixels. */
export const architectures = {
  mlp: {
    layers: `${pixels}-${hidden}-${classes}`,
    make: () => nn.sequential(nn.linear(pixels, hidden), nn.relu(), nn.linear(hidden, classes)),
  },
  cnn: {
    layers: `LeNet: 5×5×8, 5×5×16, ${classes}`,
    make: () => {
      const lenet = nn.sequential(
        nn.conv2d(1, 8, 5, { padding: 2 }),
        nn.relu(),
        nn.maxPool2d(2),
        nn.conv2d(8, 16, 5),
        nn.relu(),
        nn.maxPool2d(2),
        nn.flatten(),
        nn.linear(16 * 5 * 5, classes),
      );
      return nn.module((x, mode) => lenet(reshape(x, [x.shape[0]!, 1, 28, 28]), mode), lenet.variables);
    },
  },
} as const;

export type Architecture = keyof typeof architectures;

/** A network with its training state: weights, Adam's moments, and a tally of the loss. */
export interface Network {
  readonly model: nn.Module;
  /** Short description of its layers. */
  readonly layers: string;
  /** Named as in PyTorch's `nn.Sequential` of the same layers. */
  readonly weights: ReadonlyMap<string, Variable>;
  readonly optimizer: optim.Optimizer;
  /** Sum of the images' losses since it was last reset. Each step adds to it, so no step needs a readback. */
  readonly tally: Variable;
}

/**
 * @param seed of the initial weights. @param lr learning rate of Adam. @param architecture default "mlp".
 */
export function createNetwork({
  seed,
  lr,
  architecture = "mlp",
}: {
  readonly seed: number;
  readonly lr: number;
  readonly architecture?: Architecture;
}): Network {
  nn.seed(seed);
  const { layers, make } = architectures[architecture];
  const model = make();
  return {
    model,
    layers,
    weights: nn.stateDict(model),
    optimizer: optim.adam({ lr }),
    tally: variable(new Float32Array(1), [], { name: "tally", group: "tally" }),
  };
}

/** Compiles one training step on a batch: inputs `x` [batch, 784] and `y` [batch]. */
export function compileTraining(engine: Engine, { model, optimizer, tally }: Network, batch: number): Promise<Program> {
  const x = input("x", [batch, pixels]);
  const y = input("y", [batch], "i32");
  const loss = losses.crossEntropy(model(x, { training: true }), y);
  return engine.compile({ updates: [...optimizer.minimize(loss), [tally, add(tally, mul(loss, batch))]] });
}

export type Evaluation = Awaited<ReturnType<typeof compileEvaluation>>;

/** Predicts the digits of a batch: input `x`, output `predicted` [batch]. */
export function compileEvaluation(engine: Engine, { model }: Network, batch: number) {
  return engine.compile({ outputs: { predicted: argmax(model(input("x", [batch, pixels])), 1) } });
}
