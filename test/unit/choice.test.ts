import { afterEach, describe, expect, test, vi } from "vitest";
import { AttributeError, DeviceError } from "../../src/errors.ts";
import { openDevice } from "../../src/gpu/device.ts";
import { Engine } from "../../src/index.ts";
import { createGPU } from "../../src/node/index.ts";
import { recover } from "../../src/recover/index.ts";
import { createWasm } from "../../src/wasm/index.ts";
import { connect } from "../../src/worker/index.ts";

/** WebGPU whose adapter says this of itself; without words, it has no adapter. */
function webGPU(info?: Partial<GPUAdapterInfo>): GPU {
  const requestDevice = async () => ({ adapterInfo: info, limits: {}, features: new Set() });
  const adapter = { info, limits: {}, features: new Set(), requestDevice };
  return { requestAdapter: async () => (info ? adapter : null) } as unknown as GPU;
}
const hardware = { vendor: "nvidia", architecture: "hopper" };
const swiftShader = { vendor: "google", architecture: "swiftshader" };
const browser = (gpu: GPU | undefined, isSecureContext = true): void => {
  vi.stubGlobal("navigator", { gpu });
  vi.stubGlobal("isSecureContext", isSecureContext);
};
afterEach(() => {
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
});

/** What is chosen, and why. */
async function choiceOf(options: Parameters<typeof openDevice>[0] = {}): Promise<[string, string]> {
  const { name, reason } = await openDevice(options);
  return [name, reason];
}
const wasm = "webassembly simd";

describe("without options", () => {
  test.each([
    ["a hardware adapter", webGPU(hardware), "nvidia hopper", "a hardware adapter"],
    ["no WebGPU", undefined, wasm, "no WebGPU in this browser"],
    ["no adapter", webGPU(), wasm, "no adapter"],
    ["SwiftShader", webGPU(swiftShader), wasm, "only a software adapter (google swiftshader)"],
    [
      "lavapipe",
      webGPU({ description: "llvmpipe (LLVM 15.0.6, 256 bits)" }),
      wasm,
      "only a software adapter (mesa lavapipe)",
    ],
    [
      "a fallback adapter",
      webGPU({ vendor: "someone", isFallbackAdapter: true }),
      wasm,
      "only a software adapter (someone)",
    ],
  ])("a browser with %s", async (_, gpu, name, reason) => {
    browser(gpu);
    expect(await choiceOf()).toEqual([name, reason]);
  });

  test("a page without https, and Node", async () => {
    browser(undefined, false);
    expect(await choiceOf()).toEqual([wasm, "no WebGPU on a page without https"]);
    vi.unstubAllGlobals();
    vi.stubGlobal("navigator", {});
    expect(await choiceOf()).toEqual([wasm, "no WebGPU here: in Node, pass gpu: await createGPU() of tilegrad/node"]);
  });
});

describe("what is asked for", () => {
  test("by backend", async () => {
    browser(webGPU(swiftShader));
    expect(await choiceOf({ backend: "webgpu" })).toEqual(["google swiftshader", "asked for by backend"]);
    browser(webGPU(hardware));
    expect(await choiceOf({ backend: "wasm" })).toEqual([wasm, "asked for by backend"]);
    const instead = "Without backend, the engine would compute on the CPU, in WebAssembly.";
    browser(webGPU());
    await expect(openDevice({ backend: "webgpu" })).rejects.toThrow(
      `WebGPU found no adapter: the GPU or its driver is blocked or missing (Chrome says more at chrome://gpu). ${instead}`,
    );
    browser(undefined);
    await expect(openDevice({ backend: "webgpu" })).rejects.toThrow(
      `WebGPU is not available: there is no WebGPU in this browser. ${instead}`,
    );
    browser(undefined, false);
    await expect(openDevice({ backend: "webgpu" })).rejects.toThrow("there is no WebGPU on a page without https");
    await expect(openDevice({ backend: "cpu" as never })).rejects.toThrow(
      'backend is "cpu", expected "webgpu" or "wasm"',
    );
  });

  test("by a gpu, an adapter or a device, which are taken as they are", async () => {
    browser(webGPU(hardware));
    vi.stubEnv("TILEGRAD_BACKEND", "wasm");
    const gpu = webGPU(swiftShader);
    const adapter = (await gpu.requestAdapter())!;
    expect(await choiceOf({ gpu })).toEqual(["google swiftshader", "the app gave the gpu"]);
    expect(await choiceOf({ adapter })).toEqual(["google swiftshader", "the app gave the adapter"]);
    const device = await adapter.requestDevice();
    expect(await choiceOf({ device })).toEqual(["google swiftshader", "the app gave the device"]);
    expect(await choiceOf({ gpu: createWasm() })).toEqual([wasm, "the app gave the gpu"]);
    await expect(openDevice({ gpu: webGPU() })).rejects.toThrow(
      /^WebGPU found no adapter: .*\. Without gpu, the engine would compute on the CPU, in WebAssembly\.$/,
    );
  });

  test("by a backend that fits what is given, or an error says both", async () => {
    const gpu = webGPU(swiftShader);
    const adapter = (await gpu.requestAdapter())!;
    const device = await adapter.requestDevice();
    for (const given of [{ gpu }, { adapter }, { device }]) {
      expect((await choiceOf({ ...given, backend: "webgpu" }))[0]).toBe("google swiftshader");
      const opening = openDevice({ ...given, backend: "wasm" });
      await expect(opening).rejects.toThrow(
        `Engine.create: backend is "wasm", but the ${Object.keys(given)[0]} is WebGPU's (google swiftshader)`,
      );
      await expect(opening).rejects.toBeInstanceOf(AttributeError);
    }
    const onCpu = createWasm();
    expect((await choiceOf({ gpu: onCpu, backend: "wasm" }))[0]).toBe(wasm);
    const opening = openDevice({ gpu: onCpu, backend: "webgpu" });
    await expect(opening).rejects.toThrow('backend is "webgpu", but the gpu is WebAssembly\'s: leave one of them out');
    await expect(opening).rejects.toBeInstanceOf(AttributeError);
  });

  test("by TILEGRAD_BACKEND, unless by backend", async () => {
    browser(webGPU(swiftShader));
    vi.stubEnv("TILEGRAD_BACKEND", "webgpu");
    expect(await choiceOf()).toEqual(["google swiftshader", "asked for by TILEGRAD_BACKEND"]);
    expect(await choiceOf({ backend: "wasm" })).toEqual([wasm, "asked for by backend"]);
    vi.stubEnv("TILEGRAD_BACKEND", "wasm");
    browser(webGPU(hardware));
    expect(await choiceOf()).toEqual([wasm, "asked for by TILEGRAD_BACKEND"]);
    vi.stubEnv("TILEGRAD_BACKEND", "");
    expect(await choiceOf()).toEqual(["nvidia hopper", "a hardware adapter"]);
    vi.stubEnv("TILEGRAD_BACKEND", "wsam");
    await expect(openDevice({})).rejects.toThrow('TILEGRAD_BACKEND is "wsam", expected "webgpu" or "wasm"');
    await expect(openDevice({})).rejects.toBeInstanceOf(AttributeError);
  });

  test("an environment that may not be read asks for nothing", async () => {
    browser(webGPU(hardware));
    const env = () => {
      throw new Error("Requires env access");
    };
    vi.stubGlobal("process", Object.defineProperty({}, "env", { get: env }));
    expect(await choiceOf()).toEqual(["nvidia hopper", "a hardware adapter"]);
  });
});

describe("threads", () => {
  const threadsOf = async (options: Parameters<typeof openDevice>[0]) =>
    (await openDevice(options)).device.adapterInfo.description;

  test.each([0, 65, 1.5, "2" as never])("%s is refused, whatever computes", async (threads) => {
    browser(webGPU(hardware));
    for (const given of [{}, { backend: "wasm" }, { gpu: createWasm() }, { gpu: webGPU(hardware) }] as const)
      await expect(Engine.create({ ...given, threads })).rejects.toThrow(
        /^Engine\.create: threads is "?[\d.]+"?, expected a whole number from 1 to 64$/,
      );
  });

  test("reach the gpu that is WebAssembly's, and the engine's number counts", async () => {
    for (const [threads, words] of [
      [1, "1 thread"],
      [3, "3 threads"],
    ] as const) {
      const expected = `WebAssembly on the CPU, ${words}`;
      expect(await threadsOf({ backend: "wasm", threads })).toBe(expected);
      expect(await threadsOf({ gpu: await createGPU({ adapter: "wasm" }), threads })).toBe(expected);
      expect(await threadsOf({ gpu: createWasm({ threads: 2 }), threads })).toBe(expected);
    }
    expect(await threadsOf({ gpu: createWasm({ threads: 2 }) })).toBe("WebAssembly on the CPU, 2 threads");
  });

  test.each([{ backend: "wasm" }, { gpu: createWasm() }] as const)("outlast a lost device", async (given) => {
    const engine = await Engine.create({ ...given, threads: 3 });
    const recovery = await recover(engine);
    const { device, lost } = engine;
    device.destroy();
    await lost;
    await recovery.restored();
    expect(engine.device).not.toBe(device);
    expect(engine.device.adapterInfo.description).toBe("WebAssembly on the CPU, 3 threads");
    engine.destroy();
  });
});

test("an engine tells", async () => {
  browser(webGPU(swiftShader));
  const engine = await Engine.create();
  expect([engine.backend, engine.backendReason]).toEqual(["wasm", "only a software adapter (google swiftshader)"]);
  engine.destroy();
});

test("what was chosen once is what a lost device is replaced by", async () => {
  browser(webGPU(hardware));
  const { options } = await openDevice({});
  browser(webGPU(swiftShader));
  expect(await choiceOf(options)).toEqual(["google swiftshader", "asked for by backend"]);
  const { options: without } = await openDevice({});
  browser(webGPU(hardware));
  expect(await choiceOf(without)).toEqual([wasm, "only a software adapter (google swiftshader)"]);
});

describe("createGPU", () => {
  test("says who asked for WebAssembly", async () => {
    expect(await choiceOf({ gpu: await createGPU({ adapter: "wasm" }) })).toEqual([wasm, "asked for by adapter"]);
    vi.stubEnv("TILEGRAD_BACKEND", "wasm");
    expect(await choiceOf({ gpu: await createGPU() })).toEqual([wasm, "asked for by TILEGRAD_BACKEND"]);
    vi.stubEnv("TILEGRAD_ADAPTER", "wasm");
    expect(await choiceOf({ gpu: await createGPU() })).toEqual([wasm, "asked for by TILEGRAD_ADAPTER"]);
  });

  test("that gave WebAssembly contradicts WebGPU, for its own reason", async () => {
    vi.stubEnv("TILEGRAD_ADAPTER", "wasm");
    const opening = openDevice({ backend: "webgpu", gpu: await createGPU() });
    await expect(opening).rejects.toThrow(
      'backend is "webgpu", but createGPU() gave WebAssembly (asked for by TILEGRAD_ADAPTER)',
    );
    await expect(opening).rejects.toBeInstanceOf(DeviceError);
  });

  test.each([
    ["an unknown option", { adaptor: "wasm" }, 'there is no option "adaptor"'],
    [
      "a back end",
      { backend: "wasm" },
      'there is no option "backend", only "adapter", "flags": adapter: "wasm" asks for WebAssembly, adapter: ',
    ],
    ["threads", { threads: 2 }, 'there is no option "threads", only "adapter", "flags": it goes into Engine.create'],
    ["an option in capitals", { Adapter: "wasm" }, '(did you mean "adapter"?)'],
    ["a name without braces", "wasm", 'the argument is "wasm", expected { adapter, flags }'],
    ["an unknown adapter", { adapter: "fast" }, 'adapter is "fast", expected auto, hardware, '],
    ["an empty adapter", { adapter: "" }, 'adapter is "", expected auto, hardware, '],
    ["flags that are no list", { flags: "backend=vulkan" }, 'flags is "backend=vulkan", expected an array'],
  ])("refuses %s", async (_, options, message) => {
    const opening = createGPU(options as never);
    await expect(opening).rejects.toThrow(message);
    await expect(opening).rejects.toBeInstanceOf(AttributeError);
  });

  test("refuses another TILEGRAD_ADAPTER by name", async () => {
    vi.stubEnv("TILEGRAD_ADAPTER", "cuda");
    await expect(createGPU()).rejects.toThrow('createGPU: TILEGRAD_ADAPTER is "cuda", expected auto, hardware, ');
    await expect(createGPU()).rejects.toBeInstanceOf(AttributeError);
    expect(await choiceOf({ gpu: await createGPU({ adapter: "wasm" }) })).toEqual([wasm, "asked for by adapter"]);
  });

  test("refuses another TILEGRAD_BACKEND by name", async () => {
    vi.stubEnv("TILEGRAD_ADAPTER", "");
    vi.stubEnv("TILEGRAD_BACKEND", "gpu");
    await expect(createGPU()).rejects.toThrow('createGPU: TILEGRAD_BACKEND is "gpu", expected "webgpu" or "wasm"');
    await expect(createGPU()).rejects.toBeInstanceOf(AttributeError);
  });
});

describe("a worker whose file the browser refuses without a word", () => {
  /** A worker that fails as soon as somebody listens. */
  class Refused extends EventTarget {
    override addEventListener(...listener: Parameters<EventTarget["addEventListener"]>): void {
      super.addEventListener(...listener);
      if (listener[0] === "error") queueMicrotask(() => this.dispatchEvent(new Event("error")));
    }
    terminate(): void {}
  }

  test.each([true, false])("in a page that is isolated: %s", async (isIsolated) => {
    vi.stubGlobal("Worker", Refused);
    vi.stubGlobal("crossOriginIsolated", isIsolated);
    const { message } = await connect(() => new Worker("a.js")).catch((error) => error);
    expect(message).toMatch(/^connect: the worker did not start: is its address right.*worker-src 'self'\?$/);
    expect(message.includes("Cross-Origin-Embedder-Policy: require-corp")).toBe(isIsolated);
  });
});

describe("where WebAssembly cannot run", () => {
  test.each([
    ["turned off", undefined, "there is no WebAssembly here"],
    ["old", { validate: (): boolean => false }, "WebAssembly lacks SIMD here"],
    [
      "forbidden",
      { validate: (): boolean => true, compile: () => Promise.reject(new Error("violates the policy")) },
      /Content-Security-Policy does not let WebAssembly run: add 'wasm-unsafe-eval' to its script-src, also for the files of workers$/,
    ],
  ])("%s: an error says what is missing", async (_, WebAssembly, message) => {
    vi.stubGlobal("WebAssembly", WebAssembly);
    const opening = openDevice({ backend: "wasm" });
    await expect(opening).rejects.toThrow(message);
    await expect(opening).rejects.toBeInstanceOf(DeviceError);
  });
});
