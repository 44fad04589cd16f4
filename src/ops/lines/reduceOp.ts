import type { ReduceRule } from "../../../shaders/reduce.wgsl.ts";
import type { Node, Op, Tensor } from "../../graph/tensor.ts";
import { reduceKernels } from "../../kernels/reduce.ts";

/** The op of a reduction over `attrs.axes`. `attrs.to` is the result's dtype if f16 is reduced to f32. */
export function reduceOp(
  rule: ReduceRule,
  vjp?: (dy: Tensor, y: Tensor, x: Tensor, axes: readonly number[]) => Tensor,
): Op {
  return {
    name: rule.name,
    kernels: reduceKernels(rule),
    infer: ([x], { axes, to = x!.dtype }) => [{ shape: x!.shape.filter((_, axis) => !axes.includes(axis)), dtype: to }],
    ...(vjp && {
      vjp: ({ results: [y], inputs: [x], attrs: { axes } }: Node, [dy]: readonly (Tensor | undefined)[]) => [
        dy && vjp(dy, y!, x!, axes),
      ],
    }),
    describe: ({ attrs: { axes } }) => `{axes: [${axes}]}`,
  };
}
