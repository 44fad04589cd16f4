import type { Epilogue, Operand as Factor } from "../../shaders/lib/epilogue.wgsl.ts";
import { type TileSide, tileBytes } from "../../shaders/lib/tile.wgsl.ts";
import { coalesce, type Scalar } from "../../shaders/lib/view.wgsl.ts";
import {
  type MatmulParams,
  matmulDirect,
  matmulNaive,
  matmulShared,
  matmulTiled,
  type RegisterTile,
} from "../../shaders/matmul.wgsl.ts";
import { DTypeError, ShapeError } from "../errors.ts";
import {
  type AdapterTraits,
  type KernelCall,
  type Lowering,
  lengthOf,
  type Op,
  ownInputs,
  type View,
} from "../graph/op.ts";
import { broadcastShapes, bytesPer, type DType, type Float, floats, showShape, sizeOf } from "../graph/shape.ts";
import { apply, checkTensors, type Node, type Tensor } from "../graph/tensor.ts";
import { add } from "./arithmetic.ts";
import { bind, ends, outputSpecs, touched } from "./fused.ts";
import { bodyOf, dtypeOf, flopsOf, identity, nameOf, type PointwiseProgram, show } from "./program.ts";
import { choose, needsWorkgroup, unless, type Variant, workgroupOf } from "./variants.ts";
import { expand, reshape, transpose } from "./views.ts";

const matmulOp: Op = {
  name: "matmul",
  precision: "half",
  // A chain of pointwise ops may follow inside the kernel: attrs.epilogue, with the product as its first input.
  epilogueAfter: 2,
  // Another may make the elements of the first factor, which the kernel stores if they are `kept`. Computed again by every tile across,
  // they are cheaper than a dispatch of their own where the product is small.
  takesPrologue: ({ inputs: [a, b] }) => {
    const [k, n] = b!.shape.slice(-2);
    return k! % 4 === 0 && n! > 1 && sizeOf(a!.shape) * n! <= 65536;
  },
  keepsPrologue: true,
  // Kernels that read both bind one buffer then.
  sideBySide: ({ attrs: { kept } }) => kept,
  infer(inputs, { prologue, kept, epilogue }) {
    const [a, b] = [inputs[0], inputs[prologue?.inputs.length ?? 1]];
    const dtype = prologue ? dtypeOf(prologue.outputs[0], prologue) : a!.dtype;
    if (dtype !== b!.dtype || !floats.includes(dtype)) {
      throw new DTypeError(`matmul: operands are ${dtype} and ${b!.dtype}, expected f32 or f16 for both`);
    }
    const [m, k] = a!.shape.slice(-2);
    const [l, n] = b!.shape.slice(-2);
    if (k !== l) throw new ShapeError(`matmul: inner sizes differ: ${showShape(a!.shape)} × ${showShape(b!.shape)}`);
    const shape = [...a!.shape.slice(0, -2), m!, n!];
    return [
      ...(epilogue ? outputSpecs(epilogue, shape) : [{ shape, dtype }]),
      ...(kept ? [{ shape: a!.shape, dtype }] : []),
    ];
  },
  vjp: ({ inputs: [a, b] }, [dy]) => (dy ? [matmul(dy, transpose(b!)), matmul(transpose(a!), dy)] : []),
  // (a·b)ᵀ = bᵀ·aᵀ: transposed operands cost nothing, a transposed result would be copied.
  permuted: ({ op, inputs: [a, b] }, axes) =>
    swapsLast(axes) ? apply(op, [transposed(b!), transposed(a!)]) : undefined,
  lower: (node, to) => [matmulCall(node, to)],
  describe: ({ attrs: { prologue, epilogue } }) =>
    [...(prologue ? [`of ${show(prologue)}`] : []), ...(epilogue ? [show(epilogue)] : [])].join(" "),
};

/** Whether an order of axes exchanges the last two and keeps the others. */
const swapsLast = (axes: readonly number[]): boolean =>
  axes.every((axis, i) => axis === (i === axes.length - 1 ? i - 1 : i === axes.length - 2 ? i + 1 : i));

/** The transpose of a matrix stack, which of a transpose is the original. */
const transposed = (x: Tensor): Tensor =>
  x.node.op.name === "permute" && swapsLast(x.node.attrs["axes"]) ? x.node.inputs[0]! : transpose(x);

/**
 * Matrix product of the last two axes; batch axes in front broadcast. A 1-D left operand is a row and a 1-D right one a column,
 * whose axis is then dropped, as in PyTorch.
 *
 * Transposed operands (`transpose(w)`) cost nothing: the kernels walk any strides. Of f16 operands the products are exact and
 * the sums f32; the result is rounded to f16 once.
 */
export function matmul<A extends DType, B extends DType>(a: Tensor<A>, b: Tensor<B>): Tensor<A & B & Float> {
  checkTensors("matmul", a, b);
  if (a.shape.length === 0 || b.shape.length === 0) {
    throw new ShapeError(`matmul: operands need axes: ${showShape(a.shape)} × ${showShape(b.shape)}`);
  }
  const left = a.shape.length === 1 ? reshape(a, [1, a.shape[0]!]) : a;
  const right = b.shape.length === 1 ? reshape(b, [b.shape[0]!, 1]) : b;
  if (left.shape.at(-1) !== right.shape.at(-2)) {
    throw new ShapeError(`matmul: inner sizes differ: ${showShape(a.shape)} × ${showShape(b.shape)}`);
  }
  const batch = broadcastShapes("matmul", left.shape.slice(0, -2), right.shape.slice(0, -2));
  const y = apply<A & B & Float>(matmulOp, [
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
export function linear<A extends DType, B extends DType>(
  x: Tensor<A>,
  weight: Tensor<B>,
  bias?: Tensor,
): Tensor<A & B & Float> {
  checkTensors("linear", x, weight, ...(bias === undefined ? [] : [bias]));
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
  /** Which axis of each factor is contiguous, e.g. "kn" for two row-major ones; `*` stands for one that is computed. */
  readonly layout: string;
}

interface MatmulVariant extends Variant<Problem> {
  write(params: MatmulParams, traits: AdapterTraits): string;
  workgroups(problem: Problem, traits: AdapterTraits): readonly [number, number, number];
  /** Of each batch, where they lie along one axis. */
  invocations?(problem: Problem): number;
}

/** Results across one register tile, or four side by side. */
const across = ({ columns, quads }: RegisterTile): number => (quads ? 16 : 4) * columns;

/** Register tiles that cover the result. */
const tilesOf = ({ m, n }: Problem, tile: RegisterTile): number =>
  Math.ceil(m / tile.rows) * Math.ceil(n / across(tile));

/**
 * How fast a register tile is on a CPU adapter: the GFLOP/s it reaches on a large product, `rate`, less what its tiles compute beyond
 * the result, less what cores miss that get none. Where that is little but waste, it is not worth measuring.
 */
function rateOnCpu(problem: Problem, tile: RegisterTile, sharers: number, rate: number): number {
  const { m, n, batches } = problem;
  const tiles = tilesOf(problem, tile);
  const used = (m * n) / (tiles * tile.rows * across(tile));
  return used < 0.1 ? -1 : rate * used * Math.min(1, (tiles * sharers * batches) / 32);
}

/** GFLOP/s of a register tile on a large product, on CPU adapters: SwiftShader, and lavapipe, whose subgroups have 8 lanes. */
type Rates = readonly [swiftShader: number, lavapipe: number];

const rateOf = ([swiftShader, lavapipe]: Rates, { lanes = 4 }: AdapterTraits): number =>
  lanes < 8 ? swiftShader : lavapipe;

/**
 * A register tile for each invocation.
 * @param worth multiply-adds below which its text takes longer to compile than it can save in a hundred runs; tuning measures it all
 * the same.
 */
const direct = (tile: RegisterTile, rates: Rates, worth = 0, onGPU = (_: Problem) => 0.5): MatmulVariant => {
  const sharers = tile.quads ? 4 : 1;
  const invocations = (problem: Problem): number => tilesOf(problem, tile) * sharers;
  return {
    name: `${tile.quads ? "quads" : "direct"}${tile.rows}x${4 * tile.columns}`,
    needs: (_, { features }) => unless(!tile.quads || features.has("subgroups"), "subgroups"),
    score(problem, traits) {
      if (!traits.cpu) return onGPU(problem);
      const { m, n, k, batches } = problem;
      const score = rateOnCpu(problem, tile, sharers, rateOf(rates, traits));
      return m * n * k * batches < worth ? Math.min(score, 0) : score;
    },
    write: (params, traits) => matmulDirect(params, tile, workgroupOf(traits)),
    invocations,
    workgroups: (problem, traits) => [Math.ceil(invocations(problem) / workgroupOf(traits)), problem.batches, 1],
  };
};

/** A register tile for the four invocations of a quad, or for the 64 of a workgroup, who share out K. */
const shared = (tile: RegisterTile, sharers: 4 | 64, score: MatmulVariant["score"]): MatmulVariant => {
  const quad = sharers === 4;
  const size = (traits: AdapterTraits) => (quad ? workgroupOf(traits) : sharers);
  const invocations = (problem: Problem): number => tilesOf(problem, tile) * sharers;
  return {
    name: `${quad ? "quadK" : "groupK"}${tile.rows}x${4 * tile.columns}`,
    needs: (_, { features, ...limits }) =>
      quad
        ? unless(features.has("subgroups"), "subgroups")
        : needsWorkgroup(limits, sharers, 16 * sharers * tile.rows * tile.columns),
    score,
    write: (params, traits) => matmulShared(params, tile, sharers, size(traits)),
    ...(quad && { invocations }),
    workgroups: (problem, traits) => [Math.ceil(invocations(problem) / size(traits)), problem.batches, 1],
  };
};

/** A square tile for each workgroup of 256. */
const tiled = (name: string, side: TileSide, onGPU: (problem: Problem) => number): MatmulVariant => ({
  name,
  needs: ({ layout }, traits) =>
    unless(!layout.startsWith("*"), "a first factor that lies in memory; this one is computed as it is read") ??
    needsWorkgroup(traits, 256, tileBytes(side)),
  score: (problem, { cpu }) => (cpu ? -1 : onGPU(problem)),
  write: (params) => matmulTiled(params, side),
  workgroups: ({ m, n, batches }) => [Math.ceil(n / side), Math.ceil(m / side), batches],
});

const quadTile: RegisterTile = { rows: 4, columns: 1 };

/**
 * The ladder, from the explanation to the fastest. On CPU adapters larger register tiles win as long as they leave work for
 * every core; on GPUs a tile in workgroup memory wins as soon as the result fills it. Measured on SwiftShader and lavapipe, two cores;
 * on lavapipe in seconds of processor time, the worth of a text not again.
 */
export const matmulVariants: readonly MatmulVariant[] = [
  {
    name: "naive",
    score: () => 0,
    write: matmulNaive,
    workgroups: ({ m, n, batches }) => [Math.ceil(n / 8), Math.ceil(m / 8), batches],
  },
  direct({ rows: 1, columns: 1 }, [1.5, 4], 0, ({ m }) => (m === 1 ? 9 : 2)),
  direct({ rows: 4, columns: 1 }, [3.3, 6.5], 0, () => 3),
  direct({ rows: 8, columns: 1 }, [4, 7.5]),
  direct({ rows: 16, columns: 2 }, [5.5, 6.5]),
  direct({ rows: 4, columns: 1, quads: true }, [4.4, 12]),
  direct({ rows: 8, columns: 1, quads: true }, [6, 16]),
  direct({ rows: 16, columns: 1, quads: true }, [6.6, 11], 8e6),
  direct({ rows: 16, columns: 2, quads: true }, [7.2, 15], 1e7),
  direct({ rows: 32, columns: 2, quads: true }, [7.9, 13.5], 5e7),
  shared(quadTile, 4, (problem, traits) =>
    traits.cpu && problem.k >= 64 ? rateOnCpu(problem, quadTile, 4, rateOf([3, 7], traits)) : 0,
  ),
  shared({ rows: 1, columns: 2 }, 64, ({ m, k }, { cpu }) => (!cpu && m === 1 && k >= 128 ? 10 : -1)),
  // Tiles would leave most of a GPU idle where results are few, and walk K one slice after the other.
  shared({ rows: 4, columns: 2 }, 64, ({ m, n, k, batches }, { cpu }) =>
    !cpu && k >= 64 && m * n * batches <= (k >= 256 ? 2 ** 16 : 2 ** 13) ? 8 : -1,
  ),
  tiled("tiled", 64, ({ m, n }) => (m >= 32 && n >= 32 ? 6 : 0.2)),
  // Twice as many products for each element loaded; fills a GPU only where the result is large.
  tiled("tiled128", 128, ({ m, n, batches }) => (m * n * batches >= 2 ** 21 && m >= 256 && n >= 256 ? 7 : 0.1)),
];

/** A matrix stack as the kernels take it: its batch axes as one view, its last two as strides. */
function factor(view: View): Factor {
  const { shape } = view;
  // Along an axis of one element nobody walks.
  const strides = view.strides.map((stride, axis) => (shape[axis] === 1 ? 0 : stride));
  const batch = coalesce({ shape: shape.slice(0, -2), strides: strides.slice(0, -2), offset: view.offset });
  return { batch, strides: [strides.at(-2)!, strides.at(-1)!], length: lengthOf(view) };
}

const typed = (view: View) => ({ ...factor(view), type: view.dtype });

/** The end of a kernel that sums and runs a program on each sum. @param added views of the program's further inputs. */
export function ending(program: PointwiseProgram, added: readonly View[]): Epilogue {
  return { ...bodyOf(program, program.inputs[0]!), inputs: added.map(typed) };
}

/** A stack of matrices with rows and columns swapped. */
function turned(view: View): View {
  const swap = (list: readonly number[]) => [...list.slice(0, -2), list.at(-1)!, list.at(-2)!];
  return { ...view, shape: swap(view.shape), strides: swap(view.strides) };
}

function matmulCall(node: Node, to: Lowering): KernelCall {
  const { prologue, kept, epilogue } = node.attrs;
  const own = ownInputs(node);
  const [x, y, extra] = [node.inputs[0], node.inputs[own - 1], node.inputs.slice(own)];
  // Strides count downwards in flipped views; the kernels only walk upwards.
  const upwards = (tensor: Tensor) => {
    const view = to.view(tensor);
    return view.strides.some((stride) => stride < 0) ? to.contiguous(tensor) : view;
  };
  const product = [upwards(x!), upwards(y!)] as const;
  const [rows, cols] = [product[0].shape.at(-2)!, product[1].shape.at(-1)!];
  // A column is computed as the row that it is in memory: of each factor four neighbours are loaded at once then.
  const turns = cols === 1 && rows > 1;
  const [a, b] = turns ? [turned(product[1]), turned(product[0])] : product;
  const added = extra.map(upwards).map((view) => (turns ? turned(view) : view));
  const [m, k, n] = [a.shape.at(-2)!, a.shape.at(-1)!, b.shape.at(-1)!];
  const batches = sizeOf(a.shape.slice(0, -2));
  const before = prologue ? node.inputs.slice(0, own - 1).map(upwards) : [a];
  const type = prologue ? dtypeOf(prologue.outputs[0], prologue) : a.dtype;
  const program: PointwiseProgram = epilogue ?? identity(type);
  const all = node.results.map((_, i) => to.result(i)!);
  const store = kept && all.at(-1)!;
  const places = kept ? all.slice(0, -1) : all;
  const { outputs, bindings } = ends(added, places);
  const [left, right] = [factor(a), factor(b)];
  const layout = (prologue ? "*" : ("mk"[left.strides.indexOf(1)] ?? "-")) + ("kn"[right.strides.indexOf(1)] ?? "-");
  const problem = { m, n, k, batches, type, layout };
  const variant = choose<MatmulVariant, Problem>("matmul", matmulVariants, problem, to.traits);
  const size = batches * m * n;
  const chain = nameOf(program);
  const made = prologue && {
    inputs: before.map(typed),
    body: bodyOf(prologue, type),
    kept: store && { type, length: store.span / bytesPer(type) },
  };
  return {
    label: `${prologue ? `${nameOf(prologue)}+` : ""}matmul[${batches > 1 ? `${batches}x` : ""}${rows}x${cols}x${k}]${chain && `+${chain}`}:${type}`,
    family: "matmul",
    variant: variant.name,
    wgsl: variant.write(
      {
        rows: m,
        cols: n,
        k,
        batches,
        type,
        a: left,
        b: right,
        made,
        epilogue: ending(program, added),
        outputs,
      },
      to.traits,
    ),
    bindings: [
      ...before.map((view) => bind(view, "read")),
      ...(store ? [bind(store, "read_write")] : []),
      bind(b, "read"),
      ...bindings,
    ],
    workgroups: variant.workgroups(problem, to.traits),
    ...(variant.invocations && { invocations: variant.invocations(problem) }),
    flops: 2 * size * k + flopsOf(program) * size + (prologue ? flopsOf(prologue) * batches * m * k : 0),
    bytes: [...before, b, ...added, ...all].reduce((sum, view) => sum + touched(view), 0),
  };
}
