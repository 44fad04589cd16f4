import type { Cell } from "../../../shaders/recurrent.wgsl.ts";
import { checkLike, checkList, type Filled, optionsOf, ShapeError } from "../../errors.ts";
import { type DType, type Float, sameShape, showShape } from "../../graph/shape.ts";
import { checkTensor, checkTensors, type Tensor } from "../../graph/tensor.ts";
import { concat } from "../moves/concat.ts";
import { reshape, slice, unsqueeze } from "../moves/views.ts";
import { add } from "../pointwise/arithmetic.ts";
import { linear } from "./matmul.ts";
import { cells, sequence } from "./sequence.ts";

/** Weights of one direction of one layer, in PyTorch's layout: G blocks of H rows, G = 4 (LSTM), 3 (GRU) or 1 (RNN). */
export interface RecurrentWeights {
  /** `[G·H, I]`, where I is the input's size in the first layer and H (2H if bidirectional) in the others. */
  readonly weightIh: Tensor;
  /** `[G·H, H]` */
  readonly weightHh: Tensor;
  /** `[G·H]`; default none. */
  readonly biasIh?: Tensor;
  /** `[G·H]`; default none. */
  readonly biasHh?: Tensor;
}

/** How a recurrent op goes through a sequence. */
export interface RecurrentOptions {
  /** Whether a second set of weights processes each layer's input in reverse; default false. */
  readonly bidirectional?: boolean;
  /**
   * Whether x and output are `[N, T, …]` instead of `[T, N, …]`; default false. States are always `[layers · D, N, H]`.
   */
  readonly batchFirst?: boolean;
  /** Initial hidden states `[layers · D, N, H]`; default 0. */
  readonly h0?: Tensor;
  /** A function applied between layers, such as dropout; default none. */
  readonly between?: (x: Tensor) => Tensor;
}

/** As for the other recurrent ops, and the cell states that an LSTM starts from. */
export interface LstmOptions extends RecurrentOptions {
  /** Initial cell states `[layers · D, N, H]`; default 0. */
  readonly c0?: Tensor;
}

/** D is 2 if bidirectional, else 1. States are ordered layer 0 forward, layer 0 backward, layer 1 forward, … */
export interface RecurrentResult<F extends DType = Float> {
  /** Hidden states of the last layer at all positions: `[T, N, D · H]`, forward direction first. */
  readonly output: Tensor<F>;
  /** Hidden states after the last step of each layer and direction: `[layers · D, N, H]`. */
  readonly hN: Tensor<F>;
}

export interface LstmResult<F extends DType = Float> extends RecurrentResult<F> {
  /** Cell states after the last step: `[layers · D, N, H]`. */
  readonly cN: Tensor<F>;
}

/**
 * Long short-term memory over whole sequences (S. Hochreiter and J. Schmidhuber, 1997), like PyTorch's `nn.LSTM`. Rows
 * of the weights are ordered input, forget, candidate, output:
 * i, f, o = σ(W x + b + U h + b'), g = tanh(W x + b + U h + b'), c' = f · c + i · g, h' = o · tanh(c').
 *
 * The products with the inputs of all steps are one matrix product, and so is the gradient of each weight. Gradients of
 * gradients run step by step as ordinary ops: about 100 nodes and 12 dispatches for each step of an LSTM.
 *
 * With f16 operands, h is rounded to f16 at each step; sums and cell states are f32.
 * @param x `[T, N, I]`
 * @param weights one entry per layer and direction: layer 0 forward, layer 0 backward if bidirectional, layer 1
 * forward, …
 * @throws ShapeError for weights or states that do not fit.
 */
export function lstm<F extends DType>(
  x: Tensor<F>,
  weights: readonly RecurrentWeights[],
  options: LstmOptions = {},
): LstmResult<F & Float> {
  const { output, hN, cN } = recurrent("lstm", x, weights, optionsOf("lstm", options, defaults));
  return { output, hN, cN: cN! };
}

/**
 * Gated recurrent unit over whole sequences (K. Cho et al., 2014), like PyTorch's `nn.GRU`. Rows of the weights are
 * ordered reset, update, candidate: r, z = σ(W x + b + U h + b'), n = tanh(W x + b + r · (U h + b')), h' = (1 − z) · n
 * + z · h. Parameters as for {@link lstm}.
 */
export function gru<F extends DType>(
  x: Tensor<F>,
  weights: readonly RecurrentWeights[],
  options: RecurrentOptions = {},
): RecurrentResult<F & Float> {
  const { output, hN } = recurrent("gru", x, weights, withoutCells("gru", options));
  return { output, hN };
}

/**
 * The simple recurrent network over whole sequences (J. Elman, 1990), like PyTorch's `nn.RNN` with tanh: h' = tanh(W x
 * + b + U h + b'). Parameters as for {@link lstm}.
 */
export function rnn<F extends DType>(
  x: Tensor<F>,
  weights: readonly RecurrentWeights[],
  options: RecurrentOptions = {},
): RecurrentResult<F & Float> {
  const { output, hN } = recurrent("rnn", x, weights, withoutCells("rnn", options));
  return { output, hN };
}

/** One step of an LSTM: x `[N, I]`, h and c `[N, H]`, default 0. */
export function lstmCell<F extends DType>(
  x: Tensor<F>,
  weights: RecurrentWeights,
  state: { h?: Tensor; c?: Tensor } = {},
): { h: Tensor<F & Float>; c: Tensor<F & Float> } {
  const { hN, cN } = oneStep("lstm", x, weights, optionsOf("lstmCell", state, { h: undefined, c: undefined }));
  return { h: hN, c: cN! };
}

/** One step of a GRU: x `[N, I]`, h `[N, H]`, default 0. @returns the next h. */
export const gruCell = <F extends DType>(x: Tensor<F>, weights: RecurrentWeights, h?: Tensor): Tensor<F & Float> =>
  oneStep("gru", x, weights, { h }).hN;

/** One step of a simple recurrent network: x `[N, I]`, h `[N, H]`, default 0. @returns the next h. */
export const rnnCell = <F extends DType>(x: Tensor<F>, weights: RecurrentWeights, h?: Tensor): Tensor<F & Float> =>
  oneStep("rnn", x, weights, { h }).hN;

type Kind = Cell["name"];

const defaults = { bidirectional: false, batchFirst: false, h0: undefined, between: undefined, c0: undefined };

/** Options of a recurrence without cell states. */
function withoutCells(kind: Kind, options: RecurrentOptions) {
  const { c0, ...known } = defaults;
  return { ...optionsOf(kind, options, known), c0 };
}

function oneStep<F extends DType>(
  kind: Kind,
  x: Tensor<F>,
  weights: RecurrentWeights,
  { h, c }: { h?: Tensor | undefined; c?: Tensor | undefined },
) {
  const op = `${kind}Cell`;
  checkTensors(op, x);
  if (x.shape.length !== 2) throw new ShapeError(`${op}: input is ${showShape(x.shape)}, expected [N, I]`);
  for (const [name, state] of Object.entries({ h, c })) {
    if (state === undefined) continue;
    checkTensor(op, name, state);
    const expected = [x.shape[0]!, Object(weights).weightHh?.shape?.at(-1)];
    if (!sameShape(state.shape, expected))
      throw new ShapeError(`${op}: ${name} is ${showShape(state.shape)}, expected ${showShape(expected)}`);
  }
  const start = { ...defaults, ...(h && { h0: unsqueeze(h, 0) }), ...(c && { c0: unsqueeze(c, 0) }) };
  const { hN, cN } = recurrent(kind, unsqueeze(x, 0), [weights], start, op);
  const one = (states: Tensor<F & Float>) => reshape(states, states.shape.slice(1));
  return { hN: one(hN), cN: cN && one(cN) };
}

function recurrent<F extends DType>(
  kind: Kind,
  x: Tensor<F>,
  weights: readonly RecurrentWeights[],
  options: Filled<LstmOptions, typeof defaults>,
  op: string = kind,
) {
  checkTensors(op, x);
  const { bidirectional, batchFirst, h0, c0, between } = options;
  for (const one of checkList(op, "weights", weights)) {
    const all = optionsOf(`${op}: weights`, one, {
      weightIh: undefined,
      weightHh: undefined,
      biasIh: undefined,
      biasHh: undefined,
    });
    for (const [name, tensor] of Object.entries(all))
      if (tensor !== undefined || name.startsWith("weight")) checkTensor(op, name, tensor);
  }
  if (between !== undefined) checkLike(op, "between", between, checkLike);
  for (const [name, tensor] of Object.entries({ h0, c0 })) if (tensor !== undefined) checkTensor(op, name, tensor);
  if (x.shape.length !== 3) {
    throw new ShapeError(`${op}: input is ${showShape(x.shape)}, expected ${batchFirst ? "[N, T, I]" : "[T, N, I]"}`);
  }
  const directions = bidirectional ? 2 : 1;
  if (weights.length === 0 || weights.length % directions !== 0) {
    const expected = bidirectional ? "an even number: two for each layer" : "at least one";
    throw new ShapeError(`${op}: ${weights.length} sets of weights given, expected ${expected}`);
  }
  const time = batchFirst ? 1 : 0;
  const batch = x.shape[1 - time]!;
  const hidden = weights[0]!.weightHh.shape.at(-1)!;
  for (const [name, states] of Object.entries({ h0, c0 })) {
    const expected = [weights.length, batch, hidden];
    if (states && !sameShape(states.shape, expected)) {
      throw new ShapeError(`${op}: ${name} is ${showShape(states.shape)}, expected ${showShape(expected)}`);
    }
  }
  const finalH: Tensor<F & Float>[] = [];
  const finalC: Tensor<F & Float>[] = [];
  let input: Tensor = x;
  let output: Tensor<F & Float> | undefined;
  for (let layer = 0; layer < weights.length / directions; layer++) {
    if (layer > 0 && between) input = between(input);
    const outputs = Array.from({ length: directions }, (_, direction) => {
      const at = layer * directions + direction;
      const reverse = direction === 1;
      const start = { startH: h0 && stateAt(h0, at), startC: c0 && stateAt(c0, at) };
      const { outputs, kept } = oneDirection(op, kind, input as Tensor<F>, weights[at]!, start, {
        reverse,
        batchFirst,
      });
      finalH.push(final(outputs, time, reverse));
      if (kept) finalC.push(final(kept, time, reverse));
      return outputs;
    });
    output = concat(outputs, 2);
    input = output;
  }
  return { output: output!, hN: concat(finalH, 0), cN: kind === "lstm" ? concat(finalC, 0) : undefined };
}

const stateAt = (states: Tensor, i: number): Tensor => reshape(slice(states, [[i, i + 1]]), states.shape.slice(1));

/** The state after the last step, as [1, N, H]: at the end of the sequence, or at its beginning in reverse. */
function final<D extends DType>(states: Tensor<D>, time: number, reverse: boolean): Tensor<D> {
  const at = reverse ? 0 : states.shape[time]! - 1;
  const last = slice(states, time === 0 ? [[at, at + 1]] : [undefined, [at, at + 1]]);
  return reshape(last, [1, ...last.shape.filter((_, axis) => axis !== time)]);
}

function oneDirection<F extends DType>(
  op: string,
  kind: Kind,
  x: Tensor<F>,
  { weightIh, weightHh, biasIh, biasHh }: RecurrentWeights,
  start: { startH: Tensor | undefined; startC: Tensor | undefined },
  order: { reverse: boolean; batchFirst: boolean },
) {
  const wide = weightHh.shape[0]!;
  for (const [name, bias] of Object.entries({ biasIh, biasHh })) {
    if (bias && !sameShape(bias.shape, [wide])) {
      throw new ShapeError(`${op}: ${name} is ${showShape(bias.shape)}, expected [${wide}]`);
    }
  }
  if (weightIh.shape.length !== 2 || weightIh.shape[0] !== wide || weightIh.shape[1] !== x.shape[2]) {
    throw new ShapeError(`${op}: weightIh is ${showShape(weightIh.shape)}, expected [${wide}, ${x.shape[2]}]`);
  }
  // If both biases are only added, their sum joins the one product with all inputs.
  const separate = cells[kind].splits;
  const bias = separate || !biasHh ? biasIh : biasIh ? add(biasIh, biasHh) : biasHh;
  const gates: Tensor<F & Float> = linear(x, weightIh, bias);
  const inputs = { gates, weight: weightHh, bias: separate ? biasHh : undefined, ...start };
  return sequence(kind, inputs, order);
}
