import type { Epilogue, Operand as Factor } from "../../shaders/lib/epilogue.wgsl.ts";
import { tileSide } from "../../shaders/lib/tile.wgsl.ts";
import { coalesce, type Scalar } from "../../shaders/lib/view.wgsl.ts";
import {
  type DirectShape,
  type MatmulParams,
  matmulDirect,
  matmulNaive,
  matmulTiled,
} from "../../shaders/matmul.wgsl.ts";
import { DTypeError, ShapeError } from "../errors.ts";
import type { KernelCall, Lowering, Op, View } from "../graph/op.ts";
import { broadcastShapes, bytesPer, floats, showShape, sizeOf } from "../graph/shape.ts";
import { apply, type Node, type Tensor } from "../graph/tensor.ts";
import { add } from "./arithmetic.ts";
import { bind, outputSpecs, touched } from "./fused.ts";
import { flopsOf, identity, nameOf, type PointwiseProgram, render, show } from "./program.ts";
import { choose, type Variant } from "./variants.ts";
import { expand, reshape, transpose } from "./views.ts";

const matmulOp: Op = {
  name: "matmul",
  precision: "half",
  // A chain of pointwise ops may follow inside the kernel: attrs.epilogue, with the product as its first input.
  epilogueAfter: 2,
  infer([a, b], { epilogue }) {
    if (a!.dtype !== b!.dtype || !floats.includes(a!.dtype)) {
      throw new DTypeError(`matmul: operands are ${a!.dtype} and ${b!.dtype}, expected f32 or f16 for both`);
    }
    const [m, k] = a!.shape.slice(-2);
    const [l, n] = b!.shape.slice(-2);
    if (k !== l) throw new ShapeError(`matmul: inner sizes differ: ${showShape(a!.shape)} × ${showShape(b!.shape)}`);
    const shape = [...a!.shape.slice(0, -2), m!, n!];
    return epilogue ? outputSpecs(epilogue, shape) : [{ shape, dtype: a!.dtype }];
  },
  vjp: ({ inputs: [a, b] }, [dy]) => (dy ? [matmul(dy, transpose(b!)), matmul(transpose(a!), dy)] : []),
  lower: (node, to) => [matmulCall(node, to)],
  describe: ({ attrs: { epilogue } }) => (epilogue ? show(epilogue) : ""),
};

/**
 * Matrix product of the last two axes; batch axes in front broadcast. A 1-D left operand is a row and a 1-D right one a column,
 * whose axis is then dropped, as in PyTorch.
 *
 * Transposed operands (`transpose(w)`) cost nothing: the kernels walk any strides. Of f16 operands the products are exact and
 * the sums f32; the result is rounded to f16 once.
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  if (a.shape.length === 0 || b.shape.length === 0) {
    throw new ShapeError(`matmul: operands need axes: ${showShape(a.shape)} × ${showShape(b.shape)}`);
  }
  const left = a.shape.length === 1 ? reshape(a, [1, a.shape[0]!]) : a;
  const right = b.shape.length === 1 ? reshape(b, [b.shape[0]!, 1]) : b;
  if (left.shape.at(-1) !== right.shape.at(-2)) {
    throw new ShapeError(`matmul: inner sizes differ: ${showShape(a.shape)} × ${showShape(b.shape)}`);
  }
  const batch = broadcastShapes("matmul", left.shape.slice(0, -2), right.shape.slice(0, -2));
  const y = apply(matmulOp, [
    expand(left, [...batch, ...left.shape.slice(-2)]),
    expand(right, [...batch, ...right.shape.slice(-2)]),
  ]);
  if (a.shape.length > 1 && b.shape.length > 1) return y;
  return reshape(y, [
    ...batch,
    ...(a.shape.length > 1 ? left.shape.slice(-2, -1) : []),
    ...(b.shape.length > 1 ? right.shape.slice(-1) : []),
  ]);
}

/**
 * Linear map of the last axis: x · weightᵀ + bias.
 * @param x `[…, in]`
 * @param weight `[out, in]`
 * @param bias `[out]`, optional.
 * @returns `[…, out]`
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const [inputs] = x.shape.slice(-1);
  if (weight.shape.length !== 2 || inputs !== weight.shape[1]) {
    throw new ShapeError(
      `linear: input ${showShape(x.shape)} does not fit weight ${showShape(weight.shape)}: expected […, ${weight.shape[1]}]`,
    );
  }
  const [out] = weight.shape;
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== out)) {
    throw new ShapeError(
      `linear: bias ${showShape(bias.shape)} does not fit weight ${showShape(weight.shape)}: expected [${out}]`,
    );
  }
  // One matrix of all rows, so that the bias joins the product's kernel whatever the rank of x.
  const rows = reshape(x, [sizeOf(x.shape) / inputs!, inputs!]);
  const product = matmul(rows, transpose(weight));
  return reshape(bias ? add(product, bias) : product, [...x.shape.slice(0, -1), out!]);
}

interface Problem {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batches: number;
  readonly type: Scalar;
  /** Which axis of each factor is contiguous, e.g. "kn" for two row-major ones. */
  readonly layout: string;
}

interface MatmulVariant extends Variant<Problem> {
  write(params: MatmulParams): string;
  workgroups(problem: Problem): readonly [number, number, number];
  /** Of each batch, where they lie along one axis. */
  invocations?(problem: Problem): number;
}

/** Results across one register tile, or four side by side. */
const across = ({ columns, quads }: DirectShape): number => (quads ? 16 : 4) * columns;

/**
 * A register tile. On a CPU adapter it is as good as the GFLOP/s it reaches on a large product, `rate`, less what its tiles compute
 * beyond the result, less what cores miss that get none.
 * @param worth multiply-adds below which its text takes longer to compile than it can save in hundreds of runs.
 */
const direct = (shape: DirectShape, rate: number, onGPU: (problem: Problem) => number, worth = 0): MatmulVariant => {
  const tiles = ({ m, n }: Problem): number => Math.ceil(m / shape.rows) * Math.ceil(n / across(shape));
  const invocations = (problem: Problem): number => tiles(problem) * (shape.quads ? 4 : 1);
  return {
    name: `${shape.quads ? "quads" : "direct"}${shape.rows}x${4 * shape.columns}`,
    fits: ({ batches }, { maxWorkgroups, features }) =>
      batches <= maxWorkgroups && (!shape.quads || features.has("subgroups")),
    score(problem, { cpu }) {
      if (!cpu) return onGPU(problem);
      const { m, n, k, batches } = problem;
      if (m * n * k * batches < worth) return 0;
      const computed = tiles(problem) * shape.rows * across(shape);
      return ((rate * m * n) / computed) * Math.min(1, (invocations(problem) * batches) / 32);
    },
    write: (params) => matmulDirect(params, shape),
    invocations,
    workgroups: (problem) => [Math.ceil(invocations(problem) / shape.workgroup), problem.batches, 1],
  };
};

/**
 * The ladder, from the explanation to the fastest. On CPU adapters larger register tiles win as long as they leave work for
 * every core; on GPUs a tile in workgroup memory wins as soon as the result fills it.
 */
export const matmulVariants: readonly MatmulVariant[] = [
  {
    name: "naive",
    fits: ({ batches }, { maxWorkgroups }) => batches <= maxWorkgroups,
    score: () => 0,
    write: matmulNaive,
    workgroups: ({ m, n, batches }) => [Math.ceil(n / 8), Math.ceil(m / 8), batches],
  },
  direct({ rows: 1, columns: 1, workgroup: 16 }, 1.5, ({ m }) => (m === 1 ? 9 : 2)),
  direct({ rows: 4, columns: 1, workgroup: 16 }, 3.3, () => 3),
  direct({ rows: 8, columns: 1, workgroup: 16 }, 4, () => 0.5),
  direct({ rows: 16, columns: 2, workgroup: 16 }, 5.5, () => 0.5),
  direct({ rows: 4, columns: 1, workgroup: 16, quads: true }, 4.4, () => 0.5),
  direct({ rows: 8, columns: 1, workgroup: 16, quads: true }, 6, () => 0.5),
  direct({ rows: 16, columns: 2, workgroup: 16, quads: true }, 7.2, () => 0.5, 1e6),
  direct({ rows: 32, columns: 2, workgroup: 16, quads: true }, 7.9, () => 0.5, 5e7),
  {
    name: "tiled",
    fits: ({ batches }, { maxInvocations, maxWorkgroups, maxWorkgroupBytes }) =>
      maxInvocations >= 256 && maxWorkgroupBytes >= 8192 && batches <= maxWorkgroups,
    score: ({ m, n }, { cpu }) => (cpu ? -1 : m >= 32 && n >= 32 ? 6 : 0.2),
    write: matmulTiled,
    workgroups: ({ m, n, batches }) => [Math.ceil(n / tileSide), Math.ceil(m / tileSide), batches],
  },
];

/** A matrix stack as the kernels take it: its batch axes as one view, its last two as strides. */
function factor(view: View): Factor {
  const { shape, strides } = view;
  const batch = coalesce({ shape: shape.slice(0, -2), strides: strides.slice(0, -2), offset: view.offset });
  return { batch, strides: [strides.at(-2)!, strides.at(-1)!], length: view.span / bytesPer(view.dtype) };
}

/** The end of a kernel that sums and runs a program on each sum. @param added views of the program's further inputs. */
export function ending(program: PointwiseProgram, added: readonly View[]): Epilogue {
  const names = program.inputs.map((_, i) => `x${i}`);
  const inputs = added.map((view) => ({ ...factor(view), type: view.dtype }));
  return { type: program.inputs[0]!, inputs, ...render(program, names) };
}

function matmulCall(node: Node, to: Lowering): KernelCall {
  const [left, right, ...extra] = node.inputs;
  // Strides count downwards in flipped views; the kernels only walk upwards.
  const upwards = (tensor: Tensor) => {
    const view = to.view(tensor);
    return view.strides.some((stride) => stride < 0) ? to.contiguous(tensor) : view;
  };
  const [a, b] = [upwards(left!), upwards(right!)];
  const added = extra.map(upwards);
  const [m, k, n] = [a.shape.at(-2)!, a.shape.at(-1)!, b.shape.at(-1)!];
  const batches = sizeOf(a.shape.slice(0, -2));
  const program: PointwiseProgram = node.attrs["epilogue"] ?? identity(a.dtype);
  const places = node.results.map((_, i) => to.result(i)!);
  const along = ({ strides }: View, names: string) =>
    names[[-2, -1].findIndex((axis) => strides.at(axis) === 1)] ?? "-";
  const problem = { m, n, k, batches, type: a.dtype, layout: along(a, "mk") + along(b, "kn") };
  const variant = choose<MatmulVariant, Problem>("matmul", matmulVariants, problem, to.traits);
  const size = batches * m * n;
  const chain = nameOf(program);
  return {
    label: `matmul[${batches > 1 ? `${batches}x` : ""}${m}x${n}x${k}]${chain && `+${chain}`}:${a.dtype}`,
    family: "matmul",
    variant: variant.name,
    wgsl: variant.write({
      rows: m,
      cols: n,
      k,
      batches,
      type: a.dtype,
      a: factor(a),
      b: factor(b),
      epilogue: ending(program, added),
      outputs: places.map((place) => ({ type: place.dtype, length: place.span / bytesPer(place.dtype) })),
    }),
    bindings: [
      ...[a, b, ...added].map((view) => bind(view, "read")),
      ...places.map((place) => bind(place, "read_write")),
    ],
    workgroups: variant.workgroups(problem),
    ...(variant.invocations && { invocations: variant.invocations(problem) }),
    flops: 2 * size * k + flopsOf(program) * size,
    bytes:
      [a, b, ...added].reduce((sum, view) => sum + touched(view), 0) +
      places.reduce((sum, place) => sum + size * bytesPer(place.dtype), 0),
  };
}
