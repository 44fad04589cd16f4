import { order } from "../graph/print.ts";
import { programOf } from "../graph/program.ts";
import { type Shape, sameShape } from "../graph/shape.ts";
import { fullValue, type Node, type Tensor } from "../graph/tensor.ts";
import { kernelsOf } from "../kernels/lowering.ts";

/** Longest program of one kernel: beyond it registers run out, and compiling takes longer than a second kernel would. */
const longest = 100;

/** Pointwise nodes of one shape that become one kernel. */
export interface Group {
  readonly shape: Shape;
  /** In order of their making. */
  readonly members: readonly Node[];
}

/** Which pointwise nodes of a graph are joined, what may be, and what a group reads and is read by. */
export class Grouping {
  /** All nodes, inputs before users. */
  readonly nodes: readonly Node[];
  /** Nodes that depend on nothing but numbers, one-element tensors and positions: computed wherever they are needed. */
  readonly free: ReadonlySet<Node>;
  readonly groupOf = new Map<Node, Group>();
  readonly #roots: ReadonlySet<Tensor>;
  readonly #maxBindings: number;
  readonly #users = new Map<Tensor, Node[]>();
  /** Nodes that share a kernel in spite of not being of one group. */
  readonly #units = new Map<Node, readonly Node[]>();
  readonly #place: ReadonlyMap<Node, number>;
  /** For each node, in their order: whether one before it shares a kernel with it or one behind it. */
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

  /** Makes a group of nodes of one shape, in the place of those that they were in. */
  add(nodes: readonly Node[]): void {
    const members = [...nodes].sort((a, b) => a.id - b.id);
    const group = { shape: members[0]!.results[0]!.shape, members };
    for (const member of members) this.groupOf.set(member, group);
    this.#bind(members);
  }

  /** Notes that nodes share a kernel. */
  #bind(nodes: readonly Node[]): void {
    const places = nodes.map((node) => this.#place.get(node)!);
    const last = Math.max(...places);
    for (let i = Math.min(...places) + 1; i <= last; i++) this.#isWithin[i] = true;
  }

  /** Whether others than pointwise nodes need a node's value. */
  isStored({ results: [y] }: Node): boolean {
    return this.#roots.has(y!) || (this.#users.get(y!) ?? []).some((user) => !user.op.pointwise);
  }

  /** Whether a group may have further members: of its shape, with no more than a kernel binds, and without needing itself. */
  mayJoin({ shape, members }: Group, others: readonly Node[]): boolean {
    const union = [...members, ...others];
    return (
      sameShape(shape, others[0]!.results[0]!.shape) &&
      union.length <= longest &&
      this.#inputs(union).length + this.outputs(union).length <= this.#maxBindings &&
      this.#isConvex(union)
    );
  }

  /** A group as a program, and the results that others need. */
  programOf({ members }: Group, first: readonly Tensor[] = []) {
    const outputs = this.outputs(members);
    return { outputs, ...programOf(this.withFree(members), outputs, first) };
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

  /** Results that others than the members (and the free nodes, which read nothing here) need. */
  outputs(members: readonly Node[]): Tensor[] {
    const inside = new Set(members);
    return members
      .map((member) => member.results[0]!)
      .filter((result) => this.#roots.has(result) || (this.#users.get(result) ?? []).some((user) => !inside.has(user)));
  }

  /** Whether no path leads from the members through other units back into them. */
  #isConvex(members: readonly Node[]): boolean {
    const inside = new Set(members);
    // What comes before a place that no kernel reaches across needs nothing behind it, and no look.
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
   * The node whose kernel can compute the group as it reads it: the only one that reads anything of it, or one that `keeps` it,
   * stores it for the others. What shares a kernel then is noted.
   * @param after the groups that kernels end in, by their nodes.
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
    // What the epilogue starts from is not bound.
    const atEnd = end ? this.#inputs(end).length - 1 + this.outputs(end).length : 1;
    if (this.#inputs(members).length + Number(keeps) + node.inputs.length - 1 + atEnd > this.#maxBindings)
      return undefined;
    if (!keeps) return { node, keeps };
    const unit = [...members, node, ...(end ?? [])];
    // Its end cannot read what the kernel only stores.
    const isReadAtEnd = end?.some(({ inputs }) => inputs.includes(output!));
    if (!kernelsOf(node.op)!.keeps || isReadAtEnd || !this.#isConvex(unit)) return undefined;
    for (const each of unit) this.#units.set(each, unit);
    this.#bind(unit);
    return { node, keeps };
  }

  /** The tensor whose kernel can run the group as its epilogue: of the right shape and read by nobody else. */
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
