import { Engine, type EngineOptions, input, losses, nn, optim } from "../../src/index.ts";
import { loadCheckpoint, saveCheckpoint } from "../../src/io/index.ts";

/** What a soak holds after some of its steps. */
export interface Held {
  readonly step: number;
  readonly loss: number;
  /** GPU buffers that exist, and their bytes. */
  readonly buffers: number;
  readonly bufferBytes: number;
  /** As the engine counts them. */
  readonly engine: Engine["bytes"];
}

/** How often each thing happens, in steps. */
const every = { read: 10, write: 50, checkpoint: 500, compile: 1000 } as const;

/**
 * Trains a small network for many steps. In between, it does what an app does in a long session: reads losses, writes
 * the learning rate, saves and loads checkpoints, and compiles, runs and frees other models.
 * @param steps how many. @param reports after how many of them to call `report`.
 */
export async function soak(
  options: EngineOptions,
  steps: number,
  reports: number,
  report: (held: Held) => void | Promise<void>,
): Promise<void> {
  const engine = await Engine.create(options);
  const alive = watchBuffers(engine.device);
  const model = nn.sequential(nn.linear(16, 32), nn.relu(), nn.dropout(0.1), nn.linear(32, 4));
  const loss = losses.crossEntropy(model(input("x", [32, 16]), { training: true }), input("y", [32], "i32"));
  const optimizer = optim.adam();
  const step = await engine.compile({ outputs: { loss }, updates: optimizer.minimize(loss) });
  const weights = nn.stateDict(model);
  const training = { model: weights, optimizer: optimizer.state(weights) };

  for (let done = 1; done <= steps; done++) {
    await step.run(batch(done));
    if (done % every.read === 0) await step.outputs.loss.scalar();
    if (done % every.write === 0) engine.write(optimizer.lr, 0.001 / (1 + done / 1e4));
    if (done % every.checkpoint === 0) {
      const bytes = await saveCheckpoint(engine, training, { step: String(done) });
      loadCheckpoint(engine, training, bytes);
    }
    if (done % every.compile === 0) await tryAnother(engine, done);
    if (done % reports === 0 || done === steps) {
      const held = { step: done, loss: await step.outputs.loss.scalar(), engine: engine.bytes };
      await report({ ...held, ...alive() });
    }
  }
  engine.destroy();
}

/** A batch that differs from step to step. */
function batch(step: number): { x: Float32Array; y: Int32Array } {
  const y = Int32Array.from({ length: 32 }, (_, i) => (i + step) % 4);
  const x = Float32Array.from(
    { length: 32 * 16 },
    (_, i) => Math.sin(i * 0.37 + step) + (i % 4 === y[i >> 4] ? 0.1 : 0),
  );
  return { x, y };
}

/** Compiles another model, trains it a little, and frees all of it. */
async function tryAnother(engine: Engine, seed: number): Promise<void> {
  const width = 8 + ((seed / every.compile) % 5);
  const model = nn.sequential(nn.linear(16, width), nn.tanh(), nn.linear(width, 4));
  const loss = losses.mse(model(input("x", [32, 16]), { training: true }), input("y", [32, 4]));
  const step = await engine.compile({ outputs: { loss }, updates: optim.sgd({ lr: 0.01 }).minimize(loss) });
  const { x } = batch(seed);
  for (let i = 0; i < 5; i++) await step.run({ x, y: x.subarray(0, 128) });
  await step.compute({ x, y: x.subarray(0, 128) });
  step.destroy();
  engine.free(model);
}

/** Counts the buffers of a device from now on. */
function watchBuffers(device: GPUDevice): () => Pick<Held, "buffers" | "bufferBytes"> {
  let [buffers, bufferBytes] = [0, 0];
  const create = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = create(descriptor);
    const destroy = buffer.destroy.bind(buffer);
    let exists = true;
    buffers++;
    bufferBytes += buffer.size;
    buffer.destroy = () => {
      if (exists) {
        buffers--;
        bufferBytes -= buffer.size;
      }
      exists = false;
      return destroy();
    };
    return buffer;
  };
  return () => ({ buffers, bufferBytes });
}
