import { data, Engine, type EngineOptions, input, losses, nn, optim } from "../src/index.ts";
import { type RecoverOptions, type Recovery, recover } from "../src/recover/index.ts";

/** Where a training is. */
export interface Position {
  readonly step: number;
  readonly losses: readonly number[];
}

const batchSize = 8;
const samples = 64;
const x = { data: Float32Array.from({ length: samples * 6 }, (_, i) => Math.sin(i * 1.7)), shape: [samples, 6] };
const y = { data: Int32Array.from({ length: samples }, (_, i) => i % 3), shape: [samples] };

/** The batch of a step, by the shuffle of its epoch. */
export function batchOf(step: number) {
  const perEpoch = samples / batchSize;
  const batches = data.batches({ x, y }, { batchSize, shuffle: true, epoch: Math.floor(step / perEpoch) });
  return [...batches][step % perEpoch]!;
}

/** A network with all kinds of state: weights, moments, step count, random key, running statistics. */
export function network() {
  nn.seed(3);
  const model = nn.sequential(nn.linear(6, 16), nn.batchNorm1d(16), nn.relu(), nn.dropout(0.3), nn.linear(16, 3));
  const loss = losses.crossEntropy(
    model(input("x", [batchSize, 6]), { training: true }),
    input("y", [batchSize], "i32"),
  );
  return { model, description: { outputs: { loss }, updates: optim.adam({ lr: 0.01 }).minimize(loss) } };
}

/** An engine that recovers, and a training on it. Snapshots are taken at each mark, unless `recovery` says otherwise. */
export async function training(options: EngineOptions = {}, recovering: RecoverOptions = { everyMs: 0 }) {
  const engine = await Engine.create(options);
  const recovery: Recovery<Position> = recover(engine, recovering);
  const { model, description } = network();
  const program = await engine.compile(description);
  /** Trains up to a step, and calls `act` before each. @returns all losses. */
  const train = (steps: number, act: (step: number) => unknown = () => {}) =>
    recovery.retry(async (position = { step: 0, losses: [] }) => {
      const seen = [...position.losses];
      for (let { step } = position; step < steps; step++) {
        recovery.mark({ step, losses: seen });
        await act(step);
        seen.push((await program.compute(batchOf(step))).loss[0]!);
      }
      return seen;
    });
  return { engine, recovery, model, program, train };
}

/** Acts before some steps, before each once. */
export function onceAt(steps: readonly number[], act: (step: number) => unknown): (step: number) => unknown {
  const left = new Set(steps);
  return (step) => left.delete(step) && act(step);
}
