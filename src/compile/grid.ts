import { LimitError } from "../errors.ts";
import type { AdapterTraits, KernelCall } from "../graph/op.ts";
import { entryOf } from "./entry.ts";

/** A workgroup's running number is a u32, and so are those of its invocations along an axis. */
const most = 2 ** 32 - 1;

/**
 * Lays a grid that has more workgroups along an axis than the adapter takes (65,535, as a rule) out over all three. Each workgroup
 * finds its place in the kernel's own grid by its running number. The few that are too many leave before they do anything: as all of a
 * workgroup leave, barriers may follow. Works on the text, so that kernels are written for grids of any size.
 */
export function fold(call: KernelCall, { maxWorkgroups: max }: AdapterTraits): KernelCall {
  const { workgroups, label, wgsl } = call;
  const [x, y, z] = workgroups;
  if (Math.max(...workgroups) <= max) return call;
  const entry = entryOf(wgsl);
  const count = x * y * z;
  const depth = Math.ceil(count / max ** 2);
  const rows = Math.ceil(count / depth / max);
  const across = Math.ceil(count / depth / rows);
  if (depth > max || across * rows * depth > most || workgroups.some((n, axis) => n * entry.size[axis]! > most)) {
    throw new LimitError(
      `compile: ${label} takes ${showGrid(workgroups)} workgroups; this adapter runs ${max} along each of three axes and ` +
        `kernels count ${most} of them at most`,
    );
  }
  const number = [
    "at.x",
    ...(rows > 1 ? [`at.y * ${across}u`] : []),
    ...(depth > 1 ? [`at.z * ${across * rows}u`] : []),
  ];
  const values: Readonly<Record<string, string>> = {
    workgroup_id: "group",
    global_invocation_id: `group * vec3u(${entry.size.map((n) => `${n}u`).join(", ")}) + local`,
    local_invocation_id: "local",
    local_invocation_index: "lane",
  };
  return {
    ...call,
    workgroups: [across, rows, depth],
    wgsl: `${entry.as("unfolded")}
// ${showGrid(workgroups)} workgroups, laid out as ${showGrid([across, rows, depth])}.
${entry.attributes}
fn main(@builtin(workgroup_id) at: vec3u, @builtin(local_invocation_id) local: vec3u, @builtin(local_invocation_index) lane: u32) {
  let number = ${number.join(" + ")};
  if (number >= ${count}u) { return; }
  let group = vec3u(number % ${x}u, number / ${x}u % ${y}u, number / ${x * y}u);
  unfolded(${entry.named.map(({ builtin }) => values[builtin]!).join(", ")});
}
`,
  };
}

const showGrid = (workgroups: readonly number[]): string => workgroups.join(" × ");
