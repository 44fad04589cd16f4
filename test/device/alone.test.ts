import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import * as t from "../../src/index.ts";
import { DeviceError, Engine, input, LimitError, variable } from "../../src/index.ts";

/* An error affects only its cause: the app's errors are left alone, failures stay local, and weights can be saved. */

let device: GPUDevice;
let uncaught: string[];
let broken: (label: string) => boolean;
let made: { label: string; buffer: GPUBuffer }[];

beforeAll(async () => {
  const adapter = (await navigator.gpu.requestAdapter())!;
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  device = await adapter.requestDevice({
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize },
    requiredFeatures: adapter.features.has("timestamp-query") ? ["timestamp-query"] : [],
  });
  device.addEventListener("uncapturederror", (event) => {
    event.preventDefault(); // Keeps the console of the tests clean.
    uncaught.push(event.error.message);
  });
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const { label = "" } = descriptor;
    const buffer = createBuffer(broken(label) ? { ...descriptor, usage: 0xffff } : descriptor);
    made.push({ label, buffer });
    return buffer;
  };
});
beforeEach(() => {
  uncaught = [];
  made = [];
  broken = () => false;
});
afterAll(() => device.destroy());

const f32 = (...values: number[]) => new Float32Array(values);
const x = input("x", [4]);
const feeds = { x: f32(1, 2, 3, 4) };

/** A program with all kinds of memory, beside another one over the same weights. */
async function open() {
  const engine = await Engine.create({ device });
  const w = variable(f32(1, 2, 3, 4), [4], { name: "w" });
  const description = {
    outputs: { y: t.mul(t.cumsum(x, 0), t.constant(f32(1, 1, 2, 2), [4])) },
    updates: [[w, t.add(w, t.cumsum(x, 0))]] as [t.Variable, t.Tensor][],
  };
  const other = await engine.compile({ outputs: { twice: t.mul(w, t.mul(x, 2)) } });
  const soundness = async () => {
    expect(await other.compute(feeds)).toHaveProperty("twice");
    await other.run(feeds);
    expect(await other.outputs.twice.data()).toHaveLength(4);
    const values = await engine.read(w);
    expect((await t.io.saveSafetensors(engine, new Map([["w", w]]))).slice(-16)).toEqual(
      new Uint8Array(values.buffer as ArrayBuffer),
    );
    return values;
  };
  return { engine, w, description, soundness };
}

const appsError = () => device.createBuffer({ label: "the app's", size: 16, usage: 0xffff });

describe("an app's own errors on a shared device", () => {
  test("are left to the app, and every call continues", { tags: ["quick"] }, async () => {
    const { engine, w, description, soundness } = await open();
    const program = await engine.compile(description);
    await program.run(feeds);
    appsError();
    await device.queue.onSubmittedWorkDone();
    await program.run(feeds);
    expect(await program.outputs.y.data()).toEqual(f32(1, 3, 12, 20));
    appsError();
    expect(await program.compute(feeds)).toEqual({ y: f32(1, 3, 12, 20) });
    expect(await soundness()).toEqual(f32(4, 11, 21, 34));
    engine.write(w, f32(5, 6, 7, 8));
    expect(await soundness()).toEqual(f32(5, 6, 7, 8));
    expect(uncaught).toEqual([expect.stringMatching(/the app's|usage/i), expect.stringMatching(/the app's|usage/i)]);
    engine.destroy();
  });

  test("stay in the app's scopes, whatever tilegrad calls run in them", async () => {
    const { engine, w, description } = await open();
    const program = await engine.compile(description);
    const calls: [string, () => unknown][] = [
      ["compile", () => engine.compile({ outputs: { y: t.exp(t.mul(x, Math.random())) } })],
      ["run", () => program.run(feeds)],
      ["compute", () => program.compute(feeds)],
      ["read", () => program.outputs.y.data()],
      ["read of a variable", () => engine.read(w)],
      ["write", () => engine.write(w, f32(1, 2, 3, 4))],
      ["profile", () => device.features.has("timestamp-query") && program.profile(feeds)],
      ["record", () => program.record(feeds)],
    ];
    for (const [name, call] of calls) {
      device.pushErrorScope("validation");
      const under = call();
      appsError();
      const within = device.popErrorScope();
      device.pushErrorScope("validation");
      appsError();
      const during = device.popErrorScope();
      await under;
      expect([await within, await during], name).toEqual([expect.anything(), expect.anything()]);
    }
    broken = (label) => label !== "the app's";
    device.pushErrorScope("validation");
    const failing = engine.compile({ outputs: { y: t.exp(t.mul(x, 3)) } });
    const theirs = device.popErrorScope();
    await expect(failing).rejects.toThrow(DeviceError);
    expect(await theirs).toBeNull();
    expect(uncaught).toEqual([]);
    engine.destroy();
  });
});

describe("a failed program fails alone", () => {
  test.each([
    ["variables", (label: string) => label === "parameters"],
    ["an input", (label: string) => label.includes("x")],
    ["any memory", (label: string) => label !== "readback"],
  ])("where %s cannot be made", async (_, breaks) => {
    const { engine, description, soundness } = await open();
    const v = variable(f32(7), [1], { name: "v" });
    const more = { ...description, updates: [...description.updates, [v, t.add(v, 1)] as [t.Variable, t.Tensor]] };
    broken = breaks;
    await expect(engine.compile(more)).rejects.toThrow(/^compile: /);
    broken = () => false;
    expect(await engine.read(v)).toEqual(f32(7));
    expect(await soundness()).toEqual(f32(1, 2, 3, 4));
    const program = await engine.compile(more);
    expect(await program.compute(feeds)).toEqual({ y: f32(1, 3, 12, 20) });
    expect(await engine.read(v)).toEqual(f32(8));
    expect(uncaught).toEqual([]);
    engine.destroy();
  });

  test("where no staging buffer can be created, and reads correctly once it can", async () => {
    const { engine, description, soundness } = await open();
    broken = (label) => label === "readback";
    const program = await engine.compile({
      outputs: { y: t.concat([description.outputs.y, new Array(99).fill(x)].flat()) },
    });
    await program.run(feeds);
    for (let i = 0; i < 3; i++) await expect(program.outputs.y.data()).rejects.toThrow(/^read: /);
    broken = () => false;
    expect(await program.outputs.y.data()).toHaveLength(400);
    await soundness();
    expect(uncaught).toEqual([]);
    engine.destroy();
  });

  test.each([
    ["before it first runs", 0],
    ["after a successful run", 3],
  ])("where its memory is gone %s", async (_, runs) => {
    const { engine, description, soundness } = await open();
    const before = made.length;
    const program = await engine.compile(description);
    for (let i = 0; i < runs; i++) await program.run(feeds);
    for (const { label, buffer } of made.slice(before)) if (label !== "readback") buffer.destroy();
    const results = [program.run(feeds), program.outputs.y.data(), program.compute(feeds), program.outputs.y.data()];
    const [running, ...reading] = await Promise.allSettled(results);
    if (runs === 0) expect(running).toMatchObject({ status: "rejected", reason: expect.any(DeviceError) });
    for (const read of reading) expect(read).toMatchObject({ status: "rejected", reason: expect.any(DeviceError) });
    await expect(program.run(feeds)).rejects.toThrow(/destroyed/);
    await expect(program.outputs.y.data()).rejects.toThrow(DeviceError);
    await soundness();
    if (runs === 0) expect(uncaught).toEqual([]);
    engine.destroy();
  });

  test("where there is no memory for its buffers", async () => {
    const { engine, soundness } = await open();
    const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
    const large = input("large", [Math.floor(Math.min(maxBufferSize, maxStorageBufferBindingSize) / 16) * 4]);
    const compiled = await engine.compile({ outputs: { y: t.exp(large) } }).catch((error: unknown) => error);
    // A GPU may have that much memory.
    if (compiled instanceof Error) {
      expect(compiled).toBeInstanceOf(LimitError);
      expect(compiled.message).toMatch(/^compile: the GPU has no memory left/);
    }
    await soundness();
    expect(uncaught).toEqual([]);
    engine.destroy();
  });

  test("where a kernel needs more workgroups than the adapter has", async () => {
    const { engine, soundness } = await open();
    const compiled = compile({ outputs: { y: t.exp(x) } }, engine.traits, new Map());
    const wide = compiled.calls.map((call) => ({
      ...call,
      workgroups: [1, engine.traits.maxWorkgroups + 1, 1] as const,
    }));
    await expect(engine.realize({ ...compiled, calls: wide })).rejects.toThrow(
      /exp.* takes 65536 workgroups along one axis/,
    );
    await soundness();
    engine.destroy();
  });

  test("where measured variants have no memory", async () => {
    const { engine, soundness } = await open();
    const a = input("a", [33, 33]);
    let count = 0;
    broken = (label) => label.includes("a") && count++ % 3 === 0;
    const compiling = engine.compile(
      { outputs: { y: t.matmul(a, t.transpose(a)) } },
      { tune: () => (broken = () => false) },
    );
    await compiling.catch((error: unknown) => expect(error).toBeInstanceOf(DeviceError));
    broken = () => false;
    await soundness();
    expect(uncaught).toEqual([]);
    engine.destroy();
  });
});

test("a failed write is reported by the next call, once", async () => {
  const engine = await Engine.create({ device });
  const w = variable(new Float32Array(2 ** 15), [2 ** 15], { name: "w" });
  const program = await engine.compile({ updates: [[w, t.add(w, 1)]] });
  const { queue } = device;
  const writeBuffer = queue.writeBuffer.bind(queue);
  queue.writeBuffer = (buffer, offset, data) => writeBuffer(buffer, offset + 1, data as BufferSource);
  engine.write(w, new Float32Array(2 ** 15).fill(1));
  Reflect.deleteProperty(queue, "writeBuffer");
  await expect.poll(() => program.run().catch(({ message }) => message)).toMatch(/^write of "w": /);
  await program.run();
  expect((await engine.read(w))[0]).toBeGreaterThan(0);
  expect(uncaught).toEqual([]);
  engine.destroy();
});
