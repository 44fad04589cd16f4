import { checkpoints } from "../../src/checkpoints/index.ts";
import { data, type Engine, input, losses, nn, optim, type Variable } from "../../src/index.ts";
import type { Store } from "../../src/store/index.ts";

export interface RunOptions {
  readonly engine: Engine;
  readonly store: Store;
  /** Step after which the run ends. */
  readonly until: number;
  /** Units of the hidden layer: what a checkpoint weighs. */
  readonly width?: number;
  /** Told where the run is: "loaded", "saving" or "saved", and the step. */
  readonly told?: (what: string, step: number) => void;
}

const x = { data: Float32Array.from({ length: 40 * 8 }, (_, i) => Math.sin(i * i)), shape: [40, 8] };
const y = { data: Int32Array.from({ length: 40 }, (_, i) => (i * i) % 4), shape: [40] };

/**
 * Starts or continues a run with everything that a checkpoint has to keep: weights, moments, a schedule, a loss scaler,
 * random numbers for dropout, a shuffled data set in the middle of an epoch, and a history of losses.
 * @returns the losses of all steps, and a digest of all variables.
 */
export async function continueRun({ engine, store, until, width = 32, told = () => {} }: RunOptions) {
  nn.seed(7);
  const model = nn.sequential(nn.linear(8, width), nn.relu(), nn.dropout(0.3), nn.linear(width, 4));
  const loss = losses.crossEntropy(model(input("x", [8, 8]), { training: true }), input("y", [8], "i32"));
  const optimizer = optim.adam({ lr: 0.01, schedule: optim.cosineAnnealingLR({ tMax: until }) });
  const scaler = optim.lossScaler({ initial: 256, interval: 3 });
  const clip = optim.clipGradNorm(1);
  const step = await engine.compile({ outputs: { loss }, updates: optimizer.minimize(loss, { scaler, clip }) });
  const training = {
    model,
    optimizer: optimizer.state(model.variables),
    scaler: scaler.state(),
    random: new Map<string, Variable>([["key", nn.random().key]]),
  };
  const saves = checkpoints<{ epoch: number; batch: number }, number[]>(store, { name: "run" });

  const before = await saves.load(engine, training);
  let { epoch, batch } = before?.position ?? { epoch: 0, batch: 0 };
  const history = [...(before?.history ?? [])];
  told("loaded", before?.step ?? 0);
  for (; history.length < until; epoch++, batch = 0) {
    for (const rows of data.batches({ x, y }, { batchSize: 8, shuffle: true, seed: 5, epoch, start: batch })) {
      await step.run(rows);
      batch++;
      history.push(await step.outputs.loss.scalar());
      told("saving", history.length);
      await saves.save(engine, training, { step: history.length, position: { epoch, batch }, history });
      told("saved", history.length);
      if (history.length === until) break;
    }
  }
  const maps = [model.variables, training.optimizer, training.scaler, training.random];
  const values = await Promise.all(maps.flatMap((map) => [...map.values()].map((variable) => engine.read(variable))));
  const bytes = await new Blob(values as BlobPart[]).arrayBuffer();
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return { history, digest: Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("") };
}
