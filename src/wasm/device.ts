import { checkThreads } from "../backend.ts";
import { DeviceError, FormatError, LimitError, optionsOf } from "../errors.ts";
import { checkAllowed } from "./allowed.ts";
import { Buffer, type BufferRange } from "./buffer.ts";
import { type BindGroup, CommandEncoder, type QuerySet } from "./encoder.ts";
import { Heap } from "./memory.ts";
import { type Pipeline, pipelineAtOnce, pipelineOf, ShaderModule } from "./pipeline.ts";
import { Queue } from "./queue.ts";
import { isShareable, Threads, usualThreads } from "./threads.ts";

/*
 * The part of WebGPU that tilegrad uses, on the CPU: kernels become WebAssembly, and buffers ranges of one memory. An
 * engine on it is the engine that others have on a GPU.
 */

/** What the device can do, in WebGPU's names. There is no workgroup memory, so kernels without barriers run. */
const limits = {
  maxBufferSize: 2 ** 31 - 65536,
  maxStorageBufferBindingSize: 2 ** 31 - 65536,
  maxStorageBuffersPerShaderStage: 32,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupStorageSize: 0,
  maxComputeWorkgroupsPerDimension: 65535,
  minStorageBufferOffsetAlignment: 256,
} as const;

const features: ReadonlySet<string> = /* @__PURE__ */ new Set(["timestamp-query"]);

const info = {
  vendor: "webassembly",
  architecture: "simd",
  device: "",
  description: "WebAssembly on the CPU",
  isFallbackAdapter: true,
} as const;

interface PipelineDescriptor {
  readonly compute: { readonly module: ShaderModule };
}

/** What programs compiled ahead of time need to be, to run here: a target of `exportPrograms`. */
export const wasmTarget = {
  cpu: true,
  wasm: true,
  maxStorageBuffers: limits.maxStorageBuffersPerShaderStage,
  maxInvocations: limits.maxComputeInvocationsPerWorkgroup,
  maxWorkgroupBytes: limits.maxComputeWorkgroupStorageSize,
} as const;

/** Stands for what only WebGPU has. */
const lacking = (what: string) => (): never => {
  throw new DeviceError(`${what} need WebGPU, and this device computes with WebAssembly`);
};

/** A device whose kernels are WebAssembly. */
class WasmDevice extends EventTarget {
  readonly features = features;
  readonly limits = limits;
  readonly createTexture = lacking("textures");
  readonly createSampler = lacking("samplers");
  readonly importExternalTexture = lacking("video frames as textures");
  readonly createRenderPipeline = lacking("render pipelines");
  readonly createRenderPipelineAsync = lacking("render pipelines");
  readonly label: string;
  readonly queue: Queue;
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>;
  readonly #heap: Heap;
  readonly #threads: Threads | undefined;
  readonly #scopes: { readonly filter: string; error: Error | null }[] = [];
  #lose!: (info: { reason: string; message: string }) => void;

  constructor(label: string | undefined, threads: number) {
    super();
    this.label = label ?? "";
    this.#heap = new Heap(threads);
    if (this.#heap.isShared) this.#threads = new Threads(this.#heap.memory, this.#heap.stacks.slice(1));
    this.queue = new Queue((filter, error) => this.#report(filter, error));
    this.lost = new Promise((resolve) => {
      this.#lose = resolve;
    });
  }

  /** What computes, and how many threads. */
  get adapterInfo() {
    const count = this.#threads?.count ?? 1;
    return { ...info, description: `${info.description}, ${count} thread${count > 1 ? "s" : ""}` };
  }

  createBuffer(descriptor: GPUBufferDescriptor): Buffer {
    const settled = () => this.queue.onSubmittedWorkDone();
    try {
      return new Buffer(this.#heap, descriptor, settled);
    } catch (error) {
      if (!(error instanceof LimitError)) throw error;
      this.#report("out-of-memory", error);
      return new Buffer(this.#heap, { ...descriptor, size: 0 }, settled);
    }
  }

  createShaderModule(descriptor: GPUShaderModuleDescriptor): ShaderModule {
    return new ShaderModule(descriptor);
  }

  createBindGroupLayout(descriptor: object): object {
    return descriptor;
  }

  createPipelineLayout(descriptor: object): object {
    return descriptor;
  }

  async createComputePipelineAsync({ compute: { module } }: PipelineDescriptor): Promise<Pipeline> {
    try {
      return await pipelineOf(module, this.#heap);
    } catch (error) {
      if (error instanceof FormatError) throw Object.assign(new Error(error.message), { reason: "validation" });
      if (error instanceof WebAssembly.CompileError) {
        const message = `kernel "${module.label}" did not become valid WebAssembly: ${error.message}`;
        throw new DeviceError(message, { cause: error });
      }
      throw error;
    }
  }

  createComputePipeline({ compute: { module } }: PipelineDescriptor): Pipeline {
    try {
      return pipelineAtOnce(module, this.#heap);
    } catch (error) {
      this.#report("validation", error as Error);
      return { run() {}, bindings: [], speed: { msPerGroup: 0, runs: 0 } };
    }
  }

  createBindGroup(descriptor: { entries: Iterable<{ binding: number; resource: BufferRange }> }): BindGroup {
    const entries = [...descriptor.entries];
    if (entries.some(({ resource }) => !(resource.buffer instanceof Buffer)))
      throw new DeviceError(
        "a buffer of another device was given to an engine that computes with WebAssembly: read it, and feed its numbers",
      );
    return { entries };
  }

  createCommandEncoder(): CommandEncoder {
    return new CommandEncoder((message) => this.#report("validation", new Error(message)), this.#threads);
  }

  createQuerySet({ count }: { count: number }): QuerySet {
    return { times: new BigUint64Array(count), destroy() {} };
  }

  pushErrorScope(filter: string): void {
    this.#scopes.push({ filter, error: null });
  }

  async popErrorScope(): Promise<Error | null> {
    return this.#scopes.pop()?.error ?? null;
  }

  destroy(): void {
    this.#threads?.end();
    this.#lose({ reason: "destroyed", message: "the device was destroyed" });
  }

  /** Gives an error to the innermost scope that takes it, or to the device's listeners. */
  #report(filter: string, error: Error): void {
    const scope = this.#scopes.findLast((each) => each.filter === filter);
    if (scope) scope.error ??= error;
    else this.dispatchEvent(Object.assign(new Event("uncapturederror"), { error }));
  }
}

/** How `createWasm` computes. */
export interface WasmOptions {
  /**
   * How many threads compute, from 1 to 64. Default: one for each core, up to 8. It is 1 where threads cannot share
   * memory: in a page without the headers `Cross-Origin-Opener-Policy` and `Cross-Origin-Embedder-Policy`.
   */
  readonly threads?: number;
}

/**
 * An entry to WebGPU for machines without: what runs is WebAssembly with SIMD, on the CPU. Give it to an engine,
 * `Engine.create({ gpu: createWasm() })`, and everything else stays as it is. Results agree with those of a GPU up to
 * rounding, and repeat to the bit on every machine, with any number of threads.
 *
 * Threads are workers that start with the first long kernel, and end with the device. Short kernels, and those with
 * atomics, run on the caller's thread. `device.adapterInfo.description` says how many there are: "WebAssembly on the CPU,
 * 4 threads".
 *
 * It has no f16, and no textures: `tilegrad/images` needs WebGPU.
 * @throws AttributeError for a number of threads that cannot be.
 */
export function createWasm(options: WasmOptions = {}): GPU {
  const { threads } = optionsOf("createWasm", options, { threads: usualThreads() });
  checkThreads("createWasm", threads);
  const adapter = {
    features,
    limits,
    info,
    async requestDevice({ label, threads: wanted = threads }: GPUDeviceDescriptor & WasmOptions = {}) {
      await checkAllowed();
      return new WasmDevice(label, isShareable() ? wanted : 1);
    },
  };
  return { requestAdapter: async () => adapter } as unknown as GPU;
}
