import { acrossOf, depthOf, type RegisterTile } from "../../shaders/lib/factors.ts";
import type { Kernel } from "../../shaders/lib/kernel.ts";
import { stackOf } from "../../shaders/lib/stack.ts";
import { type TileSide, tileBytes } from "../../shaders/lib/tile.ts";
import {
  matmulDirect,
  matmulGroupK,
  matmulNaive,
  matmulPack,
  matmulPacked,
  matmulQuadK,
  matmulTiled,
  type Packed,
  type Panels,
  type Product,
  panelShape,
  panelsOfA,
  panelsOfB,
} from "../../shaders/matmul.wgsl.ts";
import { flopsOf, nameOf } from "../graph/program.ts";
import { type DType, sizeOf } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { bound, type KernelCall, type View } from "./call.ts";
import { choose, family, named, needsWorkgroup, only, unless, type Variant, workgroupOf } from "./choose.ts";
import { type Kernels, type Lowering, upwards, type Work } from "./lowering.ts";
import { bodyOf } from "./render.ts";
import type { AdapterTraits } from "./traits.ts";
import { endOf, touched } from "./work.ts";

interface Problem {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batches: number;
  readonly type: DType;
  /** Which axis of each factor is contiguous: "kn" for two row-major ones. `*` is a factor computed as it is loaded. */
  readonly layout: string;
}

interface MatmulVariant extends Variant<Problem> {
  /** @param packed the factors in panels, if the variant asks for them. */
  write(product: Product, traits: AdapterTraits, packed: Packed | undefined): Kernel;
  readonly packs?: boolean;
  workgroups(problem: Problem, traits: AdapterTraits): readonly [number, number, number];
  /** Invocations with work to do per batch, if the grid has one axis. */
  invocations?(problem: Problem): number;
}

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
  sharers: 1 | 4 | 64,
  own: Pick<MatmulVariant, "needs" | "score" | "write">,
  size = workgroupOf,
): MatmulVariant {
  const invocations = (problem: Problem): number => tilesOf(problem, tile) * sharers;
  return {
    name: `${name}${tile.rows}x${4 * tile.columns}`,
    needs: (_, { features }) => unless(sharers !== 4 || features.has("subgroups"), "subgroups"),
    invocations,
    workgroups: (problem, traits) => [Math.ceil(invocations(problem) / size(traits)), problem.batches, 1],
    ...own,
  };
}

/**
 * One register tile per invocation; those of a quad share loads.
 * @param worth multiply-adds below which compiling it takes longer than it saves in a hundred runs. Tuning measures it
 * anyway.
 */
const direct = (tile: RegisterTile, rates: Rates, worth = 0, onGPU = (_: Problem) => 0.5): MatmulVariant => {
  const sharers = tile.quads ? 4 : 1;
  return register(tile.quads ? "quads" : "direct", tile, sharers, {
    score(problem, traits) {
      if (!traits.cpu) return onGPU(problem);
      const { m, n, k, batches } = problem;
      const score = rateOnCpu(problem, tile, sharers, rates, traits);
      return m * n * k * batches < worth ? Math.min(score, 0) : score;
    },
    write: (product, traits) => matmulDirect(product, tile, workgroupOf(traits)),
  });
};

/** One register tile per workgroup of 64, which splits K. */
const groupK = (tile: RegisterTile, onGPU: (problem: Problem) => number): MatmulVariant =>
  register(
    "groupK",
    tile,
    64,
    {
      needs: (_, traits) => needsWorkgroup(traits, 64, 1024 * tile.rows * tile.columns),
      score: (problem, { cpu }) => (cpu ? -1 : onGPU(problem)),
      write: (product) => matmulGroupK(product, tile),
    },
    () => 64,
  );

const inMemory = ({ layout }: Problem): string | undefined =>
  unless(!layout.startsWith("*"), "a first factor in memory; this one is computed as it is loaded");

/** One square tile per workgroup of 256. */
const tiled = (name: string, side: TileSide, onGPU: (problem: Problem) => number): MatmulVariant => ({
  name,
  needs: (problem, traits) => inMemory(problem) ?? needsWorkgroup(traits, 256, tileBytes(side)),
  score: (problem, { cpu }) => (cpu ? -1 : onGPU(problem)),
  write: (product) => matmulTiled(product, side),
  workgroups: ({ m, n, batches }) => [Math.ceil(n / side), Math.ceil(m / side), batches],
});

const quadTile: RegisterTile = { rows: 4, columns: 1 };

/** Invocations for 4 × 8 results each, after others have copied b into panels of eight columns. */
const packed: MatmulVariant = {
  name: "packed4x8",
  needs: inMemory,
  score({ m, n, k, batches }, { cpu, wasm }) {
    if (!wasm) return cpu ? 0 : -1;
    const used = (m * n) / (4 * Math.ceil(m / 4) * 8 * Math.ceil(n / 8));
    // Copies take as long as 8 rows, a round begins and ends like 4 more, and one or two calls like 50,000 products.
    return (40 * used) / (1 + 8 / m + 4 / k + 5e4 / (m * n * k * batches));
  },
  packs: true,
  write: (product, traits, panels) => matmulPacked(product, panels!, workgroupOf(traits)),
  workgroups: ({ m, n, batches }, traits) => [
    Math.ceil((Math.ceil(m / 4) * Math.ceil(n / 8)) / workgroupOf(traits)),
    batches,
    1,
  ],
};

/**
 * Variants from the definition to the fastest. On CPU adapters, larger register tiles win while there is work for every
 * core; on GPUs, a tile in workgroup memory wins once the result is large enough. Measured on SwiftShader and lavapipe
 * with two cores; `worth` was not measured again on lavapipe.
 */
export const matmulFamily = /* @__PURE__ */ family<MatmulVariant>("matmul", "matmul", [
  {
    name: "naive",
    score: () => -1,
    write: matmulNaive,
    workgroups: ({ m, n, batches }) => [Math.ceil(n / 8), Math.ceil(m / 8), batches],
  },
  direct({ rows: 1, columns: 1 }, [1.5, 4, 5], 0, ({ m }) => (m === 1 ? 9 : 2)),
  direct({ rows: 4, columns: 1 }, [3.3, 6.5, 18], 0, () => 3),
  direct({ rows: 8, columns: 1 }, [4, 7.5, 22]),
  direct({ rows: 16, columns: 2 }, [5.5, 6.5, 26]),
  packed,
  direct({ rows: 4, columns: 1, quads: true }, [4.4, 12, 0]),
  direct({ rows: 8, columns: 1, quads: true }, [6, 16, 0]),
  direct({ rows: 16, columns: 1, quads: true }, [6.6, 11, 0], 8e6),
  direct({ rows: 16, columns: 2, quads: true }, [7.2, 15, 0], 1e7),
  direct({ rows: 32, columns: 2, quads: true }, [7.9, 13.5, 0], 5e7),
  // One register tile per quad, which splits K.
  register("quadK", quadTile, 4, {
    score: (problem, traits) =>
      traits.cpu && problem.k >= 64 ? rateOnCpu(problem, quadTile, 4, [3, 7, 0], traits) : 0,
    write: (product, traits) => matmulQuadK(product, quadTile, workgroupOf(traits)),
  }),
  groupK({ rows: 1, columns: 2 }, ({ m, k }) => (m === 1 && k >= 128 ? 10 : -1)),
  // With few results, tiles would leave most of a GPU idle and loop over K sequentially.
  groupK({ rows: 4, columns: 2 }, ({ m, n, k, batches }) =>
    k >= 64 && m * n * batches <= (k >= 256 ? 2 ** 16 : 2 ** 13) ? 8 : -1,
  ),
  tiled("tiled", 64, ({ m, n }) => (m >= 32 && n >= 32 ? 6 : 0.2)),
  // Twice as many products per loaded element, but fills a GPU only if the result is large.
  tiled("tiled128", 128, ({ m, n, batches }) => (m * n * batches >= 2 ** 21 && m >= 256 && n >= 256 ? 7 : 0.1)),
]);

/** The kernel before `packed4x8`. */
export const packFamily = /* @__PURE__ */ only("matmulPack", "matmul");

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

function matmulCalls(work: Work, to: Lowering): readonly KernelCall[] {
  const { before, inputs, kept } = work;
  const place = (tensor: Tensor): View => upwards(tensor, to);
  const made = before?.inputs.map(place);
  const [first = made![0]!, second] = before ? [undefined, place(inputs[0]!)] : inputs.map(place);
  const [rows, cols] = [first.shape.at(-2)!, second!.shape.at(-1)!];
  // Compute a column as a row: it is contiguous, so that four elements load at once.
  const turns = cols === 1 && rows > 1;
  const [a, b] = turns ? [turned(second!), turned(first)] : [first, second!];
  const added = work.added.map(place).map((view) => (turns ? turned(view) : view));
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
  const label = `[${batches > 1 ? `${batches}x` : ""}${rows}x${cols}x${k}]`;
  const [packedB, packedA] = variant.packs
    ? [panelsOfB(product), panelsOfA(product)].map((panels) => panels && packCall(panels, batches, to))
    : [];
  const call: KernelCall = {
    label: `${before ? `${nameOf(before.program)}+` : ""}matmul${label}${chain}:${type}`,
    ...named(matmulFamily, variant),
    ...bound(variant.write(product, to.traits, packedB && { a: packedA?.view, b: packedB.view })),
    workgroups: variant.workgroups(problem, to.traits),
    ...(variant.invocations && { invocations: variant.invocations(problem) }),
    flops: 2 * size * k + flops * size + (before ? flopsOf(before.program) * batches * m * k : 0),
    bytes: [...(made ?? [a]), b, ...(store ? [store] : [])].reduce((sum, view) => sum + touched(view), bytes),
  };
  return [...[packedA, packedB].flatMap((packed) => (packed ? [packed.call] : [])), call];
}

/** Copies a factor into panels. */
function packCall(panels: Panels, batches: number, to: Lowering): { readonly view: View; readonly call: KernelCall } {
  const { factor, k, lines, type, fours } = panels;
  const shape = panelShape(panels, batches);
  const view = to.scratch(`a factor in panels of ${4 * fours}`, shape, "f32");
  const invocations = shape[1]! * Math.ceil(k / depthOf(k));
  const call: KernelCall = {
    label: `pack[${k}x${lines}]:${type}`,
    ...named(packFamily, "naive"),
    ...bound(matmulPack(panels, view, workgroupOf(to.traits))),
    workgroups: [Math.ceil(invocations / workgroupOf(to.traits)), shape[0]!, 1],
    invocations,
    flops: 0,
    bytes: touched(factor.view) + touched(view),
  };
  return { view, call };
}
