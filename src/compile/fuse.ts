import { order } from "../graph/print.ts";
import { type Shape, sameShape } from "../graph/shape.ts";
import { apply, applyAll, type Node, type Tensor } from "../graph/tensor.ts";
import { fullValue } from "../ops/constants.ts";
import { fuseNodes } from "../ops/fused.ts";
import { programOf } from "../ops/program.ts";
import { withInputs } from "./rewrite.ts";

/** Longest program of one kernel: beyond it registers run out, and compiling takes longer than a second kernel would. */
const longest = 100;

/** Pointwise nodes of one shape that become one kernel. */
interface Group {
  readonly shape: Shape;
  members: Node[];
}

/**
 * Joins pointwise nodes into as few kernels as possible, and runs a group on the result of a matmul inside the matmul's own
 * kernel where nothing else reads that result. What is left runs inside the kernel that reads it, where that is a reduction or a small
 * matmul.
 *
 * A group may have several results. Two groups are joined when one feeds the other and no path leaves the union and comes back
 * into it (the union could not be scheduled), and when inputs and results together fit the bindings of a kernel. What is cheap
 * and read by pointwise nodes alone stays with its readers rather than with its producer. Nodes that
 * depend on nothing but numbers, scalars and positions (random bits, say) are computed again wherever they are needed instead
 * of being stored.
 *
 * @param maxBindings storage buffers that one kernel may bind.
 */
export function fuse(roots: readonly Tensor[], maxBindings: number): Tensor[] {
  const nodes = order(roots);
  const rootSet = new Set(roots);
  const users = new Map<Tensor, Node[]>();
  for (const node of nodes) {
    for (const input of node.inputs) {
      const list = users.get(input);
      if (list) list.push(node);
      else users.set(input, [node]);
    }
  }
  const free = freeNodes(nodes);
  const grouping = new Grouping(nodes, users, rootSet, free);
  const { groupOf } = grouping;
  for (const node of nodes) {
    if (!node.op.pointwise) continue;
    const stored = grouping.isStored(node);
    if (free.has(node) && !stored) continue;
    let group: Group = { shape: node.results[0]!.shape, members: [node] };
    for (const producer of grouping.producers(node)) {
      const union = [...producer.members, ...group.members];
      // A value that only pointwise ops read waits for them, unless joining its producer saves a result: what is cheap is
      // computed where it is used, from what is stored anyway.
      const saves = grouping.outputs(union).length <= grouping.outputs(producer.members).length;
      if ((stored || saves) && grouping.mayJoin(producer, group, maxBindings))
        group = { shape: group.shape, members: union };
    }
    grouping.add(group);
  }
  // What waited in vain joins its producer after all.
  for (const node of nodes) {
    for (const { members } of groupOf.has(node) ? grouping.producers(node) : []) {
      // Both may have grown since.
      const [producer, group] = [groupOf.get(members[0]!)!, groupOf.get(node)!];
      if (producer === group || !grouping.mayJoin(producer, group, maxBindings)) continue;
      grouping.add({ shape: group.shape, members: [...producer.members, ...group.members] });
    }
  }
  for (const group of new Set(groupOf.values())) group.members.sort((a, b) => a.id - b.id);
  return rebuild(roots, grouping, maxBindings);
}

/** Pointwise nodes whose values come from numbers, one-element tensors and positions alone. */
function freeNodes(nodes: readonly Node[]): Set<Node> {
  const free = new Set<Node>();
  const isFree = (tensor: Tensor): boolean =>
    fullValue(tensor) !== undefined ||
    free.has(tensor.node) ||
    (tensor.node.op.name === "expand" && tensor.node.inputs[0]!.shape.every((n) => n === 1));
  for (const node of nodes) {
    // One-element results are worth storing: they are cheap to read and dear to compute a thousand times.
    if (node.op.pointwise && node.results[0]!.shape.some((n) => n > 1) && node.inputs.every(isFree)) free.add(node);
  }
  return free;
}

/** What may be joined with what, and what a group reads and is read by. */
class Grouping {
  readonly groupOf = new Map<Node, Group>();
  readonly users: ReadonlyMap<Tensor, readonly Node[]>;
  readonly roots: ReadonlySet<Tensor>;
  readonly free: ReadonlySet<Node>;
  /** Nodes that share a kernel in spite of not being of one group. */
  readonly units = new Map<Node, readonly Node[]>();
  readonly #place: ReadonlyMap<Node, number>;
  /** For each node, in their order: whether one before it shares a kernel with it or one behind it. */
  readonly #isWithin: boolean[] = [];

  constructor(nodes: readonly Node[], users: Map<Tensor, Node[]>, roots: Set<Tensor>, free: Set<Node>) {
    this.#place = new Map(nodes.map((node, i) => [node, i]));
    this.users = users;
    this.roots = roots;
    this.free = free;
  }

  /** Puts a group in the place of those that its members were in. */
  add(group: Group): void {
    for (const member of group.members) this.groupOf.set(member, group);
    this.#bind(group.members);
  }

  /** Notes that nodes share a kernel. */
  #bind(nodes: readonly Node[]): void {
    const places = nodes.map((node) => this.#place.get(node)!);
    const last = Math.max(...places);
    for (let i = Math.min(...places) + 1; i <= last; i++) this.#isWithin[i] = true;
  }

  /** Whether others than pointwise nodes need a node's value. */
  isStored({ results: [y] }: Node): boolean {
    return this.roots.has(y!) || (this.users.get(y!) ?? []).some((user) => !user.op.pointwise);
  }

  mayJoin(a: Group, b: Group, maxBindings: number): boolean {
    if (!sameShape(a.shape, b.shape)) return false;
    if (a.members.length + b.members.length > longest) return false;
    const union = [...a.members, ...b.members];
    return this.fits(union, maxBindings) && this.isConvex(union);
  }

  /** Groups that feed a node, the latest made first. */
  producers(node: Node): Group[] {
    const groups = node.inputs.flatMap((input) => this.groupOf.get(input.node) ?? []);
    return [...new Set(groups)].reverse();
  }

  /** The members together with the free nodes that they recompute, inputs first. */
  withFree(members: readonly Node[]): Node[] {
    const all = new Set(members);
    const stack = [...members];
    while (stack.length > 0) {
      for (const { node } of stack.pop()!.inputs) {
        if (all.has(node) || !this.free.has(node)) continue;
        all.add(node);
        stack.push(node);
      }
    }
    return [...all].sort((a, b) => a.id - b.id);
  }

  /** Tensors that a set of nodes reads from outside; numbers do not count. */
  inputs(members: readonly Node[]): Tensor[] {
    const all = this.withFree(members);
    const inside = new Set(all);
    const inputs = new Set<Tensor>();
    for (const member of all) {
      for (const input of member.inputs)
        if (!inside.has(input.node) && fullValue(input) === undefined) inputs.add(input);
    }
    return [...inputs];
  }

  /** Results that others than the members (and the free nodes, which read nothing here) need. */
  outputs(members: readonly Node[]): Tensor[] {
    const inside = new Set(members);
    return members
      .map((member) => member.results[0]!)
      .filter((result) => this.roots.has(result) || (this.users.get(result) ?? []).some((user) => !inside.has(user)));
  }

  fits(members: readonly Node[], maxBindings: number): boolean {
    return this.inputs(members).length + this.outputs(members).length <= maxBindings;
  }

  /** Whether no path leads from the members through other units back into them. */
  isConvex(members: readonly Node[]): boolean {
    const inside = new Set(members);
    // What comes before a place that no kernel reaches across needs nothing behind it, and no look.
    let start = Math.min(...members.map((node) => this.#place.get(node)!));
    while (this.#isWithin[start]) start--;
    const seen = new Set<Node>();
    const stack = this.inputs(members).map((tensor) => tensor.node);
    while (stack.length > 0) {
      const node = stack.pop()!;
      if (inside.has(node)) return false;
      if (seen.has(node) || this.#place.get(node)! < start) continue;
      for (const unit of this.units.get(node) ?? this.groupOf.get(node)?.members ?? [node]) {
        if (inside.has(unit)) continue;
        seen.add(unit);
        for (const input of unit.inputs) stack.push(input.node);
      }
    }
    return true;
  }

  /**
   * The node whose kernel can compute the group as it reads it. It is the only one that reads anything of it, or can store it for the
   * others.
   * @param after the groups that kernels end in, by their nodes.
   */
  reader(
    { members }: Group,
    after: ReadonlyMap<Node, Group>,
    maxBindings: number,
  ): { node: Node; kept?: Tensor } | undefined {
    const [output, ...others] = this.outputs(members);
    if (others.length > 0 || this.withFree(members).some(({ op }) => op.pointwise!.usesIndex)) return undefined;
    const readers = this.users.get(output!) ?? [];
    const node = readers.find(
      (reader) =>
        reader.op.takesPrologue?.(reader) && reader.inputs.every((input, i) => (input === output) === (i === 0)),
    );
    if (!node) return undefined;
    const kept = readers.length > 1 || this.roots.has(output!);
    const end = after.get(node)?.members;
    // What the epilogue starts from is not bound.
    const atEnd = end ? this.inputs(end).length - 1 + this.outputs(end).length : 1;
    if (this.inputs(members).length + Number(kept) + node.inputs.length - 1 + atEnd > maxBindings) return undefined;
    if (!kept) return { node };
    const unit = [...members, node, ...(end ?? [])];
    // Its end cannot read what the kernel only stores.
    const isReadAtEnd = end?.some(({ inputs }) => inputs.includes(output!));
    if (!node.op.keepsPrologue || isReadAtEnd || !this.isConvex(unit)) return undefined;
    for (const each of unit) this.units.set(each, unit);
    this.#bind(unit);
    return { node, kept: output! };
  }

  /** The tensor whose kernel can run the group as its epilogue: of the right shape and read by nobody else. */
  host(group: Group, maxBindings: number): Tensor | undefined {
    const inside = new Set(group.members);
    const inputs = this.inputs(group.members);
    const outputs = this.outputs(group.members).length;
    return inputs
      .filter((tensor) => {
        const { op, inputs: own, attrs, results } = tensor.node;
        return (
          op.epilogueAfter !== undefined &&
          attrs["epilogue"] === undefined &&
          results.length === 1 &&
          !this.roots.has(tensor) &&
          sameShape(tensor.shape, group.shape) &&
          own.length + inputs.length - 1 + outputs <= maxBindings &&
          this.users.get(tensor)!.every((user) => inside.has(user))
        );
      })
      .sort((a, b) => b.node.id - a.node.id)[0];
  }
}

/** Makes the new graph, unit by unit: inputs first. */
function rebuild(roots: readonly Tensor[], grouping: Grouping, maxBindings: number): Tensor[] {
  const groups = new Set(grouping.groupOf.values());
  /** Results whose kernels end in a group, by the group; and the group, by their node. */
  const hosts = new Map<Group, Tensor>();
  const epilogues = new Map<Node, Group>();
  for (const group of groups) {
    const host = grouping.host(group, maxBindings);
    if (!host || epilogues.has(host.node)) continue;
    hosts.set(group, host);
    epilogues.set(host.node, group);
  }
  /** What nodes read and are told whose kernels compute a group as they read it. */
  const prologues = new Map<Node, Pick<Node, "inputs" | "attrs">>();
  /** Of these, what they store of it; and the node, by the group. */
  const kept = new Map<Node, Tensor>();
  const keepers = new Map<Group, Node>();
  for (const group of groups) {
    const reader = hosts.has(group) ? undefined : grouping.reader(group, epilogues, maxBindings);
    if (!reader) continue;
    const { program, inputs } = programOf(grouping.withFree(group.members), grouping.outputs(group.members));
    const { node } = reader;
    const attrs = { ...node.attrs, prologue: program, ...(reader.kept && { kept: true }) };
    prologues.set(node, { inputs: [...inputs, ...node.inputs.slice(1)], attrs });
    if (!reader.kept) continue;
    kept.set(node, reader.kept);
    keepers.set(group, node);
  }
  const done = new Map<Tensor, Tensor>();
  const now = (tensor: Tensor): Tensor => done.get(tensor) ?? tensor;

  const own = (node: Node): Pick<Node, "inputs" | "attrs"> => prologues.get(node) ?? node;
  /** What is made together with a node. */
  const unitOf = (node: Node): Node | Group => {
    const group = grouping.groupOf.get(node);
    const keeper = group && keepers.get(group);
    return keeper ? (epilogues.get(keeper) ?? keeper) : (group ?? node);
  };
  /** What must be there before a unit can be made. */
  const needs = (unit: Node | Group): readonly Tensor[] => {
    if (!("members" in unit)) return own(unit).inputs;
    const host = hosts.get(unit);
    return grouping.inputs(unit.members).flatMap((tensor) => (tensor === host ? own(host.node).inputs : [tensor]));
  };
  /** Puts down the results of a kernel: those it is there for, and what it stores of its prologue. */
  const put = (wanted: readonly Tensor[], results: readonly Tensor[], node?: Node): void => {
    const all = [...wanted, ...(node && kept.has(node) ? [kept.get(node)!] : [])];
    all.forEach((tensor, i) => done.set(tensor, results[i]!));
  };
  const make = (unit: Node | Group): void => {
    if (!("members" in unit)) {
      const { inputs, attrs } = own(unit);
      const results = prologues.has(unit)
        ? applyAll(unit.op, inputs.map(now), attrs)
        : withInputs(unit, inputs.map(now));
      put(unit.results, results, unit);
      return;
    }
    const host = hosts.get(unit);
    const members = grouping.withFree(unit.members);
    const outputs = grouping.outputs(unit.members);
    const { program, inputs } = programOf(members, outputs, host && [host]);
    const base = host && own(host.node);
    const results = base
      ? applyAll(host.node.op, [...base.inputs, ...inputs.slice(1)].map(now), { ...base.attrs, epilogue: program })
      : members.length === 1
        ? [apply(members[0]!.op, members[0]!.inputs.map(now), members[0]!.attrs)]
        : fuseNodes(program, inputs.map(now), unit.shape);
    put(outputs, results, host?.node);
  };

  const started = new Set<Node | Group>();
  for (const root of roots) {
    const stack = [unitOf(root.node)];
    while (stack.length > 0) {
      const unit = stack[stack.length - 1]!;
      if (started.has(unit)) {
        if (!done.has(firstResult(unit, grouping))) make(unit);
        stack.pop();
        continue;
      }
      started.add(unit);
      for (const { node } of needs(unit)) if (!started.has(unitOf(node))) stack.push(unitOf(node));
    }
  }
  return roots.map(now);
}

/** A result by which one can tell whether a unit has been made. */
const firstResult = (unit: Node | Group, grouping: Grouping): Tensor =>
  "members" in unit ? grouping.outputs(unit.members)[0]! : unit.results[0]!;
