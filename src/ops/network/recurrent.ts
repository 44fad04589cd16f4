import { gruCell as gruFormulas } from "../../../shaders/gru.wgsl.ts";
import { lstmCell as lstmFormulas } from "../../../shaders/lstm.wgsl.ts";
import type { Cell, Role } from "../../../shaders/recurrent.wgsl.ts";
import { rnnCell as rnnFormulas } from "../../../shaders/rnn.wgsl.ts";
import { checkLike, checkList, DTypeError, type Filled, optionsOf, ShapeError, TilegradError } from "../../errors.ts";
import { type DType, sameShape, showShape } from "../../graph/shape.ts";
import { applyAll, checkTensor, checkTensors, type Node, type Op, type Spec, type Tensor } from "../../graph/tensor.ts";
import { inputsOf, sequenceKernels, sizesOf } from "../../kernels/recurrent.ts";
import { sum } from "../lines/reduce.ts";
import { concat } from "../moves/concat.ts";
import { pad } from "../moves/pad.ts";
import { reshape, slice, transpose, unsqueeze } from "../moves/views.ts";
import { add } from "../pointwise/arithmetic.ts";
import { full } from "../sources/constants.ts";
import { linear, matmul } from "./matmul.ts";

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

export interface LstmOptions extends RecurrentOptions {
  /** Initial cell states `[layers · D, N, H]`; default 0. */
  readonly c0?: Tensor;
}

/** D is 2 if bidirectional, else 1. States are ordered layer 0 forward, layer 0 backward, layer 1 forward, … */
export interface RecurrentResult {
  /** Hidden states of the last layer at all positions: `[T, N, D · H]`, forward direction first. */
  readonly output: Tensor<"f32">;
  /** Hidden states after the last step of each layer and direction: `[layers · D, N, H]`. */
  readonly hN: Tensor<"f32">;
}

export interface LstmResult extends RecurrentResult {
  /** Cell states after the last step: `[layers · D, N, H]`. */
  readonly cN: Tensor<"f32">;
}

/**
 * Long short-term memory over whole sequences (S. Hochreiter and J. Schmidhuber, 1997), like PyTorch's `nn.LSTM`. Rows
 * of the weights are ordered input, forget, candidate, output:
 * i, f, o = σ(W x + b + U h + b'), g = tanh(W x + b + U h + b'), c' = f · c + i · g, h' = o · tanh(c').
 *
 * The products with the inputs of all steps are one matrix product, and so is the gradient of each weight. Gradients of
 * gradients are not supported.
 * @param x `[T, N, I]`
 * @param weights one entry per layer and direction: layer 0 forward, layer 0 backward if bidirectional, layer 1
 * forward, …
 * @throws ShapeError for weights or states that do not fit.
 */
export function lstm(x: Tensor, weights: readonly RecurrentWeights[], options: LstmOptions = {}): LstmResult {
  const { output, hN, cN } = recurrent("lstm", x, weights, optionsOf("lstm", options, defaults));
  return { output, hN, cN: cN! };
}

/**
 * Gated recurrent unit over whole sequences (K. Cho et al., 2014), like PyTorch's `nn.GRU`. Rows of the weights are
 * ordered reset, update, candidate: r, z = σ(W x + b + U h + b'), n = tanh(W x + b + r · (U h + b')), h' = (1 − z) · n
 * + z · h. Parameters as for {@link lstm}.
 */
export function gru(x: Tensor, weights: readonly RecurrentWeights[], options: RecurrentOptions = {}): RecurrentResult {
  const { output, hN } = recurrent("gru", x, weights, withoutCells("gru", options));
  return { output, hN };
}

/**
 * The simple recurrent network over whole sequences (J. Elman, 1990), like PyTorch's `nn.RNN` with tanh: h' = tanh(W x
 * + b + U h + b'). Parameters as for {@link lstm}.
 */
export function rnn(x: Tensor, weights: readonly RecurrentWeights[], options: RecurrentOptions = {}): RecurrentResult {
  const { output, hN } = recurrent("rnn", x, weights, withoutCells("rnn", options));
  return { output, hN };
}

/** One step of an LSTM: x `[N, I]`, h and c `[N, H]`, default 0. */
export function lstmCell(
  x: Tensor,
  weights: RecurrentWeights,
  state: { h?: Tensor; c?: Tensor } = {},
): { h: Tensor<"f32">; c: Tensor<"f32"> } {
  const { hN, cN } = oneStep("lstm", x, weights, optionsOf("lstmCell", state, { h: undefined, c: undefined }));
  return { h: hN, c: cN! };
}

/** One step of a GRU: x `[N, I]`, h `[N, H]`, default 0. @returns the next h. */
export const gruCell = (x: Tensor, weights: RecurrentWeights, h?: Tensor): Tensor<"f32"> =>
  oneStep("gru", x, weights, { h }).hN;

/** One step of a simple recurrent network: x `[N, I]`, h `[N, H]`, default 0. @returns the next h. */
export const rnnCell = (x: Tensor, weights: RecurrentWeights, h?: Tensor): Tensor<"f32"> =>
  oneStep("rnn", x, weights, { h }).hN;

type Kind = Cell["name"];

const defaults = { bidirectional: false, batchFirst: false, h0: undefined, between: undefined, c0: undefined };

/** Options of a recurrence without cell states. */
function withoutCells(kind: Kind, options: RecurrentOptions) {
  const { c0, ...known } = defaults;
  return { ...optionsOf(kind, options, known), c0 };
}

function oneStep(
  kind: Kind,
  x: Tensor,
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
  const one = (states: Tensor<"f32">) => reshape(states, states.shape.slice(1));
  return { hN: one(hN), cN: cN && one(cN) };
}

function recurrent(
  kind: Kind,
  x: Tensor,
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
  const finalH: Tensor<"f32">[] = [];
  const finalC: Tensor<"f32">[] = [];
  let input = x;
  let output: Tensor<"f32"> | undefined;
  for (let layer = 0; layer < weights.length / directions; layer++) {
    if (layer > 0 && between) input = between(input);
    const outputs = Array.from({ length: directions }, (_, direction) => {
      const at = layer * directions + direction;
      const reverse = direction === 1;
      const start = { startH: h0 && stateAt(h0, at), startC: c0 && stateAt(c0, at) };
      const { outputs, kept } = oneDirection(op, kind, input, weights[at]!, start, { reverse, batchFirst });
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

function oneDirection(
  op: string,
  kind: Kind,
  x: Tensor,
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
  const inputs = { gates: linear(x, weightIh, bias), weight: weightHh, bias: separate ? biasHh : undefined, ...start };
  return sequence(kind, inputs, order);
}

/*
 * One direction of one recurrent layer over a whole sequence: an op per cell, and its gradient as another. The products
 * with the input (above) and the gradients of weights (in `vjp` below) are single matrix products outside these ops.
 *
 * Several inputs are optional, so `attrs.roles` names them in order.
 */

interface SequenceAttrs {
  readonly roles: readonly Role[];
  /** Whether the sequence is processed in reverse. */
  readonly reverse: boolean;
  /** Whether the batch axis comes before time. */
  readonly batchFirst: boolean;
}

const applyByRole = (
  op: Op,
  inputs: { readonly [R in Role]?: Tensor | undefined },
  attrs: Omit<SequenceAttrs, "roles">,
) => {
  const given = Object.entries(inputs).filter(([, tensor]) => tensor) as [Role, Tensor][];
  return applyAll(
    op,
    given.map(([, tensor]) => tensor),
    { ...attrs, roles: given.map(([role]) => role) },
  );
};

function checkInputs(op: string, cell: Cell, tensors: readonly Spec[], attrs: SequenceAttrs): void {
  const inputs = inputsOf({ inputs: tensors, attrs });
  for (const [role, { dtype }] of Object.entries(inputs)) {
    if (dtype !== "f32") throw new DTypeError(`${op}: ${role} is ${dtype}, expected f32`);
  }
  const { gates, weight } = inputs;
  const wide = weight!.shape[0];
  const hidden = weight!.shape[1];
  if (weight!.shape.length !== 2 || wide !== cell.gates * hidden!) {
    throw new ShapeError(`${op}: recurrent weight is ${showShape(weight!.shape)}, expected [${cell.gates}·H, H]`);
  }
  if (gates!.shape.length !== 3 || gates!.shape[2] !== wide) {
    const axes = attrs.batchFirst ? "N, T" : "T, N";
    throw new ShapeError(`${op}: input part of the gates is ${showShape(gates!.shape)}, expected [${axes}, ${wide}]`);
  }
  const { rows } = sizesOf(inputs, attrs.batchFirst);
  const expected: Partial<Record<Role, readonly number[]>> = {
    bias: [wide!],
    startH: [rows, hidden!],
    startC: [rows, hidden!],
  };
  for (const [role, shape] of Object.entries(expected) as [Role, readonly number[]][]) {
    const tensor = inputs[role];
    if (tensor && !sameShape(tensor.shape, shape)) {
      throw new ShapeError(`${op}: ${role} is ${showShape(tensor.shape)}, expected ${showShape(shape)}`);
    }
  }
}

const cut = (x: Tensor, axis: number, start: number, end: number): Tensor =>
  slice(
    x,
    x.shape.map((_, i) => (i === axis ? ([start, end] as const) : undefined)),
  );

const flat = (x: Tensor): Tensor => reshape(x, [-1, x.shape.at(-1)!]);

/**
 * Gradient of the recurrent weight: one product over all steps, duᵀ · h of the previous step. Without an initial state
 * and with time first, both operands are views.
 */
function weightGradient(
  dRecurrent: Tensor,
  outputs: Tensor,
  weight: Tensor,
  startH: Tensor | undefined,
  attrs: SequenceAttrs,
): Tensor {
  const time = attrs.batchFirst ? 1 : 0;
  const steps = outputs.shape[time]!;
  const product = (du: Tensor, h: Tensor) => matmul(transpose(flat(du)), flat(h));
  const rest =
    steps === 1 ? undefined : attrs.reverse ? cut(outputs, time, 1, steps) : cut(outputs, time, 0, steps - 1);
  if (startH) {
    const start = unsqueeze(startH, time);
    return product(dRecurrent, rest ? concat(attrs.reverse ? [rest, start] : [start, rest], time) : start);
  }
  if (!rest) return full(weight.shape, 0);
  if (time === 0) return product(attrs.reverse ? cut(dRecurrent, 0, 0, steps - 1) : cut(dRecurrent, 0, 1, steps), rest);
  const shift = [0, 1, 0];
  const none = [0, 0, 0];
  return product(dRecurrent, pad(rest, attrs.reverse ? { low: none, high: shift } : { low: shift, high: none }));
}

function sequenceOp(cell: Cell, gradient: Op): Op {
  const name = `${cell.name}Sequence`;
  return {
    name,
    /** Outputs [T, N, H]; for LSTM and GRU also the kept values [T, N, H] and the activated gates [T, N, G·H]. */
    infer(inputs, attrs) {
      checkInputs(name, cell, inputs, attrs as SequenceAttrs);
      const { gates, weight } = inputsOf({ inputs, attrs });
      const states = { shape: [...gates!.shape.slice(0, 2), weight!.shape[1]!], dtype: "f32" as const };
      return cell.keeps ? [states, states, { shape: gates!.shape, dtype: "f32" }] : [states];
    },
    vjp(node, [dOutputs, dKept]) {
      const attrs = node.attrs as SequenceAttrs;
      const { weight, startH, startC } = inputsOf(node);
      const [outputs, kept, gates] = node.results;
      const results = applyByRole(
        gradient,
        {
          gates,
          kept,
          weight,
          startH: cell.before === "outputs" ? startH : undefined,
          startC,
          outputs: gates && cell.before !== "outputs" ? undefined : outputs,
          dOutputs,
          dKept: cell.before === "kept" ? dKept : undefined,
        },
        { reverse: attrs.reverse, batchFirst: attrs.batchFirst },
      );
      const [dGates, carry] = results;
      const dRecurrent = cell.splits ? results[2]! : dGates!;
      const time = attrs.batchFirst ? 1 : 0;
      const first = attrs.reverse ? outputs!.shape[time]! - 1 : 0;
      const atStart = () => {
        const du = cut(dRecurrent, time, first, first + 1);
        return matmul(
          reshape(
            du,
            du.shape.filter((_, axis) => axis !== time),
          ),
          weight!,
        );
      };
      const of: { readonly [R in Role]?: () => Tensor } = {
        gates: () => dGates!,
        weight: () => weightGradient(dRecurrent, outputs!, weight!, startH, attrs),
        bias: () => sum(dRecurrent, [0, 1]),
        startH: () => (cell.before === "outputs" ? add(atStart(), carry!) : atStart()),
        startC: () => carry!,
      };
      return attrs.roles.map((role) => of[role]?.());
    },
    kernels: sequenceKernels(cell, "forward"),
    describe: describeSequence,
  };
}

function sequenceGradOp(cell: Cell): Op {
  const name = `${cell.name}SequenceGrad`;
  return {
    name,
    /**
     * Gradients of the gates' input part [T, N, G·H]; the gradient carried out of the first step [N, H]; gradients of
     * the gates' recurrent part.
     */
    infer(inputs, attrs) {
      const named = inputsOf({ inputs, attrs });
      const { gates, outputs, weight } = named;
      const lead = (gates ?? outputs!).shape.slice(0, 2);
      const { rows, hidden } = sizesOf(named, attrs["batchFirst"]);
      const dGates = { shape: [...lead, weight!.shape[0]!], dtype: "f32" as const };
      return [
        dGates,
        ...(cell.carries ? [{ shape: [rows, hidden], dtype: "f32" as const }] : []),
        ...(cell.splits ? [dGates] : []),
      ];
    },
    vjp() {
      throw new TilegradError(
        `grad: gradients of gradients are not supported through ${cell.name}: write its steps with ordinary ops`,
      );
    },
    kernels: sequenceKernels(cell, "backward"),
    describe: describeSequence,
  };
}

const describeSequence = ({ attrs }: Node): string =>
  `{${[...attrs["roles"], ...["reverse", "batchFirst"].filter((key) => attrs[key])].join(", ")}}`;

const make = (cell: Cell): Op => sequenceOp(cell, sequenceGradOp(cell));
const cells = { lstm: lstmFormulas, gru: gruFormulas, rnn: rnnFormulas } as const;
const ops = { lstm: make(lstmFormulas), gru: make(gruFormulas), rnn: make(rnnFormulas) };

/**
 * A recurrence along one direction.
 * @param inputs `gates`: the input's part [T, N, G·H]; `weight` [G·H, H]; optional `bias` [G·H] of the recurrent part,
 * and `startH` and `startC` [N, H], default 0.
 * @returns outputs and, for an LSTM, cell states: both [T, N, H], or [N, T, H] with `batchFirst`.
 */
function sequence(
  kind: Kind,
  inputs: { readonly [R in Role]?: Tensor | undefined },
  { reverse, batchFirst }: { reverse: boolean; batchFirst: boolean },
) {
  const [outputs, kept] = applyByRole(ops[kind], inputs, { reverse, batchFirst }) as readonly Tensor<"f32">[];
  return { outputs: outputs!, kept };
}
