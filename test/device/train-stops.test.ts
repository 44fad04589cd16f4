import { afterAll, beforeAll, expect, test } from "vitest";
import { Engine, losses, nn, optim } from "../../src/index.ts";
import { accuracy, earlyStopping, type History, Trainer } from "../../src/train/index.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.create();
});
afterAll(() => engine.destroy());

const samples = (n: number) => ({
  x: { data: Float32Array.from({ length: 3 * n }, (_, i) => Math.sin(i * i)), shape: [n, 3] },
  y: { data: Int32Array.from({ length: n }, (_, i) => Number(Math.sin(9 * i * i) > 0)), shape: [n] },
});

function trainer() {
  nn.seed(1);
  const model = nn.sequential(nn.linear(3, 16), nn.relu(), nn.dropout(0.2), nn.linear(16, 2));
  const optimizer = optim.adam({ lr: 0.05 });
  return new Trainer({ engine, model, loss: losses.crossEntropy, optimizer, metrics: { accuracy } });
}

/** Everything but the time. */
const valuesOf = ({ epochs, stopped, best }: History) => ({
  epochs: epochs.map((logs) => ({ ...logs, seconds: 0 })),
  stopped,
  best,
});

test("a training that was stopped within a validation goes on as if it had never been", async () => {
  const { x, y } = samples(40);
  let whenReading = (_: number) => {};
  /** Validation data in ten batches. */
  async function* parts() {
    for (let i = 0; i < 10; i++) {
      whenReading(i);
      yield { x: x.data.subarray(12 * i, 12 * i + 12), y: y.data.subarray(4 * i, 4 * i + 4) };
    }
  }
  const options = { epochs: 6, batchSize: 8, validationBatchSize: 4, validationData: () => parts() };
  const watched = () => ({ ...options, callbacks: [earlyStopping({ patience: 2 })] });
  const expected = valuesOf(await trainer().fit(samples(30), watched()));

  for (const at of [0, 1, 5, 9]) {
    const own = trainer();
    const stop = new AbortController();
    let validations = 0;
    whenReading = (i) => {
      if (i === 0) validations++;
      if (validations === 2 && i === at) stop.abort();
    };
    const first = watched();
    const early = await own.fit(samples(30), { ...first, signal: stop.signal });
    whenReading = () => {};
    expect([early.stopped, early.epochs.length]).toEqual(["aborted", 1]);
    const saved = await own.save();
    expect(valuesOf(await own.fit(samples(30), { ...first, resume: true }))).toEqual(expected);
    // Another process goes on, too.
    const next = trainer();
    await next.load(saved);
    expect(valuesOf(await next.fit(samples(30), { ...watched(), resume: true }))).toEqual(expected);
  }
});
