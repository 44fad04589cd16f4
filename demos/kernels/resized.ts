import type { Edit, Source } from "./rows.ts";

/**
 * The kernels of a variant with another number of invocations per workgroup, for kernels along one axis without
 * barriers, whose invocations know nothing of their workgroup. Undefined if there is none. Surplus invocations do
 * nothing, and there are never fewer than before.
 */
export function resized(sources: readonly Source[], size: number): readonly Edit[] | undefined {
  const edits = sources.flatMap(({ wgsl, workgroups: [x, y, z] }, kernel): Edit[] => {
    const [all, before] = /@workgroup_size\((\d+)\)/.exec(wgsl) ?? [];
    const isOne = /workgroupBarrier|var<workgroup>|workgroup_id|num_workgroups|local_invocation/.test(wgsl);
    if (!all || isOne) return [];
    const groups = Math.ceil((x * Number(before)) / size);
    if (groups > 65535) return [];
    return [{ kernel, wgsl: wgsl.replace(all, `@workgroup_size(${size})`), workgroups: [groups, y, z] }];
  });
  return edits.length > 0 ? edits : undefined;
}
