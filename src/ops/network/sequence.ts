import { gruCell } from "../../../shaders/gru.wgsl.ts";
import { lstmCell } from "../../../shaders/lstm.wgsl.ts";
import type { Cell, Role } from "../../../shaders/recurrent.wgsl.ts";
import { rnnCell } from "../../../shaders/rnn.wgsl.ts";
import { DTypeError, ShapeError } from "../../errors.ts";
import { type DType, type Float, floats, sameShape, showShape } from "../../graph/shape.ts";
import { applyAll, type Node, type Op, type Spec, type Tensor } from "../../graph/tensor.ts";
import { inputsOf, sequenceKernels, sizesOf } from "../../kernels/recurrent.ts";
import { sum } from "../lines/reduce.ts";
import { concat } from "../moves/concat.ts";
import { pad } from "../moves/pad.ts";
import { reshape, slice, transpose, unsqueeze } from "../moves/views.ts";
import { add, cast } from "../pointwise/arithmetic.ts";
import { pullbackOf } from "../pullback.ts";
import { zerosLike } from "../sources/constants.ts";
import { matmul } from "./matmul.ts";
import { type Given, type Order, unrolledGrad } from "./unrolled.ts";

/*
 * One direction of one recurrent layer over a whole sequence: an op per cell, and its gradient as another. The products
 * with the input (above) and the gradients of weights (in `vjp` below) are single matrix products outside these ops.
 *
 * Several inputs are optional, so `attrs.roles` names them in order.
 */

interface SequenceAttrs extends Order {
  readonly roles: readonly Role[];
}

const applyByRole = (
  op: Op,
  inputs: { readonly [R in Role]?: Tensor | undefined },
  { reverse, batchFirst }: Order,
): readonly Tensor[] => {
  const given = Object.entries(inputs).filter(([, tensor]) => tensor) as [Role, Tensor][];
  return applyAll(
    op,
    given.map(([, tensor]) => tensor),
    { reverse, batchFirst, roles: given.map(([role]) => role) },
  );
};

function checkInputs(op: string, cell: Cell, tensors: readonly Spec[], attrs: SequenceAttrs): void {
  const inputs = inputsOf({ inputs: tensors, attrs });
  const { gates, weight } = inputs;
  for (const [role, { dtype }] of Object.entries(inputs)) {
    if (!floats.includes(dtype)) throw new DTypeError(`${op}: ${role} is ${dtype}, expected f32 or f16`);
    if (dtype !== gates!.dtype)
      throw new DTypeError(`${op}: ${role} is ${dtype}, expected ${gates!.dtype} like the input`);
  }
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
  if (!rest) return zerosLike(weight);
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
      const { shape, dtype } = gates!;
      const states = { shape: [...shape.slice(0, 2), weight!.shape[1]!], dtype };
      return cell.keeps ? [states, states, { shape, dtype }] : [states];
    },
    vjp(node, [dOutputs, dKept, dGates]) {
      const attrs = node.attrs as SequenceAttrs;
      const { weight, startH, startC } = inputsOf(node);
      const [outputs, kept, gates] = node.results;
      const { dtype } = outputs!;
      const given: Given = {
        gates,
        kept,
        weight,
        startH: cell.before === "outputs" ? startH : undefined,
        startC,
        outputs: gates && cell.before !== "outputs" ? undefined : outputs,
        dOutputs,
        dKept,
      };
      // Only gradients of gradients reach the activated gates and what a GRU keeps.
      const isSecond = dGates !== undefined || (dKept !== undefined && cell.before !== "kept");
      const results = isSecond ? unrolledGrad(cell, { ...given, dGates }, attrs) : applyByRole(gradient, given, attrs);
      const [dInputs, carry] = results;
      const dRecurrent = cell.splits ? results[2]! : dInputs!;
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
        gates: () => dInputs!,
        weight: () => weightGradient(dRecurrent, outputs!, weight!, startH, attrs),
        bias: () => sum(dRecurrent, [0, 1]),
        startH: () => (cell.before === "outputs" ? cast(add(cast(atStart(), "f32"), carry!), dtype) : atStart()),
        startC: () => cast(carry!, dtype),
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
     * Gradients of the gates' input part [T, N, G·H]; the gradient carried out of the first step [N, H], in f32;
     * gradients of the gates' recurrent part.
     */
    infer(inputs, attrs) {
      const named = inputsOf({ inputs, attrs });
      const { gates, outputs, weight } = named;
      const lead = (gates ?? outputs!).shape.slice(0, 2);
      const { rows, hidden } = sizesOf(named, attrs["batchFirst"]);
      const dGates = { shape: [...lead, weight!.shape[0]!], dtype: weight!.dtype };
      return [
        dGates,
        ...(cell.carries ? [{ shape: [rows, hidden], dtype: "f32" as const }] : []),
        ...(cell.splits ? [dGates] : []),
      ];
    },
    vjp(node, grads) {
      return pullbackOf(node.inputs, unrolledGrad(cell, inputsOf(node), node.attrs as SequenceAttrs), grads);
    },
    kernels: sequenceKernels(cell, "backward"),
    describe: describeSequence,
  };
}

const describeSequence = ({ attrs }: Node): string =>
  `{${[...attrs["roles"], ...["reverse", "batchFirst"].filter((key) => attrs[key])].join(", ")}}`;

export const cells = { lstm: lstmCell, gru: gruCell, rnn: rnnCell } as const;
const make = (cell: Cell): Op => sequenceOp(cell, sequenceGradOp(cell));
const ops = { lstm: make(lstmCell), gru: make(gruCell), rnn: make(rnnCell) };

/**
 * A recurrence along one direction.
 * @param inputs `gates`: the input's part [T, N, G·H]; `weight` [G·H, H]; optional `bias` [G·H] of the recurrent part,
 * and `startH` and `startC` [N, H], default 0.
 * @returns outputs and, for an LSTM, cell states: both [T, N, H], or [N, T, H] with `batchFirst`.
 */
export function sequence<D extends DType>(
  kind: Cell["name"],
  inputs: { readonly [R in Role]?: Tensor | undefined } & { readonly gates: Tensor<D> },
  order: Order,
) {
  const [outputs, kept] = applyByRole(ops[kind], inputs, order) as readonly Tensor<D & Float>[];
  return { outputs: outputs!, kept };
}
