import { type Engine, input, losses, nn, optim } from "../src/index.ts";
import { dataParallel, type Group, type GroupOptions, joinGroup } from "../src/parallel/index.ts";

/** Samples of a batch: 2 numbers each, and a class of 3. */
export const batchOf = (step: number, from: number, count: number) => {
  const at = (i: number) => Math.sin(12.9898 * (i + 1) + 78.233 * (step + 1)) * 2;
  const x = Float32Array.from({ length: 2 * count }, (_, i) => at(2 * from + i));
  const y = Int32Array.from({ length: count }, (_, i) => (x[2 * i]! > 0 ? 1 : 0) + (x[2 * i + 1]! > 0.5 ? 1 : 0));
  return { x, y };
};

/** A small network with its loss over some samples. */
export function network(seed: number, samples: number) {
  nn.seed(seed);
  const model = nn.sequential({ hidden: nn.linear(2, 7), act: nn.tanh(), scores: nn.linear(7, 3) });
  const loss = losses.crossEntropy(model(input("x", [samples, 2]), { training: true }), input("y", [samples], "i32"));
  return { model, loss, optimizer: optim.adam({ lr: 0.05 }) };
}

/** A member with a model of its own. Each starts from other weights, which rank 0's then replace. */
export async function member(engine: Engine, group: Group, samples: number) {
  const { model, loss, optimizer } = network(1 + group.rank, samples);
  const variables = nn.stateDict(model);
  return { model, parallel: await dataParallel({ engine, group, variables, loss, optimizer }) };
}

/** The values of a model's variables, one after the other. */
export async function weightsOf(engine: Engine, model: nn.Module): Promise<number[]> {
  const all = [...nn.stateDict(model).values()];
  return (await Promise.all(all.map((one) => engine.read(one)))).flatMap((values) => Array.from(values));
}

/** Groups of some members in this thread, with a channel between any two. */
export function groups(size: number, options: Partial<GroupOptions> = {}): Promise<Group[]> {
  const ports: (MessagePort | undefined)[][] = Array.from({ length: size }, () => Array(size).fill(undefined));
  for (let a = 0; a < size; a++)
    for (let b = 0; b < a; b++) {
      const { port1, port2 } = new MessageChannel();
      ports[a]![b] = port1;
      ports[b]![a] = port2;
    }
  return Promise.all(ports.map((own, rank) => joinGroup({ rank, ports: own, ...options })));
}
