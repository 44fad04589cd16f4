import { DeviceError } from "../errors.ts";
import type { KernelCall } from "../graph/op.ts";
import { computeStage } from "./flags.ts";

/** Compiled kernels of one device, one for each distinct WGSL text, whichever program asked first. */
export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Starts compiling (asynchronously, side by side with others) or returns what has been started before. */
  get(call: KernelCall): Promise<GPUComputePipeline> {
    const key = `${accessOf(call)}\n${call.wgsl}`;
    const known = this.#pipelines.get(key);
    if (known) return known;
    const made = this.#make(call);
    this.#pipelines.set(key, made);
    made.catch(() => this.#pipelines.delete(key));
    return made;
  }

  /** Explicit layout of a call's bindings; calls with the same accesses share one. */
  layout(call: KernelCall): GPUBindGroupLayout {
    const access = accessOf(call);
    const known = this.#layouts.get(access);
    if (known) return known;
    const layout = this.#device.createBindGroupLayout({
      label: access,
      entries: call.bindings.map((binding, i) => ({
        binding: i,
        visibility: computeStage,
        buffer: { type: binding.access === "read" ? "read-only-storage" : "storage" },
      })),
    });
    this.#layouts.set(access, layout);
    return layout;
  }

  async #make(call: KernelCall): Promise<GPUComputePipeline> {
    // A faulty shader is reported below, with the line at fault: its own error is caught here.
    this.#device.pushErrorScope("validation");
    const module = this.#device.createShaderModule({ label: call.label, code: call.wgsl });
    this.#device.popErrorScope();
    const layout = this.#device.createPipelineLayout({ label: call.label, bindGroupLayouts: [this.layout(call)] });
    try {
      return await this.#device.createComputePipelineAsync({
        label: call.label,
        layout,
        compute: { module, entryPoint: "main" },
      });
    } catch (cause) {
      const { messages } = await module.getCompilationInfo();
      const lines = call.wgsl.split("\n");
      const faults = messages
        .filter(({ type }) => type === "error")
        .map(({ lineNum, message }) => `  line ${lineNum}: ${message}\n    ${lines[lineNum - 1]?.trim() ?? ""}`);
      const detail = faults.length > 0 ? `\n${faults.join("\n")}` : `: ${(cause as Error).message}`;
      throw new DeviceError(`kernel "${call.label}" (${call.family}/${call.variant}) does not compile${detail}`, {
        cause,
      });
    }
  }
}

/** `rrw`: what a call does with each of its bindings. */
const accessOf = (call: KernelCall): string =>
  call.bindings.map(({ access }) => (access === "read" ? "r" : "w")).join("");
