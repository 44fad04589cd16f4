import { memoryOf } from "../../shaders/lib/kernel.ts";
import { builtinsOf, featuresOf, printTogether } from "../../shaders/lib/print.ts";
import type { KernelCall, PrintedCall, VirtualBuffer } from "../kernels/call.ts";
import type { AdapterTraits } from "../kernels/traits.ts";
import { overlap, placesOf, shared } from "./bindings.ts";
import { dispatch } from "./dispatch.ts";
import { fold } from "./grid.ts";

/**
 * Most invocations and operations of a small call, whose cost is mostly its dispatch. On a GPU it may have 16 times as
 * many invocations.
 */
const few = 1024;
const little = 2 ** 20;
/**
 * How many dispatches a call may overtake, how many calls share one, and how many refusals mark a dispatch as full.
 * These bounds keep the time per call independent of the program's length.
 */
const reach = 256;
const most = 16;
const patience = 8;

/** Calls that share a dispatch, and the buffers they use. */
interface Group {
  readonly calls: KernelCall[];
  readonly buffers: Set<VirtualBuffer>;
  readonly small: boolean;
  /** Bytes of workgroup memory. */
  memory: number;
  /** Calls refused for lack of bindings. */
  refused: number;
}

/**
 * Runs small independent calls as one dispatch: the second call's workgroups follow the first's. Each dispatch costs
 * about the same whatever it computes, and in a small network these costs dominate a step.
 *
 * A call joins the nearest earlier dispatch with room. It may not move past a dispatch that writes what it uses or uses
 * what it writes.
 */
export function merge(calls: readonly KernelCall[], traits: AdapterTraits): readonly PrintedCall[] {
  const { maxStorageBuffers, maxWorkgroupBytes } = traits;
  const dispatches: Group[] = [];
  for (const call of calls) {
    const small = isSmall(call, traits);
    const memory = small ? memoryOf(call.kernel) : 0;
    const touched = call.bindings.map(({ buffer }) => buffer);
    let home: Group | undefined;
    const last = dispatches.length - 1;
    for (let i = last; i >= 0 && i > last - reach && small && !home; i--) {
      const before = dispatches[i]!;
      const fresh = touched.filter((buffer) => !before.buffers.has(buffer)).length;
      if (fresh < touched.length && before.calls.some((other) => collide(other, call))) break;
      // Cheap test first: each buffer takes at least one binding.
      const mayFit = before.buffers.size + fresh <= maxStorageBuffers && before.memory + memory <= maxWorkgroupBytes;
      if (!before.small || before.calls.length === most || before.refused === patience || !mayFit) continue;
      if (fits([...before.calls, call], maxStorageBuffers)) home = before;
      else before.refused++;
    }
    if (!home) {
      home = { calls: [], buffers: new Set(), small, memory: 0, refused: 0 };
      dispatches.push(home);
    }
    home.calls.push(call);
    home.memory += memory;
    for (const buffer of touched) home.buffers.add(buffer);
  }
  return dispatches.map(({ calls: [first, ...others] }) =>
    others.length === 0 ? dispatch(first!, traits) : joined([first!, ...others], traits),
  );
}

/** Workgroup size of a merged dispatch on a GPU; kernels that use their workgroup must have the same. */
const together = 64;

/**
 * Whether a call may share a dispatch: few invocations, little work, and a one-dimensional grid. On a CPU adapter it
 * must not use workgroup memory or barriers, since merged workgroups have another size there.
 */
function isSmall({ kernel, workgroups: [x, y, z], flops }: KernelCall, { cpu }: AdapterTraits): boolean {
  const [size, ...others] = kernel.workgroup;
  const isFlat = y === 1 && z === 1 && others.every((n) => n === 1);
  if (kernel.alone || !isFlat || x * size > (cpu ? few : 16 * few) || flops > little) return false;
  const used = builtinsOf(kernel);
  return (!used.includes("group") && !used.includes("lane")) || (!cpu && size === together);
}

/** Whether one of two calls writes what the other reads or writes. */
const collide = (a: KernelCall, b: KernelCall): boolean =>
  a.bindings.some((one) =>
    b.bindings.some((other) => (one.access !== "read" || other.access !== "read") && overlap(one, other)),
  );

/** Whether one dispatch can bind all buffers of some calls. A writable range must not overlap any other binding. */
function fits(calls: readonly KernelCall[], maxBindings: number): boolean {
  const bindings = shared(calls).map(({ binding }) => binding);
  return (
    bindings.length <= maxBindings &&
    bindings.every((one, i) => one.access === "read" || bindings.every((other, k) => k === i || !overlap(one, other)))
  );
}

/** One dispatch of several calls. */
function joined(calls: readonly KernelCall[], traits: AdapterTraits): PrintedCall {
  const { cpu } = traits;
  const bound = shared(calls);
  // A CPU adapter evaluates a branch for four invocations at a time, so calls start at multiples of 4. On a GPU, whole
  // workgroups take one branch, so it may contain barriers.
  const apart = cpu ? 4 : together;
  let end = 0;
  const shares = calls.map(({ kernel, workgroups, invocations }, k) => {
    const first = end;
    end += Math.ceil((invocations ?? workgroups[0] * kernel.workgroup[0]) / apart) * apart;
    return { kernel, first, end, places: placesOf(bound, calls, k) };
  });
  // On a CPU, two workgroups, one per core: more would cost more than they gain.
  const size = cpu ? Math.min(64, 4 * Math.ceil(end / 8)) : together;
  const label = calls.map(({ label }) => label).join(" | ");
  const { workgroups, folded } = fold(label, [Math.ceil(end / size), 1, 1], [size, 1, 1], traits);
  const buffers = bound.map(({ buffer }) => buffer);
  const text = (notes: boolean) => printTogether(shares, buffers, size, !cpu, { notes, folded });
  return {
    label,
    layer: [...new Set(calls.flatMap(({ layer }) => layer || []))].join(" | "),
    source: [...new Set(calls.flatMap(({ source }) => source ?? []))].join(" | "),
    choices: calls.flatMap(({ choices = [] }) => choices),
    family: "merged",
    variant: calls.map(({ family, variant }) => `${family}/${variant}`).join(" | "),
    wgsl: text(false),
    annotated: () => text(true),
    features: [...new Set(calls.flatMap(({ kernel }) => featuresOf(kernel)))],
    bindings: bound.map(({ binding }) => binding),
    workgroups,
    parts: calls,
    flops: calls.reduce((sum, { flops }) => sum + flops, 0),
    bytes: calls.reduce((sum, { bytes }) => sum + bytes, 0),
    written: calls.flatMap(({ written }) => written ?? []),
  };
}
