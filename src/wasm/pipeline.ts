import { FormatError } from "../errors.ts";
import { ModuleWriter } from "./code/module.ts";
import { type Heap, stack } from "./memory.ts";
import { compileKernel } from "./wgsl/compile.ts";

/** Runs a box of workgroups: addresses of buffers, then where the box begins and ends along x, y and z. */
type Run = (...numbers: number[]) => void;

/** A kernel that can be run. */
export interface Pipeline {
  readonly run: Run;
  /** Numbers of the bindings whose addresses it takes. */
  readonly bindings: readonly number[];
}

/** A kernel's text, and what is wrong with it. */
export class ShaderModule {
  readonly label: string;
  readonly code: string;

  constructor({ label = "", code }: GPUShaderModuleDescriptor) {
    this.label = label;
    this.code = code;
  }

  async getCompilationInfo() {
    const fault = this.#fault();
    if (fault === undefined) return { messages: [] };
    const [, line, message] = /^line (\d+): ([\s\S]*)$/.exec(fault) ?? ["", "0", fault];
    return { messages: [{ type: "error", message, lineNum: Number(line), linePos: 0, offset: 0, length: 0 }] };
  }

  #fault(): string | undefined {
    try {
      written(this.code);
      return undefined;
    } catch (error) {
      if (error instanceof FormatError) return error.message;
      throw error;
    }
  }
}

/** Compiles a kernel. @throws FormatError for what it cannot do. */
export async function pipelineOf({ code }: ShaderModule, heap: Heap): Promise<Pipeline> {
  const { bytes, bindings } = written(code);
  return { run: instantiated(await WebAssembly.compile(bytes), heap), bindings };
}

/** The same, while its caller waits. */
export function pipelineAtOnce({ code }: ShaderModule, heap: Heap): Pipeline {
  const { bytes, bindings } = written(code);
  return { run: instantiated(new WebAssembly.Module(bytes), heap), bindings };
}

function written(code: string) {
  const writer = new ModuleWriter();
  const { index, bindings } = compileKernel(writer, code);
  if (writer.stackBytes > stack.bytes)
    throw new FormatError(`arrays of ${writer.stackBytes} bytes, WebAssembly kernels have room for ${stack.bytes}`);
  writer.export("run", index);
  return { bytes: writer.finish(), bindings };
}

function instantiated(module: WebAssembly.Module, { memory }: Heap): Run {
  const host = { memory, stack: new WebAssembly.Global({ value: "i32" }, stack.at) };
  const { exports } = new WebAssembly.Instance(module, { host });
  return exports["run"] as Run;
}
