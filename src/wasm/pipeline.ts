import { FormatError } from "../errors.ts";
import { ModuleWriter } from "./code/module.ts";
import { type Heap, stackBytes } from "./memory.ts";
import { compileKernel } from "./wgsl/compile.ts";

/** Runs a box of workgroups: addresses of buffers, then where the box begins and ends along x, y and z. */
type Run = (...numbers: number[]) => void;

/** A kernel that can be run. */
export interface Pipeline {
  readonly run: Run;
  /** Numbers of the bindings whose addresses it takes. */
  readonly bindings: readonly number[];
  /** What other threads run; none where workgroups may wait for each other's results, through atomics. */
  readonly module?: WebAssembly.Module | undefined;
  readonly speed: Speed;
}

/** How fast a kernel was. */
export interface Speed {
  /** Milliseconds of a workgroup in the last dispatch that was timed; NaN before it. */
  msPerGroup: number;
  /** Dispatches so far. */
  runs: number;
}

/** A kernel's text, and what is wrong with it. */
export class ShaderModule {
  readonly label: string;
  readonly code: string;
  /** Whether positions outside of a buffer become the last one within. */
  readonly isChecked: boolean;

  constructor({ label = "", code, isChecked = true }: GPUShaderModuleDescriptor & { readonly isChecked?: boolean }) {
    this.label = label;
    this.code = code;
    this.isChecked = isChecked;
  }

  async getCompilationInfo() {
    const fault = this.#fault();
    if (fault === undefined) return { messages: [] };
    const [, line, message] = /^line (\d+): ([\s\S]*)$/.exec(fault) ?? ["", "0", fault];
    return { messages: [{ type: "error", message, lineNum: Number(line), linePos: 0, offset: 0, length: 0 }] };
  }

  #fault(): string | undefined {
    try {
      written(this);
      return undefined;
    } catch (error) {
      if (error instanceof FormatError) return error.message;
      throw error;
    }
  }
}

/** Compiles a kernel. @throws FormatError for what it cannot do. */
export async function pipelineOf(kernel: ShaderModule, heap: Heap): Promise<Pipeline> {
  const { bytes, bindings } = written(kernel, heap.isShared);
  return pipelineWith(await WebAssembly.compile(bytes), bindings, kernel.code, heap);
}

/** The same, while its caller waits. */
export function pipelineAtOnce(kernel: ShaderModule, heap: Heap): Pipeline {
  const { bytes, bindings } = written(kernel, heap.isShared);
  return pipelineWith(new WebAssembly.Module(bytes), bindings, kernel.code, heap);
}

function written({ code, isChecked }: ShaderModule, isShared = false) {
  const writer = new ModuleWriter();
  const { index, bindings } = compileKernel(writer, code, isChecked);
  if (writer.stackBytes > stackBytes)
    throw new FormatError(`arrays of ${writer.stackBytes} bytes, WebAssembly kernels have room for ${stackBytes}`);
  writer.export("run", index);
  return { bytes: writer.finish(isShared), bindings };
}

function pipelineWith(
  module: WebAssembly.Module,
  bindings: readonly number[],
  code: string,
  { memory, stacks }: Heap,
): Pipeline {
  const host = { memory, stack: new WebAssembly.Global({ value: "i32" }, stacks[0]!) };
  const { exports } = new WebAssembly.Instance(module, { host });
  return {
    run: exports["run"] as Run,
    bindings,
    // Atomics are plain reads and writes here, and results do not depend on who comes first.
    module: /\batomic\b/.test(code) ? undefined : module,
    speed: { msPerGroup: Number.NaN, runs: 0 },
  };
}
