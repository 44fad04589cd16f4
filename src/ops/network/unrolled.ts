import type { Cell, Role } from "../../../shaders/recurrent.wgsl.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { concat } from "../moves/concat.ts";
import { stack } from "../moves/join.ts";
import { permute, reshape, slice, unsqueeze } from "../moves/views.ts";
import { tanh } from "../pointwise/activations.ts";
import { add, cast, mul, sub } from "../pointwise/arithmetic.ts";
import { full, zerosLike } from "../sources/constants.ts";
import { matmul } from "./matmul.ts";

/*
 * The gradient of a recurrence as ordinary ops, step by step: the formulas of `cellGrad` in lstm.wgsl.ts, gru.wgsl.ts
 * and rnn.wgsl.ts. Gradients of gradients go through it, since the kernels have none. It also takes gradients that
 * only arise then: those of the activated gates, and of what a GRU keeps. It computes in f32, also between f16 operands.
 *
 * The gradients of a step are linear in those that reach it. The factors are computed for all steps at once, which
 * leaves a product and a few pointwise ops to each step.
 */

/** What the gradient depends on, by role. `dGates`: the gradient of the activated gates. */
export type Given = { readonly [R in Role | "dGates"]?: Tensor | undefined };

/** The order of steps and axes. */
export interface Order {
  /** Whether the sequence is processed in reverse. */
  readonly reverse: boolean;
  /** Whether the batch axis comes before time. */
  readonly batchFirst: boolean;
}

/** Factors of all steps: [T, N, G, H], or [T, N, H] for states. Absent ones are 0. */
interface Factors {
  /** The gradients of x, per gradient of h. */
  readonly hToX: Tensor;
  /** The gradient of the cell state, per gradient of h; and that of x, per gradient of the cell state. */
  readonly hToC?: Tensor;
  readonly cToX?: Tensor;
  /** The gradient that passes to the step before, per gradient of the cell state, or else of h. */
  readonly passes?: Tensor;
  /** Gradients of x that do not come from the step's results. */
  readonly moreX?: Tensor | undefined;
  /** The gradients of u per gradient of x, and what is added to them, where the two differ. */
  readonly xToU?: Tensor;
  readonly moreU?: Tensor | undefined;
}

/** Sequences with the time first, and the gates as [T, N, 1, H] each. */
interface Sequences {
  readonly gates: readonly Tensor[];
  /** Gradients of the activated gates. */
  readonly dGates: readonly Tensor[] | undefined;
  /** What a step keeps besides h, and its gradient. */
  readonly kept: Tensor | undefined;
  readonly dKept: Tensor | undefined;
  /** The cell's `before` of each step: the state that the step starts from. */
  readonly before: Tensor | undefined;
}

const square = (x: Tensor): Tensor => mul(x, x);
/** Derivatives of sigmoid and tanh from their values. */
const ofSigmoid = (y: Tensor): Tensor => mul(y, sub(1, y));
const ofTanh = (y: Tensor): Tensor => sub(1, square(y));

const oneGate = (x: Tensor): Tensor => unsqueeze(x, 2);
const allGates = (...gates: readonly Tensor[]): Tensor => concat(gates, 2);

const factorsOf: Readonly<Record<Cell["name"], (s: Sequences) => Factors>> = {
  lstm({ gates, dGates, kept, before }) {
    const [i, f, g, o] = gates as [Tensor, Tensor, Tensor, Tensor];
    const s = oneGate(tanh(kept!));
    const slopes = allGates(ofSigmoid(i), ofSigmoid(f), ofTanh(g), ofSigmoid(o));
    const none = zerosLike(i);
    return {
      hToX: mul(slopes, allGates(none, none, none, s)),
      hToC: stateOf(mul(o, ofTanh(s))),
      cToX: mul(slopes, allGates(g, oneGate(before!), i, none)),
      passes: stateOf(f),
      moreX: dGates && mul(slopes, allGates(...dGates)),
    };
  },
  gru({ gates, dGates, kept, dKept, before }) {
    const [r, z, n] = gates as [Tensor, Tensor, Tensor];
    const u = oneGate(kept!);
    const [ofR, ofZ, ofN] = [ofSigmoid(r), ofSigmoid(z), ofTanh(n)];
    const throughN = mul(u, ofR);
    const hToN = mul(sub(1, z), ofN);
    const dn = dGates && mul(dGates[2]!, ofN);
    const one = full(r.shape, 1);
    return {
      hToX: allGates(mul(hToN, throughN), mul(sub(oneGate(before!), n), ofZ), hToN),
      passes: stateOf(z),
      moreX: dn && allGates(add(mul(dGates[0]!, ofR), mul(dn, throughN)), mul(dGates[1]!, ofZ), dn),
      xToU: allGates(one, one, r),
      moreU: dKept && allGates(zerosLike(r), zerosLike(r), oneGate(dKept)),
    };
  },
  rnn: ({ gates: [h] }) => ({ hToX: ofTanh(h!) }),
};

const stateOf = (gate: Tensor): Tensor => reshape(gate, [...gate.shape.slice(0, 2), gate.shape[3]!]);

/** A sum of what is present; undefined if nothing is. */
const total = (...terms: readonly (Tensor | undefined)[]): Tensor | undefined =>
  terms.filter((term) => term !== undefined).reduce<Tensor | undefined>((sum, x) => (sum ? add(sum, x) : x), undefined);

/** Rows `from` to `to` of the first axis. */
const rows = (x: Tensor, from: number, to: number): Tensor => slice(x, [[from, to]]);

/** The states that each step starts from, from those it ends with: [T, N, H]. */
function statesBefore(states: Tensor, start: Tensor | undefined, reverse: boolean): Tensor {
  const [steps] = states.shape as [number];
  const first = start ? unsqueeze(start, 0) : zerosLike(rows(states, 0, 1));
  if (steps === 1) return first;
  return reverse ? concat([rows(states, 1, steps), first], 0) : concat([first, rows(states, 0, steps - 1)], 0);
}

/**
 * The gradient of a sequence by its formula.
 * @returns the results of the gradient's kernel: gradients of the gates' input part; for an LSTM or GRU the gradient
 * carried out of the first step; for a GRU those of the gates' recurrent part.
 */
export function unrolledGrad(cell: Cell, inputs: Given, { reverse, batchFirst }: Order): readonly Tensor[] {
  const { dtype } = inputs.weight!;
  const given: Given = Object.fromEntries(Object.entries(inputs).map(([role, x]) => [role, x && cast(x, "f32")]));
  // Its own inverse.
  const turned = (x: Tensor): Tensor => (batchFirst ? permute(x, [1, 0, 2]) : x);
  const timeFirst = (x: Tensor | undefined): Tensor | undefined => x && turned(x);
  const states = timeFirst(given.outputs);
  const activated = timeFirst(given.gates) ?? states!;
  const [steps, batch, wide] = activated.shape as [number, number, number];
  const hidden = wide / cell.gates;
  const gatesOf = (x: Tensor): Tensor[] => {
    const parted = reshape(x, [steps, batch, cell.gates, hidden]);
    return Array.from({ length: cell.gates }, (_, g) => slice(parted, [undefined, undefined, [g, g + 1]]));
  };
  const [kept, dKept, dOutputs, dGates] = [given.kept, given.dKept, given.dOutputs, given.dGates].map(timeFirst);
  const before =
    cell.before === "kept"
      ? statesBefore(kept!, given.startC, reverse)
      : cell.before === "outputs"
        ? statesBefore(states!, given.startH, reverse)
        : undefined;
  const factors = factorsOf[cell.name]({
    gates: gatesOf(activated),
    dGates: dGates && gatesOf(dGates),
    kept,
    dKept,
    before,
  });

  const dx: Tensor[] = [];
  const du: Tensor[] = [];
  let product: Tensor | undefined;
  let passed: Tensor | undefined;
  const { hToX, hToC, cToX, passes, moreX, xToU, moreU } = factors;
  for (let i = 0; i < steps; i++) {
    const t = reverse ? i : steps - 1 - i;
    const now = (x: Tensor | undefined) => x && reshape(rows(x, t, t + 1), x.shape.slice(1));
    const times = (x: Tensor, factor: Tensor | undefined) => factor && mul(x, now(factor)!);
    const dh = total(now(dOutputs), product, hToC ? undefined : passed) ?? full([batch, hidden], 0);
    const dc = hToC && total(times(dh, hToC), passed, now(dKept))!;
    const toGates = (state: Tensor) => unsqueeze(state, 1);
    dx[t] = total(times(toGates(dh), hToX), dc && times(toGates(dc), cToX), now(moreX))!;
    du[t] = xToU ? total(times(dx[t], xToU), now(moreU))! : dx[t];
    passed = times(dc ?? dh, passes);
    if (i < steps - 1) product = matmul(reshape(du[t], [batch, wide]), given.weight!);
  }
  const whole = (parts: readonly Tensor[]) => cast(turned(reshape(stack(parts), [steps, batch, wide])), dtype);
  return [whole(dx), ...(cell.carries ? [passed!] : []), ...(cell.splits ? [whole(du)] : [])];
}
