import { type Graph, labels, noise } from "../../bench/cases/case.ts";
import { type Compiled, compile } from "../../src/compile/compile.ts";
import { grad } from "../../src/compile/grad.ts";
import type { Home } from "../../src/compile/homes.ts";
import type { Tensor, Variable } from "../../src/graph/tensor.ts";
import type { AdapterTraits } from "../../src/kernels/traits.ts";
import * as ops from "../../src/ops/index.ts";
import { argmax } from "../../src/ops/lines/pick.ts";
import { softmaxGrad } from "../../src/ops/lines/softmaxGrad.ts";
import { castAll } from "../../src/ops/pointwise/castAll.ts";
import { variable } from "../../src/ops/sources/constants.ts";
import type { Problem } from "./rows.ts";
import { workOf } from "./works.ts";

/** What a work is given: the same numbers in every run. */
class Given {
  /** Whether the next floats hold a NaN. */
  #nan: boolean;

  constructor(nan: boolean) {
    this.#nan = nan;
  }

  floats(name: string, ...shape: number[]): Variable {
    const values = noise(sizeOf(shape), name.charCodeAt(0));
    if (this.#nan) values[values.length >> 1] = Number.NaN;
    this.#nan = false;
    return variable(values, shape, { name, group: name });
  }

  labels(classes: number, ...shape: number[]): Variable {
    return variable(labels(sizeOf(shape), classes), shape, { name: "labels", group: "labels" });
  }
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

type Build = (given: Given, sizes: readonly number[]) => Tensor;

/** Works by id. Each returns the one result that is checked. */
const builds: Readonly<Record<string, Build>> = {
  matmul: (given, [m, k, n]) => ops.matmul(given.floats("a", m!, k!), given.floats("b", k!, n!)),
  linear: (given, [m, k, n]) =>
    ops.relu(ops.linear(given.floats("x", m!, k!), given.floats("w", n!, k!), given.floats("bias", n!))),
  conv2d: (given, sizes) => convolution(given, sizes).y,
  "conv2d-layer"(given, [images, channels, side, features, kernel, padding]) {
    const x = given.floats("x", images!, channels!, side!, side!);
    const w = given.floats("w", features!, channels!, kernel!, kernel!);
    return ops.relu(ops.conv2d(x, w, given.floats("bias", features!), { padding: padding! }));
  },
  "conv2d-image": (given, sizes) => gradient(given, convolution(given, sizes), "x"),
  "conv2d-weight": (given, sizes) => gradient(given, convolution(given, sizes), "w"),
  elementwise(given, [rows, columns]) {
    const x = given.floats("x", rows!, columns!);
    const bent = ops.tanh(ops.add(ops.mul(x, given.floats("a", columns!)), given.floats("b", columns!)));
    return ops.sub(ops.mul(bent, ops.sigmoid(x)), ops.mul(x, 0.5));
  },
  "sum-rows": (given, sizes) => ops.sum(given.floats("x", ...sizes), 1),
  "sum-columns": (given, sizes) => ops.sum(given.floats("x", ...sizes), 0),
  argmax: (given, sizes) => argmax(given.floats("x", ...sizes), 1),
  softmax: (given, sizes) => ops.softmax(given.floats("x", ...sizes)),
  "cross-entropy": (given, [rows, length]) =>
    ops.softmaxCrossEntropy(given.floats("x", rows!, length!), given.labels(length!, rows!)),
  "softmax-gradient": (given, sizes) => softmaxGrad(given.floats("y", ...sizes), given.floats("dy", ...sizes), 1),
  attention: (given, sizes) => attention(given, sizes).y,
  "attention-gradient": (given, sizes) => gradient(given, attention(given, sizes), "x"),
  "layer-norm": (given, [rows, length]) =>
    ops.layerNorm(given.floats("x", rows!, length!), length!, {
      weight: given.floats("weight", length!),
      bias: given.floats("bias", length!),
    }),
  "squared-norm": (given, sizes) => ops.squaredNorm([given.floats("x", ...sizes)]),
  "max-pool": (given, sizes) => pooling(given, sizes).y,
  "max-pool-gradient": (given, sizes) => gradient(given, pooling(given, sizes), "x"),
  "max-pool-second"(given, sizes) {
    const { x, y } = pooling(given, sizes);
    const u = given.floats("u", ...y.shape);
    const [dx] = grad(ops.sum(ops.mul(y, u)), [x]);
    return grad(ops.sum(ops.mul(dx!, given.floats("v", ...x.shape))), [u])[0]!;
  },
  lstm: (given, sizes) => ops.lstm(...sequence(given, sizes, 4)).output,
  gru: (given, sizes) => ops.gru(...sequence(given, sizes, 3)).output,
  rnn: (given, sizes) => ops.rnn(...sequence(given, sizes, 1)).output,
  embedding: (given, [positions, rows, width]) =>
    ops.embedding(given.labels(rows!, positions!), given.floats("table", rows!, width!)),
  "embedding-gradient"(given, [positions, rows, width]) {
    const x = given.floats("table", rows!, width!);
    return gradient(given, { x, y: ops.embedding(given.labels(rows!, positions!), x) }, "x");
  },
  gather: (given, [rows, columns]) =>
    ops.gather(given.floats("x", rows!, columns!), 1, given.labels(columns!, rows!, Math.ceil(columns! / 2))),
  "scatter-add"(given, [rows, columns]) {
    const half = Math.ceil(columns! / 2);
    const [x, added] = [given.floats("x", rows!, columns!), given.floats("added", rows!, half)];
    return ops.scatterAdd(x, 1, given.labels(columns!, rows!, half), added);
  },
  sort: (given, sizes) => ops.argsort(given.floats("x", ...sizes)),
  cumsum: (given, sizes) => ops.cumsum(given.floats("x", ...sizes), 1),
  cumprod: (given, sizes) => ops.cumprod(ops.add(ops.mul(given.floats("x", ...sizes), 0.01), 1), 1),
  pad: (given, sizes) => ops.pad(given.floats("x", ...sizes), { low: [1, 2], high: [0, 2], value: 3 }),
  concat: (given, sizes) => ops.concat([given.floats("x", ...sizes), ops.flip(given.floats("z", ...sizes), 1)], 1),
  "cast-all"(given, [rows, columns]) {
    const halves = castAll([given.floats("x", rows!, columns!), given.floats("y", columns!)]);
    return ops.add(...(halves.map((half) => ops.cast(half, "f32")) as [Tensor, Tensor]));
  },
};

/** The graph of a work, built anew. */
export const graphOf = (id: string, sizes: readonly number[], nan: boolean): Graph => ({
  outputs: { y: builds[id]!(new Given(nan), sizes) },
});

/**
 * The kernels of a work, without any others where possible. @param variant forced where it fits; by default, the
 * engine chooses.
 */
export function compiled(
  { work, sizes, nan }: Problem,
  variant: string | undefined,
  traits: AdapterTraits,
  homes: ReadonlyMap<Variable, Home> = new Map(),
): Compiled & { readonly graph: Graph } {
  const { family } = workOf(work);
  const graph = graphOf(work, sizes, nan);
  const lowered = (simplify: boolean, variant?: string) => {
    const forced = variant === undefined ? {} : { [family]: { ifFits: variant } };
    return compile(graph, { ...traits, forced }, homes, { merge: false, simplify });
  };
  const isShown = ({ calls }: Compiled) => calls.some((call) => call.family === family);
  const simplified = lowered(true, variant);
  if (isShown(simplified)) return { ...simplified, graph };
  // A product with an inner size of 1 would become a multiplication, which another family computes.
  const whole = lowered(false, variant);
  // An adapter may have no use for a family's kernels, as CPU adapters have none for those of attention.
  return { ...(isShown(whole) ? whole : lowered(true, "naive")), graph };
}

interface Layer {
  readonly x: Variable;
  readonly w?: Variable;
  readonly y: Tensor;
}

function convolution(given: Given, [images, channels, side, features, kernel]: readonly number[]): Layer {
  const x = given.floats("x", images!, channels!, side!, side!);
  const w = given.floats("w", features!, channels!, kernel!, kernel!);
  return { x, w, y: ops.conv2d(x, w, undefined, { padding: Math.floor(kernel! / 2) }) };
}

function attention(given: Given, [count, queries, keys, columns]: readonly number[]): Layer {
  const x = given.floats("k", count!, keys!, columns!);
  const [q, v] = [given.floats("q", count!, queries!, columns!), given.floats("v", count!, keys!, columns!)];
  return { x, y: ops.scaledDotProductAttention(q, x, v) };
}

function pooling(given: Given, [images, channels, side, window]: readonly number[]): Layer {
  const x = given.floats("x", images!, channels!, side!, side!);
  return { x, y: ops.maxPool2d(x, window!) };
}

/** The gradient of an operand, from that of the result. */
const gradient = (given: Given, layer: Layer, of: "x" | "w"): Tensor =>
  grad(ops.sum(ops.mul(layer.y, given.floats("u", ...layer.y.shape))), [layer[of]!])[0]!;

function sequence(given: Given, [steps, batch, inputs, hidden]: readonly number[], gates: number) {
  const x = given.floats("x", steps!, batch!, inputs!);
  const weights: ops.RecurrentWeights = {
    weightIh: given.floats("i", gates * hidden!, inputs!),
    weightHh: given.floats("h", gates * hidden!, hidden!),
    biasIh: given.floats("b", gates * hidden!),
  };
  return [x, [weights]] as const;
}
