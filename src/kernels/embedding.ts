import {
  embedding,
  embeddingGradByPosition,
  embeddingGradByRow,
  embeddingGradNaive,
  embeddingGradSorted,
  embeddingZeros,
  type LookupGrad,
} from "../../shaders/embedding.wgsl.ts";
import { alongX } from "../../shaders/lib/grid.wgsl.ts";
import type { Kernel } from "../../shaders/lib/kernel.ts";
import { bytesPer, labelShape, sizeOf } from "../graph/shape.ts";
import { bound, type KernelCall, lengthOf, type View } from "./call.ts";
import { choose, family, named, unless, type Variant } from "./choose.ts";
import type { Kernels, Lowering } from "./lowering.ts";
import { sortCalls } from "./sort.ts";
import { touched } from "./work.ts";

interface Problem {
  readonly rows: number;
  readonly size: number;
  readonly positions: number;
}

interface EmbeddingVariant extends Variant<Problem> {
  /** Elements per invocation. */
  readonly width: 1 | 4;
}

const wholeFours = ({ size }: Problem) => unless(size % 4 === 0, "a multiple of 4 elements in a row");

export const embeddingFamily = /* @__PURE__ */ family<EmbeddingVariant>("embedding", "embedding", [
  { name: "naive", score: () => -1, width: 1 },
  { name: "vec4", needs: wholeFours, score: () => 1, width: 4 },
]);

interface GradVariant extends Variant<Problem> {
  /** @param order the positions by the row that they look up, if the variant asks for them. */
  write(grad: LookupGrad, order: View | undefined): Kernel;
  /** Number of invocations. */
  count(problem: Problem): number;
  /** Whether the table's gradient must be zeroed first. */
  readonly onZeros?: boolean;
  readonly inOrder?: boolean;
}

/**
 * Comparisons of four indices, beyond which sorting them is faster: on SwiftShader it is 16 times as fast at twice as
 * many, and as fast at an eighth. GPUs are an estimate.
 */
const manyComparisons = 2 ** 21;

/** Four columns at once if rows are whole vec4s. */
const widthOf = (size: number): 1 | 4 => (size % 4 === 0 ? 4 : 1);

export const embeddingGradFamily = /* @__PURE__ */ family<GradVariant>("embeddingGrad", "embedding", [
  { name: "naive", score: () => -1, write: embeddingGradNaive, count: ({ rows, size }) => rows * size },
  {
    name: "rows",
    score: ({ rows, positions }) => (rows <= 2 * positions ? 2 : 0),
    write: (grad) => embeddingGradByRow(grad, widthOf(grad.table.shape[1]!)),
    count: ({ rows, size }) => (rows * size) / widthOf(size),
  },
  {
    name: "positions",
    score: () => 1,
    write: (grad) => embeddingGradByPosition(grad, widthOf(grad.table.shape[1]!)),
    count: ({ positions, size }) => (positions * size) / widthOf(size),
    onZeros: true,
  },
  {
    name: "sorted",
    score({ rows, size, positions }) {
      const searches = (Math.min(rows, positions) * size) / widthOf(size);
      return (searches * positions) / 4 > manyComparisons ? 3 : 0;
    },
    write: (grad, order) => embeddingGradSorted(grad, widthOf(grad.table.shape[1]!), order!),
    count: ({ positions, size }) => (positions * size) / widthOf(size),
    onZeros: true,
    inOrder: true,
  },
]);

/** Looks up rows of a table. */
export const embeddingKernels: Kernels = {
  narrows: true,
  lower({ inputs: [weight, indices] }, to) {
    const [table, index, rows] = [to.contiguous(weight!), to.contiguous(indices!), to.result(0)!];
    const problem = problemOf(table, index);
    const variant = choose<EmbeddingVariant, Problem>(embeddingFamily, problem, to.traits);
    return [
      {
        ...named(embeddingFamily, variant),
        ...described("embedding", problem, index, rows),
        ...bound(embedding({ table, index, rows }, variant.width)),
        workgroups: alongX((problem.positions * problem.size) / variant.width),
        flops: 0,
      },
    ];
  },
};

/** Adds the gradients of the looked-up rows to the rows of the table. */
export const embeddingGradKernels: Kernels = {
  lower({ node, inputs: [dy, indices] }, to) {
    const [rows, index, table] = [to.contiguous(dy!), to.contiguous(indices!), to.result(0)!];
    const problem = problemOf(table, index);
    const variant = choose<GradVariant, Problem>(embeddingGradFamily, problem, to.traits);
    const order = variant.inOrder ? to.scratch("positions by row", [problem.positions], "i32") : undefined;
    const call: KernelCall = {
      ...named(embeddingGradFamily, variant),
      ...described("embeddingGrad", problem, index, table),
      ...bound(variant.write({ table, index, rows, padding: node.attrs["padding"] ?? -1 }, order)),
      workgroups: alongX(variant.count(problem)),
      flops: problem.positions * problem.size,
    };
    return [
      ...(order ? orderCalls(index, order, to) : []),
      ...(variant.onZeros ? [zerosCall(table, variant)] : []),
      call,
    ];
  },
};

/** Sorts positions by the row that they look up. */
function orderCalls(index: View, order: View, to: Lowering): readonly KernelCall[] {
  const length = sizeOf(index.shape);
  return sortCalls(
    { x: index, y: order, lines: 1, length, inner: 1, kept: length, descending: false },
    "positions",
    to,
  );
}

function problemOf(table: View, index: View): Problem {
  const [rows, size] = table.shape as [number, number];
  return { rows, size, positions: sizeOf(index.shape) };
}

const described = (name: string, { rows, size, positions }: Problem, index: View, { dtype }: View) => ({
  label: `${name}[${rows}x${size}]×${positions}:${dtype}`,
  bytes: 2 * positions * size * bytesPer(dtype) + touched(index),
});

const zerosCall = (table: View, variant: GradVariant): KernelCall => ({
  label: `zeros${labelShape(table.shape)}:${table.dtype}`,
  ...named(embeddingGradFamily, variant),
  ...bound(embeddingZeros(table)),
  workgroups: alongX(lengthOf(table) / 4),
  flops: 0,
  bytes: table.span,
});
