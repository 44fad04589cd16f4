import { describe, expect, test } from "vitest";
import * as augment from "../../src/augment/index.ts";
import * as csv from "../../src/data/csv/index.ts";
import * as npy from "../../src/data/npy/index.ts";
import { stream } from "../../src/data/stream/index.ts";
import * as text from "../../src/data/text/index.ts";
import * as images from "../../src/images/index.ts";
import * as t from "../../src/index.ts";
import { data, input, losses, metrics, nn, optim, TilegradError } from "../../src/index.ts";
import { custom, fromJSON, summary, toJSON } from "../../src/model/index.ts";
import * as plot from "../../src/plot/index.ts";
import * as report from "../../src/report/index.ts";
import * as train from "../../src/train/index.ts";
import { scaled, swish } from "../custom.ts";

/*
 * Wrong arguments of every sort for every public function: each must give a tilegrad error that says what was given and
 * what was expected. TypeScript refuses most of them first; plain JavaScript has only this.
 */

// biome-ignore lint/suspicious/noExplicitAny: wrong on purpose
type Call = readonly [call: (...args: any[]) => unknown, ...args: unknown[]];

const ops = { ...t };
const x = input("x", [4, 6]);
const image = input("image", [2, 4, 8, 8]);
const line = input("line", [2, 4, 8]);
const labels = input("labels", [4], "i32");
const indices = input("indices", [4, 6], "i32");
const w = t.variable(new Float32Array(36), [6, 6]);
const six = input("six", [6]);
const four = input("four", [4]);
const scalar = t.mean(t.matmul(x, w));
const model = nn.linear(6, 6);
const channels = { weight: four, bias: four, eps: 1e-5 };
const f32 = (...shape: number[]) => new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1);
const lstm = { weightIh: input("ih", [20, 6]), weightHh: input("hh", [20, 5]), biasIh: input("b", [20]) };
const gru = { weightIh: input("ih3", [15, 6]), weightHh: input("hh3", [15, 5]) };
const rnn = { weightIh: input("ih1", [5, 6]), weightHh: input("hh1", [5, 5]) };
const sequence = input("sequence", [3, 2, 6]);
const states = input("states", [1, 2, 5]);
const state = input("state", [2, 5]);
const step = input("step", [2, 6]);

const tokens = text.charTokenizer("ab", { special: ["begin"] });
const table = csv.parseCsv("a,b\n1,x\n2,y\n3,x\n");

const calls: Readonly<Record<string, Call>> = {
  ...Object.fromEntries(
    (["add", "sub", "mul", "div", "maximum", "minimum", "eq", "ne", "lt", "le", "gt", "ge", "pow", "mod"] as const).map(
      (name) => [name, [ops[name], x, x]] as const,
    ),
  ),
  ...Object.fromEntries(
    (
      "neg abs sign exp log sqrt rsqrt reciprocal sin cos tan asin acos atan sinh cosh asinh acosh atanh erf isNan isInf floor ceil round relu sigmoid tanh softsign silu selu hardswish mish detach zerosLike onesLike".split(
        " ",
      ) as "relu"[]
    ).map((name) => [name, [ops[name], x]] as const),
  ),
  maskedMean: [t.maskedMean, x, indices, 1],
  where: [t.where, indices, x, x],
  clamp: [t.clamp, x, { min: 0, max: 1 }],
  cast: [t.cast, x, "i32"],
  leakyRelu: [t.leakyRelu, x, 0.1],
  elu: [t.elu, x, 1],
  gelu: [t.gelu, x, "tanh"],
  softplus: [t.softplus, x, { beta: 1, threshold: 20 }],
  maxout: [t.maxout, x, 2, 1],
  scaledDotProductAttention: [
    t.scaledDotProductAttention,
    line,
    line,
    line,
    { mask: input("m", [4, 4]), causal: true, scale: 1 },
  ],
  attentionWeights: [t.attentionWeights, line, line, { mask: input("m", [4, 4]), causal: true, scale: 1 }],
  concat: [t.concat, [x, x], 0],
  stack: [t.stack, [x, x], 0],
  split: [t.split, x, 0, 2],
  "split by sizes": [t.split, x, 0, [1, 3]],
  constant: [t.constant, f32(6), [6], "name", "f32"],
  full: [t.full, [2, 3], 1, "f32"],
  input: [t.input, "name", [2, 3], "f32"],
  variable: [t.variable, f32(6), [6], { name: "v", group: "parameters", dtype: "f32" }],
  conv2d: [t.conv2d, image, input("w", [4, 2, 3, 3]), four, { stride: 1, padding: 1, dilation: 1, groups: 2 }],
  conv1d: [t.conv1d, line, input("w1", [4, 2, 3]), four, { stride: 1, padding: 1, dilation: 1, groups: 2 }],
  convTranspose2d: [
    t.convTranspose2d,
    image,
    input("w2", [4, 2, 3, 3]),
    four,
    { stride: 2, padding: 1, dilation: 1, groups: 2, outputPadding: 1 },
  ],
  embedding: [t.embedding, labels, x, { paddingIdx: 1 }],
  gather: [t.gather, x, 1, indices],
  indexSelect: [t.indexSelect, x, 0, labels],
  scatterAdd: [t.scatterAdd, x, 1, indices, x],
  padWith: [t.padWith, "reflect", x, [1, 1], [1, 1]],
  pad: [t.pad, x, { low: [1, 1], high: [0, 1], interior: [1, 0], value: 1 }],
  cumsum: [t.cumsum, x, 0],
  cumprod: [t.cumprod, x, 0],
  sort: [t.sort, x, 0, { descending: true }],
  argsort: [t.argsort, x, 0, { descending: true }],
  topk: [t.topk, x, 1, 0, { largest: false }],
  roll: [t.roll, x, 1, 0],
  tril: [t.tril, x, 1],
  triu: [t.triu, x, 1],
  matmul: [t.matmul, x, w],
  linear: [t.linear, x, w, six],
  layerNorm: [t.layerNorm, x, 6, { weight: six, bias: six, eps: 1e-5 }],
  rmsNorm: [t.rmsNorm, x, [6], { weight: six, eps: 1e-5 }],
  groupNorm: [t.groupNorm, image, 2, channels],
  instanceNorm: [t.instanceNorm, image, channels],
  batchNorm: [
    t.batchNorm,
    image,
    { ...channels, training: true, momentum: 0.1, running: { mean: four, variance: four } },
  ],
  nextStatistics: [t.nextStatistics, image, { mean: four, variance: four }, 0.1],
  oneHot: [t.oneHot, labels, 3, "f32"],
  argmax: [t.argmax, x, 1, true],
  argmin: [t.argmin, x, 1, true],
  maxWithIndex: [t.maxWithIndex, x, 1, true],
  minWithIndex: [t.minWithIndex, x, 1, true],
  maxPool2d: [t.maxPool2d, image, 2, { stride: 2, padding: 1, dilation: 1, ceilMode: true }],
  avgPool2d: [t.avgPool2d, image, 2, { stride: 2, padding: 1, ceilMode: true, countIncludePad: true, divisor: 3 }],
  adaptiveAvgPool2d: [t.adaptiveAvgPool2d, image, 3],
  interpolate: [t.interpolate, image, { size: 4, mode: "bilinear", alignCorners: true }],
  "interpolate by a factor": [t.interpolate, image, { scaleFactor: 1.5, mode: "nearest" }],
  iota: [t.iota, [2, 3], 1],
  Random: [(...args: [number, string]) => new t.Random(...args), 1, "random"],
  "Random.uniform": [(shape) => new t.Random(1).uniform(shape), [2, 3]],
  "Random.normal": [(shape) => new t.Random(1).normal(shape), [2, 3]],
  "Random.bernoulli": [(...args: [[], number]) => new t.Random(1).bernoulli(...args), [4, 6], 0.5],
  "Random.bernoulli of a tensor": [(...args: [[], number]) => new t.Random(1).bernoulli(...args), [4, 6], six],
  "Random.randint": [(...args: [[], number, number]) => new t.Random(1).randint(...args), [2, 3], -2, 5],
  lstm: [
    t.lstm,
    sequence,
    [lstm],
    { bidirectional: false, batchFirst: false, h0: states, c0: states, between: (y: t.Tensor) => y },
  ],
  gru: [t.gru, sequence, [gru], { bidirectional: false, batchFirst: false, h0: states, between: (y: t.Tensor) => y }],
  rnn: [t.rnn, sequence, [rnn], { bidirectional: false, batchFirst: false, h0: states, between: (y: t.Tensor) => y }],
  lstmCell: [t.lstmCell, step, lstm, { h: state, c: state }],
  gruCell: [t.gruCell, step, gru, state],
  rnnCell: [t.rnnCell, step, rnn, state],
  ...Object.fromEntries(
    (["sum", "mean", "prod", "max", "min", "any", "all", "logsumexp"] as const).map(
      (name) => [name, [ops[name], x, [1], true]] as const,
    ),
  ),
  variance: [t.variance, x, 1, { correction: 1, keepdim: true }],
  std: [t.std, x, 1, { correction: 1, keepdim: true }],
  norm: [t.norm, x, 1, { p: 2, keepdim: true }],
  softmax: [t.softmax, x, 1],
  logSoftmax: [t.logSoftmax, x, 1],
  softmaxCrossEntropy: [t.softmaxCrossEntropy, x, labels, 1],
  squaredNorm: [t.squaredNorm, [x, w]],
  expand: [t.expand, x, [2, 4, 6]],
  flatten: [t.flatten, x, 1],
  flip: [t.flip, x, [1]],
  permute: [t.permute, x, [1, 0]],
  reshape: [t.reshape, x, [6, 4]],
  slice: [t.slice, x, [[0, 2, 1]]],
  squeeze: [t.squeeze, x, 0],
  transpose: [t.transpose, x, 0, 1],
  unsqueeze: [t.unsqueeze, x, 0],
  grad: [t.grad, scalar, [w]],
  print: [t.print, { scalar }],
  foreach: [
    t.foreach,
    "name",
    [t.full([], 1)],
    [
      [x, w],
      [x, w],
    ],
    ([s]: [t.Tensor], [a, b]: [t.Tensor, t.Tensor]) => [t.mul(s, t.add(a, b))],
  ],

  elementwise: [
    t.elementwise,
    "own",
    {
      inputs: ["x"],
      functions: "fn f(v: f32) -> f32 { return v; }",
      wgsl: "f(x)",
      reference: (x: number) => x,
      integer: { wgsl: "x", reference: (x: number) => x },
      gradient: (dy: t.Tensor) => dy,
      dtypes: ["f32"],
      result: "f32",
      flops: 1,
      wide: false,
    },
  ],
  "elementwise's op": [swish, x, x],
  customOp: [
    t.customOp,
    "own",
    {
      inputs: ["x"],
      outputs: { y: ({ x }: { x: t.Tensor }) => x.shape },
      functions: "fn f(v: f32) -> f32 { return v; }",
      wgsl: "y_store(id.x, f(A * x(id.x)));",
      constants: { A: 2 },
      options: { a: 1 },
      dtypes: { x: "f32" },
      workgroups: 1,
      workgroupSize: 64,
      memory: { m: { type: "f32", length: 64 } },
      flops: 1,
      gradient: { x: ({ dy }: { dy: t.Tensor }) => dy },
      reference: () => [],
    },
  ],
  "customOp's op": [scaled, x, six, { a: 2 }],

  "nn.linear": [nn.linear, 2, 3, { bias: true, weightInit: nn.init.constant(1), biasInit: nn.init.constant(0) }],
  "nn.conv2d": [
    nn.conv2d,
    2,
    4,
    3,
    { bias: true, stride: 1, padding: 1, dilation: 1, groups: 2, weightInit: nn.init.normal(1) },
  ],
  "nn.conv1d": [nn.conv1d, 2, 4, 3, { bias: true, stride: 1, padding: 1, dilation: 1, groups: 2 }],
  "nn.convTranspose2d": [
    nn.convTranspose2d,
    2,
    4,
    3,
    { bias: true, stride: 2, padding: 1, dilation: 1, groups: 2, outputPadding: 1 },
  ],
  "nn.maxPool2d": [nn.maxPool2d, 2, { stride: 2, padding: 1, dilation: 1, ceilMode: true }],
  "nn.avgPool2d": [nn.avgPool2d, 2, { stride: 2, padding: 1, ceilMode: true, countIncludePad: true, divisor: 3 }],
  "nn.adaptiveAvgPool2d": [nn.adaptiveAvgPool2d, 2],
  "nn.upsample": [nn.upsample, { scaleFactor: 2, mode: "bilinear", alignCorners: true }],
  "nn.embedding": [nn.embedding, 4, 3, { paddingIdx: 1, weightInit: nn.init.uniform(1) }],
  "nn.dropout": [nn.dropout, 0.5, new t.Random(1)],
  "nn.flatten": [nn.flatten, 1],
  "nn.leakyRelu": [nn.leakyRelu, 0.1],
  "nn.elu": [nn.elu, 1],
  "nn.gelu": [nn.gelu, "none"],
  "nn.softplus": [nn.softplus, { beta: 1, threshold: 2 }],
  "nn.maxout": [nn.maxout, 2, 1],
  "nn.softmax": [nn.softmax, 1],
  "nn.logSoftmax": [nn.logSoftmax, 1],
  "nn.layerNorm": [nn.layerNorm, [3, 2], { eps: 1e-5, affine: true, bias: true }],
  "nn.rmsNorm": [nn.rmsNorm, 3, { eps: 1e-5, affine: true }],
  "nn.groupNorm": [nn.groupNorm, 2, 4, { eps: 1e-5, affine: true, bias: true }],
  "nn.instanceNorm2d": [nn.instanceNorm2d, 4, { eps: 1e-5, affine: true, bias: true }],
  "nn.batchNorm1d": [
    nn.batchNorm1d,
    4,
    { eps: 1e-5, affine: true, bias: true, momentum: 0.1, trackRunningStats: true },
  ],
  "nn.batchNorm2d": [
    nn.batchNorm2d,
    4,
    { eps: 1e-5, affine: true, bias: true, momentum: 0.1, trackRunningStats: true },
  ],
  "nn.multiheadAttention": [nn.multiheadAttention, 4, 2, { bias: true }],
  "nn.transformerEncoderLayer": [
    nn.transformerEncoderLayer,
    4,
    2,
    { feedforward: 8, dropout: 0.1, activation: "relu", normFirst: true, eps: 1e-5 },
  ],
  "nn.lstm": [
    nn.lstm,
    2,
    3,
    { layers: 1, bias: true, batchFirst: true, dropout: 0.1, bidirectional: true, weightInit: nn.init.normal(1) },
  ],
  "nn.gru": [nn.gru, 2, 3, { layers: 1, bias: true, batchFirst: true, dropout: 0.1, bidirectional: true }],
  "nn.rnn": [nn.rnn, 2, 3, { layers: 1, bias: true, batchFirst: true, dropout: 0.1, bidirectional: true }],
  "nn.lstmCell": [nn.lstmCell, 2, 3, { bias: true, weightInit: nn.init.normal(1) }],
  "nn.gruCell": [nn.gruCell, 2, 3, { bias: true }],
  "nn.rnnCell": [nn.rnnCell, 2, 3, { bias: true }],
  "nn.lastStep": [nn.lastStep, 1],
  "nn.mixedPrecision": [nn.mixedPrecision, model],
  "nn.tiedLinear": [nn.tiedLinear, nn.embedding(4, 3), { bias: true }],
  "nn.freeze": [nn.freeze, nn.linear(2, 3), "weight"],
  "nn.unfreeze": [nn.unfreeze, nn.linear(2, 3), "weight"],
  "nn.module": [nn.module, (y: t.Tensor) => y, { w }],
  "nn.stateless": [nn.stateless, (y: t.Tensor) => y],
  "nn.sequential": [nn.sequential, model, nn.relu()],
  "nn.sequential by name": [nn.sequential, { a: model, b: nn.relu() }],
  "nn.stateDict": [nn.stateDict, model],
  "nn.seed": [nn.seed, 1],
  "nn.init.uniform": [nn.init.uniform, 1],
  "nn.init.normal": [nn.init.normal, 1],
  "nn.init.constant": [nn.init.constant, 1],
  "nn.init.kaimingUniform": [nn.init.kaimingUniform, { nonlinearity: "relu", slope: 0.1, mode: "fanIn" }],
  "nn.init.kaimingNormal": [nn.init.kaimingNormal, { nonlinearity: "relu", slope: 0.1, mode: "fanIn" }],
  "nn.init.xavierUniform": [nn.init.xavierUniform, 1],
  "nn.init.xavierNormal": [nn.init.xavierNormal, 1],
  "nn.init.fans": [nn.init.fans, [2, 3]],
  "a module": [model, x, { training: true }],
  "sequential's module": [nn.sequential(model, nn.relu()), x, { training: true }],
  "dropout's module": [nn.dropout(), x, { training: true }],
  "lstm's module": [nn.lstm(6, 5), sequence, { training: true, h0: states, c0: states }],
  "lstmCell's module": [nn.lstmCell(6, 5), step, { h: state, c: state }],
  "gruCell's module": [nn.gruCell(6, 5), step, state],
  "attention's module": [
    nn.multiheadAttention(6, 2),
    sequence,
    { training: true },
    { mask: input("m3", [2, 2]), causal: true, memory: sequence },
  ],
  "the weights of attention's module": [
    nn.multiheadAttention(6, 2).attentionWeights,
    sequence,
    { training: true },
    { mask: input("m3", [2, 2]), causal: true, memory: sequence },
  ],
  "encoder's module": [
    nn.transformerEncoderLayer(6, 2),
    sequence,
    { training: true },
    { mask: input("m3", [2, 2]), causal: true },
  ],

  "losses.bce": [losses.bce, x, x, { weight: x, reduction: "sum" }],
  "losses.bceWithLogits": [losses.bceWithLogits, x, x, { weight: x, posWeight: 2, reduction: "sum" }],
  "losses.hinge": [losses.hinge, x, x, { reduction: "sum" }],
  "losses.squaredHinge": [losses.squaredHinge, x, x, { reduction: "sum" }],
  "losses.crossEntropy": [
    losses.crossEntropy,
    x,
    labels,
    { weight: six, ignoreIndex: 1, labelSmoothing: 0.1, reduction: "sum" },
  ],
  "losses.nll": [losses.nll, x, labels, { weight: six, ignoreIndex: 1, reduction: "sum" }],
  "losses.cosineEmbedding": [losses.cosineEmbedding, x, x, four, { margin: 0.5, reduction: "sum" }],
  "losses.klDiv": [losses.klDiv, x, x, { reduction: "batchmean", logTarget: true }],
  "losses.mse": [losses.mse, x, x, { reduction: "sum" }],
  "losses.l1": [losses.l1, x, x, { reduction: "sum" }],
  "losses.smoothL1": [losses.smoothL1, x, x, { beta: 2, reduction: "sum" }],
  "losses.huber": [losses.huber, x, x, { delta: 2, reduction: "sum" }],
  "losses.msle": [losses.msle, x, x, { reduction: "sum" }],

  "optim.sgd": [
    optim.sgd,
    { lr: 0.1, momentum: 0.9, dampening: 0, weightDecay: 0, nesterov: true, schedule: optim.constantLR() },
  ],
  "optim.adam": [
    optim.adam,
    { lr: 0.1, betas: [0.9, 0.99], eps: 1e-8, weightDecay: 0, amsgrad: true, schedule: optim.constantLR() },
  ],
  "optim.adamW": [
    optim.adamW,
    { lr: 0.1, betas: [0.9, 0.99], eps: 1e-8, weightDecay: 0, amsgrad: true, schedule: optim.constantLR() },
  ],
  "optim.nadam": [optim.nadam, { lr: 0.1, betas: [0.9, 0.99], eps: 1e-8, weightDecay: 0, momentumDecay: 0.1 }],
  "optim.radam": [optim.radam, { lr: 0.1, betas: [0.9, 0.99], eps: 1e-8, weightDecay: 0 }],
  "optim.adamax": [optim.adamax, { lr: 0.1, betas: [0.9, 0.99], eps: 1e-8, weightDecay: 0 }],
  "optim.rmsProp": [optim.rmsProp, { lr: 0.1, alpha: 0.9, eps: 1e-8, momentum: 0.1, centered: true, weightDecay: 0 }],
  "optim.adagrad": [optim.adagrad, { lr: 0.1, lrDecay: 0.1, initialAccumulatorValue: 0.1, eps: 1e-8, weightDecay: 0 }],
  "optim.adadelta": [optim.adadelta, { lr: 0.1, rho: 0.9, eps: 1e-8, weightDecay: 0 }],
  "optim.groups": [optim.groups, optim.adam, { lr: 0.1 }, [{ parameters: [w], lr: 0.2 }]],
  "GroupedOptimizer.minimize": [
    (...args: [t.Tensor]) => optim.groups(optim.adam, {}, []).minimize(...args),
    scalar,
    [w],
    { clip: optim.clipGradNorm(1), scale: t.full([], 1), scaler: optim.lossScaler(), when: t.full([], 1) },
  ],
  "optim.ema": [optim.ema, [w], { decay: 0.9 }],
  "Ema.follow": [(updates) => optim.ema([w]).follow(updates), optim.adam().minimize(scalar)],
  "Ema.averaged": [(y) => optim.ema([w]).averaged(y), scalar],
  "Ema.state": [(named) => optim.ema([w]).state(named), model.variables],
  "Ema.weights": [(named) => optim.ema([w]).weights(named), model.variables],
  "optim.accumulator": [optim.accumulator, [w]],
  "optim.clipGradNorm": [optim.clipGradNorm, 1],
  "optim.clipGradValue": [optim.clipGradValue, 1],
  "optim.lossScaler": [optim.lossScaler, { initial: 2, growth: 2, backoff: 0.5, interval: 10 }],
  "optim.reduceOnPlateau": [
    optim.reduceOnPlateau,
    0.1,
    {
      mode: "min",
      factor: 0.1,
      patience: 1,
      threshold: 0.1,
      thresholdMode: "rel",
      cooldown: 1,
      minLr: 0.01,
      eps: 1e-8,
    },
  ],
  "Plateau.report": [(metric) => optim.reduceOnPlateau(0.1).report(metric), 1],
  "optim.constantLR": [optim.constantLR, { factor: 0.1, totalIters: 3 }],
  "optim.stepLR": [optim.stepLR, { stepSize: 2, gamma: 0.1 }],
  "optim.multiStepLR": [optim.multiStepLR, { milestones: [1, 2], gamma: 0.1 }],
  "optim.exponentialLR": [optim.exponentialLR, { gamma: 0.1 }],
  "optim.cosineAnnealingLR": [optim.cosineAnnealingLR, { tMax: 10, etaMin: 0.1 }],
  "optim.cosineWarmRestarts": [optim.cosineWarmRestarts, { t0: 10, tMult: 2, etaMin: 0.1 }],
  "optim.linearLR": [optim.linearLR, { startFactor: 0.1, endFactor: 1, totalIters: 5 }],
  "optim.linearWarmupLinearDecay": [optim.linearWarmupLinearDecay, { warmupSteps: 2, totalSteps: 10 }],
  "optim.oneCycleLR": [
    optim.oneCycleLR,
    { totalSteps: 10, maxLr: 1, pctStart: 0.3, annealStrategy: "cos", divFactor: 25, finalDivFactor: 100 },
  ],
  "optim.schedule": [optim.schedule, (_: t.Tensor, lr: t.Tensor) => lr],
  "Optimizer.minimize": [
    (...args: [t.Tensor]) => optim.adam().minimize(...args),
    scalar,
    [w],
    { clip: optim.clipGradNorm(1), scale: t.full([], 1), scaler: optim.lossScaler() },
  ],
  "Optimizer.minimize without parameters": [
    (...args: [t.Tensor]) => optim.adam().minimize(...args),
    scalar,
    { clip: [] },
  ],
  "Optimizer.apply": [(...args: [[], []]) => optim.adam().apply(...args), [w], [w], { clip: [optim.clipGradValue(1)] }],
  "Optimizer.state": [(parameters) => optim.adam().state(parameters), model.variables],
  "Accumulator.collect": [(loss) => optim.accumulator([w]).collect(loss), scalar],
  "Accumulator.step": [
    (...args: [ReturnType<typeof optim.adam>]) => {
      const sums = optim.accumulator([w]);
      sums.collect(scalar);
      return sums.step(...args);
    },
    optim.adam(),
    { clip: [] },
  ],

  "metrics.accuracy": [metrics.accuracy, [1, 0], [1, 1]],
  "metrics.confusionMatrix": [metrics.confusionMatrix, [1, 0], [1, 1], 2],
  "metrics.ConfusionMatrix": [(n) => new metrics.ConfusionMatrix(n), 2],
  "metrics.ConfusionMatrix.add": [(...args: [[], []]) => new metrics.ConfusionMatrix(2).add(...args), [1, 0], [1, 1]],
  "metrics.argmaxRows": [metrics.argmaxRows, [1, 2, 3, 4], 2],
  "metrics.binaryFromProbabilities": [metrics.binaryFromProbabilities, [0.1, 0.9], 0.5],
  "metrics.mae": [metrics.mae, [1, 2], [1, 3]],
  "metrics.mse": [metrics.mse, [1, 2], [1, 3]],
  "metrics.rmse": [metrics.rmse, [1, 2], [1, 3]],
  "metrics.r2": [metrics.r2, [1, 2], [1, 3]],
  "metrics.rocCurve": [metrics.rocCurve, [0.1, 0.9], [0, 1]],
  "metrics.precision": [metrics.precision, [1, 0], [1, 1], 2, "macro"],
  "metrics.recall of a matrix": [metrics.recall, new metrics.ConfusionMatrix(2).add([1, 0], [1, 1]), "macro"],
  "metrics.f1": [metrics.f1, [1, 0], [1, 1], 2, "macro"],
  "metrics.iou": [metrics.iou, [1, 0], [1, 1], 2, "binary"],
  "metrics.dice": [metrics.dice, [1, 0], [1, 1], 2, "binary"],
  "metrics.classificationReport": [
    metrics.classificationReport,
    new metrics.ConfusionMatrix(2).add([1], [1]),
    ["a", "b"],
  ],
  "metrics.formatReport": [
    metrics.formatReport,
    metrics.classificationReport(new metrics.ConfusionMatrix(2).add([1], [1])),
    { digits: 2 },
  ],
  "metrics.formatConfusionMatrix": [
    metrics.formatConfusionMatrix,
    new metrics.ConfusionMatrix(2).add([1], [1]),
    ["a", "b"],
  ],

  "augment.randomHorizontalFlip": [augment.randomHorizontalFlip, 0.5, new t.Random(1)],
  "augment.randomVerticalFlip": [augment.randomVerticalFlip, 0.5, new t.Random(1)],
  "augment.randomAffine": [
    augment.randomAffine,
    { degrees: 10, translate: [0.1, 0.1], scale: [1, 2], shear: [0, 1], fill: 0, source: new t.Random(1) },
  ],
  "augment.randomRotation": [augment.randomRotation, 10, { fill: [0, 1], source: new t.Random(1) }],
  "augment.randomCrop": [augment.randomCrop, [2, 2], { padding: 1, fill: 0, source: new t.Random(1) }],
  "augment.gaussianNoise": [augment.gaussianNoise, 0.1, new t.Random(1)],
  "randomAffine's module": [augment.randomAffine(), image, { training: true }],
  "randomCrop's module": [augment.randomCrop(4), image, { training: true }],

  "images.fromImageData": [
    images.fromImageData,
    { data: new Uint8Array(4), width: 1, height: 1 },
    {
      size: [2, 2],
      channels: 3,
      mean: [0, 0, 0],
      std: [1, 1, 1],
      layout: "NHWC",
      fit: "contain",
      background: [0, 0, 0],
    },
  ],

  "plot.learningCurves": [
    plot.learningCurves,
    { loss: [1, 2] },
    {
      title: "t",
      metric: "",
      description: "d",
      x: [1, 2],
      xLabel: "x",
      yLabel: "y",
      log: true,
      mark: 1,
      markLabel: "m",
      width: 400,
      height: 300,
    },
  ],
  "plot.learningCurvesText": [
    plot.learningCurvesText,
    { loss: [1, 2] },
    {
      title: "t",
      metric: "",
      x: [1, 2],
      xLabel: "x",
      yLabel: "y",
      log: true,
      mark: 1,
      markLabel: "m",
      columns: 40,
      rows: 8,
      color: true,
    },
  ],
  "plot.confusionMatrix": [
    plot.confusionMatrix,
    [1, 2, 3, 4],
    { title: "t", description: "d", labels: ["a", "b"], size: 300 },
  ],
  "plot.heatmap": [
    plot.heatmap,
    [1, 2, 3, 4, 5, 6],
    {
      rows: ["a"],
      columns: ["b", "c", "d"],
      panels: ["e", "f"],
      title: "a",
      description: "b",
      range: [0, 6],
      width: 200,
    },
  ],
  "plot.confusionMatrixText": [plot.confusionMatrixText, [1, 2, 3, 4], { labels: ["a", "b"] }],
  "plot.imageGrid": [
    plot.imageGrid,
    f32(8),
    {
      title: "t",
      description: "d",
      shape: [2, 2],
      labels: ["a", "b"],
      range: [0, 1],
      columns: 2,
      tile: 20,
      width: 300,
    },
  ],
  "plot.imageGridText": [
    plot.imageGridText,
    f32(8),
    { shape: [2, 2], labels: ["a", "b"], range: [0, 1], columns: 40, color: true },
  ],
  "plot.histogram": [
    plot.histogram,
    [1, 2],
    { title: "t", description: "d", bins: 10, xLabel: "x", log: true, width: 400, height: 300 },
  ],
  "plot.histogramText": [plot.histogramText, [1, 2], { bins: 10, columns: 60 }],

  "report.report": [
    report.report,
    {
      title: "t",
      description: "d",
      figures: { accuracy: 1 },
      configuration: { lr: 1 },
      history: { epochs: [{ loss: 1 }] },
      best: 1,
      log: true,
      confusion: [1, 2, 3, 4],
      labels: ["a", "b"],
      samples: { pixels: [1, 2], shape: [1, 1], actual: [0, 1], predicted: [1, 1] },
      tables: [{ title: "t", columns: ["a"], rows: [[1]] }],
      lang: "en",
    },
  ],

  "data.batches": [
    data.batches,
    { x: { data: f32(8), shape: [4, 2] } },
    { batchSize: 2, shuffle: true, seed: 1, epoch: 1, dropLast: true, start: 1 },
  ],
  "data.batchIndices": [
    data.batchIndices,
    4,
    { batchSize: 2, shuffle: true, seed: 1, epoch: 1, dropLast: true, start: 1 },
  ],
  "data.numBatches": [data.numBatches, 4, { batchSize: 2, dropLast: true }],
  "data.takeRows": [data.takeRows, { x: { data: f32(8), shape: [4, 2] } }, [1, 2]],
  "data.oneHot": [data.oneHot, [1, 0], 2],
  "data.standardize": [data.standardize, { data: f32(8), shape: [4, 2] }],
  "data.minMaxScale": [data.minMaxScale, { data: f32(8), shape: [4, 2] }, [0, 1]],
  "data.normalizer": [data.normalizer, { shift: [1], divisor: [2], offset: 0 }],
  "Normalizer.apply": [(values) => data.normalizer({ shift: [1], divisor: [2], offset: 0 }).apply(values), [1, 2]],
  "data.scale": [data.scale, new Uint8Array(8), { mean: [0.1, 0.2], std: [1, 2], channelSize: 2 }, f32(8)],
  "data.randomStream": [data.randomStream, 1, 2],

  "RandomStream.below": [(bound) => data.randomStream(1).below(bound), 4],
  "data.permutation": [data.permutation, 4, 1, 2],
  "data.trainValidationSplit": [
    data.trainValidationSplit,
    8,
    { validation: 0.5, seed: 1, stratify: [0, 0, 1, 1, 0, 0, 1, 1] },
  ],
  "data.randomSplit": [
    data.randomSplit,
    8,
    { train: 0.5, validation: 0.25, test: 0.25 },
    { seed: 1, stratify: [0, 0, 1, 1, 0, 0, 1, 1] },
  ],
  "data.kFold": [data.kFold, 8, { k: 4, seed: 1, stratify: [0, 0, 1, 1, 0, 0, 1, 1] }],
  "data.classWeights": [data.classWeights, [1, 0, 1], 2],
  "data.resample": [data.resample, [1, 0, 1], { mode: "under", seed: 1 }],
  "csv.parseCsv": [
    (options: csv.CsvOptions) => csv.parseCsv("a,b\n1,x\n", options),
    {
      name: "a file",
      header: ["a", "b"],
      columns: ["a"],
      types: { a: "category" },
      missing: [""],
      delimiter: ",",
      decimal: ".",
      comment: "#",
      encoding: "utf-8",
    },
  ],
  "csv.tableEncoder": [
    csv.tableEncoder,
    table,
    { x: ["a", { column: "b", indicator: true }], y: "b" },
    { missing: "mean", indicator: false, categories: "oneHot", normalize: "none" },
  ],
  "csv.tableFromRows": [csv.tableFromRows, [{ a: 1, b: "x" }], { types: { a: "f32", b: ["x"] } }],
  "csv.encoderFrom": [csv.encoderFrom, csv.tableEncoder(table, { x: ["a"], y: "b" }).state],
  "TableEncoder.apply": [(t: typeof table) => csv.tableEncoder(table, { x: ["a"] }).apply(t), table],
  "Table.column": [(name: string) => table.column(name), "a"],
  "Table.take": [(rows: []) => table.take(rows), [0]],
  "Table.dropMissing": [(names: []) => table.dropMissing(names), ["a"]],
  stream: [stream, [1, 2]],
  "Stream.map": [(...args: [() => 1]) => stream([1]).map(...args), () => 1, { parallel: 2 }],
  "Stream.shuffle": [(options: { buffer: number }) => stream([1]).shuffle(options), { buffer: 2, seed: 1 }],
  "Stream.chunk": [(...args: [number]) => stream([1]).chunk(...args), 2, { dropLast: true }],
  "Stream.take": [(count: number) => stream([1]).take(count), 1],
  "Stream.prefetch": [(count: number) => stream([1]).prefetch(count), 1],
  "text.charTokenizer": [text.charTokenizer, ["a", "b"], { unit: "grapheme", special: ["pad"] }],
  "text.wordTokenizer": [
    text.wordTokenizer,
    ["a text", "another"],
    { size: 5, minCount: 1, lowercase: true, locale: "en", special: ["pad"] },
  ],
  "text.tokenizerFrom": [text.tokenizerFrom, text.wordTokenizer("a text").state],
  "Tokenizer.encode": [(...args: [string]) => tokens.encode(...args), "ab", { begin: true, end: false }],
  "Tokenizer.decode": [(ids: []) => tokens.decode(ids), [1, 2]],
  "Tokenizer.token": [(id: number) => tokens.token(id), 1],
  "Tokenizer.id": [(token: string) => tokens.id(token), "a"],
  "text.padSequences": [text.padSequences, [[1], [2, 3]], { length: 3, side: "left", cut: "left", value: 1 }],
  "text.windows": [text.windows, [1, 2, 3, 4], { length: 2, stride: 1 }],
  "npy.serializeNpy": [npy.serializeNpy, { data: f32(2), shape: [2] }, { dtype: "f16" }],
  "npy.serializeNpz": [npy.serializeNpz, { x: { data: f32(2), shape: [2] } }, { compress: true }],
  "model.toJSON": [toJSON, nn.sequential(model, nn.relu())],
  "model.fromJSON": [fromJSON, toJSON(nn.linear(2, 3)), { custom: { f: () => nn.relu() }, maxBytes: 1000 }],
  "model.summary": [summary, nn.linear(6, 3), { shape: [2, 6], dtype: "f32" }, { training: { outputs: { scalar } } }],
  "model.custom": [custom, { f: () => nn.relu() }],
  "train.accuracy": [train.accuracy, x, labels],
  "train.topKAccuracy": [train.topKAccuracy, 3],
  "train.topKAccuracy's metric": [train.topKAccuracy(3), x, labels],
  "train.binaryAccuracy": [train.binaryAccuracy, { threshold: 0 }],
  "train.binaryAccuracy's metric": [train.binaryAccuracy(), x, x],
  "train.mae": [train.mae, x, x],
  "train.mse": [train.mse, x, x],
  "train.earlyStopping": [
    train.earlyStopping,
    { monitor: "val_loss", patience: 3, minDelta: 0.1, mode: "min", restoreBest: false },
  ],
  "train.reduceLROnPlateau": [
    train.reduceLROnPlateau,
    { monitor: "loss", mode: "max", factor: 0.5, patience: 2, threshold: 0.1, cooldown: 1, minLr: 0, eps: 0 },
  ],
  "train.checkpoint": [train.checkpoint, { to: () => {}, everySteps: 5, everyEpochs: 2, name: "a.safetensors" }],
  "train.Trainer": [
    (options) => new train.Trainer(options),
    {
      engine: { compile: () => {} },
      model,
      loss: losses.mse,
      optimizer: optim.sgd({ lr: 1 }),
      metrics: {},
      shapes: {},
    },
  ],
  exportPrograms: [t.exportPrograms, { step: { outputs: { scalar } } }, { targets: [{}], variables: model.variables }],
};

const wrong: Readonly<Record<string, unknown>> = {
  missing: undefined,
  null: null,
  text: "nonsense",
  NaN: Number.NaN,
  fraction: 1.5,
  negative: -7,
  infinite: Number.POSITIVE_INFINITY,
  boolean: true,
  numbers: [1, 2, 3, 4, 5],
  object: {},
  function: () => 1,
  module: model,
  tensor: input("wrong", [3, 7, 2]),
  promise: Promise.resolve(1),
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  Object.prototype.toString.call(value) === "[object Object]" && Object.getPrototypeOf(value) === Object.prototype;

/** Each argument, and each member of an argument that is a plain object, replaced by each wrong value. */
function* mutations(args: readonly unknown[]): Generator<[what: string, args: unknown[]]> {
  for (const [i, arg] of args.entries()) {
    for (const [kind, value] of Object.entries(wrong)) yield [`${i}: ${kind}`, args.with(i, value)];
    if (!isRecord(arg)) continue;
    yield [`${i}: a surplus member`, args.with(i, { ...arg, nonsense: 1 })];
    for (const key of Object.keys(arg))
      for (const [kind, value] of Object.entries(wrong))
        yield [`${i}.${key}: ${kind}`, args.with(i, { ...arg, [key]: value })];
  }
}

/** Values that no argument accepts, with exceptions: a text where a name is expected, a module where modules are, … */
const never = ["null", "text", "NaN", "function", "module", "promise", "a surplus member"];
const mayBe: readonly RegExp[] = [
  /^(input 0|constant 2|Random 1|foreach 0): /, // names
  /^variable 2\.(name|group): text/,
  /^(stream|Stream.map) 0: (function|module)/,
  /^text.(char|word)Tokenizer 0: text/,
  /^text.wordTokenizer 1\.locale: text/,
  /^csv.parseCsv 0\.(name|comment|encoding): text/,
  /^(lstm|gru|rnn) 2\.between: (function|module)/,
  /^nn\.(module|stateless) 0: (function|module)/,
  /^nn\.\w+ \d\.(weightInit|biasInit): function/,
  /^Plateau.report 0: NaN/,
  /^nn.module 1(\.w)?: module/,
  /^optim.schedule 0: (function|module)/,
  /^nn\.(tiedLinear|freeze|unfreeze) 0: module/,
  /^model\.(toJSON|summary) 0: module/,
  /^optim\.ema 0: module/,
  /^model\.(custom 0|fromJSON 1\.custom)\.f: (function|module)/,
  /^nn\.(mixedPrecision|sequential.*|stateDict) [01](\.\w)?: module/,
  /^(elementwise|customOp) (0|1\.wgsl): text/, // a name; WGSL, which a device checks
  /^elementwise 1\.(reference|gradient): function/,
  /^customOp 1\.(reference|constants|workgroups|workgroupSize|memory|flops): (function|module)/, // called with shapes
  /^images\.fromImageData 0: a surplus member/, // an ImageData has more
  /^report\.report 0\.(title|description|lang): text/,
  /^plot\.\w+ 1\.(title|description|xLabel|yLabel|markLabel): text/,
  /^train.(earlyStopping|reduceLROnPlateau) 0.monitor: text/,
  /^train.checkpoint 0.(name: text|to: (function|module))/,
  /^train.Trainer 0.(model: module|loss: (function|module))/,
  /^metrics.formatReport 0(\.(accuracy|total))?: /, // accepted unchecked, as classificationReport returns it
  /^(nextStatistics 1|data\.(standardize|minMaxScale) 0|npy.serializeNpy 0): a surplus member/,
];

/*
 * Messages begin with the public name of the function called, with or without its room: `losses.mse` as "mse: ". Rows
 * of a method or a second form count under the name here.
 */
const calledAs: Readonly<Record<string, string>> = {
  "split by sizes": "split",
  "interpolate by a factor": "interpolate",
  elementwise: "elementwise own",
  "elementwise's op": "swish",
  customOp: "customOp own",
  "customOp's op": "scaled",
  "nn.sequential by name": "nn.sequential",
  "Random.bernoulli of a tensor": "Random.bernoulli",
  "Plateau.report": "optim.reduceOnPlateau",
  "Optimizer.minimize": "optim.adam",
  "Optimizer.minimize without parameters": "optim.adam",
  "Optimizer.apply": "optim.adam",
  "Optimizer.state": "optim.adam",
  "Accumulator.collect": "optim.accumulator",
  "GroupedOptimizer.minimize": "optim.groups",
  "Ema.follow": "optim.ema",
  "Ema.averaged": "optim.ema",
  "Ema.state": "optim.ema",
  "Ema.weights": "optim.ema",
  "Accumulator.step": "optim.accumulator",
  "metrics.recall of a matrix": "recall",
  "train.topKAccuracy's metric": "topKAccuracy",
  "train.binaryAccuracy's metric": "binaryAccuracy",
  "Normalizer.apply": "normalizer.apply",
  "RandomStream.below": "randomStream.below",
};

/** Rows whose messages begin with other words, and why. */
const otherNames: readonly (readonly [row: RegExp, first: RegExp])[] = [
  [/^(elementwise|customOp)$/, /^(elementwise|customOp)$/], // the op has no valid name yet
  [/^variable$/, /^variable "v"$/], // the variable's name finds it among many
  [/^data\.(batches|batchIndices|numBatches|takeRows|trainValidationSplit|randomSplit|kFold)$/, /^dataset( "\w+")?$/], // part of an argument
  [/^data\.(batchIndices|numBatches)$/, /^batches$/], // these share the options and errors of `batches`, as documented
  [/^(foreach|optim\.groups|nn\.\w+)$/, /^(a module|(nn\.)?linear)$/], // the caller's module refuses its arguments
  [/'s module$|^a module$/, /^(a module|linear|((nn|augment)\.)?\w+)$/], // an op in the module: the message ends with its layer
  [/^optim\.groups$/, /^optim\.adam$/], // the function given refuses its own options
  [/^Accumulator\.step$/, /^optim\.adam$/], // the optimizer inside checks its own options
  [/^exportPrograms$/, /^compile$/], // it compiles each program, and `compile` refuses it
  [/^model\.summary$/, /^(linear|compile)$/], // the model and the training program given refuse their arguments
  [/^(foreach|nn\.\w+)$/, /^(a module|(nn\.)?linear)$/], // the module given as a function of the caller's refuses its arguments
  [/'s module$|^a module$/, /^(a module|linear|(nn\.)?\w+)$/], // an op inside: the message ends with its layer
  [/^Accumulator\.step$/, /^optim\.adam$/], // the optimizer given checks its own options
  [/^train\.reduceLROnPlateau$/, /^optim\.reduceOnPlateau$/], // the rule that it reports to, as documented
  [/^exportPrograms$/, /^compile$/], // each program is compiled, and refused as `compile` does
];

const namesCaller = (row: string, message: string): boolean => {
  const first = message.slice(0, message.indexOf(": "));
  const name = calledAs[row] ?? row;
  return (
    [name, name.slice(name.lastIndexOf(".") + 1), name.replace(/^\w+\./, "")].includes(first) ||
    otherNames.some(([rows, firsts]) => rows.test(row) && firsts.test(first))
  );
};

describe("refuses, with a tilegrad error", () => {
  test.each(Object.entries(calls))("%s", (name, [call, ...args]) => {
    expect(() => call(...args)).not.toThrow();
    for (const [what, changed] of mutations(args)) {
      let refusal: unknown;
      try {
        call(...changed);
      } catch (error) {
        refusal = error;
      }
      const where = `${name} ${what}`;
      if (refusal === undefined) {
        const kind = what.slice(what.indexOf(": ") + 2);
        if (never.includes(kind)) expect(mayBe.some((rule) => rule.test(where)) ? "" : where, "taken").toBe("");
      } else {
        expect(refusal, `${where}: ${refusal}`).toBeInstanceOf(TilegradError);
        expect((refusal as Error).message, where).not.toMatch(/undefined|\[object|=>/);
        expect(namesCaller(name, (refusal as Error).message) ? "" : `${where}: ${refusal}`, "another's name").toBe("");
      }
    }
  });
});
