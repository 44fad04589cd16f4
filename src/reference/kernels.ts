import { TilegradError } from "../errors.ts";
import { evaluate } from "../graph/program.ts";
import { sizeOf } from "../graph/shape.ts";
import { dtypeOf, type Node, ownInputs, type PointwiseProgram } from "../graph/tensor.ts";
import { convolutions, pools } from "./convolve.ts";
import { folds, product } from "./fold.ts";
import { moves } from "./move.ts";
import { normalizations } from "./normalize.ts";
import { recurrent } from "./recurrent.ts";
import type { Kernel, Value } from "./value.ts";

/** Runs a pointwise program on each element; all inputs have the shape of the results. */
function elementwise(program: PointwiseProgram, count: number, inputs: readonly ArrayLike<number>[]): Float64Array[] {
  const outputs = program.outputs.map(() => new Float64Array(count));
  for (let i = 0; i < count; i++) {
    const element = evaluate(
      program,
      inputs.map((input) => input[i]!),
      i,
    );
    element.forEach((value, k) => {
      outputs[k]![i] = value;
    });
  }
  return outputs;
}

const fused: Kernel = ({ attrs: { program, shape } }, inputs) =>
  elementwise(
    program,
    sizeOf(shape),
    inputs.map((input) => input.data),
  );

/** Inputs: shared scalars, then the members of each role. Results: the members of each output. */
const foreach: Kernel = ({ attrs: { program, scalars, members } }, inputs) => {
  const roles = (inputs.length - scalars) / members;
  const perMember = Array.from({ length: members as number }, (_, i) => {
    const own = Array.from({ length: roles }, (_, role) => inputs[scalars + role * members + i]!.data);
    const count = own[0]!.length;
    const shared = inputs
      .slice(0, scalars)
      .flatMap(({ data }) => Array.from(data, (scalar) => new Float64Array(count).fill(scalar)));
    return elementwise(program, count, [...shared, ...own]);
  });
  return (program as PointwiseProgram).outputs.flatMap((_, output) => perMember.map((results) => results[output]!));
};

/** Every op that is neither a leaf nor pointwise (pointwise ops bring their own `js`). */
const kernels: Readonly<Record<string, Kernel>> = {
  ...moves,
  ...folds,
  ...normalizations,
  ...recurrent,
  ...convolutions,
  ...pools,
  matmul: (_, [a, b]) => [product(a!, b!)],
  fused,
  foreach,
  castAll: (_, inputs) => inputs.map(({ data }) => data),
};

/** A pointwise op, by its own row. */
const pointwise: Kernel = ({ op, attrs, results: [y] }, inputs) => {
  const of = inputs.at(-1)?.dtype ?? y!.dtype;
  const args = inputs.map(() => 0);
  const data = new Float64Array(sizeOf(y!.shape));
  for (let i = 0; i < data.length; i++) {
    for (let k = 0; k < args.length; k++) args[k] = inputs[k]!.data[i]!;
    data[i] = op.pointwise!.js(args, attrs, i, of);
  }
  return [data];
};

/** The results of a node. The fuse pass may have added a pointwise epilogue, whose inputs follow the op's own. */
export function compute(node: Node, inputs: readonly Value[]): readonly Float64Array[] {
  const { op, fusion } = node;
  const kernel = op.pointwise ? pointwise : (op.define ?? kernels[op.name]);
  if (!kernel) throw new TilegradError(`reference: op ${op.name} has no kernel in src/reference`);
  const own = ownInputs(node);
  const seen = prologued(node, inputs.slice(0, own));
  const results = kernel(node, seen);
  const added = inputs.slice(own).map(({ data }) => data);
  const ended = fusion?.after ? elementwise(fusion.after, results[0]!.length, [results[0]!, ...added]) : results;
  return fusion?.keeps ? [...ended, seen[0]!.data] : ended;
}

/** The inputs of an op's own kernel; the prologue, if there is one, computes the first. */
function prologued({ fusion: { before } = {} }: Node, inputs: readonly Value[]): readonly Value[] {
  if (!before) return inputs;
  const count = before.inputs.length;
  const [first] = inputs as [Value];
  const [data] = elementwise(
    before,
    first.data.length,
    inputs.slice(0, count).map((input) => input.data),
  );
  return [{ ...first, dtype: dtypeOf(before.outputs[0]!, before), data: data! }, ...inputs.slice(count)];
}
