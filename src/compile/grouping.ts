import { order } from "../graph/print.ts";
import { programOf } from "../graph/program.ts";
import { type Shape, sameShape } from "../graph/shape.ts";
import { fullValue, type Node, type Tensor } from "../graph/tensor.ts";
import { kernelsOf } from "../kernels/lowering.ts";

/**
 * Most steps in one kernel: a longer program runs out of registers and takes longer to compile than a second kernel.
 */
const longest = 100;

/** Pointwise nodes of one shape that form one kernel. */
export interface Group {
  readonly shape: Shape;
  /** In order of creation. */
  readonly members: readonly Node[];
}

/** The groups of pointwise nodes in a graph, which of them may be joined, and what they read and write. */
export class Grouping {
  /** All nodes, inputs before users. */
  readonly nodes: readonly Node[];
  /** Nodes that depend only on numbers, one-element tensors and positions: recomputed wherever they are needed. */
  readonly free: ReadonlySet<Node>;
  readonly groupOf = new Map<Node, Group>();
  readonly #roots: ReadonlySet<Tensor>;
  readonly #maxBindings: number;
  readonly #users = new Map<Tensor, Node[]>();
  /** Nodes that share a kernel although they are not in one group. */
  readonly #units = new Map<Node, readonly Node[]>();
  readonly #place: ReadonlyMap<Node, number>;
  /** For each position, whether some kernel has nodes both before it and at or after it. */
  readonly #isWithin: boolean[] = [];

  /** @param maxBindings storage buffers that one kernel may bind. */
  constructor(roots: readonly Tensor[], maxBindings: number) {
    this.nodes = order(roots);
    this.free = freeNodes(this.nodes);
    this.#roots = new Set(roots);
    this.#maxBindings = maxBindings;
    this.#place = new Map(this.nodes.map((node, i) => [node, i]));
    for (const node of this.nodes) {
      for (const input of node.inputs) {
        const users = this.#users.get(input);
        if (users) users.push(node);
        else this.#users.set(input, [node]);
      }
    }
  }

  /** Makes a group of nodes of one shape, replacing their old groups. */
  add(nodes: readonly Node[]): void {
    const members = [...nodes].sort((a, b) => a.id - b.id);
    const group = { shape: members[0]!.results[0]!.shape, members };
    for (const member of members) this.groupOf.set(member, group);
    this.#bind(members);
  }

  /** Records that nodes share a kernel. */
  #bind(nodes: readonly Node[]): void {
    const places = nodes.map((node) => this.#place.get(node)!);
    const last = Math.max(...places);
    for (let i = Math.min(...places) + 1; i <= last; i++) this.#isWithin[i] = true;
  }

  /** Whether a node's value is an output or is read by a node that is not pointwise. */
  isStored({ results: [y] }: Node): boolean {
    return this.#roots.has(y!) || (this.#users.get(y!) ?? []).some((user) => !user.op.pointwise);
  }

  /**
   * Whether nodes may join a group: same shape, within the limits of a kernel, and no dependency of the union on
   * itself.
   */
  mayJoin({ shape, members }: Group, others: readonly Node[]): boolean {
    const union = [...members, ...others];
    return (
      sameShape(shape, others[0]!.results[0]!.shape) &&
      union.length <= longest &&
      this.#inputs(union).length + this.outputs(union).length <= this.#maxBindings &&
      this.#isConvex(union)
    );
  }

  /** A group as a program, and its results that others need. */
  programOf({ members }: Group, first: readonly Tensor[] = []) {
    const outputs = this.outputs(members);
    return { outputs, ...programOf(this.withFree(members), outputs, first) };
  }

  /** Groups that feed a node, latest first. */
  producers(node: Node): Group[] {
    const groups = node.inputs.flatMap((input) => this.groupOf.get(input.node) ?? []);
    return [...new Set(groups)].reverse();
  }

  /** The members and the free nodes that they recompute, inputs first. */
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

  /** Tensors that a set of nodes reads from outside, except numbers. */
  #inputs(members: readonly Node[]): Tensor[] {
    const all = this.withFree(members);
    const inside = new Set(all);
    const inputs = new Set<Tensor>();
    for (const member of all) {
      for (const input of member.inputs)
        if (!inside.has(input.node) && fullValue(input) === undefined) inputs.add(input);
    }
    return [...inputs];
  }

  /**
   * Results of the members that are roots or read by other nodes. Free nodes need not be considered: they read no
   * members.
   */
  outputs(members: readonly Node[]): Tensor[] {
    const inside = new Set(members);
    return members
      .map((member) => member.results[0]!)
      .filter((result) => this.#roots.has(result) || (this.#users.get(result) ?? []).some((user) => !inside.has(user)));
  }

  /** Whether no path leaves the members and comes back into them. */
  #isConvex(members: readonly Node[]): boolean {
    const inside = new Set(members);
    // Stop the search at the nearest position that no kernel spans: nothing before it depends on nodes after it.
    let start = Math.min(...members.map((node) => this.#place.get(node)!));
    while (this.#isWithin[start]) start--;
    const seen = new Set<Node>();
    const stack = this.#inputs(members).map((tensor) => tensor.node);
    while (stack.length > 0) {
      const node = stack.pop()!;
      if (inside.has(node)) return false;
      if (seen.has(node) || this.#place.get(node)! < start) continue;
      for (const unit of this.#units.get(node) ?? this.groupOf.get(node)?.members ?? [node]) {
        if (inside.has(unit)) continue;
        seen.add(unit);
        for (const input of unit.inputs) stack.push(input.node);
      }
    }
    return true;
  }

  /**
   * The node whose kernel can compute the group as it loads its input: either the group's only reader, or one that also
   * stores it for the others (`keeps`). Records the nodes that then share a kernel.
   * @param after the groups that kernels compute as they store their results, by node.
   */
  reader({ members }: Group, after: ReadonlyMap<Node, Group>): { node: Node; keeps: boolean } | undefined {
    const [output, ...others] = this.outputs(members);
    if (others.length > 0 || this.withFree(members).some(({ op }) => op.pointwise!.usesIndex)) return undefined;
    const readers = this.#users.get(output!) ?? [];
    const node = readers.find(
      (reader) =>
        kernelsOf(reader.op)?.before?.(reader) && reader.inputs.every((input, i) => (input === output) === (i === 0)),
    );
    if (!node) return undefined;
    const keeps = readers.length > 1 || this.#roots.has(output!);
    const end = after.get(node)?.members;
    // The epilogue's starting value is not bound.
    const atEnd = end ? this.#inputs(end).length - 1 + this.outputs(end).length : 1;
    if (this.#inputs(members).length + Number(keeps) + node.inputs.length - 1 + atEnd > this.#maxBindings)
      return undefined;
    if (!keeps) return { node, keeps };
    const unit = [...members, node, ...(end ?? [])];
    // The epilogue cannot read what the kernel only stores.
    const isReadAtEnd = end?.some(({ inputs }) => inputs.includes(output!));
    if (!kernelsOf(node.op)!.keeps || isReadAtEnd || !this.#isConvex(unit)) return undefined;
    for (const each of unit) this.#units.set(each, unit);
    this.#bind(unit);
    return { node, keeps };
  }

  /** The tensor whose kernel can run the group as its epilogue: same shape, and no other readers. */
  host(group: Group): Tensor | undefined {
    const inside = new Set(group.members);
    const inputs = this.#inputs(group.members);
    const outputs = this.outputs(group.members).length;
    return inputs
      .filter((tensor) => {
        const { op, inputs: own, fusion, results } = tensor.node;
        return (
          kernelsOf(op)?.after === true &&
          fusion === undefined &&
          results.length === 1 &&
          !this.#roots.has(tensor) &&
          sameShape(tensor.shape, group.shape) &&
          own.length + inputs.length - 1 + outputs <= this.#maxBindings &&
          this.#users.get(tensor)!.every((user) => inside.has(user))
        );
      })
      .sort((a, b) => b.node.id - a.node.id)[0];
  }
}

/** Pointwise nodes whose values depend only on numbers, one-element tensors and positions. */
function freeNodes(nodes: readonly Node[]): Set<Node> {
  const free = new Set<Node>();
  const isFree = (tensor: Tensor): boolean =>
    fullValue(tensor) !== undefined ||
    free.has(tensor.node) ||
    (tensor.node.op.name === "expand" && tensor.node.inputs[0]!.shape.every((n) => n === 1));
  for (const node of nodes) {
    // One-element results are worth storing: cheap to read, expensive to compute a thousand times.
    if (node.op.pointwise && node.results[0]!.shape.some((n) => n > 1) && node.inputs.every(isFree)) free.add(node);
  }
  return free;
}
