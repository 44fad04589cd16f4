import type { Tensor } from "../../graph/tensor.ts";
import {
  cast,
  div,
  gather,
  indexSelect,
  logSoftmax,
  mean,
  mul,
  ne,
  neg,
  onesLike,
  reshape,
  sum,
  unsqueeze,
  where,
} from "../../ops/index.ts";
import type { Built, OpNode, OpRow } from "../node.ts";

/** −weight · log probability of each label, and how they are summed up. */
function likelihood(node: OpNode, x: Tensor): Tensor {
  const labels = cast(node.tensor(1), "i32");
  const weight = node.optional(2);
  const ignored = node.has("ignore_index") ? node.int("ignore_index", 0) : undefined;
  const isKept = ignored === undefined ? undefined : ne(labels, ignored);
  // An ignored label may name no class: any other takes its place, and its loss is replaced.
  const safe = isKept ? where(isKept, labels, 0) : labels;
  const picked = neg(reshape(gather(x, 1, unsqueeze(safe, 1)), labels.shape));
  const own = weight && reshape(indexSelect(weight, 0, reshape(safe, [safe.size])), labels.shape);
  const shares = isKept ? where(isKept, own ?? onesLike(picked), 0) : own;
  const weighted = own ? mul(picked, own) : picked;
  const losses = isKept ? where(isKept, weighted, 0) : weighted;
  const reduction = node.text("reduction", "mean");
  if (reduction === "none") return losses;
  if (reduction === "sum") return sum(losses);
  return shares ? div(sum(losses), sum(shares)) : mean(losses);
}

function crossEntropy(node: OpNode): Built {
  const scores = logSoftmax(node.tensor(0), 1);
  const loss = likelihood(node, scores);
  return node.outputs[1] ? [loss, scores] : [loss];
}

export const losses: readonly OpRow[] = [
  { op: "NegativeLogLikelihoodLoss", since: [12, 13, 22], build: (node) => likelihood(node, node.tensor(0)) },
  { op: "SoftmaxCrossEntropyLoss", since: [12, 13], build: crossEntropy },
];
