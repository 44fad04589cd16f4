import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as t from "../../src/index.ts";
import { Engine, grad, input, losses, nn, optim, type Tensor, type Variable, variable } from "../../src/index.ts";
import { inChrome } from "../place.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.create();
});
afterAll(() => engine.destroy());

const f32 = (...values: number[]) => new Float32Array(values);
const noise = (n: number, seed = 1) =>
  Float32Array.from({ length: n }, (_, i) => Math.sin((i + 1) * 12.9898 * seed) * 0.5);
const labels = (n: number, classes: number) => Int32Array.from({ length: n }, (_, i) => (i * 7) % classes);

/** A small version of the MNIST network. */
function network(seed: number, batch = 16) {
  nn.seed(seed);
  const model = nn.sequential(nn.linear(20, 32), nn.relu(), nn.dropout(0.2), nn.linear(32, 5));
  const optimizer = optim.adam({ lr: 0.01 });
  const describe = (rows: number) => {
    const loss = losses.crossEntropy(model(input("x", [rows, 20]), { training: true }), input("y", [rows], "i32"));
    return { outputs: { loss }, updates: optimizer.minimize(loss) };
  };
  return { model, optimizer, describe, feeds: { x: noise(batch * 20), y: labels(batch, 5) } };
}

describe("programs", () => {
  test("compute outputs and read them back", { tags: ["quick"] }, async () => {
    const x = input("x", [2, 3]);
    const program = await engine.compile({ outputs: { y: t.add(x, 1), sum: t.sum(x), same: x, rows: t.transpose(x) } });
    await program.run({ x: f32(1, 2, 3, 4, 5, 6) });
    expect(await program.outputs.y.data()).toEqual(f32(2, 3, 4, 5, 6, 7));
    expect(await program.outputs.sum.scalar()).toBe(21);
    expect(await program.outputs.same.data()).toEqual(f32(1, 2, 3, 4, 5, 6));
    expect(await program.outputs.rows.data()).toEqual(f32(1, 4, 2, 5, 3, 6));
    program.destroy();
  });

  test("apply all updates after all reads", async () => {
    const a = variable(f32(1, 2), [2], { name: "a" });
    const b = variable(f32(3, 4), [2], { name: "b" });
    const program = await engine.compile({
      outputs: { a },
      updates: [
        [a, b],
        [b, t.add(a, b)],
      ],
    });
    await program.run();
    expect(await engine.read(a)).toEqual(f32(3, 4));
    expect(await engine.read(b)).toEqual(f32(4, 6));
    expect(await program.outputs.a.data()).toEqual(f32(1, 2)); // the value that the run read
    await program.run();
    expect(await engine.read(a)).toEqual(f32(4, 6));
    expect(await engine.read(b)).toEqual(f32(7, 10));
  });

  test("write in place while a kernel reads another part of the same buffer", async () => {
    const a = variable(f32(1, 2, 3, 4), [2, 2], { name: "a" });
    const program = await engine.compile({ updates: [[a, t.add(a, t.transpose(a))]] });
    await program.run();
    expect(await engine.read(a)).toEqual(f32(2, 5, 5, 8));
  });

  test("of several batch sizes share their variables", async () => {
    const { model, describe } = network(3);
    const [small, large] = [await engine.compile(describe(4)), await engine.compile(describe(16))];
    const weight = nn.stateDict(model).get("0.weight")!;
    const start = await engine.read(weight);
    await small.run({ x: noise(80), y: labels(4, 5) });
    const between = await engine.read(weight);
    await large.run({ x: noise(320), y: labels(16, 5) });
    expect(between).not.toEqual(start);
    expect(await engine.read(weight)).not.toEqual(between);
  });

  test("follow changes of the learning rate between runs", async () => {
    const w = variable(f32(1), [1], { name: "w" });
    const optimizer = optim.sgd({ lr: 0.5 });
    const program = await engine.compile({ updates: optimizer.minimize(t.sum(t.mul(w, 2))) });
    await program.run();
    expect(await engine.read(w)).toEqual(f32(0));
    engine.write(optimizer.lr, 0.25);
    await program.run();
    expect(await engine.read(w)).toEqual(f32(-0.5));
  });

  test("share one arena even if weights are written before they are compiled", async () => {
    const { model, describe: describeStep, feeds } = network(3);
    const weights = new Map(
      [...model.variables.values()].map((weight, i) => [weight, noise(weight.initial.length, i + 2)]),
    );
    for (const [weight, values] of weights) engine.write(weight, values);
    for (const [weight, values] of weights) expect(await engine.read(weight)).toEqual(values);
    const program = await engine.compile(describeStep(16));
    for (const [weight, values] of weights) expect(await engine.read(weight)).toEqual(values);
    expect(program.inspect().kernels.filter(({ label }) => label.startsWith("adam"))).toHaveLength(1);
    await program.run(feeds);
    for (const [weight, values] of weights) expect(await engine.read(weight)).not.toEqual(values);
    program.destroy();
  });

  test("give each read the value of its own run, however late it is awaited", async () => {
    const n = variable(f32(0), [], { name: "n" });
    const program = await engine.compile({ outputs: { n: t.add(n, 1) }, updates: [[n, t.add(n, 1)]] });
    const reads: Promise<number>[] = [];
    for (let i = 0; i < 12; i++) {
      await program.run();
      if (i % 4 === 3) reads.push(program.outputs.n.scalar());
    }
    expect(await Promise.all(reads)).toEqual([4, 8, 12]);
  });

  test("give each of many pending reads the value of its own run", async () => {
    const n = variable(f32(0), [], { name: "n" });
    const program = await engine.compile({ outputs: { n: t.add(n, 1) }, updates: [[n, t.add(n, 1)]] });
    const reads: Promise<number>[] = [];
    for (let i = 0; i < 20; i++) {
      await program.run();
      reads.push(program.outputs.n.scalar());
    }
    expect(await Promise.all(reads)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  });

  test("know their memory before the first run and can be inspected", async () => {
    const program = await engine.compile(network(4).describe(16));
    const { kernels, buffers, graph, memory } = program.inspect();
    expect(memory.total).toBe(memory.variables + memory.inputs + memory.constants + memory.scratch);
    expect(memory.variables).toBeGreaterThan((20 * 32 + 32 + 32 * 5 + 5) * 4 * 3);
    expect(graph.fused).toContain("matmul");
    for (const { label, wgsl, workgroups, flops, bytes } of kernels) {
      expect(label).not.toBe("");
      expect(wgsl).toContain("@compute");
      expect(workgroups).toHaveLength(3);
      expect(flops + bytes).toBeGreaterThan(0);
    }
    for (const { first, last, bytes } of buffers) {
      expect(bytes).toBeGreaterThan(0);
      if (last !== null) expect(last).toBeGreaterThanOrEqual(first);
    }
  });

  test("count what their kernels ask of memory", async () => {
    const [rows, table] = [input("rows", [4], "i32"), input("table", [100, 64])];
    const program = await engine.compile({ outputs: { y: t.embedding(rows, table) } });
    const [kernel] = program.inspect().kernels;
    const known = await kernel!.traffic({ rows: Int32Array.of(0, 1, 2, 3) });
    const of = (role: string) => known.operands.find((operand) => operand.role === role)!;
    expect(of("input table")).toMatchObject({ read: 4 * 64 * 4, isExact: true });
    expect(known.asked).toBe(known.operands.reduce((sum, { read, written }) => sum + read + written, 0));
    expect(known).toMatchObject({ label: kernel!.label, bytes: kernel!.bytes, workgroupBytes: 0 });
    expect((await kernel!.traffic()).operands.map(({ name }) => name)).toEqual(known.operands.map(({ name }) => name));
    await expect(kernel!.traffic({ columns: Int32Array.of(0) })).rejects.toThrow('there is no input "columns"');
    expect(structuredClone(kernel)).toEqual(kernel);
  });

  test("are timed kernel by kernel if the adapter has a clock", async () => {
    const x = input("x", [2, 3]);
    const description = { outputs: { y: t.add(x, 1), sum: t.sum(t.exp(t.matmul(x, t.transpose(x)))) } };
    const feeds = { x: f32(1, 2, 3, 4, 5, 6) };
    if (engine.device.features.has("timestamp-query")) {
      const program = await engine.compile(description);
      const { kernels, resolutionMs } = await program.profile(feeds);
      expect(kernels.map(({ label }) => label)).toEqual(program.inspect().kernels.map(({ label }) => label));
      expect(
        kernels.every(({ ms }) => ms >= 0 && Number.isInteger(Math.round(ms * 1e6) / Math.round(resolutionMs * 1e6))),
      ).toBe(true);
      // Chrome rounds to 65.5 µs to protect users from pages, unless a flag turns this off; in Node the clock is exact.
      expect(resolutionMs).toBeGreaterThan(0);
      expect(resolutionMs).toBeLessThan(inChrome ? 1 : 0.001);
      expect(await program.outputs.y.data()).toEqual(f32(2, 3, 4, 5, 6, 7));
      program.destroy();
    }
    const device = await (await navigator.gpu.requestAdapter())!.requestDevice();
    const clockless = await (await Engine.create({ device })).compile(description);
    await expect(clockless.profile(feeds)).rejects.toThrow("profile: this adapter has no timestamp queries");
    device.destroy();
  });
});

describe("repetition", () => {
  const losses = async (seed: number, steps: number): Promise<number[]> => {
    const { describe, feeds } = network(seed);
    const program = await engine.compile(describe(16));
    const values: number[] = [];
    for (let i = 0; i < steps; i++) {
      await program.run(feeds);
      values.push(await program.outputs.loss.scalar());
    }
    program.destroy();
    return values;
  };

  test("the same seed gives the same losses bit for bit, another seed others", { tags: ["quick"] }, async () => {
    const [first, second, other] = [await losses(7, 20), await losses(7, 20), await losses(8, 20)];
    expect(second).toEqual(first);
    expect(other).not.toEqual(first);
    expect(first.at(-1)).toBeLessThan(first[0]!);
  });

  test("2,000 steps create no buffer, bind group or pipeline, and are one submit each", async () => {
    const { describe, feeds } = network(9);
    const program = await engine.compile(describe(16));
    await program.run(feeds);
    await program.outputs.loss.scalar();
    await program.run(feeds);
    const made: string[] = [];
    let submits = 0;
    let passes = 0;
    const { device } = engine;
    const restore = [
      ...(
        [
          "createBuffer",
          "createBindGroup",
          "createComputePipeline",
          "createComputePipelineAsync",
          "createShaderModule",
          "createTexture",
          "createBindGroupLayout",
        ] as const
      ).map((name) => spy(device, name, () => made.push(name))),
      // Empty submits only nudge the browser: see src/gpu/nudge.ts.
      spy(device.queue, "submit", (buffers) => {
        if ((buffers as GPUCommandBuffer[]).length > 0) submits++;
      }),
      spy(device, "createCommandEncoder", () => passes++),
    ];
    for (let i = 0; i < 2000; i++) await program.run(feeds);
    expect({ submits, passes }).toEqual({ submits: 2000, passes: 2000 });
    for (let i = 0; i < 10; i++) await program.outputs.loss.scalar();
    for (const undo of restore) undo();
    expect(made).toEqual([]);
    program.destroy();
  });

  test("compiling again compiles no shader again", async () => {
    const { describe } = network(10);
    (await engine.compile(describe(16))).destroy();
    let modules = 0;
    const undo = spy(engine.device, "createShaderModule", () => modules++);
    (await engine.compile(describe(16))).destroy();
    undo();
    expect(modules).toBe(0);
  });
});

/** Calls `seen` at each call of a method. Returns a function that ends this. */
function spy<T extends object>(target: T, name: keyof T & string, seen: (first: unknown) => void): () => void {
  const original = (target[name] as (...args: unknown[]) => unknown).bind(target);
  Object.defineProperty(target, name, {
    configurable: true,
    value: (...args: unknown[]) => {
      seen(args[0]);
      return original(...args);
    },
  });
  return () => Reflect.deleteProperty(target, name);
}

describe("dropout", () => {
  const draw = async (seed: number) => {
    nn.seed(seed);
    const x = variable(new Float32Array(1000).fill(1), [1000]);
    const y = nn.dropout(0.3)(x, { training: true });
    const program = await engine.compile({ outputs: { y, dx: grad(t.sum(y), [x])[0]! } });
    await program.run();
    const first = await program.outputs.y.data();
    const gradient = await program.outputs.dx.data();
    await program.run();
    return { first, gradient, second: await program.outputs.y.data() };
  };

  test("drops about p, scales the rest, and uses one mask forward and backward", async () => {
    const { first, gradient, second } = await draw(11);
    const kept = first.filter((value) => value !== 0);
    expect(kept.length / 1000).toBeGreaterThan(0.64);
    expect(kept.length / 1000).toBeLessThan(0.76);
    for (const value of kept) expect(value).toBeCloseTo(1 / 0.7, 6);
    expect(gradient).toEqual(first);
    expect(second).not.toEqual(first);
  });

  test("is a function of the seed, and nothing in evaluation", async () => {
    expect((await draw(11)).first).toEqual((await draw(11)).first);
    expect((await draw(12)).first).not.toEqual((await draw(11)).first);
    const x = input("x", [4]);
    expect(nn.dropout(0.5)(x, { training: false })).toBe(x);
  });
});

describe("errors", () => {
  const x = input("x", [2, 3]);
  const y = input("y", [2], "i32");

  test("of feeds name the input and what was expected", { tags: ["quick"] }, async () => {
    const program = await engine.compile({ outputs: { loss: losses.crossEntropy(x, y) } });
    const good = { x: new Float32Array(6), y: new Int32Array(2) };
    await expect(program.run({ x: good.x })).rejects.toThrow('input "y" is missing, expected an Int32Array of 2 ([2])');
    await expect(program.run({ ...good, z: good.x })).rejects.toThrow('no input "z", only "x", "y"');
    await expect(program.run({ ...good, x: new Float32Array(5) })).rejects.toThrow('input "x" has 5 elements');
    await expect(program.run({ ...good, y: new Float32Array(2) })).rejects.toThrow(
      'input "y" is a Float32Array, expected an Int32Array',
    );
    await expect(program.run({ ...good, y: new Int32Array([0, 3]) })).rejects.toThrow(
      'input "y" holds 3 at position 1; crossEntropy takes 0 to 2',
    );
    await expect(program.run({ ...good, y: new Int32Array([-1, 0]) })).rejects.toThrow(t.FeedError);
    await expect(program.run({ x: [1] as unknown as Float32Array, y: good.y })).rejects.toThrow(
      'input "x" is an Array',
    );
    await program.run(good);
    expect(await program.outputs.loss.scalar()).toBeCloseTo(Math.log(3), 5);
  });

  test("of shapes, dtypes and attributes are thrown where the node is built", () => {
    expect(() => t.matmul(x, x)).toThrow("matmul: inner sizes differ: [2, 3] × [2, 3]");
    expect(() => t.add(x, input("z", [4]))).toThrow("add: shapes do not broadcast: [2, 3] and [4]");
    expect(() => t.add(x, input("z", [2, 3], "i32"))).toThrow(t.DTypeError);
    expect(() => t.exp(y)).toThrow("exp: operand 0 is i32, expected f32 or f16");
    expect(() => t.mul(x, Number.NaN)).toThrow(t.AttributeError);
    expect(() => t.leakyRelu(x, Number.POSITIVE_INFINITY)).toThrow("leakyRelu: slope is Infinity");
    expect(() => nn.dropout(1.5)).toThrow("p is 1.5");
    expect(() => nn.linear(0, 3)).toThrow("inputs is 0");
    expect(() => nn.linear(4, 3)(x)).toThrow("linear: input [2, 3] does not fit weight [3, 4]");
    expect(() => grad(x, [x])).toThrow("grad: the loss has shape [2, 3]");
    expect(() => optim.sgd({ lr: -1 })).toThrow("lr is -1");
    expect(() => optim.sgd({ lr: 1, nesterov: true })).toThrow("nesterov needs a momentum");
    expect(() => input("x", [2, 0])).toThrow("axis 1 of [2, 0] is 0");
    expect(() => variable(new Float32Array(3), [2])).toThrow("3 values given for shape [2] of 2");
  });

  test("of limits state the limit", async () => {
    const cramped = await Engine.create({ device: await (await navigator.gpu.requestAdapter())!.requestDevice() });
    const limit = cramped.traits.maxBinding;
    const huge = input("huge", [limit / 4 + 64]);
    await expect(cramped.compile({ outputs: { y: t.add(huge, 1) } })).rejects.toThrow(
      /binds .* MiB .*; this adapter binds .* MiB at most/,
    );
    cramped.destroy();
  });

  test("of shaders state the kernel's label and the line", async () => {
    const { pointwiseOp } = await import("../../src/ops/pointwise/pointwise.ts");
    const { apply } = await import("../../src/graph/tensor.ts");
    const broken = pointwiseOp("broken", { wgsl: (a) => `nonsense(${a})`, js: (a) => a });
    const compiling = engine.compile({ outputs: { y: apply(broken, [x]) } });
    await expect(compiling).rejects.toThrow(
      /kernel "broken\[2x3\]:f32" \(elementwise\/vec4\) does not compile.*nonsense/s,
    );
    expect(await runs(engine, t.add(x, 1))).toBe(true);
  });

  test("on a destroyed program and engine", async () => {
    const own = await Engine.create();
    const program = await own.compile({ outputs: { y: t.add(x, 1) } });
    program.destroy();
    await expect(program.run({ x: new Float32Array(6) })).rejects.toThrow("the program has been destroyed");
    own.destroy();
    await expect(own.compile({ outputs: { y: x } })).rejects.toThrow("the engine has been destroyed");
    expect(() => own.write(variable(f32(1), [1]), f32(1))).toThrow(t.DeviceError);
  });

  test("of a lost device: pending reads reject and nothing hangs", async () => {
    const own = await Engine.create();
    const program = await own.compile({ outputs: { y: t.add(x, 1) } });
    await program.run({ x: new Float32Array(6) });
    const pending = program.outputs.y.data();
    own.device.destroy();
    const outcome = await pending.then(
      () => "settled",
      (error: unknown) => error,
    );
    if (outcome !== "settled") expect(outcome).toBeInstanceOf(t.DeviceError);
    await own.device.lost;
    await expect(program.run({ x: new Float32Array(6) })).rejects.toThrow(/the GPU device was lost/);
    await expect(program.outputs.y.data()).rejects.toThrow(t.DeviceError);
    await expect(own.compile({ outputs: { y: x } })).rejects.toThrow(t.DeviceError);
  });

  test("without WebGPU or without an adapter say what to do", async () => {
    await expect(Engine.create({ gpu: { requestAdapter: async () => null } as unknown as GPU })).rejects.toThrow(
      "found no adapter",
    );
  });
});

describe("results of your own run", () => {
  test("stay apart where calls overlap", async () => {
    const program = await engine.compile({ outputs: { y: t.mul(input("x", [1]), 2) } });
    const answers = await Promise.all([1, 2, 3, 4, 5].map((n) => program.compute({ x: f32(n) })));
    expect(answers.map(({ y }) => y[0])).toEqual([2, 4, 6, 8, 10]);
    const reused = f32(0); // A feed may change as soon as the call returns.
    const many = Array.from({ length: 200 }, (_, n) => {
      reused[0] = n;
      return program.compute({ x: reused });
    });
    expect((await Promise.all(many)).map(({ y }) => y[0])).toEqual(Array.from({ length: 200 }, (_, n) => 2 * n));
    program.destroy();
  });

  test("hold the requested outputs, by dtype, from before the updates", async () => {
    const n = variable(f32(5), [], { name: "n" });
    const outputs = { n, twice: t.mul(n, 2), whole: t.cast(n, "i32"), list: t.expand(n, [3]) };
    const program = await engine.compile({ outputs, updates: [[n, t.add(n, 1)]] });
    expect(await program.compute()).toEqual({
      n: f32(5),
      twice: f32(10),
      whole: new Int32Array([5]),
      list: f32(5, 5, 5),
    });
    expect(await program.compute({}, ["twice", "list"])).toEqual({ twice: f32(12), list: f32(6, 6, 6) });
    expect(await program.compute({}, [])).toEqual({});
    expect(await engine.read(n)).toEqual(f32(8));
    program.destroy();
  });

  test("of one run are read together while other runs continue", async () => {
    const n = variable(f32(0), [], { name: "n" });
    const outputs = { a: t.add(n, 1), b: t.mul(n, 10) };
    const program = await engine.compile({ outputs, updates: [[n, outputs.a]] });
    const reads: Promise<{ a: t.TensorData; b: t.TensorData }>[] = [];
    for (let i = 0; i < 30; i++) {
      await program.run();
      if (i % 3 === 0) reads.push(program.read());
    }
    for (const { a, b } of await Promise.all(reads)) expect(b[0]).toBe(10 * (a[0]! - 1));
    expect(await program.read(["b"])).toEqual({ b: f32(290) });
    program.destroy();
  });

  test("exist after the first run, not before", async () => {
    const program = await engine.compile({ outputs: { y: t.add(input("x", [1]), 1) } });
    await expect(program.read()).rejects.toThrow(t.StateError);
    await expect(program.read()).rejects.toThrow("the program has not run yet");
    await expect(program.outputs.y.data()).rejects.toThrow("the program has not run yet");
    await program.run({ x: f32(1) });
    expect((await program.read()).y).toEqual(f32(2));
    program.destroy();
  });

  test("are refused by name if there are none of that name", async () => {
    const program = await engine.compile({ outputs: { y: t.add(input("x", [1]), 1) } });
    const unknown = 'compute: there is no output "z", only "y"';
    await expect(program.compute({ x: f32(1) }, ["z" as "y"])).rejects.toThrow(unknown);
    await expect(program.read(["toString" as "y"])).rejects.toThrow('read: there is no output "toString"');
    program.destroy();
  });
});

describe("an app's own device", () => {
  test("is used and left alone", async () => {
    const device = await (await navigator.gpu.requestAdapter())!.requestDevice();
    const own = await Engine.create({ device });
    expect(await runs(own, t.exp(input("x", [2, 3])))).toBe(true);
    own.destroy();
    const buffer = device.createBuffer({ size: 16, usage: 4 });
    device.pushErrorScope("validation");
    device.queue.writeBuffer(buffer, 0, new Uint8Array(0));
    await device.popErrorScope();
    const second = await Engine.create({ device });
    expect(await runs(second, t.exp(input("x", [2, 3])))).toBe(true);
    second.destroy();
    device.destroy();
  });
});

async function runs(on: Engine, y: Tensor): Promise<boolean> {
  const program = await on.compile({ outputs: { y } });
  await program.run({ x: new Float32Array(6) });
  const { length } = await program.outputs.y.data();
  program.destroy();
  return length === 6;
}

test("weights travel through safetensors", async () => {
  const { model, describe, feeds } = network(20);
  const program = await engine.compile(describe(16));
  await program.run(feeds);
  const dict = nn.stateDict(model);
  const bytes = await t.io.saveSafetensors(engine, dict);
  const saved = new Map<Variable, unknown>();
  for (const v of dict.values()) saved.set(v, await engine.read(v));
  await program.run(feeds);
  t.io.loadSafetensors(engine, dict, bytes);
  for (const v of dict.values()) expect(await engine.read(v)).toEqual(saved.get(v));
  const renamed = t.io.serializeSafetensors([["0.weight", { dtype: "F32", shape: [1], data: f32(1) }]]);
  expect(() => t.io.loadSafetensors(engine, dict, renamed)).toThrow('tensor "0.weight" is [1], expected [32, 20]');
  expect(() =>
    t.io.loadSafetensors(
      engine,
      dict,
      t.io.serializeSafetensors([["other", { dtype: "F32", shape: [1], data: f32(1) }]]),
    ),
  ).toThrow("1 tensor is unexpected: other");
});
