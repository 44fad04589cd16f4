import { grad } from "../compile/grad.ts";
import { halfBits, halfValue } from "../graph/half.ts";
import { sizeOf } from "../graph/shape.ts";
import type { Tensor, TensorData } from "../graph/tensor.ts";
import { concatVariants } from "../kernels/concat.ts";
import { cumprodVariants, cumsumVariants } from "../kernels/cumsum.ts";
import { embeddingGradVariants, embeddingVariants } from "../kernels/embedding.ts";
import { normVariants } from "../kernels/layerNorm.ts";
import { matmulVariants } from "../kernels/matmul.ts";
import { padVariants } from "../kernels/pad.ts";
import { pickVariants } from "../kernels/pick.ts";
import { reduceVariants } from "../kernels/reduce.ts";
import { softmaxVariants } from "../kernels/softmax.ts";
import { softmaxGradVariants } from "../kernels/softmaxGrad.ts";
import { sortVariants } from "../kernels/sort.ts";
import { squaredNormVariants } from "../kernels/squaredNorm.ts";
import { castAll } from "../ops/castAll.ts";
import { correlateVariants, weightGradVariants } from "../ops/convKernels.ts";
import * as ops from "../ops/index.ts";
import { maxPoolGradVariants } from "../ops/pool.ts";
import { sequenceVariants } from "../ops/sequence.ts";

/** A small graph that runs the kernels of one family. */
export interface Problem {
  readonly family: string;
  /** Names of the variants to force; empty for families with one kernel. */
  readonly variants: readonly string[];
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

interface Row {
  readonly family: string;
  /** Absent where the family has one kernel. */
  readonly variants?: readonly { readonly name: string }[];
  readonly build: Build;
  /** For kernels that compute in one float type only. */
  readonly only?: "f32" | "f16";
}

/** One problem per family, with sizes that leave tails in every direction. */
const rows: readonly Row[] = [
  { family: "elementwise", build: elementwise },
  { family: "matmul", variants: matmulVariants, build: products },
  { family: "reduce", variants: reduceVariants, build: reductions },
  { family: "pick", variants: pickVariants, build: reductions },
  { family: "softmax", variants: softmaxVariants, build: softmaxes },
  { family: "softmaxGrad", variants: softmaxGradVariants, build: softmaxes },
  { family: "conv2d", variants: correlateVariants, build: convolutions },
  { family: "conv2dWeightGrad", variants: weightGradVariants, build: convolutions },
  { family: "maxPool2dGrad", variants: maxPoolGradVariants, build: pools },
  { family: "layerNorm", variants: normVariants, build: norms, only: "f32" },
  { family: "embedding", variants: embeddingVariants, build: embeddings },
  { family: "embeddingGrad", variants: embeddingGradVariants, build: embeddings },
  { family: "squaredNorm", variants: squaredNormVariants, build: squares, only: "f32" },
  { family: "lstm", variants: sequenceVariants, build: (inputs) => sequence(inputs, ops.lstm, 4), only: "f32" },
  { family: "gru", variants: sequenceVariants, build: (inputs) => sequence(inputs, ops.gru, 3), only: "f32" },
  { family: "rnn", variants: sequenceVariants, build: (inputs) => sequence(inputs, ops.rnn, 1), only: "f32" },
  { family: "foreach", build: updates, only: "f32" },
  { family: "castAll", build: casts, only: "f16" },
  { family: "pad", variants: padVariants, build: pads },
  { family: "concat", variants: concatVariants, build: joins },
  { family: "cumsum", variants: cumsumVariants, build: runningSums },
  { family: "cumprod", variants: cumprodVariants, build: runningProducts },
  { family: "sort", variants: sortVariants, build: sorts },
  { family: "gather", build: picks },
];

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

function convolutions(inputs: Inputs): Record<string, Tensor> {
  const [x, w] = [inputs.floats("x", [2, 3, 9, 10]), inputs.floats("w", [5, 3, 3, 3])];
  const y = ops.conv2d(x, w, inputs.floats("bias", [5]), { padding: 1, stride: [1, 2] });
  const [dx, dw] = grad(ops.sum(ops.mul(y, y)), [x, w]);
  return { y: ops.relu(y), dx: dx!, dw: dw! };
}

function pools(inputs: Inputs): Record<string, Tensor> {
  const x = inputs.floats("x", [2, 3, 7, 9]);
  const y = ops.maxPool2d(x, 2, { stride: [2, 3] });
  return { y, dx: grad(ops.sum(ops.mul(y, y)), [x])[0]! };
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
function sequence(
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
  rows
    .filter(({ only = dtype }) => only === dtype)
    .map(({ family, variants = [], build }) => {
      const inputs = new Inputs(dtype);
      const outputs = build(inputs);
      return { family, variants: variants.map(({ name }) => name), outputs, feeds: inputs.feeds };
    });
