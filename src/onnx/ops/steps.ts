import { FormatError, ShapeError } from "../../errors.ts";
import type { Tensor } from "../../graph/tensor.ts";
import {
  add,
  clamp,
  elu,
  gt,
  leakyRelu,
  matmul,
  mul,
  relu,
  sigmoid,
  slice,
  softplus,
  softsign,
  split,
  squeeze,
  stack,
  sub,
  tanh,
  transpose,
  unsqueeze,
  where,
  zerosLike,
} from "../../ops/index.ts";
import type { OpNode } from "../node.ts";

/*
 * Recurrences that the library has no op for: other activations, peepholes, sequences of several lengths, a GRU that
 * resets before its product. They run step by step: nodes and dispatches grow with the length.
 */

type Kind = "LSTM" | "GRU" | "RNN";
type Activation = (x: Tensor) => Tensor;

/** What an activation by this name computes. `alpha` and `beta` are undefined where the file has no numbers. */
const activations: Readonly<Record<string, (alpha?: number, beta?: number) => Activation>> = {
  sigmoid: () => sigmoid,
  tanh: () => tanh,
  relu: () => relu,
  softsign: () => softsign,
  softplus: () => (x) => softplus(x),
  affine:
    (alpha = 1, beta = 0) =>
    (x) =>
      add(mul(x, alpha), beta),
  leakyrelu:
    (alpha = 0.01) =>
    (x) =>
      leakyRelu(x, alpha),
  thresholdedrelu:
    (alpha = 1) =>
    (x) =>
      where(gt(x, alpha), x, zerosLike(x)),
  scaledtanh:
    (alpha = 1, beta = 1) =>
    (x) =>
      mul(tanh(mul(x, beta)), alpha),
  hardsigmoid:
    (alpha = 0.2, beta = 0.5) =>
    (x) =>
      clamp(add(mul(x, alpha), beta), { min: 0, max: 1 }),
  elu:
    (alpha = 1) =>
    (x) =>
      elu(x, alpha),
};

/** Activations of one direction, in the order of the specification. */
export function activationsOf(kind: Kind, node: OpNode, isSecond: boolean): Activation[] {
  const usual = { LSTM: ["Sigmoid", "Tanh", "Tanh"], GRU: ["Sigmoid", "Tanh"], RNN: ["Tanh"] }[kind];
  const given = node.texts("activations") ?? [];
  const first = isSecond && given.length > usual.length ? usual.length : 0;
  const names = given.length > 0 ? given.slice(first, first + usual.length) : usual;
  const [alphas, betas] = [node.floats("activation_alpha") ?? [], node.floats("activation_beta") ?? []];
  return names.map((name, i) => {
    const make = activations[name.toLowerCase()];
    if (!make) throw new FormatError(`activation ${name} is not known`);
    return make(alphas[first + i], betas[first + i]);
  });
}

interface State {
  readonly h: Tensor;
  readonly c: Tensor;
}

type Step = (gates: Tensor, state: State) => State;

interface Weights extends State {
  readonly recurrence: Tensor;
  readonly recurrentBias: Tensor | undefined;
  readonly peepholes: Tensor | undefined;
}

interface Options {
  readonly clip: number | undefined;
  /** An LSTM whose forget gate is 1 − its input gate. */
  readonly isCoupled: boolean;
  /** A GRU that resets the product instead of the state. */
  readonly isLinearFirst: boolean;
}

/** One step: from the inputs' share of the gates `[N, G·H]` and the state to the next state. */
export function stepOf(kind: Kind, weights: Weights, [f, g, h]: readonly Activation[], options: Options): Step {
  const { recurrence, recurrentBias, peepholes } = weights;
  const { clip, isCoupled, isLinearFirst } = options;
  const size = recurrence.shape[1]!;
  const bounded = (x: Tensor): Tensor => (clip === undefined ? x : clamp(x, { min: -clip, max: clip }));
  const through = (x: Tensor, rows: Tensor, bias: Tensor | undefined): Tensor => {
    const y = matmul(x, transpose(rows));
    return bias ? add(y, bias) : y;
  };
  if (kind === "RNN")
    return (x, state) => ({ h: f!(bounded(add(x, through(state.h, recurrence, recurrentBias)))), c: state.c });
  if (kind === "LSTM") {
    const [pi, po, pf] = peepholes ? split(peepholes, 0, size) : [];
    const seen = (gate: Tensor, c: Tensor, p: Tensor | undefined): Tensor =>
      f!(bounded(p ? add(gate, mul(c, p)) : gate));
    return (x, state) => {
      const gates = split(add(x, through(state.h, recurrence, recurrentBias)), 1, size) as [
        Tensor,
        Tensor,
        Tensor,
        Tensor,
      ];
      const input = seen(gates[0], state.c, pi);
      const forget = isCoupled ? sub(1, input) : seen(gates[2], state.c, pf);
      const c = add(mul(forget, state.c), mul(input, g!(bounded(gates[3]))));
      return { h: mul(seen(gates[1], c, po), h!(c)), c };
    };
  }
  const [rowsZ, rowsR, rowsH] = split(recurrence, 0, size) as [Tensor, Tensor, Tensor];
  const [biasZ, biasR, biasH] = recurrentBias ? split(recurrentBias, 0, size) : [];
  return (x, state) => {
    const [z, r, n] = split(x, 1, size) as [Tensor, Tensor, Tensor];
    const update = f!(bounded(add(z, through(state.h, rowsZ, biasZ))));
    const reset = f!(bounded(add(r, through(state.h, rowsR, biasR))));
    const own = isLinearFirst ? mul(reset, through(state.h, rowsH, biasH)) : through(mul(reset, state.h), rowsH, biasH);
    const candidate = g!(bounded(add(n, own)));
    return { h: add(mul(sub(1, update), candidate), mul(update, state.h)), c: state.c };
  };
}

/**
 * All steps. `lengths` `[N]` are the numbers of steps of each sequence: behind its end the state stays, and the output
 * is 0.
 */
export function unrolled(inputs: Tensor, start: State, step: Step, lengths: Tensor | undefined, isReverse: boolean) {
  const steps = inputs.shape[0]!;
  if (steps > 4096) throw new ShapeError(`${steps} steps of a recurrence that runs step by step, at most 4096`);
  const outputs = new Array<Tensor>(steps);
  let { h, c }: State = start;
  for (let i = 0; i < steps; i++) {
    const t = isReverse ? steps - 1 - i : i;
    const next = step(squeeze(slice(inputs, [[t, t + 1]]), 0), { h, c });
    if (!lengths) {
      ({ h, c } = next);
      outputs[t] = h;
      continue;
    }
    const isInside = unsqueeze(gt(lengths, t), 1);
    outputs[t] = where(isInside, next.h, 0);
    h = where(isInside, next.h, h);
    c = where(isInside, next.c, c);
  }
  return { outputs: stack(outputs), h, c };
}
