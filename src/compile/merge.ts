import { memoryOf } from "../../shaders/lib/kernel.ts";
import { builtinsOf, featuresOf, printTogether } from "../../shaders/lib/print.ts";
import type { KernelCall, PrintedCall, VirtualBuffer } from "../kernels/call.ts";
import type { AdapterTraits } from "../kernels/traits.ts";
import { overlap, placesOf, shared } from "./bindings.ts";
import { dispatch } from "./dispatch.ts";
import { fold } from "./grid.ts";

/**
 * Invocations and operations of a call that costs little more than its dispatch, and leaves room for others; of a GPU it takes 16 times
 * the invocations.
 */
const few = 1024;
const little = 2 ** 20;
/**
 * How many dispatches a call may overtake, how many calls share one, and how many one refuses before it counts as full: so a
 * call of a long list takes no longer than one of a short list.
 */
const reach = 256;
const most = 16;
const patience = 8;

/** Calls that share a dispatch, and the buffers that they touch. */
interface Group {
  readonly calls: KernelCall[];
  readonly buffers: Set<VirtualBuffer>;
  readonly small: boolean;
  /** Bytes of workgroup memory. */
  memory: number;
  /** Calls for which there were too few bindings. */
  refused: number;
}

/**
 * Lets small calls that do not wait for each other run as one dispatch: the workgroups of the second follow those of the first. A
 * small network's step is little else than the cost of its dispatches, about the same for each whatever it computes.
 *
 * A call joins the nearest dispatch before it that has room, as far back as nothing touches what the call writes, or writes what it
 * touches.
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
      // Each buffer takes a binding at least: most dispatches are passed by on that account, before ranges are compared.
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

/** Workgroup size of a merged dispatch on a GPU, and so of all kernels in it that know of their workgroup. */
const together = 64;

/**
 * Whether a call has few invocations, with little to do, along one axis, and a kernel that may have neighbours. On a CPU adapter they must not share a workgroup's memory: the
 * merged workgroups have another size there.
 */
function isSmall({ kernel, workgroups: [x, y, z], flops }: KernelCall, { cpu }: AdapterTraits): boolean {
  const [size, ...others] = kernel.workgroup;
  const isFlat = y === 1 && z === 1 && others.every((n) => n === 1);
  if (kernel.alone || !isFlat || x * size > (cpu ? few : 16 * few) || flops > little) return false;
  const used = builtinsOf(kernel);
  return (!used.includes("group") && !used.includes("lane")) || (!cpu && size === together);
}

/** Whether one of two calls writes what the other touches. */
const collide = (a: KernelCall, b: KernelCall): boolean =>
  a.bindings.some((one) =>
    b.bindings.some((other) => (one.access !== "read" || other.access !== "read") && overlap(one, other)),
  );

/** Whether one dispatch may bind all buffers of some calls: a writable range must not overlap any other binding of it. */
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
  // A CPU adapter runs every branch in every four invocations, whoever takes it: there, none are left idle between two calls. On a GPU
  // all of a workgroup take one branch, which may have barriers then.
  const apart = cpu ? 4 : together;
  let end = 0;
  const shares = calls.map(({ kernel, workgroups, invocations }, k) => {
    const first = end;
    end += Math.ceil((invocations ?? workgroups[0] * kernel.workgroup[0]) / apart) * apart;
    return { kernel, first, end, places: placesOf(bound, calls, k) };
  });
  // A workgroup for each of two cores: more of them cost more than they spread.
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
    flops: calls.reduce((sum, { flops }) => sum + flops, 0),
    bytes: calls.reduce((sum, { bytes }) => sum + bytes, 0),
    written: calls.flatMap(({ written }) => written ?? []),
  };
}
