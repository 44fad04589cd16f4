import { createHash } from "node:crypto";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker, type WorkerOptions } from "node:worker_threads";
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  conv2d,
  Engine,
  input,
  losses,
  matmul,
  nn,
  optim,
  softmax,
  type Tensor,
  type Update,
} from "../../src/index.ts";
import { ModuleWriter } from "../../src/wasm/code/module.ts";
import { add, i32, load, mul } from "../../src/wasm/code/values.ts";
import { createWasm } from "../../src/wasm/index.ts";
import { Heap } from "../../src/wasm/memory.ts";
import { words } from "../../src/wasm/thread.ts";
import { Threads } from "../../src/wasm/threads.ts";

/** Lets another class make workers, until the test ends. */
const makeWorkers = (made: new (code: string, options: WorkerOptions) => object) =>
  Object.assign(process.getBuiltinModule("node:worker_threads"), { Worker: made });
afterEach(() => makeWorkers(Worker));

const soon = () => new Promise((resolve) => setTimeout(resolve, 5));
const until = async (holds: () => boolean) => {
  while (!holds()) await soon();
};

/** Workers that are started from now on. */
function watchWorkers(): { readonly started: Worker[]; readonly ended: Promise<number>[] } {
  const started: Worker[] = [];
  const ended: Promise<number>[] = [];
  class Watched extends Worker {
    constructor(code: string, options: WorkerOptions) {
      super(code, options);
      started.push(this);
      ended.push(new Promise((resolve) => this.on("exit", resolve)));
    }
  }
  makeWorkers(Watched);
  return { started, ended };
}

describe("threads beside the device's own", () => {
  /** Each workgroup writes where its thread has memory for arrays: it tells who ran it. */
  function whoRan(): WebAssembly.Module {
    const writer = new ModuleWriter();
    const index = writer.procedure(new Array<"i32">(7).fill("i32"), (to, address, from, end) => {
      to.loop(from!, end!, (x) => to.store(add(address!, mul(x, i32(4))), writer.scratch(16)));
    });
    writer.export("run", index);
    return new WebAssembly.Module(writer.finish(true));
  }

  function open(count: number) {
    const heap = new Heap(count);
    const threads = new Threads(heap.memory, heap.stacks.slice(1));
    const shared = new Int32Array(heap.memory.buffer, 0, words.all);
    const results = (at: number, length: number) => [...new Int32Array(heap.memory.buffer, at, length)];
    return { heap, threads, shared, results };
  }

  test("take all pieces by themselves, one dispatch after another", async () => {
    const { heap, threads, shared, results } = open(3);
    const kernel = whoRan();
    const at = heap.take(4000);
    for (let round = 0; round < 5; round++) {
      heap.bytes(at, 4000).fill(0);
      threads.open(kernel, [at, 0, 1000, 0, 1, 0, 1], 1, 1000, 7);
      await until(() => shared[words.next]! >= 1000);
      while (!threads.close(1)) await soon();
      // Nobody has left out a workgroup, and the device's own thread has run none.
      const [own, ...others] = heap.stacks;
      for (const thread of results(at, 1000)) expect(others).toContain(thread);
      expect(results(at, 1000)).not.toContain(own);
    }
    expect(shared[words.inside]).toBe(0);
    threads.end();
  });

  test("run no workgroup twice and leave none out, in thousands of dispatches of several kernels", async () => {
    const { heap, threads } = open(4);
    // Each adds a number of its own to what is there.
    const kernels = [1, 100, 10_000].map((step) => {
      const writer = new ModuleWriter();
      const index = writer.procedure(new Array<"i32">(7).fill("i32"), (to, address, from, end) => {
        to.loop(from!, end!, (x) => {
          const at = to.keep(add(address!, mul(x, i32(4))));
          to.store(at, add(load("i32", at), i32(step)));
        });
      });
      writer.export("run", index);
      const module = new WebAssembly.Module(writer.finish(true));
      const host = { memory: heap.memory, stack: new WebAssembly.Global({ value: "i32" }, heap.stacks[0]) };
      const { exports } = new WebAssembly.Instance(module, { host });
      return { step, module, run: exports["run"] as (...args: number[]) => void };
    });
    const places = [10, 64, 1000].map((length) => ({ length, at: heap.take(4 * length), sum: 0 }));
    let elsewhere = 0;
    for (let i = 0; i < 6000; i++) {
      const { step, module, run } = kernels[i % 3]!;
      const place = places[(i >> 2) % 3]!;
      const size = 1 + (i % 7);
      threads.open(module, [place.at, 0, place.length, 0, 1, 0, 1], 1, place.length, size);
      let own = 0;
      for (let from = threads.take(size); from < place.length; from = threads.take(size)) {
        const to = Math.min(place.length, from + size);
        run(place.at, from, to, 0, 1, 0, 1);
        own += to - from;
      }
      while (!threads.close(1));
      elsewhere += place.length - own;
      place.sum += step;
      // So that messages with kernels arrive, and threads fall asleep now and then.
      if (i % 500 === 0) await soon();
    }
    for (const { at, length, sum } of places)
      expect([...new Int32Array(heap.memory.buffer, at, length)]).toEqual(new Array(length).fill(sum));
    expect(elsewhere).toBeGreaterThan(0);
    threads.end();
  });

  test("work on memory that has grown while they slept", async () => {
    const { heap, threads, shared, results } = open(2);
    const kernel = whoRan();
    const small = heap.take(4);
    threads.open(kernel, [small, 0, 1, 0, 1, 0, 1], 1, 1, 1);
    await until(() => shared[words.next]! >= 1);
    threads.close(100);
    await until(() => shared[words.sleeping] === 1);
    const before = heap.memory.buffer.byteLength;
    const large = heap.take(200 * 2 ** 20);
    expect(heap.memory.buffer.byteLength).toBeGreaterThan(before);
    const last = large + 199 * 2 ** 20;
    threads.open(kernel, [last, 0, 10, 0, 1, 0, 1], 1, 10, 1);
    await until(() => shared[words.next]! >= 10);
    threads.close(100);
    expect(results(last, 10)).toEqual(new Array(10).fill(heap.stacks[1]));
    threads.end();
  });

  test("that have not heard of a kernel take no part, and hold up nobody", () => {
    const { heap, threads } = open(2);
    // Workers start while this test waits for nothing: they cannot have heard of the kernel.
    threads.open(whoRan(), [heap.take(40), 0, 10, 0, 1, 0, 1], 1, 10, 1);
    for (let i = 0; i < 10; i++) expect(threads.take(1)).toBe(i);
    expect(threads.take(1)).toBeGreaterThanOrEqual(10);
    expect(threads.close(0)).toBe(true);
    threads.end();
  });

  test("drop kernels that nobody uses any more", async () => {
    const { heap, threads, shared, results } = open(2);
    const at = heap.take(400);
    const runOnce = async (kernel: WebAssembly.Module) => {
      threads.open(kernel, [at, 0, 100, 0, 1, 0, 1], 1, 100, 1);
      await until(() => shared[words.next]! >= 100);
      while (!threads.close(1)) await soon();
    };
    for (let i = 0; i < 3; i++) await runOnce(whoRan());
    expect(shared[words.posted]).toBeGreaterThanOrEqual(3);
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    await until(() => {
      collect();
      return shared[words.posted]! >= 5;
    });
    heap.bytes(at, 400).fill(0);
    await runOnce(whoRan());
    expect(results(at, 100)).toEqual(new Array(100).fill(heap.stacks[1]));
    threads.end();
  });

  test("end when they are told, after the piece that they are at", async () => {
    const { ended, started } = watchWorkers();
    const { heap, threads, shared } = open(3);
    threads.open(whoRan(), [heap.take(4000), 0, 1000, 0, 1, 0, 1], 1, 1000, 1);
    threads.end();
    await until(() => shared[words.next]! >= 1000);
    while (!threads.close(1)) await soon();
    expect(await Promise.all(ended)).toHaveLength(2);
    expect([started.length, threads.count]).toEqual([2, 1]);
  });
});

const numbers = (count: number, seed = 1.3) => Float32Array.from({ length: count }, (_, i) => Math.sin(i * seed));
type Feeds = Readonly<Record<string, Float32Array | Int32Array>>;

/** Results of several runs on a number of threads, as checksums of their bits. */
async function runsOn(
  threads: number,
  make: () => { outputs: Record<string, Tensor>; updates?: readonly Update[]; feeds: Feeds },
  times = 4,
) {
  const engine = await Engine.create({ gpu: createWasm({ threads }) });
  nn.seed(1);
  const { feeds, ...description } = make();
  const program = await engine.compile(description);
  const results: string[] = [];
  for (let i = 0; i < times; i++) {
    for (const result of Object.values(await program.compute(feeds)))
      results.push(createHash("sha1").update(result).digest("hex"));
    await soon(); // Workers start meanwhile.
  }
  engine.destroy();
  return results;
}

/** A step of training. */
function step(model: (x: Tensor<"f32">) => Tensor<"f32">, shape: readonly number[]) {
  const loss = losses.crossEntropy(model(input("x", shape)), input("y", [shape[0]!], "i32"));
  const x = numbers(shape.reduce((product, n) => product * n, 1));
  const y = Int32Array.from({ length: shape[0]! }, (_, i) => i % 10);
  return { outputs: { loss }, updates: optim.adam().minimize(loss), feeds: { x, y } };
}

const workloads = {
  matmul: () => ({
    outputs: { y: matmul(input("a", [256, 300]), input("b", [300, 200])) },
    feeds: { a: numbers(256 * 300), b: numbers(300 * 200, 0.7) },
  }),
  convolution: () => ({
    outputs: { y: conv2d(input("a", [4, 8, 30, 30]), input("b", [16, 8, 3, 3]), undefined, { padding: 1 }) },
    feeds: { a: numbers(4 * 8 * 900), b: numbers(16 * 72) },
  }),
  softmax: () => ({ outputs: { y: softmax(input("a", [300, 513]), 1) }, feeds: { a: numbers(300 * 513) } }),
  "a training step of an LSTM": () => {
    const [lstm, last, head] = [nn.lstm(16, 48, { batchFirst: true }), nn.lastStep(), nn.linear(48, 10)];
    return step((x) => head(last(lstm(x).output)), [16, 12, 16]);
  },
  "a training step of a convolutional network": () =>
    step(
      nn.sequential(nn.conv2d(1, 6, 5), nn.relu(), nn.maxPool2d(2), nn.flatten(), nn.linear(864, 10)),
      [8, 1, 28, 28],
    ),
};

describe("results are equal to the bit on 1, 2 and 4 threads", () => {
  test.each(Object.entries(workloads))("%s", async (_, make) => {
    const alone = await runsOn(1, make, 8);
    for (const threads of [2, 4]) expect(await runsOn(threads, make, 8)).toEqual(alone);
  });

  test("products of any size", async () => {
    const size = fc.integer({ min: 1, max: 400 });
    const property = fc.asyncProperty(size, size, size, async (m, k, n) => {
      const make = () => ({
        outputs: { y: matmul(input("a", [m, k]), input("b", [k, n])) },
        feeds: { a: numbers(m * k), b: numbers(k * n, 0.7) },
      });
      expect(await runsOn(3, make)).toEqual(await runsOn(1, make, 4));
    });
    await fc.assert(property, { numRuns: 12, seed: 7 });
  });
});

describe("a device", () => {
  const deviceOf = async (threads: number) => (await createWasm({ threads }).requestAdapter())!.requestDevice();
  const threadsOf = ({ adapterInfo }: GPUDevice) => adapterInfo.description;

  /** A kernel of its own, ready to be dispatched over one buffer. */
  async function kernelOf(device: GPUDevice, body: string, count: number, type = "u32") {
    const code = `@group(0) @binding(0) var<storage, read_write> y: array<${type}>;
      @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) { ${body} }`;
    const module = device.createShaderModule({ code });
    const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute: { module } });
    const buffer = device.createBuffer({ size: 4 * count, usage: 0 });
    const entries = [{ binding: 0, resource: { buffer } }];
    const group = device.createBindGroup({ layout: {} as GPUBindGroupLayout, entries });
    const dispatch = () => {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(count / 64);
      pass.end();
      device.queue.submit([encoder.finish()]);
      return device.queue.onSubmittedWorkDone();
    };
    const read = async () => {
      await buffer.mapAsync(1);
      const values = new Uint32Array(buffer.getMappedRange().slice(0));
      buffer.unmap();
      return values;
    };
    return { dispatch, read };
  }
  /** Takes a while for each invocation. */
  const long = (body: string) => `var n = id.x; for (var i = 0u; i < 200u; i++) { n = n * 3u + 1u; } ${body}`;

  test("starts workers with the first long kernel, says how many threads there are, and ends them", async () => {
    const { ended, started } = watchWorkers();
    const device = await deviceOf(3);
    expect(threadsOf(device)).toBe("WebAssembly on the CPU, 3 threads");
    const short = await kernelOf(device, "y[id.x] = id.x;", 128);
    for (let i = 0; i < 20; i++) await short.dispatch();
    expect(started.length).toBe(0);
    const { dispatch } = await kernelOf(device, long("y[id.x] = n;"), 64 * 1024);
    for (let i = 0; i < 5; i++) await dispatch();
    expect(started.length).toBe(2);
    const working = dispatch();
    device.destroy();
    await working;
    expect(await Promise.all(ended)).toHaveLength(2);
    expect(threadsOf(device)).toBe("WebAssembly on the CPU, 1 thread");
  });

  test("ends what it is at when it is destroyed, on one thread", async () => {
    const device = await deviceOf(2);
    const { dispatch, read } = await kernelOf(device, long("y[id.x] += 1u + (n & 0u);"), 64 * 1024);
    for (let i = 0; i < 5; i++) await dispatch();
    const rest = [1, 2, 3].map(() => dispatch());
    device.destroy();
    await Promise.all(rest);
    expect((await read()).every((n) => n === 8)).toBe(true);
  });

  test("reports a kernel that fails in any thread, and goes on", async () => {
    const device = await deviceOf(2);
    const count = 64 * 1024;
    // Past the end of all memory.
    const fails = await kernelOf(device, long(`y[select(id.x, 1000000000u, id.x > ${count - 128}u)] = n;`), count);
    const works = await kernelOf(device, long("y[id.x] = id.x + (n & 0u);"), count);
    const errors: string[] = [];
    device.addEventListener("uncapturederror", ({ error }) => errors.push(error.message));
    for (let i = 0; i < 6; i++) {
      await fails.dispatch();
      await works.dispatch();
      await soon();
    }
    expect(errors.length).toBe(6);
    for (const error of errors) expect(error).toMatch(/out of bounds|failed in a thread/);
    expect((await works.read()).every((n, i) => n === i)).toBe(true);
    device.destroy();
  });

  test("runs kernels with atomics on its own thread", async () => {
    const { started } = watchWorkers();
    const device = await deviceOf(4);
    const count = 64 * 1024;
    const { dispatch, read } = await kernelOf(device, long("atomicAdd(&y[n & 0u], 1u);"), count, "atomic<u32>, 65536");
    for (let i = 0; i < 5; i++) await dispatch();
    expect((await read())[0]).toBe(5 * count);
    expect(started.length).toBe(0);
    device.destroy();
  });

  class Refused {
    constructor() {
      throw new Error("no workers");
    }
  }
  class Failing extends Worker {
    constructor(_: string, options: WorkerOptions) {
      super("throw new Error('refused')", options);
    }
  }

  test.each([
    ["cannot be started", Refused],
    ["fail at once", Failing],
  ])("computes on one thread where workers %s", async (_, made) => {
    makeWorkers(made);
    const device = await deviceOf(3);
    const { dispatch, read } = await kernelOf(device, long("y[id.x] = id.x + (n & 0u);"), 64 * 1024);
    for (let i = 0; i < 5; i++) await dispatch();
    await until(() => threadsOf(device) === "WebAssembly on the CPU, 1 thread");
    await dispatch();
    expect((await read()).every((n, i) => n === i)).toBe(true);
    device.destroy();
  });

  test("shares no memory where a page is not isolated", async () => {
    vi.stubGlobal("crossOriginIsolated", false);
    const device = await deviceOf(4);
    vi.unstubAllGlobals();
    expect(threadsOf(device)).toBe("WebAssembly on the CPU, 1 thread");
  });

  test("gives copies that are not shared", async () => {
    const device = await deviceOf(2);
    const buffer = device.createBuffer({ size: 16, usage: 0 });
    await buffer.mapAsync(1);
    expect(buffer.getMappedRange()).toBeInstanceOf(ArrayBuffer);
    device.destroy();
  });

  test.each([0, 1.5, 65])("of %s threads cannot be", (threads) => {
    expect(() => createWasm({ threads })).toThrow(/createWasm: threads is .* from 1 to 64/);
  });
});
