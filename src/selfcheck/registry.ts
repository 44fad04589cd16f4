import { grad } from "../compile/grad.ts";
import { noSuch } from "../errors.ts";
import { halfBits, halfValue } from "../graph/half.ts";
import { sizeOf } from "../graph/shape.ts";
import type { Tensor, TensorData } from "../graph/tensor.ts";
import { attentionFamily, attentionGradFamily } from "../kernels/attention.ts";
import { castAllFamily } from "../kernels/castAll.ts";
import { type Family, withExtra } from "../kernels/choose.ts";
import { concatFamily } from "../kernels/concat.ts";
import { convFamily } from "../kernels/conv2d.ts";
import { weightGradFamily } from "../kernels/conv2dWeightGrad.ts";
import { spreadFamily } from "../kernels/convTaps.ts";
import { cumprodFamily, cumsumFamily } from "../kernels/cumsum.ts";
import { elementwiseFamily } from "../kernels/elementwise.ts";
import { embeddingFamily, embeddingGradFamily } from "../kernels/embedding.ts";
import { gatherFamily, scatterAddFamily } from "../kernels/gather.ts";
import { normFamily } from "../kernels/layerNorm.ts";
import { matmulFamily, partsFamily } from "../kernels/matmul.ts";
import { packFamily } from "../kernels/matmulPacked.ts";
import { padFamily } from "../kernels/pad.ts";
import { pickFamily } from "../kernels/pick.ts";
import { maxPoolFamily, maxPoolGradFamily, maxPoolPickFamily } from "../kernels/pool2d.ts";
import { gruFamily, lstmFamily, rnnFamily } from "../kernels/recurrent.ts";
import { reduceFamily } from "../kernels/reduce.ts";
import { softmaxFamily } from "../kernels/softmax.ts";
import { softmaxGradFamily } from "../kernels/softmaxGrad.ts";
import { sortFamily } from "../kernels/sort.ts";
import { squaredNormFamily } from "../kernels/squaredNorm.ts";
import type { Forced } from "../kernels/traits.ts";
import { wasmVariants } from "../kernels/wasmVariants.ts";
import * as ops from "../ops/index.ts";
import { castAll } from "../ops/pointwise/castAll.ts";

/** A small graph that runs the kernels of one family. */
export interface Problem {
  readonly family: Family<{ readonly name: string }>;
  /** Variants of other families that call it. */
  readonly within: Forced;
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly feeds: Readonly<Record<string, TensorData>>;
}

/** Inputs by name, filled so that a wrong kernel cannot get the result right by accident. */
class Inputs {
  readonly feeds: Record<string, TensorData> = {};
  readonly #dtype: "f32" | "f16";

  constructor(dtype: "f32" | "f16") {
    this.#dtype = dtype;
  }

  floats(name: string, shape: readonly number[]): Tensor {
    // Exact in f16, since the reference does not round.
    this.feeds[name] = Float32Array.from({ length: sizeOf(shape) }, (_, i) =>
      halfValue(halfBits(Math.sin(i * 0.73 + name.length) * 1.5)),
    );
    return ops.input(name, shape, this.#dtype);
  }

  labels(name: string, shape: readonly number[], classes: number): Tensor {
    this.feeds[name] = Int32Array.from({ length: sizeOf(shape) }, (_, i) => (i * 5) % classes);
    return ops.input(name, shape, "i32");
  }
}

type Build = (inputs: Inputs) => Readonly<Record<string, Tensor>>;

/** A kernel family, and what runs all of its variants. */
interface Row {
  readonly family: Family<{ readonly name: string }>;
  readonly build: Build;
  /** Variants of other families that call it; none by default. */
  readonly within?: Forced;
  /** For kernels that compute in one float type only. */
  readonly only?: "f32" | "f16";
}

/**
 * All kernel families, each with a problem whose sizes leave tails in every direction. The self-check runs them on a
 * user's device, tests of variants and grids walk them, and `variants: { family: … }` and `exportPrograms` check names
 * against them.
 */
export const registry: readonly Row[] = [
  { family: elementwiseFamily, build: elementwise },
  { family: elementwiseFamily, build: updates, only: "f32" },
  { family: matmulFamily, build: products },
  { family: packFamily, build: products, within: { matmul: "packed4x8" } },
  { family: partsFamily, build: longProducts, within: { matmul: { ifFits: "tiled" } } },
  { family: reduceFamily, build: reductions },
  { family: pickFamily, build: reductions },
  { family: softmaxFamily, build: softmaxes },
  { family: softmaxGradFamily, build: softmaxes },
  { family: attentionFamily, build: (inputs) => ({ ...attention(inputs).results, ...fewQueries(inputs) }) },
  { family: attentionGradFamily, build: (inputs) => attention(inputs).gradients },
  { family: convFamily, build: convolutions },
  { family: spreadFamily, build: convolutions, within: { conv2d: { ifFits: "taps" } } },
  { family: weightGradFamily, build: weightGradients },
  { family: maxPoolFamily, build: pools },
  { family: maxPoolGradFamily, build: pools },
  { family: maxPoolPickFamily, build: pools },
  { family: normFamily, build: norms },
  { family: embeddingFamily, build: embeddings },
  { family: embeddingGradFamily, build: embeddings },
  { family: squaredNormFamily, build: squares, only: "f32" },
  { family: lstmFamily, build: (inputs) => recurrence(inputs, ops.lstm, 4) },
  { family: gruFamily, build: (inputs) => recurrence(inputs, ops.gru, 3) },
  { family: rnnFamily, build: (inputs) => recurrence(inputs, ops.rnn, 1) },
  { family: castAllFamily, build: casts, only: "f16" },
  { family: padFamily, build: pads },
  { family: concatFamily, build: joins },
  { family: cumsumFamily, build: runningSums },
  { family: cumprodFamily, build: runningProducts },
  { family: sortFamily, build: sorts },
  { family: gatherFamily, build: picks },
  { family: scatterAddFamily, build: picks },
];

/** A family with its variants for WebAssembly. */
export const wholeOf = (family: Row["family"]): Row["family"] => withExtra(family, wasmVariants);

/** Names of the variants of each family, the plainest first. */
export const variantNames = (): ReadonlyMap<string, readonly string[]> =>
  new Map(registry.map(({ family }) => [family.name, wholeOf(family).variants.map(({ name }) => name)]));

/** What is wrong with forced variants: a name that no family or no variant has. */
export function unknownVariant(forced: Forced): string | undefined {
  const families = variantNames();
  for (const [family, asked] of Object.entries(forced)) {
    const name = typeof asked === "object" && asked ? asked.ifFits : asked;
    const listed = family === "*" ? [...families.values()].flat() : families.get(family);
    if (listed === undefined) return noSuch("kernel family", family, [...families.keys()]);
    const what = family === "*" ? "kernel variant" : `${family} variant`;
    if (!listed.includes(name)) return noSuch(what, String(name), [...new Set(listed)]);
  }
  return undefined;
}

function elementwise(inputs: Inputs): Record<string, Tensor> {
  const x = inputs.floats("x", [13, 7]);
  const positive = ops.add(ops.abs(x), 0.5);
  const {
    add,
    ceil,
    clamp,
    cos,
    div,
    elu,
    erf,
    exp,
    floor,
    gelu,
    hardswish,
    log,
    maximum,
    mish,
    mod,
    pow,
    round,
    rsqrt,
    sigmoid,
    sin,
    softplus,
    sqrt,
    tanh,
  } = ops;
  return {
    arithmetic: div(add(x, inputs.floats("row", [7])), positive),
    roots: add(sqrt(positive), rsqrt(positive)),
    powers: pow(positive, 1.7),
    exponentials: add(exp(x), log(positive)),
    waves: add(sin(x), cos(x)),
    activations: add(add(tanh(x), sigmoid(x)), add(elu(x), softplus(x))),
    gates: add(add(gelu(x), gelu(x, "tanh")), add(mish(x), hardswish(x))),
    steps: add(add(floor(x), ceil(x)), add(round(ops.mul(x, 3.3)), mod(x, -0.75))),
    bounds: clamp(x, { min: -0.5, max: 0.7 }),
    special: maximum(erf(x), ops.transpose(ops.reshape(x, [7, 13]))),
  };
}

function products(inputs: Inputs): Record<string, Tensor> {
  const [a, b] = [inputs.floats("a", [37, 21]), inputs.floats("b", [21, 70])];
  const [at, bt] = [inputs.floats("at", [24, 36]), inputs.floats("bt", [72, 24])];
  return {
    product: ops.matmul(a, b),
    transposed: ops.matmul(ops.transpose(at), ops.transpose(bt)),
    fused: ops.relu(ops.linear(inputs.floats("x", [65, 24]), bt, inputs.floats("bias", [72]))),
    batched: ops.matmul(inputs.floats("stack", [3, 5, 21]), b),
    vector: ops.matmul(inputs.floats("v", [1, 24]), ops.transpose(bt)),
  };
}

/** Few results of long sums, which tiles divide among workgroups. */
function longProducts(inputs: Inputs): Record<string, Tensor> {
  const b = inputs.floats("b", [150, 10]);
  return {
    product: ops.relu(ops.add(ops.matmul(inputs.floats("a", [9, 150]), b), inputs.floats("bias", [10]))),
    batched: ops.matmul(inputs.floats("stack", [2, 3, 260]), inputs.floats("stacks", [2, 260, 8])),
  };
}

function reductions(inputs: Inputs): Record<string, Tensor> {
  const x = inputs.floats("x", [9, 130]);
  const long = inputs.floats("long", [17000]);
  const { argmax, argmin, max, mean, min, prod, sum } = ops;
  return {
    rows: sum(x, 1),
    columns: mean(x, 0),
    all: sum(long),
    max: max(x, 1),
    min: min(x, 0),
    prod: prod(ops.mul(x, 0.5), 0),
    argmax: argmax(x, 1),
    argmin: argmin(x, 0),
    fours: sum(inputs.floats("fours", [300, 8]), 0),
  };
}

function softmaxes(inputs: Inputs): Record<string, Tensor> {
  const x = inputs.floats("x", [11, 77]);
  const loss = ops.softmaxCrossEntropy(x, inputs.labels("labels", [11], 77));
  const y = ops.softmax(x);
  return {
    softmax: y,
    logSoftmax: ops.logSoftmax(x, 0),
    loss,
    gradient: grad(ops.sum(loss), [x])[0]!,
    through: grad(ops.sum(ops.mul(y, y)), [x])[0]!,
  };
}

/** Scattered keys that a mask hides, and heads as views of one tensor, each of whose queries sees what comes before it. */
function attention(inputs: Inputs) {
  const [q, k] = [inputs.floats("q", [2, 33, 5]), inputs.floats("k", [2, 35, 5])];
  const v = inputs.floats("v", [2, 35, 3]);
  const masked = ops.scaledDotProductAttention(q, k, v, { mask: inputs.labels("mask", [2, 1, 35], 2) });
  const heads = inputs.floats("heads", [33, 3, 2, 4]);
  const [query, key, value] = [0, 1, 2].map((i) =>
    ops.permute(ops.squeeze(ops.slice(heads, [[], [i, i + 1]]), 1), [1, 0, 2]),
  );
  const causal = ops.scaledDotProductAttention(query!, key!, value!, { causal: true });
  const loss = ops.add(ops.sum(ops.mul(masked, masked)), ops.sum(ops.mul(causal, causal)));
  const [dq, dk, dv, dheads] = grad(loss, [q, k, v, heads]);
  return { results: { masked, causal }, gradients: { dq: dq!, dk: dk!, dv: dv!, dheads: dheads! } };
}

/** The last tokens of a text that grows. */
function fewQueries(inputs: Inputs): Record<string, Tensor> {
  const [q, k] = [inputs.floats("few", [2, 3, 6]), inputs.floats("many", [2, 37, 6])];
  return { few: ops.scaledDotProductAttention(q, k, ops.slice(k, [[], [], [0, 5]]), { scale: 0.7 }) };
}

function convolutions(inputs: Inputs): Record<string, Tensor> {
  const [x, w] = [inputs.floats("x", [2, 3, 9, 10]), inputs.floats("w", [5, 3, 3, 3])];
  const y = ops.conv2d(x, w, inputs.floats("bias", [5]), { padding: 1, stride: [1, 2] });
  const [dx, dw] = grad(ops.sum(ops.mul(y, y)), [x, w]);
  return { y: ops.relu(y), dx: dx!, dw: dw! };
}

/** The gradients of kernels over all channels, and of kernels over one channel each. */
function weightGradients(inputs: Inputs): Record<string, Tensor> {
  const [x, w, v] = [
    inputs.floats("x", [2, 3, 9, 10]),
    inputs.floats("w", [5, 3, 3, 3]),
    inputs.floats("v", [6, 1, 3, 3]),
  ];
  const y = ops.conv2d(x, w, undefined, { padding: 1, stride: [1, 2] });
  const z = ops.conv2d(x, v, undefined, { padding: 1, groups: 3 });
  const [dw, dv] = grad(ops.add(ops.sum(ops.mul(y, y)), ops.sum(ops.mul(z, z))), [w, v]);
  return { dw: dw!, dv: dv! };
}

function pools(inputs: Inputs): Record<string, Tensor> {
  const x = inputs.floats("x", [2, 3, 7, 9]);
  const y = ops.maxPool2d(x, 2, { stride: [2, 3] });
  const [dx] = grad(ops.sum(ops.exp(y)), [x]);
  return { y, dx: dx!, twice: grad(ops.sum(ops.mul(dx!, x)), [x])[0]! };
}

function pads(inputs: Inputs): Record<string, Tensor> {
  const x = inputs.floats("x", [5, 9]);
  return {
    fours: ops.pad(x, { low: [1, 2], high: [0, 1], value: 3 }),
    apart: ops.pad(x, { low: [0, 3], high: [2, 2], interior: [1, 2] }),
  };
}

function joins(inputs: Inputs): Record<string, Tensor> {
  const [x, z] = [inputs.floats("x", [5, 9]), inputs.floats("z", [5, 12])];
  return { columns: ops.concat([x, ops.flip(x, 1)], 1), fours: ops.concat([z, ops.flip(z, 0)], 1) };
}

function picks(inputs: Inputs): Record<string, Tensor> {
  const x = inputs.floats("x", [5, 9]);
  const at = inputs.labels("at", [5, 4], 9);
  return {
    gathered: ops.gather(x, 1, at),
    scattered: ops.scatterAdd(x, 1, at, inputs.floats("source", [5, 4])),
  };
}

function runningSums(inputs: Inputs): Record<string, Tensor> {
  const x = inputs.floats("x", [3, 130]);
  return { rows: ops.cumsum(x, 1), columns: ops.cumsum(x, 0) };
}

function runningProducts(inputs: Inputs): Record<string, Tensor> {
  const x = inputs.floats("x", [3, 20]);
  return { rows: ops.cumprod(x, 1), columns: ops.cumprod(x, 0) };
}

function sorts(inputs: Inputs): Record<string, Tensor> {
  const x = inputs.floats("x", [3, 150]);
  const down = ops.sort(ops.transpose(x), 0, { descending: true });
  return { rows: ops.sort(x).values, order: ops.argsort(x), columns: down.values, top: ops.topk(x, 7).values };
}

function norms(inputs: Inputs): Record<string, Tensor> {
  const x = inputs.floats("x", [7, 70]);
  const affine = { weight: inputs.floats("weight", [70]), bias: inputs.floats("bias", [70]) };
  const y = ops.layerNorm(x, 70, affine);
  const wide = inputs.floats("wide", [5, 132]);
  const gradients = grad(ops.sum(ops.mul(y, y)), [x, affine.weight, affine.bias]);
  return {
    y,
    rms: ops.rmsNorm(wide, 132),
    dwide: grad(ops.sum(ops.exp(ops.rmsNorm(wide, 132))), [wide])[0]!,
    ...Object.fromEntries(gradients.map((gradient, i) => [`gradient${i}`, gradient])),
  };
}

function embeddings(inputs: Inputs): Record<string, Tensor> {
  const labels = inputs.labels("labels", [4, 9], 11);
  const [table, fours] = [inputs.floats("table", [11, 6]), inputs.floats("fours", [11, 8])];
  const [y, z] = [ops.embedding(labels, table), ops.embedding(labels, fours)];
  const gradients = grad(ops.add(ops.sum(ops.mul(y, y)), ops.sum(ops.mul(z, z))), [table, fours]);
  return { y, z, gradient: gradients[0]!, gradientInFours: gradients[1]! };
}

function squares(inputs: Inputs): Record<string, Tensor> {
  return { squares: ops.squaredNorm([inputs.floats("x", [3001]), inputs.floats("y", [7, 11])]) };
}

/**
 * A recurrent layer over four steps of five rows. @param gates number of gates: rows of its weights per hidden unit.
 */
function recurrence(
  inputs: Inputs,
  layer: (x: Tensor, weights: readonly ops.RecurrentWeights[]) => ops.RecurrentResult,
  gates: number,
): Record<string, Tensor> {
  const hidden = 16;
  const small = (name: string, shape: readonly number[]) => ops.mul(inputs.floats(name, shape), 0.25);
  const x = small("x", [4, 5, 6]);
  const weights = {
    weightIh: small("weightIh", [gates * hidden, 6]),
    weightHh: small("weightHh", [gates * hidden, hidden]),
    biasIh: small("biasIh", [gates * hidden]),
    biasHh: small("biasHh", [gates * hidden]),
  };
  const { output, hN } = layer(x, [weights]);
  const gradients = grad(ops.sum(ops.mul(output, output)), [x, ...Object.values(weights)]);
  return { output, hN, ...Object.fromEntries(gradients.map((gradient, i) => [`gradient${i}`, gradient])) };
}

/** The work of an optimizer: one formula for many tensors. */
function updates(inputs: Inputs): Record<string, Tensor> {
  const weights = [inputs.floats("w0", [5, 7]), inputs.floats("w1", [9])];
  const gradients = [inputs.floats("g0", [5, 7]), inputs.floats("g1", [9])];
  const [next] = ops.foreach("step", [inputs.floats("rate", [])], [weights, gradients], ([rate], [w, g]) => [
    ops.sub(w!, ops.mul(rate!, g!)),
  ]);
  return Object.fromEntries(next!.map((tensor, i) => [`next${i}`, tensor]));
}

function casts(inputs: Inputs): Record<string, Tensor> {
  const wide = ["x", "y"].map((name, i) => ops.cast(inputs.floats(name, [3 + i, 7]), "f32"));
  return Object.fromEntries(castAll(wide).map((tensor, i) => [`half${i}`, ops.cast(tensor, "f32")]));
}

/** All problems in one float type, built anew. */
export const problems = (dtype: "f32" | "f16"): Problem[] =>
  registry
    .filter(({ only = dtype }) => only === dtype)
    .map(({ family, build, within = {} }) => {
      const inputs = new Inputs(dtype);
      return { family: wholeOf(family), within, outputs: build(inputs), feeds: inputs.feeds };
    });
