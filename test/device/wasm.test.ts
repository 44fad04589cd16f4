import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { load, Runner } from "../../src/exported/index.ts";
import { imageReader } from "../../src/images/index.ts";
import * as t from "../../src/index.ts";
import { Engine, exportPrograms, input, type Tensor } from "../../src/index.ts";
import { loadCheckpoint, saveCheckpoint } from "../../src/io/index.ts";
import { createWasm, wasmTarget } from "../../src/wasm/index.ts";
import { cases } from "../cases.ts";
import { checkRow } from "../checkRow.ts";
import { absentFiles, readManifest } from "../golden/cases.ts";
import { caseFaults, deviceExecutor } from "../golden/device.ts";
import { skipped } from "../golden/ops.ts";
import { modelFaults, modelSkipped, runFaults, runSkipped } from "../golden/trajectories.ts";
import { some } from "../place.ts";
import { askFor } from "../webgpu.ts";

// The same programs without WebGPU, held to the same values.
const [engine, { cases: golden, models, trajectories }, absent] = await Promise.all([
  Engine.create({ backend: "wasm", threads: 2 }),
  readManifest(),
  absentFiles(),
]);
afterAll(() => engine.destroy());

test("an engine without WebGPU says what it is", () => {
  expect([engine.adapter, engine.backend]).toEqual(["webassembly simd", "wasm"]);
  expect(engine.traits.cpu).toBe(true);
  // A page that is not isolated has one.
  const threads = globalThis.crossOriginIsolated === false ? "1 thread" : "2 threads";
  expect(engine.device.adapterInfo.description).toBe(`WebAssembly on the CPU, ${threads}`);
});

describe("by itself, an engine takes it", () => {
  const { gpu } = navigator;
  const put = (value: unknown) => Object.defineProperty(navigator, "gpu", { value, configurable: true });
  beforeEach(() => askFor(""));
  afterEach(() => {
    put(gpu);
    askFor("webgpu");
  });

  test("where there is no adapter, unless the app asks for WebGPU", async () => {
    for (const absent of [undefined, { requestAdapter: async () => null }]) {
      put(absent);
      const own = await Engine.create();
      expect([own.backend, own.backendReason]).toEqual(["wasm", expect.stringMatching(/^no (WebGPU|adapter)/)]);
      own.destroy();
      await expect(Engine.create({ backend: "webgpu" })).rejects.toThrow(absent ? "found no adapter" : "not available");
    }
  });

  test("where the adapter is software, unless the app asks for WebGPU", async () => {
    const webgpu = await Engine.create({ backend: "webgpu" });
    expect([webgpu.backend, webgpu.backendReason]).toEqual(["webgpu", "asked for by backend"]);
    const own = await Engine.create();
    expect([own.backend, own.backendReason]).toEqual(
      webgpu.traits.cpu ? ["wasm", `only a software adapter (${webgpu.adapter})`] : ["webgpu", "a hardware adapter"],
    );
    for (const each of [webgpu, own]) each.destroy();
  });
});

describe("kernels agree with the float64 twin", () => {
  for (const row of some(cases, 3)) test(row.name, () => checkRow(engine, row));
});

describe("operations agree with PyTorch", () => {
  for (const each of some(golden, 4)) {
    const reason = skipped(each, absent);
    test.skipIf(reason)(reason ? `${each.name}: ${reason}` : each.name, async () => {
      expect(await caseFaults(engine, each)).toEqual([]);
    });
  }
});

describe("models and training runs agree with PyTorch", () => {
  const device = deviceExecutor(engine);
  for (const model of some(models, 3))
    test.skipIf(modelSkipped(model))(model.name, async () => expect(await modelFaults(model, device)).toEqual([]));
  for (const run of some(trajectories, 6))
    test.skipIf(runSkipped(run))(run.name, async () => expect(await runFaults(run, device)).toEqual([]));
});

/** A small network and a step of its training. */
function network() {
  t.nn.seed(1);
  const model = t.nn.sequential(t.nn.linear(3, 4), t.nn.tanh(), t.nn.linear(4, 2));
  const [x, y] = [input("x", [5, 3]), input("y", [5], "i32")];
  const loss = t.losses.crossEntropy(model(x), y);
  const optimizer = t.optim.adam({ lr: 0.05 });
  return { model, optimizer, description: { outputs: { loss }, updates: optimizer.minimize(loss) } };
}
const feeds = {
  x: Float32Array.from({ length: 15 }, (_, i) => Math.sin(i)),
  y: Int32Array.of(0, 1, 0, 1, 1),
};

test("steps repeat to the bit, one by one and many at once", async () => {
  const lossesOf = async (many: boolean) => {
    const own = await Engine.create({ backend: "wasm" });
    const program = await own.compile(network().description);
    const steps = Array.from({ length: 30 }, () => feeds);
    const results = many ? await program.computeMany(steps) : [];
    if (!many) for (const step of steps) results.push(await program.compute(step));
    own.destroy();
    return results.map(({ loss }) => loss[0]);
  };
  const first = await lossesOf(false);
  expect(first.at(-1)).toBeLessThan(first[0]! / 2);
  expect(await lossesOf(false)).toEqual(first);
  expect(await lossesOf(true)).toEqual(first);
});

test("a training moves from a GPU to WebAssembly and back", async () => {
  const gpu = await Engine.create();
  const engines = [gpu, engine, gpu];
  let file: Uint8Array | undefined;
  const seen: number[] = [];
  for (const each of engines) {
    const { model, optimizer, description } = network();
    const program = await each.compile(description);
    const state = { model, optimizer: optimizer.state(t.nn.stateDict(model)) };
    if (file) loadCheckpoint(each, state, file as never);
    for (let i = 0; i < 10; i++) seen.push((await program.compute(feeds)).loss[0]!);
    file = await saveCheckpoint(each, state);
    program.destroy();
  }
  const { description } = network();
  const whole = await gpu.compile(description);
  const alone: number[] = [];
  for (let i = 0; i < 30; i++) alone.push((await whole.compute(feeds)).loss[0]!);
  seen.forEach((loss, i) => expect(loss).toBeCloseTo(alone[i]!, 4));
  gpu.destroy();
});

test("kernels are timed, and a run is recorded", async () => {
  const program = await engine.compile(network().description);
  const { kernels } = await program.profile(feeds);
  expect(kernels.length).toBe(program.inspect().kernels.length);
  expect(kernels.every(({ ms }) => ms >= 0)).toBe(true);
  const recording = await program.record(feeds);
  expect(recording.adapter.name).toBe("webassembly simd");
  program.destroy();
});

test("a program compiled ahead of time runs", async () => {
  const { description } = network();
  const file = exportPrograms({ step: description }, { targets: [wasmTarget] });
  const runner = await Runner.create({ backend: "wasm" });
  const { programs } = await load(runner, JSON.parse(JSON.stringify(file)));
  const program = await engine.compile(network().description);
  for (let i = 0; i < 3; i++) {
    const [ahead, now] = [await programs["step"]!.compute(feeds), await program.compute(feeds)];
    expect(ahead["loss"]).toEqual(now.loss);
  }
  program.destroy();
  runner.destroy();
});

describe("kernels for WebAssembly", () => {
  const product = () => t.matmul(input("a", [128, 32]), input("b", [32, 128]));
  const convolution = () => t.conv2d(input("x", [2, 3, 9, 9]), input("w", [4, 3, 3, 3]));
  const variantsOf = ({ calls }: { calls: readonly { family: string; variant: string }[] }) =>
    calls.map(({ family, variant }) => `${family}/${variant}`);
  const own = ["matmulPack/naive", "matmul/packed4x8", "conv2d/taps"];

  test("are chosen there, also ahead of time, and not on a GPU", async () => {
    const gpu = await Engine.create({ backend: "webgpu" });
    const seen = [];
    for (const each of [engine, gpu]) {
      const program = await each.compile({ outputs: { y: product(), z: convolution() } }, { merge: false });
      seen.push(program.inspect().kernels);
      program.destroy();
    }
    gpu.destroy();
    expect(variantsOf({ calls: seen[0]! })).toEqual(own);
    const listed = seen[1]!.flatMap(({ choices = [] }) => choices.flatMap(({ variants }) => variants));
    expect(listed.map(({ variant }) => variant)).toContain("naive");
    expect(
      listed.filter(({ variant }) => own.some((name) => name.endsWith(`/${variant}`)) && variant !== "naive"),
    ).toEqual([]);
    const { targets } = exportPrograms(
      { both: { outputs: { y: product(), z: convolution() } } },
      { targets: [wasmTarget] },
    );
    expect(variantsOf(targets[0]!.programs["both"]!)).toEqual(own);
  });

  test("run on a GPU where they are forced, by the engine and by a program", async () => {
    const forced = { matmul: "packed4x8", conv2d: "taps" };
    const gpu = await Engine.create({ backend: "webgpu", variants: forced });
    const plain = await Engine.create({ device: gpu.device });
    const outputs = () => ({ y: product(), z: convolution() });
    for (const program of [
      await gpu.compile({ outputs: outputs() }),
      await plain.compile({ outputs: outputs() }, { variants: forced }),
    ])
      expect(variantsOf({ calls: program.inspect().kernels })).toEqual(own);
    plain.destroy();
    gpu.destroy();
  });
});

describe("what only WebGPU has is refused by name", () => {
  test("f16", async () => {
    const half: Tensor = t.cast(input("x", [2]), "f16");
    await expect(engine.compile({ outputs: { half } })).rejects.toThrow(
      "the result of cast is f16[2], but this adapter lacks the feature shader-f16",
    );
  });

  test("textures, samplers, frames and drawing", () => {
    const { device } = engine;
    expect(() => device.createTexture({} as never)).toThrow("textures need WebGPU");
    expect(() => device.createSampler()).toThrow("samplers need WebGPU");
    expect(() => device.importExternalTexture({} as never)).toThrow("video frames as textures need WebGPU");
    expect(() => device.createRenderPipeline({} as never)).toThrow("render pipelines need WebGPU");
  });

  test("readers of images", async () => {
    const reading = imageReader(engine, { size: [2, 2] });
    await expect(reading).rejects.toThrow(
      "imageReader: textures need WebGPU, and this engine computes with WebAssembly (asked for by backend)",
    );
    await expect(reading).rejects.toBeInstanceOf(t.DeviceError);
  });

  test("buffers of a GPU, but not the engine's own", async () => {
    const x = input("x", [4]);
    const [add, double] = [
      await engine.compile({ outputs: { y: t.add(x, 1) } }),
      await engine.compile({ outputs: { y: t.mul(x, 2) } }),
    ];
    const gpu = await Engine.create();
    const { STORAGE, COPY_SRC } = GPUBufferUsage;
    const buffer = gpu.device.createBuffer({ size: 16, usage: STORAGE | COPY_SRC });
    await expect(add.compute({ x: buffer })).rejects.toThrow("a buffer of another device was given to an engine");
    gpu.destroy();
    await add.run({ x: Float32Array.of(1, 2, 3, 4) });
    expect((await double.compute({ x: add.outputs.y.buffer() })).y).toEqual(Float32Array.of(4, 6, 8, 10));
    for (const program of [add, double]) program.destroy();
  });

  test("more than WGSL's functions: subgroups", async () => {
    const sums = t.customOp("sums", {
      inputs: ["x"],
      outputs: { y: ({ x }) => x.shape },
      wgsl: "y_store(id.x, subgroupAdd(x(id.x)));",
    });
    await expect(engine.compile({ outputs: { y: sums(input("x", [4])) } })).rejects.toThrow("subgroupAdd");
  });
});

test("a long kernel leaves the page its turns", async () => {
  const n = 1024;
  const [a, b] = [t.full([n, n], 0.5), t.variable(0.25, [n, n])];
  const product = await engine.compile({ outputs: { y: t.sum(t.matmul(t.mul(b, a), b)) } });
  await product.run();
  const turns: number[] = [];
  let last = performance.now();
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    turns.push(performance.now() - last);
    last = performance.now();
    port2.postMessage(0);
  };
  port2.postMessage(0);
  await Promise.all([1, 2, 3].map(() => product.run()));
  const { y } = await product.compute();
  port1.close();
  expect(y[0]).toBeCloseTo(0.5 * 0.25 * 0.25 * n * n * n, -4);
  expect(turns.length).toBeGreaterThan(3);
  product.destroy();
});

test("memory is given back", async () => {
  const heap = await (await createWasm().requestAdapter())!.requestDevice();
  const sizes = [1000, 70_000, 300];
  const places = new Set<number>();
  for (let round = 0; round < 50; round++) {
    const buffers = sizes.map((size) => heap.createBuffer({ size, usage: 0 }));
    for (const buffer of buffers) places.add((buffer as unknown as { at: number }).at);
    for (const buffer of buffers) buffer.destroy();
    await heap.queue.onSubmittedWorkDone();
    await Promise.resolve();
  }
  expect(places.size).toBeLessThanOrEqual(2 * sizes.length);
});
