import { expect, test } from "vitest";
import { data, Engine, input, losses, nn, optim } from "../../src/index.ts";
import { type RecoverOptions, type Recovery, recover } from "../../src/recover/index.ts";

/* A lost device does not stop training: losses after it are those of an undisturbed run, to the bit. */

interface Position {
  readonly step: number;
  readonly losses: readonly number[];
}

const batchSize = 8;
const samples = 64;
const x = { data: Float32Array.from({ length: samples * 6 }, (_, i) => Math.sin(i * 1.7)), shape: [samples, 6] };
const y = { data: Int32Array.from({ length: samples }, (_, i) => i % 3), shape: [samples] };

/** A network with all kinds of state: weights, moments, step count, random key, running statistics. */
function network() {
  nn.seed(3);
  const model = nn.sequential(nn.linear(6, 16), nn.batchNorm1d(16), nn.relu(), nn.dropout(0.3), nn.linear(16, 3));
  const loss = losses.crossEntropy(
    model(input("x", [batchSize, 6]), { training: true }),
    input("y", [batchSize], "i32"),
  );
  return { model, description: { outputs: { loss }, updates: optim.adam({ lr: 0.01 }).minimize(loss) } };
}

async function training(options: RecoverOptions & { readonly open?: () => Promise<Engine> } = {}) {
  const { open = () => Engine.create(), ...rest } = { everyMs: 0, ...options };
  const engine = await open();
  const recovery: Recovery<Position> = recover(engine, rest);
  const { model, description } = network();
  const program = await engine.compile(description);
  /** Trains to a step, and calls `act` before each. */
  const train = (steps: number, act: (step: number) => unknown = () => {}) =>
    recovery.retry(async (position = { step: 0, losses: [] }) => {
      const seen = [...position.losses];
      const perEpoch = samples / batchSize;
      for (let { step } = position; step < steps; step++) {
        recovery.mark({ step, losses: seen });
        await act(step);
        const epoch = Math.floor(step / perEpoch);
        const batch = [...data.batches({ x, y }, { batchSize, shuffle: true, epoch })][step % perEpoch]!;
        seen.push((await program.compute(batch)).loss[0]!);
      }
      return seen;
    });
  return { engine, recovery, model, program, train };
}

const steps = 30;
const undisturbed = await training().then(async ({ train, engine }) => {
  const all = await train(steps);
  engine.destroy();
  return all;
});

test("three losses in one training change no bit of what follows", async () => {
  const { engine, recovery, train } = await training();
  const at = [7, 15, 22];
  const told: string[] = [];
  for (const type of ["lost", "waiting", "restored", "failed", "snapshotfailed"] as const)
    recovery.addEventListener(type, () => told.push(type));
  const all = await train(steps, (step) => {
    if (at[0] !== step) return;
    at.shift();
    engine.device.destroy();
  });
  expect(all).toEqual(undisturbed);
  expect(told).toEqual(["lost", "restored", "lost", "restored", "lost", "restored"]);
  expect(recovery.position!.step).toBeGreaterThan(10);
  engine.destroy();
});
