import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { load, Runner } from "../../src/exported/index.ts";
import { packHalves } from "../../src/graph/half.ts";
import { sizeOf } from "../../src/graph/shape.ts";
import * as t from "../../src/index.ts";
import {
  DeviceError,
  Engine,
  exportPrograms,
  FeedError,
  type Feeds,
  input,
  losses,
  nn,
  optim,
  type Program,
  StateError,
  variable,
} from "../../src/index.ts";
import { cases } from "../cases.ts";
import { inputsOf } from "../differences.ts";
import { fill, reals } from "../draws.ts";
import { some } from "../place.ts";

/*
 * Memory shared by the engine and an app on one device: outputs and variables for the app's commands, the app's buffers
 * as inputs.
 */

// Node does not define the globals for WebGPU's flags.
const [mapRead, copySource, copyTarget, storage] = [0x1, 0x4, 0x8, 0x80];

let device: GPUDevice;
let engine: Engine;
beforeAll(async () => {
  const adapter = (await navigator.gpu.requestAdapter())!;
  const requiredFeatures = (["timestamp-query", "shader-f16"] as const).filter((name) => adapter.features.has(name));
  device = await adapter.requestDevice({ requiredFeatures });
  device.addEventListener("uncapturederror", (event) => event.preventDefault()); // Keeps the console of the tests clean.
  engine = await Engine.create({ device });
});
afterAll(() => {
  engine.destroy();
  device.destroy();
});

const f32 = (...values: number[]) => new Float32Array(values);

/** A buffer of the app with values at an offset, and room after them. */
function filled(data: ArrayBufferView, { offset = 0, usage = storage, room = 16, on = device } = {}): GPUBuffer {
  const size = offset + Math.ceil(data.byteLength / 16) * 16 + room;
  const buffer = on.createBuffer({ size, usage: usage | copySource | copyTarget });
  on.queue.writeBuffer(buffer, offset, data as GPUAllowSharedBufferSource);
  return buffer;
}

/** The content of a buffer's range, doubled by a kernel of the app that binds it as read-only storage. */
async function doubled(resource: Required<GPUBufferBinding>): Promise<Float32Array> {
  const module = device.createShaderModule({
    code: `
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < arrayLength(&x)) { y[id.x] = 2.0 * x[id.x]; }
}`,
  });
  const pipeline = device.createComputePipeline({ layout: "auto", compute: { module } });
  const [y, staging] = [storage | copySource, mapRead | copyTarget].map((usage) =>
    device.createBuffer({ size: resource.size, usage }),
  ) as [GPUBuffer, GPUBuffer];
  const entries = [resource, { buffer: y }].map((resource, binding) => ({ binding, resource }));
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(Math.ceil(resource.size / 256));
  pass.end();
  encoder.copyBufferToBuffer(y, 0, staging, 0, resource.size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(1);
  return new Float32Array(staging.getMappedRange().slice(0));
}

describe("outputs and variables", () => {
  test("are bound in place by the app's own kernels", { tags: ["quick"] }, async () => {
    const x = input("x", [3]);
    const program = await engine.compile({ outputs: { y: t.add(x, 1), sum: t.sum(x), same: x } });
    const places = [program.outputs.y.buffer(), program.outputs.sum.buffer(), program.outputs.same.buffer()];
    for (const { buffer, offset, size } of places) {
      expect(offset % 256).toBe(0);
      expect(offset + size).toBeLessThanOrEqual(buffer.size);
      expect(buffer.usage).toBe(storage | copySource | copyTarget);
    }
    expect(places.map(({ size }) => size)).toEqual([12, 4, 12]);
    await program.run({ x: f32(1, 2, 3) });
    expect(await doubled(program.outputs.y.buffer())).toEqual(f32(4, 6, 8));
    expect(await doubled(places[1]!)).toEqual(f32(12));
    expect(await doubled(places[2]!)).toEqual(f32(2, 4, 6));
    // Each run writes its results to the same place, in queue order.
    await program.run({ x: f32(10, 20, 30) });
    const later = doubled(places[0]!);
    await program.run({ x: f32(0, 0, 0) });
    expect(await later).toEqual(f32(22, 42, 62));
    expect(program.outputs.y.buffer()).toEqual(places[0]);
    program.destroy();
    expect(() => program.outputs.y.buffer()).toThrow(new DeviceError("the program has been destroyed"));
  });

  test("show the values during training", async () => {
    const [w, unused] = ["w", "unused"].map((name) => variable(f32(1, 2, 3, 4, 5), [5], { name }));
    expect(() => engine.buffer(w!)).toThrow(
      new StateError('buffer: variable "w" is not on this GPU: compile a program that uses it first'),
    );
    expect(() => engine.buffer(5 as never)).toThrow(t.TilegradError);
    const program = await engine.compile({ updates: [[w!, t.mul(w!, 2)]] });
    const place = engine.buffer(w!);
    expect(place.size).toBe(20);
    expect(await doubled(place)).toEqual(f32(2, 4, 6, 8, 10));
    await program.run();
    expect(await doubled(place)).toEqual(f32(4, 8, 12, 16, 20));
    engine.write(w!, 7);
    expect(await doubled(engine.buffer(w!))).toEqual(f32(14, 14, 14, 14, 14));
    expect(() => engine.buffer(unused!)).toThrow(StateError);
    program.destroy();
    engine.free([w!]);
    expect(() => engine.buffer(w!)).toThrow(StateError);
  });
});

describe("buffers as feeds", () => {
  const x = input("x", [2, 3]);
  const labels = input("labels", [2], "i32");
  let program: Program<{ y: t.Tensor<"f32">; picked: t.Tensor<"f32"> }>;
  beforeAll(async () => {
    const picked = t.gather(x, 1, t.reshape(labels, [2, 1]));
    program = await engine.compile({ outputs: { y: t.add(t.matmul(x, t.transpose(x)), 1), picked } });
  });
  const host = { x: f32(1, 2, 3, 4, 5, 6), labels: new Int32Array([2, 0]) };
  const wanted = { y: f32(15, 33, 33, 78), picked: f32(3, 4) };

  test("give the same results as arrays, alone, mixed with them, and at an offset", { tags: ["quick"] }, async () => {
    const all = { x: filled(host.x), labels: filled(host.labels) };
    const within = { buffer: filled(host.x, { offset: 512 }), offset: 512 };
    const feeds: Feeds[] = [all, { ...host, x: all.x }, { ...host, labels: all.labels }];
    for (const each of [...feeds, { ...all, x: within }, { ...all, x: { ...within, size: 24 } }, host, all]) {
      expect(await program.compute(each)).toEqual(wanted);
      await program.run(host);
      await program.run(each);
      expect(await program.read()).toEqual(wanted);
    }
    if (!device.features.has("timestamp-query")) return;
    await program.run({ ...host, x: f32(0, 0, 0, 0, 0, 0) });
    expect((await program.profile(all)).kernels).toHaveLength(program.inspect().kernels.length);
    expect(await program.read()).toEqual(wanted);
  });

  test("are read in place, with bind groups created once", async () => {
    const all = { x: filled(host.x), labels: filled(host.labels) };
    const writes = vi.spyOn(device.queue, "writeBuffer");
    const submits = vi.spyOn(device.queue, "submit");
    const groups = vi.spyOn(device, "createBindGroup");
    await program.run(all);
    const made = groups.mock.calls.length;
    expect(made).toBeGreaterThan(0);
    expect(submits).toHaveBeenCalledTimes(1);
    for (let i = 0; i < 3; i++) await program.run(all);
    await program.run(host);
    expect(groups).toHaveBeenCalledTimes(made);
    expect(writes).toHaveBeenCalledTimes(2); // for the arrays
    for (const spy of [writes, submits, groups]) spy.mockRestore();
    // More buffers than the cache of bind groups holds.
    const many = Array.from({ length: 20 }, (_, i) => filled(f32(i, 0, 0, 0, 0, 0)));
    for (const [i, buffer] of [...many, ...many].entries())
      expect((await program.compute({ ...host, x: buffer }, ["y"])).y[0]).toBe((i % 20) ** 2 + 1);
  });

  test("are read in queue order", async () => {
    const buffer = filled(host.x);
    const results = [];
    for (let i = 0; i < 5; i++) {
      device.queue.writeBuffer(buffer, 0, f32(i, 0, 0));
      results.push(program.compute({ ...host, x: buffer }, ["y"]));
    }
    device.queue.writeBuffer(buffer, 0, f32(9, 9, 9));
    for (const [i, result] of results.entries()) expect((await result).y[0]).toBe(i ** 2 + 1);
    const run = program.run({ ...host, x: buffer });
    buffer.destroy();
    await run;
    expect((await program.read(["y"])).y[0]).toBe(244);
  });

  test("chain programs, and an output may be fed to its own program", async () => {
    const chained = await engine.compile({ outputs: { last: t.mul(input("y", [2, 2]), 2) } });
    await program.run(host);
    expect((await chained.compute({ y: program.outputs.y.buffer() })).last).toEqual(f32(30, 66, 66, 156));

    const [a, b, w] = [input("a", [3]), input("b", [3]), variable(f32(1, 1, 1), [3], { name: "w" })];
    // These kernels would read values that others have overwritten.
    const next = t.add(t.cumsum(a, 0), t.mul(b, w));
    const step = await engine.compile({ outputs: { next, flipped: t.flip(a, 0) }, updates: [[w, t.add(w, a)]] });
    let [held, weight] = [f32(1, 2, 3), f32(1, 1, 1)];
    await step.run({ a: held, b: held });
    for (let i = 0; i < 4; i++) {
      const sums = held.map((_, k) => held.slice(0, k + 1).reduce((sum, value) => sum + value, 0));
      const fed = i === 0 ? held : weight;
      [held, weight] = [sums.map((sum, k) => sum + fed[k]! * weight[k]!), weight.map((value, k) => value + held[k]!)];
      expect((await step.read()).next).toEqual(held);
      expect(await engine.read(w)).toEqual(weight);
      await step.run({ a: step.outputs.next.buffer(), b: engine.buffer(w) });
    }
    chained.destroy();
    step.destroy();
  });

  test("work in programs compiled ahead of time", async () => {
    const w = variable(f32(1, 2, 3), [3], { name: "w" });
    const file = exportPrograms(
      { p: { outputs: { y: t.mul(input("x", [3]), w) }, updates: [[w, t.add(w, 1)]] } },
      { variables: new Map([["w", w]]) },
    );
    const runner = await Runner.create({ device });
    const { programs, variables } = await load<{ p: "y" }>(runner, JSON.stringify(file));
    expect((await programs.p!.compute({ x: filled(f32(3, 4, 5)) })).y).toEqual(f32(3, 8, 15));
    expect(await doubled(programs.p!.outputs.y.buffer())).toEqual(f32(6, 16, 30));
    expect(await doubled(runner.buffer(variables.get("w")!))).toEqual(f32(4, 6, 8));
    runner.destroy();
  });

  test("hold f16 in two bytes each", async ({ skip }) => {
    if (!engine.traits.features.has("shader-f16")) return skip("this adapter lacks shader-f16");
    const half = await engine.compile({ outputs: { y: t.mul(input("h", [3], "f16"), 2) } });
    const { y } = await half.compute({ h: filled(packHalves([1, 0.5, -3])) });
    expect(y).toEqual(f32(2, 1, -6));
    expect(half.outputs.y.buffer().size).toBe(8);
  });

  test("train a model like arrays", async () => {
    const train = async (asBuffers: boolean) => {
      nn.seed(3);
      const model = nn.sequential(nn.linear(5, 7), nn.tanh(), nn.linear(7, 3));
      const loss = losses.crossEntropy(model(input("x", [9, 5]), { training: true }), input("y", [9], "i32"));
      const step = await engine.compile({ outputs: { loss }, updates: optim.adam({ lr: 0.05 }).minimize(loss) });
      const arrays = {
        x: Float32Array.from({ length: 45 }, (_, i) => Math.sin(7 * i)),
        y: Int32Array.from({ length: 9 }, (_, i) => i % 3),
      };
      const feeds = asBuffers ? { x: filled(arrays.x), y: filled(arrays.y) } : arrays;
      for (let i = 0; i < 10; i++) await step.run(feeds);
      return step.outputs.loss.scalar();
    };
    expect(await train(true)).toBe(await train(false));
  });
});

describe("unfit buffers for inputs are refused by name", () => {
  const x = input("x", [2, 3]);
  const feed = async (make: () => Feeds[string]) => {
    const program = await engine.compile({ outputs: { y: t.add(x, 1) } });
    const fault = await program.run({ x: make() }).catch((error: Error) => error);
    // Only that run fails.
    expect((await program.compute({ x: f32(1, 2, 3, 4, 5, 6) })).y).toEqual(f32(2, 3, 4, 5, 6, 7));
    program.destroy();
    return fault;
  };
  const sized = (size: number) => device.createBuffer({ size, usage: storage });
  test.each<[string, () => Feeds[string], string]>([
    [
      "too small",
      () => sized(16),
      'run: input "x" has 16 bytes of a GPUBuffer, expected 24 (f32[2, 3]) and room for 32',
    ],
    [
      "without room behind it",
      () => sized(24),
      'run: input "x" has 24 bytes of a GPUBuffer, expected 24 (f32[2, 3]) and room for 32',
    ],
    [
      "too near to the end",
      () => ({ buffer: sized(272), offset: 256 }),
      'run: input "x" has 16 bytes of a GPUBuffer, expected 24 (f32[2, 3]) and room for 32',
    ],
    [
      "another size",
      () => ({ buffer: sized(512), size: 96 }),
      'run: input "x" has 96 bytes of a GPUBuffer, expected 24 (f32[2, 3]) and room for 32',
    ],
    [
      "a misspelt offset",
      () => ({ buffer: sized(512), ofset: 256 }) as never,
      'run: input "x": there is no property "ofset" (did you mean "offset"?), only "buffer", "offset", "size"',
    ],
    [
      "an offset that cannot be bound",
      () => ({ buffer: sized(512), offset: 24 }),
      'run: input "x" begins at byte 24 of a GPUBuffer, expected a multiple of 256',
    ],
    [
      "an offset that is none",
      () => ({ buffer: sized(512), offset: "256" as never }),
      'run: input "x" begins at byte 256 of a GPUBuffer, expected a multiple of 256',
    ],
    [
      "a negative offset",
      () => ({ buffer: sized(512), offset: -256 }),
      'run: input "x" begins at byte -256 of a GPUBuffer, expected a multiple of 256',
    ],
    [
      "for copies alone",
      () => device.createBuffer({ size: 64, usage: copySource | copyTarget }),
      'run: input "x" is a GPUBuffer without the usage STORAGE',
    ],
    ["an object", () => ({ buffer: 5 }) as never, 'run: input "x" is an Object, expected a Float32Array of 6 ([2, 3])'],
    [
      "an array in a binding",
      () => ({ buffer: f32(1, 2, 3, 4, 5, 6) }) as never,
      'run: input "x" is an Object, expected a Float32Array of 6 ([2, 3])',
    ],
  ])("%s", async (_, make, message) => {
    const fault = await feed(make);
    expect(fault).toBeInstanceOf(FeedError);
    expect((fault as Error).message).toBe(message);
  });

  test("destroyed, mapped or of another device, with the GPU's message", async () => {
    const message = /^run, input x from a GPUBuffer: ./;
    const destroyed = await feed(() => {
      const buffer = sized(64);
      buffer.destroy();
      return buffer;
    });
    const mapped = await feed(() => device.createBuffer({ size: 64, usage: storage, mappedAtCreation: true }));
    const adapter = (await navigator.gpu.requestAdapter())!;
    const other = await adapter.requestDevice();
    const foreign = await feed(() => filled(f32(1, 2, 3, 4, 5, 6), { on: other }));
    for (const fault of [destroyed, mapped, foreign]) {
      expect(fault).toBeInstanceOf(DeviceError);
      expect((fault as Error).message).toMatch(message);
    }
    other.destroy();
  });

  test("destroyed between two runs: reading fails, and the next feed works", async () => {
    const program = await engine.compile({ outputs: { y: t.add(x, 1) } });
    const buffer = filled(f32(1, 2, 3, 4, 5, 6));
    await program.run({ x: buffer });
    buffer.destroy();
    await program.run({ x: buffer });
    await expect(program.read()).rejects.toThrow(DeviceError);
    expect((await program.compute({ x: f32(1, 2, 3, 4, 5, 6) })).y[5]).toBe(7);
    program.destroy();
  });
});

test("data around an input in its buffer does not matter", async () => {
  const faults: string[] = [];
  for (const row of some(cases, 8)) {
    const shapes = row.shapes.at(-1)!;
    const { inputs, feeds } = inputsOf(fill(row.draws ?? [reals(-2, 2)], shapes.map(sizeOf)), shapes);
    const program = await engine.compile({ outputs: { y: row.op(...inputs) } }, { checkFinite: true });
    const names = Object.keys(feeds);
    const bytes = Object.values(feeds).map(({ byteLength }) => Math.ceil(byteLength / 256 + 1) * 256);
    const around = new Float32Array(bytes.reduce((sum, size) => sum + size, 0) / 4).fill(Number.NaN);
    const buffer = filled(around);
    const placed: Record<string, GPUBufferBinding> = {};
    let offset = 0;
    for (const [i, name] of names.entries()) {
      device.queue.writeBuffer(buffer, offset, feeds[name] as GPUAllowSharedBufferSource);
      placed[name] = { buffer, offset };
      offset += bytes[i]!;
    }
    const fed = await program.compute(placed).catch((error: Error) => error);
    const { y } = await program.compute(feeds);
    if (fed instanceof Error) faults.push(`${row.name}: ${fed.message}`);
    else if (String(fed.y) !== String(y)) faults.push(`${row.name}: ${fed.y.slice(0, 9)}, expected ${y.slice(0, 9)}`);
    program.destroy();
    buffer.destroy();
  }
  expect(faults).toEqual([]);
});
