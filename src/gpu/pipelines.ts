import { DeviceError } from "../errors.ts";
import type { PrintedCall } from "../kernels/call.ts";
import { showLayer } from "../layer.ts";
import { computeStage } from "./flags.ts";
import { inScopes } from "./scopes.ts";

/** Number of unused kernels to keep: the next program may need them. */
const mostIdle = 64;

interface Compiled {
  readonly pipeline: Promise<GPUComputePipeline>;
  users: number;
}

/** The kernels of a program, held until it lets go. */
export interface Held {
  readonly pipelines: readonly Promise<GPUComputePipeline>[];
  letGo(): void;
}

/** Compiled kernels of one device, one per distinct WGSL text, shared by all programs. */
export class PipelineCache {
  readonly #device: GPUDevice;
  /** Least recently used first. */
  readonly #pipelines = new Map<string, Compiled>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Starts to compile a kernel, asynchronously, or returns the one already started. */
  get(call: PrintedCall): Promise<GPUComputePipeline> {
    const { pipeline } = this.#get(call);
    this.#forgetIdle();
    return pipeline;
  }

  /** The same for all calls of a program, which holds the kernels until `letGo`. */
  hold(calls: readonly PrintedCall[]): Held {
    const held = calls.map((call) => this.#get(call));
    for (const compiled of held) compiled.users++;
    return {
      pipelines: held.map(({ pipeline }) => pipeline),
      letGo: () => {
        for (const compiled of held) compiled.users--;
        this.#forgetIdle();
      },
    };
  }

  #get(call: PrintedCall): Compiled {
    const key = `${accessOf(call)}\n${call.wgsl}`;
    let compiled = this.#pipelines.get(key);
    if (compiled)
      this.#pipelines.delete(key); // Move it to the end.
    else {
      const made = { pipeline: this.#make(call), users: 0 };
      made.pipeline.catch(() => this.#pipelines.get(key) === made && this.#pipelines.delete(key));
      compiled = made;
    }
    this.#pipelines.set(key, compiled);
    return compiled;
  }

  #forgetIdle(): void {
    const idle = [...this.#pipelines].filter(([, { users }]) => users === 0);
    for (const [key] of idle.slice(0, Math.max(0, idle.length - mostIdle))) this.#pipelines.delete(key);
  }

  /** Explicit layout of a call's bindings. Calls with the same accesses share one. */
  layout(call: PrintedCall): GPUBindGroupLayout {
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

  async #make(call: PrintedCall): Promise<GPUComputePipeline> {
    const { label } = call;
    // WebAssembly trusts the library's own kernels with positions, and checks those of others, as GPUs do everywhere.
    const isChecked = call.source === undefined || call.written !== undefined;
    const moduleOf = (code: string) => this.#device.createShaderModule(Object.assign({ label, code }, { isChecked }));
    // An invalid shader makes an invalid pipeline; the error below quotes the faulty line.
    const { value } = inScopes(this.#device, "compile", () => {
      const module = moduleOf(call.wgsl);
      const layout = this.#device.createPipelineLayout({ label, bindGroupLayouts: [this.layout(call)] });
      const compute = { module, entryPoint: "main" };
      return { module, pipeline: this.#device.createComputePipelineAsync({ label, layout, compute }) };
    });
    try {
      return await value.pipeline;
    } catch (cause) {
      // Most kernels compile, so what explains a fault loads on demand.
      const { faultsIn } = await import("./faults.ts");
      const faults = await faultsIn(
        call,
        value.module,
        (code) => inScopes(this.#device, "compile", () => moduleOf(code)).value,
      );
      if (!faults && (cause as GPUPipelineError).reason !== "validation") throw cause; // The device was lost.
      const kernel = `kernel "${label}"${showLayer(call.layer)} (${call.family}/${call.variant})`;
      throw new DeviceError(`${kernel} does not compile${faults || `: ${(cause as Error).message}`}`, { cause });
    }
  }
}

/** `rrw`: the access of each binding of a call. */
const accessOf = (call: PrintedCall): string =>
  call.bindings.map(({ access }) => (access === "read" ? "r" : "w")).join("");
