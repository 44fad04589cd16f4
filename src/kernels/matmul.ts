import { acrossOf, depthOf, type RegisterTile } from "../../shaders/lib/factors.ts";
import type { Kernel } from "../../shaders/lib/kernel.ts";
import { stackOf } from "../../shaders/lib/stack.ts";

import { partLength, type TileSide, tileBytes } from "../../shaders/lib/tile.ts";
import { coalesce } from "../../shaders/lib/view.wgsl.ts";
import {
  matmulDirect,
  matmulGroupK,
  matmulNaive,
  matmulQuadK,
  matmulSum,
  matmulTiled,
  type Product,
} from "../../shaders/matmul.wgsl.ts";
import { flopsOf, identity, nameOf } from "../graph/program.ts";
import { bytesPer, type DType, sizeOf } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { bound, type KernelCall, type Staged, staged, type View } from "./call.ts";
import {
  choose,
  family,
  firstInMemory,
  named,
  needsWorkgroup,
  only,
  unless,
  type Variant,
  workgroupOf,
} from "./choose.ts";
import { type Kernels, type Lowering, upwards, type Work } from "./lowering.ts";
import { type Demand, modelledScore } from "./model.ts";
import { bodyOf } from "./render.ts";
import type { AdapterTraits } from "./traits.ts";
import { endOf, touched } from "./work.ts";

export interface Problem {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batches: number;
  readonly type: DType;
  /** Which axis of each factor is contiguous: "kn" for two row-major ones. `*` is a factor computed as it is loaded. */
  readonly layout: string;
}

export interface MatmulVariant extends Variant<Problem> {
  write(product: Product, traits: AdapterTraits, to: Lowering): Kernel | Staged;
  /** Whether it can divide K among workgroups: each part then has results of its own, which are added at the end. */
  readonly splits?: boolean;
  workgroups(problem: Problem, traits: AdapterTraits, parts: number): readonly [number, number, number];
  /** Invocations with work to do per batch, if the grid has one axis. */
  invocations?(problem: Problem): number;
  /** How it divides a problem on a GPU. */
  tiling?(problem: Problem, traits: AdapterTraits, parts: number): Tiling;
}

/** Tiles of a result, as a GPU has to compute them. */
interface Tiling {
  /** Results in a tile. */
  readonly rows: number;
  readonly columns: number;
  /** Steps along K, if they are more than K. */
  readonly steps?: number;
  /** Tiles per batch, if those of surplus invocations load their factors, too. */
  readonly tiles?: number;
  /** Tiles that a workgroup computes; default 1. */
  readonly inGroup?: number;
  /** Invocations with work to do, and bytes of workgroup memory that they load and store, for each tile. */
  readonly sharers: number;
  readonly local?: number;
}

/**
 * What the calls of a variant ask of a GPU: each tile of the result reads its rows of a and its columns of b, padding
 * included. @param parts of K.
 */
export function demandsOf(variant: MatmulVariant, problem: Problem, traits: AdapterTraits, parts: number): Demand[] {
  const { m, n, k, batches, type } = problem;
  const tiling = variant.tiling!(problem, traits, parts);
  const { rows, columns, steps = k, inGroup = 1, sharers, local = 0 } = tiling;
  const across = Math.ceil(n / columns);
  const tiles = batches * (tiling.tiles ?? Math.ceil(m / rows) * across);
  /** Tiles of a workgroup that have the same rows. */
  const beside = Math.min(across, inGroup);
  const factor = (lines: number, all: number, sharing: number) => {
    const read = tiles * lines * steps * bytesPer(type);
    return { bytes: batches * all * k * bytesPer(type), read, shared: (read * Math.min(1, all / lines)) / sharing };
  };
  const operands = [factor(rows, m, beside), factor(columns, n, inGroup / beside)];
  const size = batches * m * n;
  const stored = parts > 1 ? parts * size * 4 : size * bytesPer(type);
  const products: Demand = {
    flops: 2 * tiles * rows * columns * steps,
    bytes: operands.reduce((sum, { bytes }) => sum + bytes, stored),
    asked: operands.reduce((sum, { read }) => sum + read, stored),
    operands,
    local: tiles * local,
    groups: variant.workgroups(problem, traits, parts).reduce((a, b) => a * b, 1),
    invocations: tiles * parts * sharers,
  };
  if (parts === 1) return [products];
  const rowsOfFours = Math.ceil(n / 4) * m;
  return [
    products,
    {
      flops: parts * size,
      bytes: stored + size * bytesPer(type),
      asked: 16 * rowsOfFours * batches * parts + size * bytesPer(type),
      operands: [],
      groups: Math.ceil(rowsOfFours / workgroupOf(traits)) * batches,
      invocations: rowsOfFours * batches,
    },
  ];
}

/** How much faster twice as many parts must be, since their results take memory. */
const worthMemory = 1.1;

/** Parts of K: as many as the model finds worthwhile, of 64 steps at least, if there is memory for their results. */
export function partsOf(variant: MatmulVariant, problem: Problem, traits: AdapterTraits): number {
  const { m, n, k, batches } = problem;
  const most = variant.splits ? Math.min(k / 64, traits.maxBinding / (4 * m * n * batches)) : 1;
  const scoreOf = (parts: number): number => modelledScore(...demandsOf(variant, problem, traits, parts));
  let best = 1;
  for (let wanted = 2; wanted <= most; wanted *= 2) {
    const parts = Math.ceil(k / partLength(k, wanted));
    if (scoreOf(parts) > worthMemory * scoreOf(best)) best = parts;
  }
  return best;
}

/**
 * Completes a variant: its score on GPUs is modelled, below 0 if it is not for GPUs. Tiles that are mostly padding come
 * after all others: small kernels of 64 invocations can share a dispatch.
 */
const scored = ({ onCpu, ...variant }: Omit<MatmulVariant, "score"> & { onCpu: Variant<Problem>["score"] }) => {
  const done: MatmulVariant = {
    ...variant,
    score(problem, traits) {
      if (traits.cpu) return onCpu(problem, traits);
      if (!variant.tiling) return -1;
      const demands = demandsOf(done, problem, traits, partsOf(done, problem, traits));
      const { m, n, k, batches } = problem;
      return 16 * m * n * k * batches > demands[0]!.flops ? modelledScore(...demands) : 0;
    },
  };
  return done;
};

/** Number of register tiles that cover the result. */
const tilesOf = ({ m, n }: Problem, tile: RegisterTile): number =>
  Math.ceil(m / tile.rows) * Math.ceil(n / acrossOf(tile));

/**
 * Estimated speed of a register tile on a CPU adapter: its GFLOP/s on a large product, `rate`, scaled by the share of
 * useful work in its tiles, and by the share of busy cores. Below 0 if most work is wasted: not worth measuring.
 */
function rateOnCpu(problem: Problem, tile: RegisterTile, sharers: number, rates: Rates, traits: AdapterTraits): number {
  const { m, n, batches } = problem;
  const tiles = tilesOf(problem, tile);
  const used = (m * n) / (tiles * tile.rows * acrossOf(tile));
  const busy = traits.wasm ? 1 : Math.min(1, (tiles * sharers * batches) / 32);
  return used < 0.1 ? -1 : rateOf(rates, traits) * used * busy;
}

/** A register tile's GFLOP/s on a large product: on SwiftShader, on lavapipe with subgroups of 8, and in WebAssembly. */
type Rates = readonly [swiftShader: number, lavapipe: number, wasm: number];

const rateOf = ([swiftShader, lavapipe, inWasm]: Rates, { subgroupSize = 4, wasm }: AdapterTraits): number =>
  wasm ? inWasm : subgroupSize < 8 ? swiftShader : lavapipe;

/**
 * A register tile per invocation, quad or workgroup.
 * @param sharers invocations that share a tile.
 * @param size invocations per workgroup.
 */
function register(
  name: string,
  tile: RegisterTile,
  sharers: number,
  own: Pick<Parameters<typeof scored>[0], "needs" | "onCpu" | "write" | "tiling">,
  size = workgroupOf,
): MatmulVariant {
  const invocations = (problem: Problem): number => tilesOf(problem, tile) * sharers;
  return scored({
    name: `${name}${tile.rows}x${4 * tile.columns}`,
    needs: (_, { features }) => unless(sharers !== 4 || features.has("subgroups"), "subgroups"),
    invocations,
    workgroups: (problem, traits) => [Math.ceil(invocations(problem) / size(traits)), problem.batches, 1],
    ...own,
  });
}

/** A register tile as a GPU computes it. No invocation of a quad may leave early. */
const registerTiling = (tile: RegisterTile, sharers: 1 | 4): Required<MatmulVariant>["tiling"] => {
  const { rows } = tile;
  const columns = acrossOf(tile);
  return (problem, traits) => {
    const inGroup = workgroupOf(traits) / sharers;
    const tiles = tilesOf(problem, tile);
    return { rows, columns, inGroup, sharers, tiles: sharers > 1 ? Math.ceil(tiles / inGroup) * inGroup : tiles };
  };
};

/** Most vec4 sums of an invocation that leave a GPU enough registers for others, if it also keeps what it loads. */
const mostSums = 8;

/**
 * One register tile per invocation; those of a quad share loads.
 * @param worth multiply-adds below which compiling it takes longer than it saves in a hundred runs. Tuning measures it
 * anyway.
 */
const direct = (tile: RegisterTile, rates: Rates, worth = 0): MatmulVariant => {
  const sharers = tile.quads ? 4 : 1;
  return register(tile.quads ? "quads" : "direct", tile, sharers, {
    onCpu(problem, traits) {
      const { m, n, k, batches } = problem;
      const score = rateOnCpu(problem, tile, sharers, rates, traits);
      return m * n * k * batches < worth ? Math.min(score, 0) : score;
    },
    write: (product, traits) => matmulDirect(product, tile, workgroupOf(traits)),
    ...(tile.rows * tile.columns <= mostSums && { tiling: registerTiling(tile, sharers) }),
  });
};

/**
 * Register tiles whose sums along K the invocations of a workgroup share: for few results, and for thin ones.
 * @param sharers invocations that share a tile.
 */
const groupK = (tile: RegisterTile, sharers: 16 | 64 | 256 = 64): MatmulVariant => {
  const { rows } = tile;
  const columns = acrossOf(tile);
  const size = Math.max(64, sharers);
  const local = 4 * rows * columns;
  return register(
    sharers === 64 ? "groupK" : `group${sharers}K`,
    tile,
    sharers,
    {
      needs: (_, traits) => needsWorkgroup(traits, size, size * local),
      onCpu: () => -1,
      write: (product) => matmulGroupK(product, tile, { size, sharers }),
      tiling(problem) {
        const inGroup = size / sharers;
        return {
          rows,
          columns,
          inGroup,
          tiles: Math.ceil(tilesOf(problem, tile) / inGroup) * inGroup,
          sharers: Math.min(sharers, Math.ceil(problem.k / depthOf(problem.k))),
          // Each stores its sums; then one after the other is loaded, added to another, and stored.
          local: 4 * sharers * local,
        };
      },
    },
    () => size,
  );
};

/** One square tile per workgroup of 256, and part of K. */
const tiled = (name: string, side: TileSide): MatmulVariant =>
  scored({
    name,
    needs: (problem, traits) => firstInMemory(problem) ?? needsWorkgroup(traits, 256, tileBytes(side)),
    onCpu: () => -1,
    write: (product) => matmulTiled(product, side),
    splits: true,
    workgroups: ({ m, n, batches }, _, parts) => [Math.ceil(n / side), Math.ceil(m / side), batches * parts],
    tiling({ k }, _, parts) {
      const steps = parts * partLength(k, parts);
      // An invocation loads a row and a column of its results at each step. Half of that, since neighbours share loads.
      return { rows: side, columns: side, steps, sharers: 256, local: (256 * steps * 4 * 2 * (side / 16)) / 2 };
    },
  });

const quadTile: RegisterTile = { rows: 4, columns: 1 };

/**
 * Variants from the definition to the fastest. On CPU adapters, larger register tiles win while there is work for every
 * core: measured on SwiftShader and lavapipe with two cores, `worth` only on SwiftShader. On GPUs, what they ask for is
 * modelled, so a tile in workgroup memory wins once the result is large enough.
 */
export const matmulFamily = /* @__PURE__ */ family<MatmulVariant>("matmul", "matmul", [
  {
    name: "naive",
    score: () => -1,
    write: matmulNaive,
    workgroups: ({ m, n, batches }) => [Math.ceil(n / 8), Math.ceil(m / 8), batches],
  },
  direct({ rows: 1, columns: 1 }, [1.5, 4, 5]),
  direct({ rows: 4, columns: 1 }, [3.3, 6.5, 18]),
  direct({ rows: 8, columns: 1 }, [4, 7.5, 22]),
  direct({ rows: 16, columns: 2 }, [5.5, 6.5, 26]),
  direct({ rows: 4, columns: 1, quads: true }, [4.4, 12, 0]),
  direct({ rows: 8, columns: 1, quads: true }, [6, 16, 0]),
  direct({ rows: 16, columns: 1, quads: true }, [6.6, 11, 0], 8e6),
  direct({ rows: 16, columns: 2, quads: true }, [7.2, 15, 0], 1e7),
  direct({ rows: 32, columns: 2, quads: true }, [7.9, 13.5, 0], 5e7),
  // One register tile per quad, which splits K.
  register("quadK", quadTile, 4, {
    onCpu: (problem, traits) => (problem.k >= 64 ? rateOnCpu(problem, quadTile, 4, [3, 7, 0], traits) : 0),
    write: (product, traits) => matmulQuadK(product, quadTile, workgroupOf(traits)),
    tiling: registerTiling(quadTile, 4),
  }),
  groupK({ rows: 1, columns: 2 }),
  groupK({ rows: 4, columns: 2 }),
  groupK({ rows: 1, columns: 1 }, 16),
  groupK({ rows: 4, columns: 1 }, 16),
  groupK({ rows: 1, columns: 1 }, 256),
  groupK({ rows: 8, columns: 1 }),
  tiled("tiled", 64),
  tiled("tiled128", 128),
]);

/** The kernel after those that divide K. */
export const partsFamily = /* @__PURE__ */ only("matmulSum", "matmul");

/** Runs a matrix product. */
export const matmulKernels: Kernels = {
  precision: "half",
  after: true,
  // Each tile along n recomputes the elements, which is cheaper than a dispatch of its own if the product is small.
  before: ({ inputs: [a, b] }) => {
    const [k, n] = b!.shape.slice(-2);
    return k! % 4 === 0 && n! > 1 && sizeOf(a!.shape) * n! <= 65536;
  },
  keeps: true,
  lower: matmulCalls,
};

/** A stack of matrices, transposed. */
function turned(view: View): View {
  const swap = (list: readonly number[]) => [...list.slice(0, -2), list.at(-1)!, list.at(-2)!];
  return { ...view, shape: swap(view.shape), strides: swap(view.strides) };
}

interface Operands {
  readonly a: View;
  readonly b: View;
  /** Inputs of the epilogue. */
  readonly added: readonly View[];
}

/**
 * A stack of products with one matrix b as a single product with the rows of all, if these are at even distances.
 * Undefined if that cannot be, or if there is no stack.
 */
function asOne({ a, b, added }: Operands): Operands | undefined {
  if (b.shape.length < 3 || b.strides.slice(0, -2).some((stride, axis) => stride !== 0 && b.shape[axis]! > 1)) return;
  const last = (list: readonly number[], count: number) => list.slice(list.length - count);
  const rows = [a, ...added].map((view) => {
    const { shape, strides } = coalesce({
      ...view,
      shape: view.shape.slice(0, -1),
      strides: view.strides.slice(0, -1),
    });
    if (shape.length > 1) return undefined;
    return {
      ...view,
      shape: [shape[0] ?? 1, ...last(view.shape, 1)],
      strides: [strides[0] ?? 0, ...last(view.strides, 1)],
    };
  });
  const [first, ...others] = rows.filter((view) => view !== undefined);
  if (!first || others.length < added.length) return undefined;
  return { a: first, b: { ...b, shape: last(b.shape, 2), strides: last(b.strides, 2) }, added: others };
}

function matmulCalls(work: Work, to: Lowering): readonly KernelCall[] {
  const { before, inputs, kept } = work;
  const place = (tensor: Tensor): View => upwards(tensor, to);
  const made = before?.inputs.map(place);
  const [first = made![0]!, second] = before ? [undefined, place(inputs[0]!)] : inputs.map(place);
  const [rows, cols] = [first.shape.at(-2)!, second!.shape.at(-1)!];
  // Compute a column as a row: it is contiguous, so that four elements load at once.
  const turns = cols === 1 && rows > 1;
  const among = work.added.map(place);
  const apart: Operands = turns
    ? { a: turned(second!), b: turned(first), added: among.map(turned) }
    : { a: first, b: second!, added: among };
  const { a, b, added } = (!to.traits.cpu && !before && asOne(apart)) || apart;
  const [m, k, n] = [a.shape.at(-2)!, a.shape.at(-1)!, b.shape.at(-1)!];
  const batches = sizeOf(a.shape.slice(0, -2));
  const type = before?.dtype ?? a.dtype;
  const { end, chain, flops, bytes } = endOf(work, to, type, added);
  const store = kept && to.result(work.node.results.indexOf(kept))!;
  const [left, right] = [stackOf(a), stackOf(b)];
  const layout = (before ? "*" : ("mk"[left.strides.indexOf(1)] ?? "-")) + ("kn"[right.strides.indexOf(1)] ?? "-");
  const problem = { m, n, k, batches, type, layout };
  const variant = choose<MatmulVariant, Problem>(matmulFamily, problem, to.traits);
  const size = batches * m * n;
  const product: Product = {
    a: left,
    b: right,
    rows: m,
    cols: n,
    k,
    type,
    end,
    made: before && { inputs: made!, body: bodyOf(before.program, type), kept: store },
  };
  const stack = sizeOf(first.shape.slice(0, -2));
  const label = `matmul[${stack > 1 ? `${stack}x` : ""}${rows}x${cols}x${k}]`;
  const parts = partsOf(variant, problem, to.traits);
  const partial = parts > 1 ? to.scratch("parts of a product", [parts * batches, m, n], "f32") : undefined;
  const written = partial ? { ...product, end: unchanged(partial), parts } : product;
  const { before: earlier, kernel } = staged(variant.write(written, to.traits, to));
  const whole = `${before ? `${nameOf(before.program)}+` : ""}${label}`;
  const call: KernelCall = {
    label: partial ? `${whole}/${parts}:${type}` : `${whole}${chain}:${type}`,
    ...named(matmulFamily, variant),
    ...bound(kernel),
    workgroups: variant.workgroups(problem, to.traits, parts),
    ...(variant.invocations && { invocations: variant.invocations(problem) }),
    flops: 2 * size * k + (partial ? 0 : flops * size) + (before ? flopsOf(before.program) * batches * m * k : 0),
    bytes: [...(made ?? [a]), b, ...(store ? [store] : [])].reduce(
      (sum, view) => sum + touched(view),
      partial ? touched(partial) : bytes,
    ),
  };
  if (!partial) return [...earlier, call];
  const invocations = m * Math.ceil(n / 4);
  const sum: KernelCall = {
    label: `sum of ${label}${chain}:${type}`,
    ...named(partsFamily, "naive"),
    ...bound(matmulSum(product, partial, parts, workgroupOf(to.traits))),
    workgroups: [Math.ceil(invocations / workgroupOf(to.traits)), batches, 1],
    invocations,
    flops: (parts + flops) * size,
    bytes: touched(partial) + bytes,
  };
  return [...earlier, call, sum];
}

/** An end that stores f32 sums as they are. */
const unchanged = (place: View): Product["end"] => ({
  body: bodyOf(identity("f32"), "f32"),
  added: [],
  places: [place],
});
