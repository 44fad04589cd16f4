import { FormatError } from "../../errors.ts";
import { sizeOf } from "../../graph/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import {
  abs,
  add,
  argmax,
  batchNorm,
  cast,
  detach,
  div,
  eq,
  expand,
  groupNorm,
  instanceNorm,
  iota,
  layerNorm,
  logSoftmax,
  maximum,
  mean,
  mul,
  pad,
  pow,
  reshape,
  rmsNorm,
  rsqrt,
  slice,
  softmax,
  sqrt,
  sub,
  sum,
  unsqueeze,
} from "../../ops/index.ts";
import type { Built, OpNode, OpRow } from "../node.ts";
import { axisOf } from "./shapes.ts";

/** Applies a function of lines. Before opset 13 a line was everything from `axis` on. */
function alongLines(node: OpNode, f: (x: Tensor, axis: number) => Tensor): Built {
  const x = node.tensor(0);
  const rank = x.shape.length;
  const axis = axisOf(node.int("axis", node.opset < 13 ? 1 : -1), rank);
  if (node.opset >= 13) return f(x, axis);
  const rows = sizeOf(x.shape.slice(0, axis));
  return reshape(f(reshape(x, [rows, x.size / rows]), 1), x.shape);
}

const hardmax = (x: Tensor, axis: number): Tensor =>
  cast(eq(iota(x.shape, axis), expand(unsqueeze(argmax(x, axis), axis), x.shape)), x.dtype);

function batchNormalization(node: OpNode): Built {
  const x = node.tensor(0);
  const [weight, bias, average, variance] = [1, 2, 3, 4].map((i) => node.tensor(i)) as [Tensor, Tensor, Tensor, Tensor];
  // As of a layer: whatever is frozen or not, optimizers leave the statistics alone.
  const running = { mean: detach(average), variance: detach(variance) };
  const eps = node.float("epsilon", 1e-5);
  const isTraining = node.opset >= 14 ? node.int("training_mode", 0) !== 0 : node.opset < 7 && !node.int("is_test", 0);
  if (isTraining && node.opset < 14 && !node.outputs[1]) {
    // Exporters of opset 6 wrote networks in evaluation without `is_test`: more outputs mean training.
    return batchNorm(x, { weight, bias, eps, training: false, running });
  }
  if (!isTraining) {
    return batchNorm(x, { weight, bias, eps, training: false, running });
  }
  if (node.opset < 14) throw new FormatError("training mode is supported from opset 14 on");
  const y = batchNorm(x, { weight, bias, eps, training: true });
  const axes = x.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));
  const momentum = node.float("momentum", 0.9);
  const center = mean(x, axes, true);
  const rest = sub(x, center);
  const blend = (old: Tensor, now: Tensor): Tensor =>
    add(mul(old, momentum), mul(reshape(now, old.shape), 1 - momentum));
  return [y, blend(average, center), blend(variance, mean(mul(rest, rest), axes, true))];
}

function layerNormalization(node: OpNode): Built {
  const x = node.tensor(0);
  const axis = axisOf(node.int("axis", -1), x.shape.length);
  const [over, eps] = [x.shape.slice(axis), node.float("epsilon", 1e-5)];
  const spread = (value: Tensor | undefined) => value && reshape(expand(value, over), over);
  const [weight, bias] = [spread(node.optional(1)), spread(node.optional(2))];
  const y = layerNorm(x, over, { eps, ...(weight && { weight }), ...(bias && { bias }) });
  if (!node.outputs[1] && !node.outputs[2]) return [y];
  const axes = over.map((_, i) => axis + i);
  const center = mean(x, axes, true);
  const rest = sub(x, center);
  return [y, center, rsqrt(add(mean(mul(rest, rest), axes, true), eps))];
}

function rmsNormalization(node: OpNode): Built {
  const x = node.tensor(0);
  const axis = axisOf(node.int("axis", -1), x.shape.length);
  const y = rmsNorm(x, x.shape.slice(axis), { eps: node.float("epsilon", 1e-5) });
  return mul(y, node.tensor(1));
}

function lpNormalization(node: OpNode): Built {
  const x = node.tensor(0);
  const axis = axisOf(node.int("axis", -1), x.shape.length);
  const size = node.int("p", 2) === 1 ? sum(abs(x), axis, true) : sqrt(sum(mul(x, x), axis, true));
  // A line of zeros stays one.
  return div(x, maximum(size, 1e-30));
}

function meanVariance(node: OpNode): Built {
  const x = node.tensor(0);
  const axes = (node.ints("axes") ?? [0, 2, 3]).map((axis) => axisOf(axis, x.shape.length));
  const rest = sub(x, mean(x, axes, true));
  return div(rest, add(sqrt(mean(mul(rest, rest), axes, true)), 1e-9));
}

/** x / (bias + alpha / size · Σ x² over neighbouring channels)^beta (A. Krizhevsky et al., 2012). */
function localResponse(node: OpNode): Built {
  const x = node.tensor(0);
  const size = node.int("size", 1);
  if (size > 256) throw new FormatError(`${size} neighbouring channels, at most 256`);
  const before = Math.floor((size - 1) / 2);
  const around = (n: number) => x.shape.map((_, axis) => (axis === 1 ? n : 0));
  const squares = pad(mul(x, x), { low: around(before), high: around(size - 1 - before) });
  const channels = x.shape[1]!;
  const total = Array.from({ length: size }, (_, k) => slice(squares, [[], [k, k + channels]])).reduce((a, b) =>
    add(a, b),
  );
  const base = add(mul(total, node.float("alpha", 1e-4) / size), node.float("bias", 1));
  return mul(x, pow(base, -node.float("beta", 0.75)));
}

function groupNormalization(node: OpNode): Built {
  const x = node.tensor(0);
  const groups = node.int("num_groups", 1);
  const channels = x.shape[1]!;
  // Before opset 21, scale and bias are those of a group.
  const perChannel = (t: Tensor): Tensor =>
    t.size === channels ? t : reshape(expand(unsqueeze(t, 1), [t.size, channels / t.size]), [channels]);
  const [weight, bias] = [perChannel(node.tensor(1)), perChannel(node.tensor(2))];
  return groupNorm(x, groups, { weight, bias, eps: node.float("epsilon", 1e-5) });
}

export const normalization: readonly OpRow[] = [
  { op: "Softmax", since: [1, 11, 13], build: (node) => alongLines(node, softmax) },
  { op: "LogSoftmax", since: [1, 11, 13], build: (node) => alongLines(node, logSoftmax) },
  { op: "Hardmax", since: [1, 11, 13], build: (node) => alongLines(node, hardmax) },
  {
    op: "BatchNormalization",
    since: [1, 6, 7, 9, 14, 15],
    limits: "training mode from opset 14 on",
    build: batchNormalization,
  },
  { op: "LayerNormalization", since: [17], build: layerNormalization },
  { op: "RMSNormalization", since: [23], build: rmsNormalization },
  {
    op: "InstanceNormalization",
    since: [1, 6, 22],
    build: (node) =>
      instanceNorm(node.tensor(0), {
        weight: node.tensor(1),
        bias: node.tensor(2),
        eps: node.float("epsilon", 1e-5),
      }),
  },
  { op: "GroupNormalization", since: [18, 21], build: groupNormalization },
  { op: "LRN", since: [1, 13], build: localResponse },
  { op: "LpNormalization", since: [1, 22], build: lpNormalization },
  { op: "MeanVarianceNormalization", since: [9, 13], build: meanVariance },
];
