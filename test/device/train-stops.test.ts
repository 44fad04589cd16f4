import { afterAll, beforeAll, expect, test } from "vitest";
import { Engine, optim } from "../../src/index.ts";
import { earlyStopping } from "../../src/train/index.ts";
import { samples, seeded, timeless } from "../trainers.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.create();
});
afterAll(() => engine.destroy());

const trainer = () => seeded(engine, { optimizer: optim.adam({ lr: 0.05 }) });

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
  const expected = timeless(await trainer().fit(samples(30), watched()));

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
    expect(timeless(await own.fit(samples(30), { ...first, resume: true }))).toEqual(expected);
    // Another process goes on, too.
    const next = trainer();
    await next.load(saved);
    expect(timeless(await next.fit(samples(30), { ...watched(), resume: true }))).toEqual(expected);
  }
});
