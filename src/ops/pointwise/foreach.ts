import { checkLike, checkList, DTypeError, ShapeError } from "../../errors.ts";
import { reachable } from "../../graph/print.ts";
import { programOf, show } from "../../graph/program.ts";
import { bytesPer, sameShape, showShape, sizeOf } from "../../graph/shape.ts";
import { applyAll, checkTensors, type Node, type Op, type PointwiseProgram, type Tensor } from "../../graph/tensor.ts";
import type { KernelCall, View } from "../../kernels/call.ts";
import { elementwiseOver } from "../../kernels/elementwise.ts";
import type { Kernels, Lowering } from "../../kernels/lowering.ts";
import { expand } from "../moves/views.ts";
import { input } from "../sources/constants.ts";
import { iota } from "../sources/random.ts";
import { eq, where } from "./arithmetic.ts";

/**
 * Applies one formula to many tuples of tensors, such as (weight, gradient, moment) of every parameter; optimizers use
 * it to update a whole model. Tensors stored in the same order in every buffer are processed by one dispatch.
 */
const foreachOp: Op = {
  name: "foreach",
  infer(inputs, { program, scalars, members }) {
    const roles = inputs.length - scalars;
    const count = members as number;
    for (let i = 0; i < count; i++) {
      for (let role = 1; role < roles / count; role++) {
        const [first, other] = [inputs[scalars + i]!, inputs[scalars + role * count + i]!];
        if (!sameShape(first.shape, other.shape)) {
          throw new ShapeError(
            `foreach: tensors ${i} differ in shape: ${showShape(first.shape)} and ${showShape(other.shape)}`,
          );
        }
        if (first.dtype !== other.dtype)
          throw new DTypeError(`foreach: tensors ${i} are ${first.dtype} and ${other.dtype}`);
      }
    }
    const { outputs } = program as PointwiseProgram;
    return outputs.flatMap(() =>
      Array.from({ length: count }, (_, i) => ({
        shape: inputs[scalars + i]!.shape,
        dtype: inputs[scalars + i]!.dtype,
      })),
    );
  },
  kernels: {
    lower: ({ node }, to) => lowerForeach(node, to),
  } satisfies Kernels,
  describe: ({ attrs: { program, members } }) => `×${members} ${show(program)}`,
};

/**
 * Applies `formula` to the i-th tensors of every role, for all i.
 * @param scalars tensors of shape `[]` and one dtype that all tuples share.
 * @param roles lists of equal length; the i-th tensors of all lists have one shape, all f32.
 * @param formula pointwise ops on scalars: takes the shared scalars and one element of each role, returns the results.
 * @returns one list per result of the formula.
 */
export function foreach(
  name: string,
  scalars: readonly Tensor[],
  roles: readonly (readonly Tensor[])[],
  formula: (scalars: readonly Tensor[], element: readonly Tensor[]) => readonly Tensor[],
): Tensor[][] {
  for (const list of [scalars, roles, roles?.[0]]) checkList<unknown>("foreach", "a list", list!);
  checkLike("foreach", "the formula", formula, foreach);
  const members = roles[0]!.length;
  const shared = scalars.map((scalar, i) => input(`scalar${i}`, [], scalar.dtype));
  const element = roles.map((_, i) => input(`element${i}`, []));
  const outputs = formula(shared, element);
  checkTensors("foreach", ...checkList("foreach", "the formula's result", outputs));
  const order = reachable(outputs).filter((node) => node.op.pointwise);
  const { program, inputs } = programOf(order, outputs, [...shared, ...element]);
  if (inputs.length > shared.length + element.length) {
    throw new ShapeError(`foreach: the formula of ${name} reads tensors that it was not given`);
  }
  // Adapters guarantee eight storage buffers, and one may be needed to check for NaN: pack the scalars into one if they
  // would not fit.
  const packed = scalars.length > 1 && scalars.length + roles.length > 7;
  const results = applyAll(foreachOp, [...(packed ? [sideBySide(scalars)] : scalars), ...roles.flat()], {
    name,
    program,
    scalars: packed ? 1 : scalars.length,
    members,
  });
  return outputs.map((_, o) => results.slice(o * members, (o + 1) * members));
}

/** Scalars `[]` packed into one vector. */
function sideBySide(scalars: readonly Tensor[]): Tensor {
  const position = iota([scalars.length], 0);
  return scalars
    .map((scalar) => expand(scalar, [scalars.length]))
    .reduce((vector, value, i) => where(eq(position, i), value, vector));
}

/** Consecutive members whose tensors are equally spaced in every role's buffer. */
interface Run {
  readonly first: number;
  last: number;
}

function lowerForeach(node: Node, to: Lowering): readonly KernelCall[] {
  const { program, scalars, members, name } = node.attrs as {
    program: PointwiseProgram;
    scalars: number;
    members: number;
    name: string;
  };
  const roles = (node.inputs.length - scalars) / members;
  const shared = node.inputs.slice(0, scalars).map((tensor) => to.contiguous(tensor));
  const member = (role: number, i: number): Tensor => node.inputs[scalars + role * members + i]!;
  const inputs = Array.from({ length: members }, (_, i) =>
    Array.from({ length: roles }, (_, role) => to.contiguous(member(role, i))),
  );
  const outputs = Array.from({ length: members }, (_, i) => program.outputs.map((_, o) => to.result(o * members + i)));
  const places = (i: number): (View | undefined)[] => [...inputs[i]!, ...outputs[i]!];
  const follows = (i: number, run: Run): boolean => {
    const [head, here] = [places(run.first), places(i)];
    const distance = here[0]!.base - head[0]!.base;
    return here.every(
      (view, k) =>
        view?.buffer === head[k]?.buffer && (view?.base ?? 0) - (head[k]?.base ?? 0) === (view ? distance : 0),
    );
  };
  const runs: Run[] = [];
  for (let i = 0; i < members; i++) {
    const run = runs[runs.length - 1];
    if (run && follows(i, run)) run.last = i;
    else runs.push({ first: i, last: i });
  }
  return runs.map(({ first, last }) => {
    const [head, tail] = [inputs[first]![0]!, inputs[last]![0]!];
    const bytes = tail.base + tail.span - head.base;
    const shape = [bytes / bytesPer(head.dtype)];
    const whole = (view: View): View => ({ ...view, shape, strides: [1], offset: 0, span: bytes, name: undefined });
    const scalarViews = shared.flatMap((view) =>
      Array.from({ length: sizeOf(view.shape) }, (_, i) => ({ ...view, shape, strides: [0], offset: view.offset + i })),
    );
    const views = [...scalarViews, ...inputs[first]!.map(whole)];
    const results = outputs[first]!.map((view) => view && whole(view));
    const taken = new Map<number, number>();
    results.forEach((result, r) => {
      const same = views.findIndex(
        (view, i) => i >= scalarViews.length && result && view.buffer === result.buffer && view.base === result.base,
      );
      if (same >= 0) taken.set(r, same);
    });
    return elementwiseOver({ program, views, places: results, taken, shape, name }, to.traits);
  });
}
