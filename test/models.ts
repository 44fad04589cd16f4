import * as t from "../src/index.ts";
import { nn, type Tensor } from "../src/index.ts";
import { custom } from "../src/model/index.ts";

/*
 * A model or two for every layer of nn: how to make it, and an input it takes. Tests of descriptions and summaries go
 * through this list, and fail if a layer of nn is missing.
 */

const series = (...shape: number[]) => t.input("x", shape);
const image = series(2, 4, 6, 6);
const rows = series(3, 4);
const steps = series(3, 2, 4);
const indices = t.input("x", [2, 3], "i32");

/** A layer, and what to apply it to. */
export interface Example {
  readonly make: () => Pick<nn.Module, "variables">;
  readonly x: Tensor;
}

/** Functions of a user's. */
export const blocks = custom({
  residual: (size: number, options: { scale?: number } = {}) => {
    const body = nn.linear(size, size);
    return nn.module((x) => t.add(x, t.mul(t.relu(body(x)), options.scale ?? 1)), { body });
  },
  around: (inner: nn.Module, names: readonly string[]) => {
    const outer = nn.linear(4, names.length);
    return nn.module((x, mode) => outer(inner(x, mode)), { inner, outer });
  },
});

const ways = {
  stride: [2, 1],
  padding: [
    [1, 0],
    [0, 2],
  ],
  dilation: 1,
  groups: 2,
  bias: false,
} as const;
const recurrent = { layers: 2, bidirectional: true, batchFirst: true, dropout: 0.5, bias: false };

/** Examples by the layer of nn that they show. */
export const examples: Readonly<Record<string, readonly Example[]>> = {
  linear: [
    { make: () => nn.linear(4, 3), x: rows },
    { make: () => nn.linear(4, 3, { bias: false }), x: rows },
  ],
  conv2d: [
    { make: () => nn.conv2d(4, 6, 3), x: image },
    { make: () => nn.conv2d(4, 6, [3, 2], ways), x: image },
    { make: () => nn.conv2d(4, 2, 3, { padding: "same" }), x: image },
  ],
  conv1d: [{ make: () => nn.conv1d(4, 6, 3, { padding: 1, stride: 2, groups: 2 }), x: series(2, 4, 7) }],
  convTranspose2d: [{ make: () => nn.convTranspose2d(4, 6, 3, { stride: 2, outputPadding: 1, groups: 2 }), x: image }],
  maxPool2d: [
    { make: () => nn.maxPool2d(2), x: image },
    { make: () => nn.maxPool2d([2, 3], { stride: 1, padding: 1, ceilMode: true }), x: image },
  ],
  avgPool2d: [{ make: () => nn.avgPool2d(2, { countIncludePad: false, padding: 1 }), x: image }],
  adaptiveAvgPool2d: [
    { make: () => nn.adaptiveAvgPool2d(), x: image },
    { make: () => nn.adaptiveAvgPool2d([2, 3]), x: image },
  ],
  upsample: [
    { make: () => nn.upsample({ scaleFactor: 2 }), x: image },
    { make: () => nn.upsample({ size: [5, 9], mode: "bilinear", alignCorners: true }), x: image },
  ],
  embedding: [
    { make: () => nn.embedding(5, 3), x: indices },
    { make: () => nn.embedding(5, 3, { paddingIdx: 1 }), x: indices },
  ],
  tiedLinear: [
    {
      make: () => {
        const table = nn.embedding(5, 3);
        return nn.sequential({ table, norm: nn.layerNorm(3), head: nn.tiedLinear(table, { bias: true }) });
      },
      x: indices,
    },
  ],
  dropout: [
    { make: () => nn.dropout(), x: rows },
    { make: () => nn.dropout(0.25), x: rows },
  ],
  flatten: [{ make: () => nn.flatten(2), x: image }],
  ...Object.fromEntries(
    (["relu", "sigmoid", "tanh", "selu", "softsign", "silu", "hardswish", "mish"] as const).map((name) => [
      name,
      [{ make: () => nn[name](), x: rows }],
    ]),
  ),
  leakyRelu: [
    { make: () => nn.leakyRelu(), x: rows },
    { make: () => nn.leakyRelu(0.3), x: rows },
  ],
  elu: [{ make: () => nn.elu(0.5), x: rows }],
  gelu: [
    { make: () => nn.gelu(), x: rows },
    { make: () => nn.gelu("tanh"), x: rows },
  ],
  softplus: [{ make: () => nn.softplus({ beta: 2 }), x: rows }],
  maxout: [{ make: () => nn.maxout(2), x: rows }],
  softmax: [{ make: () => nn.softmax(0), x: rows }],
  logSoftmax: [{ make: () => nn.logSoftmax(), x: rows }],
  layerNorm: [
    { make: () => nn.layerNorm(4), x: rows },
    { make: () => nn.layerNorm([6, 6], { eps: 0.1, bias: false }), x: image },
  ],
  rmsNorm: [{ make: () => nn.rmsNorm(4, { affine: false }), x: rows }],
  groupNorm: [{ make: () => nn.groupNorm(2, 4, { eps: 0.1 }), x: image }],
  instanceNorm2d: [{ make: () => nn.instanceNorm2d(4, { affine: true }), x: image }],
  batchNorm1d: [{ make: () => nn.batchNorm1d(4, { momentum: 0.3, trackRunningStats: false }), x: rows }],
  batchNorm2d: [{ make: () => nn.batchNorm2d(4, { eps: 0.1 }), x: image }],
  multiheadAttention: [{ make: () => nn.multiheadAttention(4, 2, { bias: false }), x: steps }],
  transformerEncoderLayer: [
    { make: () => nn.transformerEncoderLayer(4, 2, { feedforward: 8 }), x: steps },
    {
      make: () =>
        nn.transformerEncoderLayer(4, 2, { feedforward: 8, dropout: 0.5, activation: "gelu", normFirst: true }),
      x: steps,
    },
  ],
  lstm: [
    { make: () => nn.lstm(4, 3, recurrent), x: steps },
    { make: () => nn.sequential(nn.lstm(4, 3).output, nn.relu()), x: steps },
  ],
  gru: [
    { make: () => nn.gru(4, 3), x: steps },
    { make: () => nn.gru(4, 3, recurrent).output, x: steps },
  ],
  rnn: [
    { make: () => nn.rnn(4, 3), x: steps },
    { make: () => nn.rnn(4, 3, recurrent).output, x: steps },
  ],
  lstmCell: [{ make: () => nn.lstmCell(4, 3), x: rows }],
  gruCell: [{ make: () => nn.gruCell(4, 3, { bias: false }), x: rows }],
  rnnCell: [{ make: () => nn.rnnCell(4, 3), x: rows }],
  lastStep: [{ make: () => nn.lastStep(), x: steps }],
  mixedPrecision: [{ make: () => nn.mixedPrecision(nn.sequential(nn.linear(4, 3), nn.relu())), x: rows }],
  sequential: [
    { make: () => nn.sequential(), x: rows },
    {
      make: () => nn.sequential({ body: nn.sequential(nn.linear(4, 8), nn.dropout()), head: nn.linear(8, 2) }),
      x: rows,
    },
    {
      make: () => {
        const shared = nn.linear(4, 4);
        return nn.sequential(shared, nn.tanh(), shared);
      },
      x: rows,
    },
    { make: () => nn.sequential(nn.linear(4, 4), blocks.residual(4), blocks.residual(4, { scale: 0.5 })), x: rows },
    { make: () => blocks.around(nn.sequential({ a: nn.linear(4, 4) }), ["cat", "dog"]), x: rows },
  ],
};

/** What nn exports that makes no layer. */
export const others = ["freeze", "init", "module", "random", "seed", "stateDict", "stateless", "unfreeze"];
