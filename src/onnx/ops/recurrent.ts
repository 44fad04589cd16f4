import { FormatError } from "../../errors.ts";
import type { Tensor } from "../../graph/tensor.ts";
import {
  concat,
  flip,
  full,
  gru,
  linear,
  lstm,
  permute,
  type RecurrentWeights,
  reshape,
  rnn,
  slice,
  split,
  squeeze,
  stack,
} from "../../ops/index.ts";
import type { Built, OpNode, OpRow } from "../node.ts";
import { activationsOf, stepOf, unrolled } from "./steps.ts";

type Kind = "LSTM" | "GRU" | "RNN";

/** Where the blocks of PyTorch's layout are in ONNX's: input, forget, candidate, output; reset, update, candidate. */
const order: Readonly<Record<Kind, readonly number[]>> = { LSTM: [0, 2, 3, 1], GRU: [1, 0, 2], RNN: [0] };

/** What one direction computes with. Weights are in ONNX's layout. */
export interface Direction {
  /** `[G·H, I]` */
  readonly weight: Tensor;
  /** `[G·H, H]` */
  readonly recurrence: Tensor;
  /** `[G·H]` each. */
  readonly bias: Tensor | undefined;
  readonly recurrentBias: Tensor | undefined;
  /** `[3·H]` of an LSTM. */
  readonly peepholes: Tensor | undefined;
  /** `[N, H]` */
  readonly h: Tensor;
  readonly c: Tensor;
}

/** One of several along the first axis. */
const at = (x: Tensor, i: number): Tensor => squeeze(slice(x, [[i, i + 1]]), 0);

/** Swaps the first two axes: batch and time. */
const swapped = (x: Tensor): Tensor => permute(x, [1, 0, ...x.shape.slice(2).map((_, i) => i + 2)]);

function recurrent(kind: Kind, node: OpNode): Built {
  const isBatchFirst = node.int("layout", 0) !== 0;
  const x = isBatchFirst ? swapped(node.tensor(0)) : node.tensor(0);
  const batch = x.shape[1]!;
  const [weight, recurrence] = [node.tensor(1), node.tensor(2)];
  const hidden = recurrence.shape.at(-1)!;
  const mode = node.text("direction", "forward");
  const directions = mode === "bidirectional" ? 2 : 1;
  if (weight.shape[0] !== directions)
    throw new FormatError(`${weight.shape[0]} sets of weights, expected ${directions}`);
  const start = (i: number): Tensor => {
    const given = node.optional(i);
    if (!given) return full([directions, batch, hidden], 0);
    return isBatchFirst ? swapped(given) : given;
  };
  const [h, c] = [start(5), kind === "LSTM" ? start(6) : full([directions, batch, hidden], 0)];
  const bias = node.optional(3);
  const all = Array.from({ length: directions }, (_, i): Direction => {
    const halves = bias && split(at(bias, i), 0, bias.shape[1]! / 2);
    const peepholes = kind === "LSTM" ? node.optional(7) : undefined;
    return {
      weight: at(weight, i),
      recurrence: at(recurrence, i),
      bias: halves?.[0],
      recurrentBias: halves?.[1],
      peepholes: peepholes && at(peepholes, i),
      h: at(h, i),
      c: at(c, i),
    };
  });
  const results = all.map((direction, i) => {
    const isReverse = mode === "reverse" || i === 1;
    return isPlain(kind, node) ? fast(kind, x, direction, isReverse) : general(kind, node, x, direction, isReverse);
  });
  const y = stack(
    results.map(({ outputs }) => outputs),
    1,
  );
  const [lastH, lastC] = [stack(results.map((result) => result.h)), stack(results.map((result) => result.c))];
  return [
    isBatchFirst ? permute(y, [2, 0, 1, 3]) : y,
    isBatchFirst ? swapped(lastH) : lastH,
    ...(kind === "LSTM" ? [isBatchFirst ? swapped(lastC) : lastC] : []),
  ];
}

/** Whether the library's own op computes it. */
function isPlain(kind: Kind, node: OpNode): boolean {
  const names = node.texts("activations") ?? [];
  const usual = { LSTM: ["Sigmoid", "Tanh", "Tanh"], GRU: ["Sigmoid", "Tanh"], RNN: ["Tanh"] }[kind];
  return (
    names.every((name, i) => name === usual[i % usual.length]) &&
    node.inputs[4] === undefined &&
    node.inputs[7] === undefined &&
    !node.has("clip") &&
    node.int("input_forget", 0) === 0 &&
    (kind !== "GRU" || node.int("linear_before_reset", 0) !== 0)
  );
}

interface Result {
  /** `[T, N, H]` */
  readonly outputs: Tensor;
  /** `[N, H]` */
  readonly h: Tensor;
  readonly c: Tensor;
}

/** Blocks of rows in PyTorch's order. */
function reordered(kind: Kind, x: Tensor): Tensor {
  const blocks = split(x, 0, x.shape[0]! / order[kind].length);
  return concat(order[kind].map((i) => blocks[i]!));
}

function fast(kind: Kind, x: Tensor, direction: Direction, isReverse: boolean): Result {
  const { weight, recurrence, bias, recurrentBias, h, c } = direction;
  const weights: RecurrentWeights = {
    weightIh: reordered(kind, weight),
    weightHh: reordered(kind, recurrence),
    ...(bias && { biasIh: reordered(kind, bias) }),
    ...(recurrentBias && { biasHh: reordered(kind, recurrentBias) }),
  };
  const line = isReverse ? flip(x, 0) : x;
  const one = (state: Tensor): Tensor => reshape(state, [1, ...state.shape]);
  const { output, hN, cN } =
    kind === "LSTM"
      ? lstm(line, [weights], { h0: one(h), c0: one(c) })
      : { ...(kind === "GRU" ? gru : rnn)(line, [weights], { h0: one(h) }), cN: one(c) };
  return { outputs: isReverse ? flip(output, 0) : output, h: at(hN, 0), c: at(cN, 0) };
}

/** Step by step, as ordinary ops. */
function general(kind: Kind, node: OpNode, x: Tensor, direction: Direction, isReverse: boolean): Result {
  const inputs = linear(x, direction.weight, direction.bias);
  const step = stepOf(kind, direction, activationsOf(kind, node, isReverse), {
    clip: node.has("clip") ? node.float("clip", 0) : undefined,
    isCoupled: node.int("input_forget", 0) !== 0,
    isLinearFirst: node.int("linear_before_reset", 0) !== 0,
  });
  return unrolled(inputs, direction, step, node.optional(4), isReverse);
}

export const recurrence: readonly OpRow[] = [
  { op: "LSTM", since: [7, 14, 22], build: (node) => recurrent("LSTM", node) },
  { op: "GRU", since: [7, 14, 22], build: (node) => recurrent("GRU", node) },
  { op: "RNN", since: [7, 14, 22], build: (node) => recurrent("RNN", node) },
];
