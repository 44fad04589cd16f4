import { LimitError } from "../errors.ts";
import { order } from "../graph/print.ts";
import { showShape } from "../graph/shape.ts";
import { type Tensor, Variable } from "../graph/tensor.ts";
import type { AdapterTraits } from "../kernels/traits.ts";

/** Refuses f16 tensors on adapters without f16. @throws LimitError naming the first of them. */
export function checkHalf(roots: readonly Tensor[], { features }: AdapterTraits): void {
  if (features.has("shader-f16")) return;
  for (const { op, attrs, results } of order(roots)) {
    const tensor = results.find(({ dtype }) => dtype === "f16");
    if (!tensor) continue;
    const name = tensor instanceof Variable ? tensor.name : op.source === "input" ? attrs["name"] : undefined;
    const what = name === undefined ? `the result of ${op.name}` : `${op.source} "${name}"`;
    throw new LimitError(
      `compile: ${what} is f16${showShape(tensor.shape)}, but this adapter lacks the feature shader-f16: use f32 here, the model itself instead of nn.mixedPrecision(model)`,
    );
  }
}
