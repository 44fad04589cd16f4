import { type Engine, type Feeds, input, losses, nn, optim, type Program, type Tensor } from "../src/index.ts";

/** One thing to be timed: a program and what it is fed. */
export interface Workload {
  readonly name: string;
  readonly program: Program;
  readonly feeds: Feeds;
}

const noise = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 12.9898) * 0.5);

/** A training step of a classifier of ten classes with Adam, at batch 64. */
async function classifier(engine: Engine, name: string, model: nn.Module, shape: readonly number[]): Promise<Workload> {
  const x = input("x", shape);
  const y = input("y", [shape[0]!], "i32");
  const loss: Tensor = losses.crossEntropy(model(x, { training: true }), y);
  const program = await engine.compile({ outputs: { loss }, updates: optim.adam().minimize(loss) });
  const size = shape.reduce((product, n) => product * n, 1);
  return { name, program, feeds: { x: noise(size), y: Int32Array.from({ length: shape[0]! }, (_, i) => i % 10) } };
}

/** The training steps that the project's figures are about. */
export async function workloads(engine: Engine): Promise<Workload[]> {
  nn.seed(1);
  const mlp = nn.sequential(nn.linear(784, 128), nn.relu(), nn.linear(128, 10));
  const lenet = nn.sequential(
    nn.conv2d(1, 8, 5, { padding: 2 }),
    nn.relu(),
    nn.maxPool2d(2),
    nn.conv2d(8, 16, 5),
    nn.relu(),
    nn.maxPool2d(2),
    nn.flatten(),
    nn.linear(400, 10),
  );
  return [
    await classifier(engine, "784-128-10, batch 64, Adam", mlp, [64, 784]),
    await classifier(engine, "LeNet 5×5×8, 5×5×16, batch 64, Adam", lenet, [64, 1, 28, 28]),
  ];
}
