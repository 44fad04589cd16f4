import { sameShape } from "../../graph/shape.ts";
import type { Node, Tensor } from "../../graph/tensor.ts";
import { inputsOf } from "../../kernels/recurrent.ts";
import { cast, concat, constant, full, split, unsqueeze } from "../../ops/index.ts";
import { type Linear, linearOf, named } from "./linear.ts";
import { type Kind, kinds, type Sequence, type Sequences, sequenceOf, type Written } from "./sequences.ts";
import type { Form, Target } from "./target.ts";

/*
 * A recurrence over a sequence. tilegrad computes the input's part of the gates before it; ONNX takes the input and its
 * weights. Where both directions read one input and are joined, they are one node.
 */

/** Where ONNX's blocks are in PyTorch's layout: input, output, forget, candidate; update, reset, candidate. */
const blocks: Readonly<Record<Kind, readonly number[]>> = { LSTM: [0, 3, 1, 2], GRU: [1, 0, 2], RNN: [0] };

/** One direction: the input, and weights in PyTorch's layout. */
interface Direction {
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly recurrence: Tensor;
  /** Of the input's part and of the state's. */
  readonly biases: readonly [Tensor | undefined, Tensor | undefined];
  readonly h: Tensor | undefined;
  readonly c: Tensor | undefined;
}

function directionOf(node: Node): Direction {
  const { gates, weight: recurrence, bias, startH, startC } = inputsOf(node);
  const linear = linearOf(gates!) ?? mixedLinear(gates!);
  const isSeparate = kinds[node.op.name] === "GRU";
  const both = linear?.bias?.node.op.name === "add" && !isSeparate ? linear.bias.node.inputs : undefined;
  const biases: Direction["biases"] = both ? [both[0], both[1]] : [linear?.bias, bias];
  const common = { recurrence: recurrence!, h: startH, c: startC };
  if (linear) return { x: linear.x, weight: linear.weight, biases, ...common };
  // Gates of another origin are the input, and their weight is the identity.
  const wide = recurrence!.shape[0]!;
  const identity = new Float32Array(wide * wide);
  for (let i = 0; i < wide; i++) identity[i * (wide + 1)] = 1;
  const weight = constant(identity, [wide, wide], undefined, recurrence!.dtype);
  return { x: gates!, weight, biases: [undefined, bias], ...common };
}

/** A linear map whose bias mixed precision adds in f32, between casts: ONNX adds it within the recurrence. */
function mixedLinear(gates: Tensor): Linear | undefined {
  const linear = linearOf(gates, (value) => (named(value, "cast") ? value.node.inputs[0]! : value));
  const isOne = linear && [linear.x, linear.weight].every(({ dtype }) => dtype === gates.dtype);
  return isOne ? linear : undefined;
}

const readsOf = ({ x, h, c }: Direction): Tensor[] => [x, ...(h ? [h] : []), ...(c ? [c] : [])];

/** Both directions of a layer, joined at the last axis. Each is in one pair at most. */
function pairOf({ op, inputs, attrs }: Node, { pairs }: Sequences): Sequence | undefined {
  const [forward, backward] = inputs;
  if (op.name !== "concat" || inputs.length !== 2 || attrs["axis"] !== 2) return undefined;
  const [a, b] = [forward!.node, backward!.node];
  const isPair =
    a.op.name in kinds &&
    a.op === b.op &&
    !a.attrs["reverse"] &&
    b.attrs["reverse"] &&
    a.attrs["batchFirst"] === b.attrs["batchFirst"] &&
    forward!.index === 0 &&
    backward!.index === 0 &&
    sameShape(forward!.shape, backward!.shape) &&
    directionOf(a).x === directionOf(b).x &&
    (pairs.get(a)?.nodes[1] ?? b) === b &&
    (pairs.get(b)?.nodes[0] ?? a) === a;
  return isPair ? { ...sequenceOf(a), nodes: [a, b] } : undefined;
}

/** Writes a sequence once. */
function outputsOf(to: Target, sequence: Sequence): Written {
  const known = to.sequences.written.get(sequence.nodes[0]!);
  if (known) return known;
  const { kind, isBatchFirst, nodes } = sequence;
  const directions = nodes.map(directionOf);
  const [{ x, recurrence }] = directions as [Direction];
  const hidden = recurrence.shape[1]!;
  const rows = x.shape[isBatchFirst ? 0 : 1]!;
  const reordered = (tensor: Tensor): Tensor => {
    const parts = split(tensor, 0, tensor.shape[0]! / blocks[kind].length);
    return concat(blocks[kind].map((i) => parts[i]!));
  };
  const zeros = full([recurrence.shape[0]!], 0, recurrence.dtype);
  const stacked = (hint: string, parts: (direction: Direction) => readonly (Tensor | undefined)[]) =>
    to.folded(hint, directions.flatMap(parts), (all) => {
      const each = all.map((part) => reordered(part ? cast(part, zeros.dtype) : zeros));
      const length = each.length / directions.length;
      return concat(directions.map((_, i) => unsqueeze(concat(each.slice(i * length, (i + 1) * length)), 0)));
    });
  const hasBias = directions.some(({ biases }) => biases.some((bias) => bias));
  const start = (state: "h" | "c") => {
    if (!directions.some((direction) => direction[state])) return "";
    const parts = directions.map((direction) =>
      to.value(unsqueeze(direction[state] ?? full([rows, hidden], 0, x.dtype), 0)),
    );
    return parts.length === 1 ? parts[0]! : to.emit("Concat", parts, { axis: 0 });
  };
  const line = to.value(x);
  const inputs = [
    isBatchFirst ? to.emit("Transpose", [line], { perm: [1, 0, 2] }) : line,
    stacked(`${kind}.W`, ({ weight }) => [weight]),
    stacked(`${kind}.R`, (direction) => [direction.recurrence]),
    hasBias ? stacked(`${kind}.B`, ({ biases }) => biases) : "",
    "",
    start("h"),
    kind === "LSTM" ? start("c") : "",
  ];
  const direction = nodes.length === 2 ? "bidirectional" : nodes[0]!.attrs["reverse"] ? "reverse" : "forward";
  const attributes = {
    hidden_size: hidden,
    direction,
    // PyTorch's GRU applies the reset gate to the product.
    ...(kind === "GRU" && { linear_before_reset: 1 }),
  };
  const result = { sequence, outputs: to.emitAll(kind, inputs, attributes, kind === "LSTM" ? 3 : 2) };
  for (const node of nodes) to.sequences.written.set(node, result);
  return result;
}

/** The state after the last step, as `final` of the library cuts it: which node's, and which result's. */
function finalOf(tensor: Tensor): { node: Node; index: number } | undefined {
  const sliced = tensor.node.op.name === "reshape" ? tensor.node.inputs[0]! : tensor;
  if (sliced.node.op.name !== "slice") return undefined;
  const [states] = sliced.node.inputs as [Tensor];
  const { node, index, shape } = states;
  if (!(node.op.name in kinds) || index > 1) return undefined;
  const { reverse, batchFirst } = node.attrs;
  const time = batchFirst ? 1 : 0;
  const last = reverse ? 0 : shape[time]! - 1;
  const { starts, sizes, steps } = sliced.node.attrs;
  const isLast = shape.every((n, axis) =>
    axis === time
      ? starts[axis] === last && sizes[axis] === 1
      : starts[axis] === 0 && sizes[axis] === n && steps[axis] === 1,
  );
  const isState = sameShape(tensor.shape, [1, shape[1 - time]!, shape[2]!]);
  return isLast && isState ? { node, index } : undefined;
}

export function recurrentForm(node: Node, to: Target): Form | undefined {
  const pair = pairOf(node, to.sequences);
  if (pair) {
    // The directions alone, should others read them, are parts of this.
    const reads = pair.nodes.flatMap((each) => readsOf(directionOf(each)));
    for (const each of pair.nodes) to.sequences.pairs.set(each, pair);
    return { reads, write: () => joinedOutputs(to, pair) };
  }
  if (node.op.name in kinds)
    return {
      reads: readsOf(directionOf(node)),
      write: (index) => statesOf(to, node, index),
    };
  const final = finalOf(node.results[0]!);
  if (!final || (final.index === 1 && final.node.op.name !== "lstmSequence")) return undefined;
  return {
    reads: readsOf(directionOf(final.node)),
    write() {
      const { sequence, outputs } = outputsOf(to, to.sequences.of(final.node));
      return directionAt(to, outputs[1 + final.index]!, sequence, final.node, 0);
    },
  };
}

/** One direction of a value that may have both along an axis. */
function directionAt(to: Target, name: string, { nodes }: Sequence, node: Node, axis: number): string {
  if (nodes.length === 1) return name;
  const i = nodes.indexOf(node);
  return to.emit("Slice", [name, to.ints([i]), to.ints([i + 1]), to.ints([axis])]);
}

/** What a sequence gives at each step: hidden states, and of one step the cell states. ONNX has the last of these only. */
function statesOf(to: Target, node: Node, index: number): string {
  const written = outputsOf(to, to.sequences.of(node));
  if (index === 0) return ownOutputs(to, written, node);
  const { shape } = node.results[index]!;
  if (index === 1 && written.sequence.kind === "LSTM" && shape[node.attrs["batchFirst"] ? 1 : 0] === 1)
    return to.reshape(directionAt(to, written.outputs[2]!, written.sequence, node, 0), shape);
  if (index === 1 && written.sequence.kind === "LSTM")
    return to.problem("the cell states of an LSTM at every step", "ONNX has those of its last step alone");
  return to.problem(`result ${index + 1} of ${node.results.length} of op ${node.op.name}`);
}

/** Y of one direction: `[T, N, H]`, or `[N, T, H]`. */
function ownOutputs(to: Target, { sequence, outputs }: Written, node: Node): string {
  const own = to.emit("Squeeze", [directionAt(to, outputs[0]!, sequence, node, 1), to.ints([1])]);
  return sequence.isBatchFirst ? to.emit("Transpose", [own], { perm: [1, 0, 2] }) : own;
}

/** Y of both directions side by side: `[T, N, 2·H]`, or `[N, T, 2·H]`. */
function joinedOutputs(to: Target, pair: Sequence): string {
  const { outputs } = outputsOf(to, pair);
  const [{ results }] = pair.nodes as [Node];
  const [a, b, hidden] = results[0]!.shape as [number, number, number];
  const turned = to.emit("Transpose", [outputs[0]!], { perm: pair.isBatchFirst ? [2, 0, 1, 3] : [0, 2, 1, 3] });
  return to.reshape(turned, [a, b, 2 * hidden]);
}
