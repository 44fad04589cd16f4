import type { Dispatch } from "../gpu/profiler.ts";
import type { PrintedCall, VirtualBuffer } from "../kernels/call.ts";
import type { Fed } from "./feeds.ts";
import type { Memories, Recorded } from "./recorded.ts";
import type { Kept, Steps } from "./steps.ts";

/** A program's dispatches, bound to memory. */
export interface Bound {
  /** Inputs that are not in the program's own buffers. */
  readonly fed: ReadonlyMap<VirtualBuffer, Fed>;
  /** Those of them that are GPU memory of the app. */
  readonly given: ReadonlyMap<VirtualBuffer, Fed>;
  /** Created before the first run. */
  dispatches?: readonly Dispatch[];
  /**
   * The engine's count of uncaught device errors when these commands were last known to be valid. While the count is
   * the same, they still are.
   */
  validAt: number;
}

/** Number of sets of fed buffers for which a program keeps bind groups. */
const mostBound = 16;

/** What makes bind groups. */
export interface Binder {
  bindGroup(call: PrintedCall, placeOf: (buffer: VirtualBuffer) => Fed): GPUBindGroup;
}

/** A program on a device. */
interface Attached {
  readonly compiled: Recorded;
  readonly memories: Memories;
  readonly pipelines: readonly GPUComputePipeline[];
  readonly steps: Steps;
}

/** The commands of a program's runs: one list of dispatches for each set of buffers that it reads. */
export class Commands {
  /** For the program's own input buffers. */
  readonly own: Bound = { fed: new Map(), given: new Map(), validAt: -1 };
  readonly #of: Attached;
  readonly #binder: Binder;
  /** For fed buffers, least recently used first. */
  #others: Bound[] = [];
  /** For each step among several. */
  #inSteps: Bound[] = [];

  constructor(of: Attached, binder: Binder) {
    this.#of = of;
    this.#binder = binder;
    this.dispatchesOf(this.own);
  }

  /** Drops the bind groups of fed buffers. */
  forget(): void {
    this.#others = [];
    this.#inSteps = [];
  }

  /** The commands that read these feeds. */
  boundTo(fed: Bound["fed"]): Bound {
    if (fed.size === 0) return this.own;
    const bound = this.#others.find((other) => sameMemory(other.fed, fed)) ?? { fed, given: fed, validAt: -1 };
    this.#others = [...this.#others.filter((other) => other !== bound), bound].slice(-mostBound);
    return bound;
  }

  /** The commands of a step among several. */
  inStep(step: number, given: Bound["given"]): Bound {
    const fed = this.#of.steps.placesOf(step, given);
    const known = this.#inSteps[step];
    if (known && sameMemory(known.fed, fed)) return known;
    const bound: Bound = { fed, given, validAt: -1 };
    this.#inSteps[step] = bound;
    return bound;
  }

  /** Whether this is memory that the program itself may write. */
  owns({ buffer }: Fed): boolean {
    const { own, of } = this.#of.memories;
    return own.includes(buffer) || [...this.#of.compiled.homes.values()].some((home) => of(home.buffer) === buffer);
  }

  /**
   * Where a virtual buffer is. Memory that the program itself may write is not read in place: WebGPU forbids both
   * accesses in one dispatch, and an earlier dispatch may overwrite it.
   */
  placeOf(virtual: VirtualBuffer, { fed }: Bound): Fed {
    const place = fed.get(virtual);
    return place && !this.owns(place) ? place : { buffer: this.#of.memories.of(virtual), offset: 0 };
  }

  /** The dispatches of a run. */
  dispatchesOf(bound: Bound): readonly Dispatch[] {
    bound.dispatches ??= this.#of.compiled.calls.map((call, i) => {
      const known = this.own.dispatches?.[i];
      if (known && !call.bindings.some(({ buffer }) => bound.fed.has(buffer))) return known;
      const group = this.#binder.bindGroup(call, (buffer) => this.placeOf(buffer, bound));
      return { pipeline: this.#of.pipelines[i]!, workgroups: call.workgroups, group };
    });
    return bound.dispatches;
  }

  /** The commands of runs, see `Program.encode`. */
  encode(device: GPUDevice, bounds: readonly Bound[], idle: boolean, after?: Kept["copy"]): GPUCommandEncoder {
    const encoder = device.createCommandEncoder();
    let pass: GPUComputePassEncoder | undefined;
    for (const [run, bound] of bounds.entries()) {
      pass ??= encoder.beginComputePass();
      for (const { pipeline, group, workgroups } of this.dispatchesOf(bound)) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        if (!idle) pass.dispatchWorkgroups(...workgroups);
      }
      if (!after) continue;
      pass.end();
      pass = undefined;
      after(encoder, run);
    }
    pass?.end();
    return encoder;
  }
}

const sameMemory = (a: Bound["fed"], b: Bound["fed"]): boolean =>
  a.size === b.size &&
  [...a].every(([input, { buffer, offset }]) => b.get(input)?.buffer === buffer && b.get(input)?.offset === offset);
