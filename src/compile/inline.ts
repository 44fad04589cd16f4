import { order } from "../graph/print.ts";
import { rewrite } from "../graph/rewrite.ts";
import { apply, type Node, type PointwiseProgram, type Ref, type Tensor } from "../graph/tensor.ts";
import type { Trace } from "../graph/trace.ts";
import { kernelsOf } from "../kernels/lowering.ts";
import { expand } from "../ops/moves/views.ts";
import { full } from "../ops/sources/constants.ts";

/**
 * Expands a foreach into pointwise nodes if its formula can run inside the kernels that compute the gradients. Plain
 * gradient descent then needs no kernel of its own and stores no gradient. Formulas with several results stay whole,
 * since moments would make those epilogues long. Models with a gradient from any other kernel stay whole too, since one
 * dispatch updates them all.
 */
export function inline(roots: readonly Tensor[], trace?: Trace): Tensor[] {
  const nodes = order(roots);
  if (!nodes.some(({ op }) => op.name === "foreach")) return [...roots];
  const uses = new Map<Tensor, number>();
  const count = (tensor: Tensor): unknown => uses.set(tensor, (uses.get(tensor) ?? 0) + 1);
  for (const tensor of roots) count(tensor);
  for (const { inputs } of nodes) inputs.forEach(count);
  const isHost = (tensor: Tensor): boolean => kernelsOf(tensor.node.op)?.after === true && uses.get(tensor) === 1;

  const replace = (node: Node, inputs: readonly Tensor[]) => {
    if (node.op.name !== "foreach") return undefined;
    const { program, scalars, members } = node.attrs as { program: PointwiseProgram; scalars: number; members: number };
    const plain = program.outputs.length === 1 && inputs.slice(0, scalars).every(({ shape }) => shape.length === 0);
    if (!plain) return undefined;
    const roles = (node.inputs.length - scalars) / members;
    const of = (i: number, tensors: readonly Tensor[]) =>
      Array.from({ length: roles }, (_, role) => tensors[scalars + role * members + i]!);
    if (!node.results.every((_, i) => of(i, node.inputs).some(isHost))) return undefined;
    return node.results.map(
      ({ shape }, i) =>
        applied(program, [...inputs.slice(0, scalars).map((x) => expand(x, shape)), ...of(i, inputs)])[0]!,
    );
  };
  return rewrite(roots, replace, trace);
}

/** Applies a program to tensors of one shape, as nodes. */
export function applied({ steps, outputs }: PointwiseProgram, inputs: readonly Tensor[]): Tensor[] {
  const made: Tensor[] = [];
  const at = (ref: Ref): Tensor =>
    "input" in ref
      ? inputs[ref.input]!
      : "step" in ref
        ? made[ref.step]!
        : full(inputs[0]!.shape, ref.value, ref.dtype);
  for (const { op, attrs, args } of steps) made.push(apply(op, args.map(at), attrs));
  return outputs.map(at);
}
