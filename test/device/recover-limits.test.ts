import { describe, expect, test } from "vitest";
import * as t from "../../src/index.ts";
import {
  AttributeError,
  DeviceLostError,
  Engine,
  type EngineOptions,
  FeedError,
  input,
  NonFiniteError,
  StateError,
  variable,
} from "../../src/index.ts";
import { type Recovery, recover } from "../../src/recover/index.ts";
import { memoryStore } from "../../src/store/index.ts";
import { atWait } from "../waits.ts";

/* What a recovery cannot bring back says so by name; what else an engine does ends with the device and works again. */

const x = input("x", [64]);
const values = Float32Array.from({ length: 64 }, (_, i) => i);

async function open(options: EngineOptions = {}) {
  const engine = await Engine.create(options);
  const recovery = recover(engine);
  return { engine, recovery };
}

async function lose(engine: Engine, recovery: Recovery): ReturnType<Recovery["restored"]> {
  const { lost } = engine;
  engine.device.destroy();
  await lost;
  return recovery.restored();
}

const storage = 0x80;
const bufferOn = (device: GPUDevice) => device.createBuffer({ size: 256, usage: storage });

describe("what was on the lost device only", () => {
  test("buffers of the app, fed again", async () => {
    const { engine, recovery } = await open();
    const program = await engine.compile({ outputs: { y: t.mul(x, 2) } });
    const [seen, unseen] = [bufferOn(engine.device), bufferOn(engine.device)];
    await program.run({ x: seen });
    const place = program.outputs.y.buffer();
    await lose(engine, recovery);
    for (const old of [seen, place])
      await expect(program.run({ x: old })).rejects.toThrow(
        new FeedError('run: input "x" is a GPUBuffer of a device that was lost: make it anew on engine.device'),
      );
    // WebGPU itself tells of a buffer that was never seen.
    await expect(program.run({ x: unseen })).rejects.toThrow(/^run, input x from a GPUBuffer: /);
    expect(await program.compute({ x: bufferOn(engine.device) })).toEqual({ y: new Float32Array(64) });
    expect(program.outputs.y.buffer().buffer).not.toBe(place.buffer);
    expect(await program.compute({ x: values })).toEqual({ y: values.map((v) => 2 * v) });
    engine.destroy();
  });

  test("outputs that were not read", async () => {
    const { engine, recovery } = await open();
    const program = await engine.compile({ outputs: { y: t.mul(x, 2) } });
    await program.run({ x: values });
    await lose(engine, recovery);
    await expect(program.outputs.y.data()).rejects.toThrow(
      new StateError("read: the program has not run yet on this device, so its outputs have no values"),
    );
    await program.run({ x: values });
    expect(await program.outputs.y.data()).toEqual(values.map((v) => 2 * v));
    engine.destroy();
  });

  test("variables of an engine that recovers too late, by their names", async () => {
    const engine = await Engine.create();
    const w = variable(new Float32Array(4).fill(3), [4], { name: "w" });
    const program = await engine.compile({ updates: [[w, t.add(w, 1)]] });
    await program.run();
    const recovery = recover(engine, { everyMs: 1e9 });
    const failed: Error[] = [];
    recovery.addEventListener("failed", ({ detail }) => failed.push(detail.error));
    await expect(lose(engine, recovery)).rejects.toThrow(
      /recovery given up: recover: the device was lost before the first snapshot, and with it the values of w: /,
    );
    await expect(program.run()).rejects.toBe(failed[0]);
    engine.destroy();
  });

  test("but not those of one that took its first snapshot", async () => {
    const engine = await Engine.create();
    const w = variable(new Float32Array(4).fill(3), [4], { name: "w" });
    const program = await engine.compile({ updates: [[w, t.add(w, 1)]] });
    await program.run();
    const recovery = recover(engine, { everyMs: 1e9 });
    await recovery.snapshot();
    await program.run();
    await lose(engine, recovery);
    expect(await engine.read(w)).toEqual(new Float32Array(4).fill(4));
    engine.destroy();
  });
});

describe("a new device that can do less", () => {
  /** The next adapter's devices say that they have these limits. */
  function poorer(limits: Partial<Record<keyof GPUSupportedLimits, number>>) {
    let isPoor = false;
    const gpu = {
      async requestAdapter(options?: GPURequestAdapterOptions) {
        const adapter = (await navigator.gpu.requestAdapter(options))!;
        if (!isPoor) return adapter;
        const device = await adapter.requestDevice();
        const own = Object.fromEntries(
          Object.keys(Object.getPrototypeOf(device.limits)).map((name) => [
            name,
            device.limits[name as keyof GPUSupportedLimits],
          ]),
        );
        Object.defineProperty(device, "limits", { value: { ...own, ...limits } });
        return { limits: adapter.limits, features: adapter.features, info: adapter.info, requestDevice: () => device };
      },
    } as unknown as GPU;
    return {
      gpu,
      become: () => {
        isPoor = true;
      },
    };
  }

  test("runs programs compiled anew for it, and the others reject by name", async () => {
    const { gpu, become } = poorer({ maxStorageBuffersPerShaderStage: 4, maxStorageBufferBindingSize: 2048 });
    const engine = await Engine.create({ gpu });
    const recovery = recover(engine, { everyMs: 1e9 });
    const inputs = Array.from({ length: 6 }, (_, i) => input(`x${i}`, [64]));
    const feeds = Object.fromEntries(inputs.map((_, i) => [`x${i}`, values]));
    const total = await engine.compile({
      outputs: { total: inputs.reduce<t.Tensor>((sum, x) => t.add(sum, x), t.full([64], 0)) },
    });
    const large = await engine.compile({ outputs: { large: t.exp(input("x", [1024])) } });
    const most = (program: typeof total) =>
      Math.max(...program.inspect().kernels.map(({ bindings }) => bindings.length));
    expect(most(total)).toBeGreaterThan(4);
    const sums = await total.compute(feeds);
    become();
    const { failed } = await lose(engine, recovery);
    expect(most(total)).toBeLessThanOrEqual(4);
    expect(await total.compute(feeds)).toEqual(sums);
    const lacks =
      /^the program with the outputs "large" cannot be resumed on .*: compile: exp.* binds 0.0 MiB .*; this adapter binds 0.0 MiB at most$/;
    await expect(large.compute({ x: new Float32Array(1024) })).rejects.toThrow(lacks);
    expect(failed.map(({ message }) => message)).toEqual([expect.stringMatching(lacks)]);
    engine.destroy();
  });
});

describe("what was going on ends with the device, and works again", () => {
  test("programs that check for NaN", async () => {
    const { engine, recovery } = await open();
    const program = await engine.compile({ outputs: { y: t.log(x) } }, { checkFinite: true });
    await program.run({ x: new Float32Array(64).fill(-1) });
    const reading = expect(program.outputs.y.data()).rejects.toThrow(DeviceLostError);
    await lose(engine, recovery);
    await reading;
    // The NaN was on the lost device.
    expect((await program.compute({ x: new Float32Array(64).fill(1) })).y).toEqual(new Float32Array(64));
    await expect(program.compute({ x: new Float32Array(64).fill(-1) })).rejects.toThrow(NonFiniteError);
    engine.destroy();
  });

  test("tuning, at any wait, which keeps no time of a lost device", async () => {
    // A page of other tests may have left winners in the browser's store.
    const { engine, recovery } = await open({ tuningStore: memoryStore() });
    for (const [i, n] of [2, 6, 12, 20, 24, 28, 32].entries()) {
      const y = t.softmax(input("x", [3, 77 + i]));
      const wait = atWait(n, () => engine.device.destroy());
      const tuning = engine.compile({ outputs: { y } }, { tune: true });
      await expect(tuning).rejects.toThrow(DeviceLostError);
      wait.undo();
      await recovery.restored();
      await new Promise((resolve) => setTimeout(resolve, 100)); // What was measured goes on for a moment.
      expect(Object.keys(engine.tuning.winners), `at ${n}`).toHaveLength(i);
      const program = await engine.compile({ outputs: { y } }, { tune: true });
      expect((await program.compute({ x: new Float32Array(3 * (77 + i)) })).y[0]).toBeCloseTo(1 / (77 + i), 6);
    }
    engine.destroy();
  });

  test("two programs of one model, and one that was destroyed meanwhile", async () => {
    const { engine, recovery } = await open();
    const w = variable(new Float32Array(64).fill(1), [64], { name: "w" });
    const up = await engine.compile({ updates: [[w, t.add(w, x)]] });
    const look = await engine.compile({ outputs: { w: t.mul(w, 1) } });
    const gone = await engine.compile({ outputs: { y: t.mul(w, 3) } });
    await up.run({ x: values });
    await recovery.snapshot();
    const { lost } = engine;
    engine.device.destroy();
    await lost;
    gone.destroy();
    await recovery.restored();
    expect((await look.compute()).w).toEqual(values.map((v) => v + 1));
    await up.run({ x: values });
    expect((await look.compute()).w).toEqual(values.map((v) => 2 * v + 1));
    await expect(gone.run()).rejects.toThrow("the program has been destroyed");
    // Destroyed while it moves to the next device.
    for (const n of [0, 2, 4]) {
      const moving = await engine.compile({ outputs: { y: t.mul(w, 5 + n) } });
      const wait = atWait(n, () => moving.destroy());
      await lose(engine, recovery);
      wait.undo();
      await expect(moving.run()).rejects.toThrow("the program has been destroyed");
    }
    look.destroy();
    up.destroy();
    engine.free(w);
    expect(engine.bytes.variables).toBe(0);
    engine.destroy();
  });
});

test("a snapshot without memory fails alone: the one before it stays, and says so", async () => {
  const engine = await Engine.create();
  const recovery = recover<string>(engine, { everyMs: 0 });
  const w = variable(new Float32Array(1), [1], { name: "w" });
  const up = await engine.compile({ updates: [[w, t.add(w, 1)]] });
  await up.run();
  await recovery.snapshot("first");
  // More variables, so that the next snapshot needs a staging buffer of another size.
  const more = variable(new Float32Array(1000), [1000], { name: "more" });
  await engine.compile({ updates: [[more, t.add(more, 1)]] });
  await up.run();
  const { device } = engine;
  const { createBuffer } = device;
  device.createBuffer = (descriptor) =>
    createBuffer.call(device, descriptor.label === "readback" ? { ...descriptor, usage: 0xffff } : descriptor);
  const failed: string[] = [];
  recovery.addEventListener("snapshotfailed", ({ detail }) => failed.push(detail.error.message));
  await expect(recovery.snapshot("second")).rejects.toThrow(/^read: /);
  await up.run();
  recovery.mark("third");
  await expect.poll(() => failed).toEqual([expect.stringMatching(/^read: /)]);
  expect((await lose(engine, recovery as Recovery)).position).toBe("first");
  expect(await engine.read(w)).toEqual(new Float32Array([1]));
  engine.destroy();
});

test("a recovery that was given up before the loss leaves the engine as it would be without", async () => {
  const engine = await Engine.create();
  const giveUp = new AbortController();
  const recovery = recover(engine, { signal: giveUp.signal });
  giveUp.abort();
  engine.device.destroy();
  await engine.lost;
  const final = /^the GPU device was lost \(destroyed\): (?!.*being replaced)/;
  await expect(recovery.restored()).rejects.toThrow(final);
  await expect(engine.compile({ outputs: { y: t.exp(x) } })).rejects.toThrow(final);
  engine.destroy();
});

test("wrong arguments are refused", async () => {
  const { engine, recovery } = await open();
  const calls: [() => unknown, string | RegExp][] = [
    [() => recover({} as never), /^recover: the first argument is .*, expected an engine$/],
    [() => recover(engine), "recover: the engine already has a recovery"],
    [() => recover(engine, { everyMs: -1 }), /everyMs is -1, expected a number from 0/],
    [() => recover(engine, { every: 5 } as never), /there is no option "every" \(did you mean "everyMs"\?\)/],
    [
      () => recover(engine, { device: engine.device as never }),
      /^recover: device is .*, expected a function that opens a device/,
    ],
    [() => recover(engine, { signal: 5 as never }), /signal is 5, expected an AbortSignal/],
    [() => recovery.mark(() => 5), /^mark: the position is a function, expected plain data/],
    [() => recovery.snapshot(() => 5), /^snapshot: the position is a function/],
    [() => recovery.retry(5 as never), /^retry: the argument is 5, expected a function/],
    [() => recovery.resume({} as never), /^resume: the argument is an object, expected a GPUDevice/],
    [() => recovery.resume(undefined as never), /^resume: the argument is missing, expected a GPUDevice/],
  ];
  for (const [call, message] of calls) await expect((async () => call())()).rejects.toThrow(message);
  await expect((async () => recovery.mark(() => 5))()).rejects.toThrow(AttributeError);
  engine.destroy();
});
