import type { AdapterTraits, Binding, KernelCall, VirtualBuffer } from "../graph/op.ts";
import { bindingStep } from "./homes.ts";

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
interface Dispatch {
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
 * touches. Works on the texts of kernels, so that no kernel family has to know of it.
 */
export function merge(calls: readonly KernelCall[], traits: AdapterTraits): readonly KernelCall[] {
  const { maxStorageBuffers, maxWorkgroupBytes } = traits;
  const dispatches: Dispatch[] = [];
  for (const call of calls) {
    const small = isSmall(call, traits);
    const memory = small ? workgroupBytes(call) : 0;
    const touched = call.bindings.map(({ buffer }) => buffer);
    let home: Dispatch | undefined;
    const last = dispatches.length - 1;
    for (let i = last; i >= 0 && i > last - reach && small && !home; i--) {
      const before = dispatches[i]!;
      const fresh = touched.filter((buffer) => !before.buffers.has(buffer)).length;
      if (fresh < touched.length && before.calls.some((other) => collide(other, call))) break;
      // Each buffer takes a binding at least: most dispatches are passed by on that account, before any text is looked at.
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
  return dispatches.map(({ calls: several }) => (several.length === 1 ? several[0]! : joined(several, traits)));
}

/** A kernel's entry: its invocations know their number in the dispatch, or that of their workgroup and their own in it. */
const entry =
  /@compute @workgroup_size\((\d+)\)\s+fn main\(@builtin\(\w+\) (?:(id): vec3u|group: vec3u, @builtin\(local_invocation_index\) lane: u32)\)/;

/** Size of the workgroups of what is joined for a GPU, and so of all kernels in it that know of their workgroup. */
const together = 64;

/**
 * Whether a call has few invocations, with little to do, along one axis. On a CPU adapter these know of each other only within quads.
 * Structures stay out: their members could not be told from names of the module.
 */
function isSmall({ wgsl, workgroups: [x, y, z], flops }: KernelCall, { cpu }: AdapterTraits): boolean {
  const [, size, id] = wgsl.match(entry) ?? [];
  const isFew = y === 1 && z === 1 && x * Number(size) <= (cpu ? few : 16 * few);
  const mayStand = id !== undefined || (!cpu && Number(size) === together);
  return isFew && mayStand && flops <= little && !/^struct\b/m.test(wgsl);
}

/** Bytes of workgroup memory that a kernel takes at most: its elements are no larger than a vec4. */
const workgroupBytes = ({ wgsl }: KernelCall): number =>
  [...wgsl.matchAll(/^var<workgroup> .* (\d+)>/gm)].reduce((sum, [, length]) => sum + 16 * Number(length), 0);

const overlap = (a: Binding, b: Binding): boolean =>
  a.buffer === b.buffer && a.offset < b.offset + b.size && b.offset < a.offset + a.size;

/** Whether one of two calls writes what the other touches. */
const collide = (a: KernelCall, b: KernelCall): boolean =>
  a.bindings.some((one) =>
    b.bindings.some((other) => (one.access !== "read" || other.access !== "read") && overlap(one, other)),
  );

/** Whether one dispatch may bind all that some calls bind: what is bound as writable must not meet anything else. */
function fits(calls: readonly KernelCall[], maxBindings: number): boolean {
  const bindings = shared(calls).map(({ binding }) => binding);
  return (
    bindings.length <= maxBindings &&
    bindings.every((one, i) => one.access === "read" || bindings.every((other, k) => k === i || !overlap(one, other)))
  );
}

const declaration = /^@group\(0\) @binding\((\d+)\) var<storage, \w+> (\w+): array<(\w+), (\d+)>;$/gm;

interface Declared {
  readonly binding: Binding;
  readonly name: string;
  /** Type of an element, and its bytes. */
  readonly type: string;
  readonly bytes: number;
}

const parsed = new WeakMap<KernelCall, readonly Declared[]>();

/** What a call's text declares of buffers. Read once: a call is compared with many. */
function declared(call: KernelCall): readonly Declared[] {
  const all = parsed.get(call);
  if (all) return all;
  const { wgsl, bindings } = call;
  const aliases = new Map([...wgsl.matchAll(/^alias (\w+) = (\w+);/gm)].map(([, alias, type]) => [alias, type!]));
  const found = [...wgsl.matchAll(declaration)].map(([, n, name, type, length]) => {
    const binding = bindings[Number(n)]!;
    return { binding, name: name!, type: aliases.get(type) ?? type!, bytes: binding.size / Number(length) };
  });
  parsed.set(call, found);
  return found;
}

interface Shared extends Pick<Declared, "binding" | "type" | "bytes"> {
  /** What it is called by each call that binds it, and how many elements into the range that call's own begins. */
  readonly names: readonly { readonly call: number; readonly name: string; readonly at: number }[];
}

/**
 * What some calls bind between them. Ranges of a buffer that hold the same type are bound as one where they are the same and only read,
 * or neighbours, as an arena's are. WebGPU wants no buffer both read-only and writable in a dispatch: of one that is written, other
 * ranges are bound as writable, too.
 */
function shared(calls: readonly KernelCall[]): Shared[] {
  const all = calls.flatMap((one, call) => declared(one).map((each) => ({ ...each, call })));
  const written = new Set(all.flatMap(({ binding }) => (binding.access === "read" ? [] : binding.buffer)));
  const joined: Shared[] = [];
  for (const { binding, type, bytes, name, call } of all.sort((a, b) => a.binding.offset - b.binding.offset)) {
    const { buffer, offset, size, access } = binding;
    const end = offset + size;
    const mayJoin = ({ binding: before, ...other }: Shared): boolean => {
      const gap = offset - before.offset - before.size;
      const next = gap >= 0 && gap < bindingStep;
      return before.buffer === buffer && other.type === type && (next || (access === "read" && gap + size <= 0));
    };
    const i = joined.findIndex(mayJoin);
    const known = joined[i];
    const from = known?.binding.offset ?? offset;
    joined[i < 0 ? joined.length : i] = {
      binding: {
        buffer,
        offset: from,
        size: Math.max(end - from, known?.binding.size ?? 0),
        access: written.has(buffer) ? "read_write" : "read",
      },
      type,
      bytes,
      names: [...(known?.names ?? []), { call, name, at: (offset - from) / bytes }],
    };
  }
  return joined;
}

/** One call out of several: their texts one after the other, with names of their own, and an entry that branches. */
function joined(calls: readonly KernelCall[], { cpu }: AdapterTraits): KernelCall {
  const bound = shared(calls).map((each) => ({ ...each, name: `${each.names[0]!.name}_k${each.names[0]!.call}` }));
  const directives = new Set<string>();
  const bodies: string[] = [];
  const branches: string[] = [];
  // A CPU adapter runs every branch in every four invocations, whoever takes it: there, none are left idle between two calls. On a GPU
  // all of a workgroup take one branch, which may have barriers then.
  const apart = cpu ? 4 : together;
  let end = 0;
  calls.forEach(({ wgsl, workgroups, invocations }, k) => {
    const [, width, id] = wgsl.match(entry)!;
    const text = wgsl
      .replace(/^(enable|diagnostic)\b.*\n/gm, (directive) => {
        directives.add(directive.trim());
        return "";
      })
      .replace(declaration, "")
      .replace(entry, `fn main(${id ? "id: vec3u" : "group: vec3u, lane: u32"})`);
    const buffers = new Map(
      bound.flatMap(({ names, name }) =>
        names
          .filter(({ call }) => call === k)
          .map((own) => [own.name, `${name}[${own.at > 0 ? `${own.at}u + ` : ""}`] as const),
      ),
    );
    bodies.push(renamed(text, k, buffers));
    const first = end;
    end += Math.ceil((invocations ?? workgroups[0] * Number(width)) / apart) * apart;
    const from = (name: string, skipped: number) => (skipped === 0 ? name : `vec3u(${name}.x - ${skipped}u, 0u, 0u)`);
    const own = id ? from("id", first) : `${from("group", first / together)}, lane`;
    branches.push(`if (${cpu ? `id.x < ${end}u` : `group.x < ${end / together}u`}) { main_k${k}(${own}); }`);
  });
  if (directives.has("enable subgroups;")) directives.add("diagnostic(off, subgroup_uniformity);");
  // A workgroup for each of two cores: more of them cost more than they spread.
  const size = cpu ? Math.min(64, 4 * Math.ceil(end / 8)) : together;
  const wgsl = [
    ...[...directives].sort((a, b) => Number(b.startsWith("enable")) - Number(a.startsWith("enable"))),
    ...bound.map(
      ({ binding, name, type, bytes }, b) =>
        `@group(0) @binding(${b}) var<storage, ${binding.access}> ${name}: array<${type}, ${binding.size / bytes}>;`,
    ),
    ...bodies,
    `@compute @workgroup_size(${size})`,
    `fn main(@builtin(global_invocation_id) id: vec3u${cpu ? "" : ", @builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32"}) {`,
    `  ${branches.join("\n  else ")}`,
    "}\n",
  ];
  return {
    label: calls.map(({ label }) => label).join(" | "),
    layer: [...new Set(calls.flatMap(({ layer }) => layer || []))].join(" | "),
    family: "merged",
    variant: calls.map(({ family, variant }) => `${family}/${variant}`).join(" | "),
    wgsl: wgsl.join("\n").replace(/\n{3,}/g, "\n\n"),
    bindings: bound.map(({ binding }) => binding),
    workgroups: [Math.ceil(end / size), 1, 1],
    flops: calls.reduce((sum, { flops }) => sum + flops, 0),
    bytes: calls.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/**
 * A kernel's text with `_k0`, `_k1`, … behind each name that it declares for the module.
 * @param buffers what stands for the beginning of an access to a buffer, by its name: `x[4u + ` for `x[`.
 */
function renamed(text: string, k: number, buffers: ReadonlyMap<string, string>): string {
  const declared = new Set([...text.matchAll(/^(?:const|alias|fn|var(?:<[^>]*>)?) (\w+)/gm)].map(([, name]) => name));
  return text.replace(
    /(?<![.\w])(\w+)(\[?)/g,
    (whole, name, bracket) =>
      (bracket && buffers.get(name)) || (declared.has(name) ? `${name}_k${k}${bracket}` : whole),
  );
}
