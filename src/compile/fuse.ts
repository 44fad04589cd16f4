import { withInputs } from "../graph/rewrite.ts";
import { applyAll, type Fusion, type Node, type Tensor } from "../graph/tensor.ts";
import type { Trace } from "../graph/trace.ts";
import { fuseNodes } from "../kernels/elementwise.ts";
import { inLayer } from "../layer.ts";
import { type Group, Grouping } from "./grouping.ts";

/**
 * Joins pointwise nodes into as few kernels as possible. A group that reads the result of a matmul runs inside the
 * matmul's kernel if nothing else reads that result. A remaining group that feeds a reduction or a small matmul runs
 * inside its reader's kernel.
 *
 * A group may have several results. Two groups are joined when one feeds the other, no path leaves the union and comes
 * back (it could not be scheduled), and the inputs and results together fit the bindings of a kernel. A cheap node that
 * only pointwise nodes read stays with its readers rather than with its producer. Nodes that depend only on numbers,
 * scalars and positions (random bits, for example) are recomputed wherever they are needed instead of being stored.
 *
 * @param maxBindings storage buffers that one kernel may bind.
 * @param trace takes which nodes share which kernel.
 */
export function fuse(roots: readonly Tensor[], maxBindings: number, trace?: Trace): Tensor[] {
  const grouping = new Grouping(roots, maxBindings);
  const { nodes, groupOf } = grouping;
  for (const node of nodes) {
    if (!node.op.pointwise) continue;
    const stored = grouping.isStored(node);
    if (grouping.free.has(node) && !stored) continue;
    let members: readonly Node[] = [node];
    for (const producer of grouping.producers(node)) {
      const union = [...producer.members, ...members];
      // A value that only pointwise ops read waits for them, unless joining its producer saves a result: it is cheap to
      // compute at its use.
      const saves = grouping.outputs(union).length <= grouping.outputs(producer.members).length;
      if ((stored || saves) && grouping.mayJoin(producer, members)) members = union;
    }
    grouping.add(members);
  }
  // Join deferred groups with their producers where still allowed.
  for (const node of nodes) {
    for (const { members } of groupOf.has(node) ? grouping.producers(node) : []) {
      // Both may have grown by now.
      const [producer, group] = [groupOf.get(members[0]!)!, groupOf.get(node)!];
      if (producer === group || !grouping.mayJoin(producer, group.members)) continue;
      grouping.add([...producer.members, ...group.members]);
    }
  }
  return rebuild(roots, grouping, trace);
}

/** A kernel of the new graph, described by tensors of the old one. */
interface Kernel {
  readonly nodes: readonly Node[];
  readonly inputs: readonly Tensor[];
  readonly results: readonly Tensor[];
  readonly layer: string;
  /** Builds the results from the new inputs. */
  make(inputs: readonly Tensor[]): readonly Tensor[];
}

/** Builds the new graph kernel by kernel, inputs first. */
function rebuild(roots: readonly Tensor[], grouping: Grouping, trace?: Trace): Tensor[] {
  const groups = new Set(grouping.groupOf.values());
  /** For each node, the groups its kernel computes as it loads its input, and as it stores its result. */
  const before = new Map<Node, Group>();
  const after = new Map<Node, Group>();
  /** For each group, the node whose kernel stores its results. */
  const nodeOf = new Map<Group, Node>();
  for (const group of groups) {
    const host = grouping.host(group);
    if (!host || after.has(host.node)) continue;
    after.set(host.node, group);
    nodeOf.set(group, host.node);
  }
  for (const group of groups) {
    const reader = nodeOf.has(group) ? undefined : grouping.reader(group, after);
    if (!reader) continue;
    before.set(reader.node, group);
    if (reader.keeps) nodeOf.set(group, reader.node);
  }

  const membersOf = (group: Group | undefined) => (group ? grouping.withFree(group.members) : []);
  const kernelFor = (node: Node): Kernel => {
    const [begin, end] = [before.get(node), after.get(node)];
    if (!begin && !end) return { ...node, nodes: [node], make: (inputs) => withInputs(node, inputs) };
    const first = begin && grouping.programOf(begin);
    const last = end && grouping.programOf(end, node.results);
    const keeps = begin && nodeOf.has(begin);
    const fusion: Fusion = { before: first?.program, keeps, after: last?.program };
    return {
      nodes: [...membersOf(begin), node, ...membersOf(end)],
      inputs: [...(first ? [...first.inputs, ...node.inputs.slice(1)] : node.inputs), ...(last?.inputs.slice(1) ?? [])],
      results: [...(last?.outputs ?? node.results), ...(keeps ? first!.outputs : [])],
      layer: node.layer,
      make: (now) => applyAll(node.op, now, node.attrs, node.effects, fusion),
    };
  };
  const kernelOfGroup = (group: Group): Kernel => {
    const nodes = membersOf(group);
    const [first, ...others] = nodes;
    if (others.length === 0) return kernelFor(first!);
    const { outputs, program, inputs } = grouping.programOf(group);
    return {
      nodes,
      inputs,
      results: outputs,
      layer: first!.layer,
      make: (now) => fuseNodes(program, now, group.shape),
    };
  };
  const kernels = new Map<Node | Group, Kernel>();
  const kernelOf = ({ node }: Tensor): Kernel => {
    const group = grouping.groupOf.get(node);
    const unit = group ? (nodeOf.get(group) ?? group) : node;
    const kernel = kernels.get(unit) ?? ("members" in unit ? kernelOfGroup(unit) : kernelFor(unit));
    kernels.set(unit, kernel);
    return kernel;
  };

  const done = new Map<Tensor, Tensor>();
  const now = (tensor: Tensor): Tensor => done.get(tensor)!;
  const started = new Set<Kernel>();
  for (const root of roots) {
    const stack = [kernelOf(root)];
    while (stack.length > 0) {
      const kernel = stack[stack.length - 1]!;
      const { inputs, results } = kernel;
      if (!started.has(kernel)) {
        started.add(kernel);
        stack.push(...inputs.map(kernelOf).filter((input) => !started.has(input)));
        continue;
      }
      stack.pop();
      if (done.has(results[0]!)) continue;
      const made = inLayer(kernel.layer, () => kernel.make(inputs.map(now)));
      made.forEach((tensor, i) => done.set(results[i]!, tensor));
      if (made !== results) trace?.push({ nodes: kernel.nodes, results, made });
    }
  }
  return roots.map(now);
}
