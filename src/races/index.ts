import { checkList, checkObject, checkWhole, optionsOf, refuse } from "../errors.ts";
import { checkHow } from "./how.ts";
import { type KernelRun, type Order, runKernel } from "./kernel.ts";

export type { Access, Finding } from "./findings.ts";
export type { KernelRun, Order, Traffic } from "./kernel.ts";

/** What a kernel runs over, and how. */
export interface RaceOptions {
  /**
   * The memory of each binding, by its name in the WGSL, as the GPU has it: f32 as a Float32Array, f16 as the bits in a
   * Uint16Array. It stays as it is.
   */
  readonly buffers: Readonly<Record<string, ArrayBufferView>>;
  /** Workgroups along x, y and z, at least one each. */
  readonly workgroups: readonly [x: number, y: number, z: number];
  /** Invocations in a subgroup, a power of two from 4 to 128. Default: 32. */
  readonly subgroupSize?: number;
  /**
   * The order in which workgroups run; `reversed` reverses the invocations of each too. A whole number shuffles the
   * workgroups, in the same way each time. Without races, results are the same in any order. Default: "forward".
   */
  readonly order?: Order;
  /**
   * What a read past the end of a buffer gives: 0, or the buffer's last element. WebGPU may give any element or 0, so
   * results must be the same. Default: "zero".
   */
  readonly outside?: "zero" | "last";
  /** The kernel's name in findings. Default: none. */
  readonly label?: string;
  /** Most rounds of loops, of all invocations together, until the kernel is said not to end. Default: 2³⁰. */
  readonly maxSteps?: number;
}

/**
 * Runs a kernel on the CPU, each invocation by itself, and watches what they do to memory: a debugger for kernels that
 * give the right result on your GPU, today. It needs no GPU.
 *
 * It finds data races within a workgroup and across workgroups (accesses to one word, at least one of them a write, with
 * no barrier between; atomics do not race with each other), barriers that an invocation misses, reads of workgroup
 * memory that nobody wrote, values taken from invocations of a subgroup that are not there, and indices out of range.
 * A race is found on whatever data it needs, even if this run got away with it; code that does not run is not checked.
 *
 * The kernel may use all of WGSL's compute shaders but textures, samplers, uniform buffers, overrides and recursive
 * pointers; numbers are rounded to f32, f16 or 32 bits as on a GPU.
 *
 * @param wgsl the kernel, such as `program.inspect().kernels[0].wgsl`. Its first entry point runs.
 * @returns findings, the buffers' contents afterwards, and bytes read and written by invocations.
 * @throws FormatError for what it cannot read, with the line of syntax and names that it does not know, ShapeError for a
 * missing or short buffer, AttributeError for wrong options, LimitError for a kernel that does not end.
 *
 * @example
 * const { findings } = findRaces(wgsl, { buffers: { x, y: new Float32Array(64) }, workgroups: [1, 1, 1] });
 * for (const { message } of findings) console.log(message);
 */
export function findRaces(wgsl: string, options: RaceOptions): KernelRun {
  const op = "findRaces";
  if (typeof wgsl !== "string") refuse(op, "the kernel", wgsl, "WGSL");
  const { buffers, workgroups, label, ...how } = optionsOf<RaceOptions, Unset>(op, options, unset);
  checkObject(op, "buffers", buffers, "an object of typed arrays");
  for (const [name, view] of Object.entries(buffers))
    if (!ArrayBuffer.isView(view)) refuse(op, `buffer "${name}"`, view, "a typed array");
  if (checkList(op, "workgroups", workgroups).length !== 3) refuse(op, "workgroups", workgroups, "three numbers");
  for (const count of workgroups) checkWhole(op, "workgroups", count, 1, 65535);
  return runKernel(wgsl, { buffers, workgroups, label, ...checkHow(op, how) });
}

type Unset = { readonly [K in keyof Required<RaceOptions>]: undefined };

const unset: Unset = {
  buffers: undefined,
  workgroups: undefined,
  subgroupSize: undefined,
  order: undefined,
  outside: undefined,
  label: undefined,
  maxSteps: undefined,
};
