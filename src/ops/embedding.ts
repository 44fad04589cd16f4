import {
  type EmbeddingParams,
  embeddingGradByPosition,
  embeddingGradByRow,
  embeddingRows,
  embeddingWidth,
  embeddingZeros,
} from "../../shaders/embedding.wgsl.ts";
import { alongX } from "../../shaders/lib/grid.wgsl.ts";
import { legacy } from "../../shaders/lib/legacy.ts";
import { checkWhole, DTypeError, optionsOf, ShapeError } from "../errors.ts";
import { bytesPer, type DType, type Float, floats, labelShape, showShape, sizeOf } from "../graph/shape.ts";
import { apply, checkTensors, type Op, type Tensor } from "../graph/tensor.ts";
import { bind, type KernelCall, lengthOf, type View } from "../kernels/call.ts";
import { choose, type Variant } from "../kernels/choose.ts";
import type { Kernels } from "../kernels/lowering.ts";
import { touched } from "../kernels/work.ts";
import { eq, where } from "./arithmetic.ts";
import { zerosLike } from "./constants.ts";
import { expand, reshape, unsqueeze } from "./views.ts";

/** Rows `attrs.padding` of the table is read like any other, but gets no gradient. */
const embeddingOp: Op = {
  name: "embedding",
  infer: ([weight, index]) => [{ shape: [index!.shape[0]!, weight!.shape[1]!], dtype: weight!.dtype }],
  bounds: ({ inputs: [weight] }) => [{ input: 1, low: 0, high: weight!.shape[0]! - 1 }],
  vjp: ({ inputs: [weight, index], attrs }, [dy]) => [
    dy && apply(embeddingGradOp, [dy, index!], { ...attrs, rows: weight!.shape[0]! }),
  ],
  kernels: {
    lower(
      {
        node: {
          inputs: [weight, index],
        },
      },
      to,
    ) {
      const [table, indices, y] = [to.contiguous(weight!), to.contiguous(index!), to.result(0)!];
      const [rows, size] = table.shape as [number, number];
      return [callOf("embedding", "direct", embeddingRows, y.shape[0]! * size, { rows, size }, table, indices, y)];
    },
  } satisfies Kernels,
};

/** Sums the rows of dy `[positions, size]` by the row of the table that they name. */
const embeddingGradOp: Op = {
  name: "embeddingGrad",
  infer: ([dy], { rows }) => [{ shape: [rows, dy!.shape[1]!], dtype: dy!.dtype }],
  vjp({ inputs: [, index], attrs: { padding } }, [u]) {
    if (!u) return [];
    const rows = apply(embeddingOp, [u, index!], { padding });
    if (padding === undefined) return [rows];
    const padded = expand(unsqueeze(eq(index!, padding), -1), rows.shape);
    return [where(padded, zerosLike(rows), rows)];
  },
  kernels: {
    lower(
      {
        node: {
          inputs: [dy, index],
          attrs: { rows, padding },
        },
      },
      to,
    ) {
      const [values, indices, y] = [to.contiguous(dy!), to.contiguous(index!), to.result(0)!];
      const [positions, size] = values.shape as [number, number];
      const variant = choose<GradVariant, Problem>(
        "embeddingGrad",
        embeddingGradVariants,
        { rows, positions },
        to.traits,
      );
      const count = (variant.name === "rows" ? rows : positions) * size;
      const problem = { rows, size, padding };
      const call = callOf("embeddingGrad", variant.name, variant.write, count, problem, values, indices, y);
      return variant.name === "rows" ? [call] : [zerosCall(y), call];
    },
  } satisfies Kernels,
};

interface Problem {
  readonly rows: number;
  readonly positions: number;
}

interface GradVariant extends Variant<Problem> {
  readonly name: "rows" | "positions";
  readonly write: (params: EmbeddingParams) => string;
}

export const embeddingGradVariants: readonly GradVariant[] = [
  {
    name: "rows",
    score: ({ rows, positions }) => (rows <= 2 * positions ? 2 : 0),
    write: embeddingGradByRow,
  },
  { name: "positions", score: () => 1, write: embeddingGradByPosition },
];

/** @param count elements of work: each invocation does one, or a vec4 of them. */
function callOf(
  name: string,
  variant: string,
  write: (params: EmbeddingParams) => string,
  count: number,
  { rows, size, padding }: { rows: number; size: number; padding?: number },
  values: View,
  indices: View,
  y: View,
): KernelCall {
  const positions = sizeOf(indices.shape);
  return {
    label: `${name}[${rows}x${size}]×${positions}:${y.dtype}`,
    family: name,
    variant,
    kernel: legacy(
      write({
        type: y.dtype,
        rows,
        size,
        positions,
        padding,
        inputLength: lengthOf(values),
        indexLength: lengthOf(indices),
        outputLength: lengthOf(y),
      }),
    ),
    bindings: [bind(values, "read"), bind(indices, "read"), bind(y, "read_write")],
    workgroups: alongX(count / embeddingWidth(size)),
    flops: name === "embedding" ? 0 : positions * size,
    bytes: 2 * positions * size * bytesPer(y.dtype) + touched(indices),
  };
}

function zerosCall(y: View): KernelCall {
  const outputLength = lengthOf(y);
  const none = { rows: 0, size: 0, positions: 0, padding: undefined, inputLength: 0, indexLength: 0 };
  return {
    label: `zeros${labelShape(y.shape)}:${y.dtype}`,
    family: "embeddingGrad",
    variant: "positions",
    kernel: legacy(embeddingZeros({ ...none, type: y.dtype, outputLength })),
    bindings: [bind(y, "read_write")],
    workgroups: alongX(outputLength / 4),
    flops: 0,
    bytes: y.span,
  };
}

/**
 * Rows of a table: y[…, :] = weight[indices[…], :]. Its gradient adds up repeated rows in their order, so it repeats to the bit.
 * @param indices i32 of any shape, from 0 to V − 1. Those fed to a program are checked; computed ones are held at the ends.
 * @param weight `[V, D]`
 * @param options `paddingIdx`: a row that is read as usual but gets no gradient; default none.
 * @returns `[…, D]`
 */
export function embedding<D extends DType>(
  indices: Tensor,
  weight: Tensor<D>,
  options: { paddingIdx?: number } = {},
): Tensor<D & Float> {
  checkTensors("embedding", indices, weight);
  const { paddingIdx } = optionsOf("embedding", options, { paddingIdx: undefined });
  if (weight.shape.length !== 2)
    throw new ShapeError(`embedding: weight is ${showShape(weight.shape)}, expected [V, D]`);
  if (indices.dtype !== "i32") throw new DTypeError(`embedding: the indices are ${indices.dtype}, expected i32`);
  if (!floats.includes(weight.dtype)) throw new DTypeError(`embedding: weight is ${weight.dtype}, expected f32 or f16`);
  const [rows, size] = weight.shape as [number, number];
  if (paddingIdx !== undefined) checkWhole("embedding", "paddingIdx", paddingIdx, 0, rows - 1);
  const attrs = paddingIdx === undefined ? {} : { padding: paddingIdx };
  return reshape(apply(embeddingOp, [weight, reshape(indices, [-1])], attrs), [...indices.shape, size]);
}
