import type { Tensor } from "../../src/graph/tensor.ts";
import { batchNorm, nextStatistics } from "../../src/ops/network/batchNorm.ts";
import { groupNorm, instanceNorm, layerNorm, rmsNorm } from "../../src/ops/network/normalization.ts";
import { reals } from "../draws.ts";
import type { CaseRow } from "./row.ts";

// In a row of one or two elements, the normalised values are always 0 or ±1: such a row is all kink.
const rows: CaseRow["shapes"] = [
  [[5, 7], [7], [7]],
  [[3, 8], [8], [8]],
  [[2, 3, 12], [12], [12]],
  [[67, 5], [5], [5]],
  [[3, 1025], [1025], [1025]],
];
const images: CaseRow["shapes"] = [
  [[2, 6, 5], [6], [6]],
  [[3, 4, 2, 2], [4], [4]],
  [[1, 2, 3, 4, 5], [2], [2]],
  [[2, 8, 7, 3], [8], [8]],
];
const batches: CaseRow["shapes"] = [
  [[5, 3], [3], [3]],
  [[4, 3, 2, 3], [3], [3]],
  [[3, 4, 8], [4], [4]],
];
const firstOf = (shapes: CaseRow["shapes"], count: number): CaseRow["shapes"] =>
  shapes.map((inputs) => inputs.slice(0, count));

const last = (x: Tensor): number => x.shape.at(-1)!;

export const normalizationRows: readonly CaseRow[] = [
  { name: "layerNorm", op: (x, weight, bias) => layerNorm(x, last(x), { weight, bias }), shapes: rows },
  { name: "layerNorm, weighted", op: (x, weight) => layerNorm(x, last(x), { weight }), shapes: firstOf(rows, 2) },
  { name: "layerNorm, shifted", op: (x, bias) => layerNorm(x, last(x), { bias }), shapes: firstOf(rows, 2) },
  { name: "layerNorm, plain", op: (x) => layerNorm(x, last(x), { eps: 0.1 }), shapes: firstOf(rows, 1) },
  {
    name: "layerNorm over two axes",
    op: (x, weight, bias) => layerNorm(x, x.shape.slice(1), { weight, bias }),
    shapes: [
      [
        [4, 3, 5],
        [3, 5],
        [3, 5],
      ],
      [
        [1, 2, 6],
        [2, 6],
        [2, 6],
      ],
    ],
  },
  { name: "rmsNorm", op: (x, weight) => rmsNorm(x, last(x), { weight }), shapes: firstOf(rows, 2) },
  { name: "rmsNorm, plain", op: (x) => rmsNorm(x, last(x), { eps: 0.1 }), shapes: firstOf(rows, 1) },
  { name: "groupNorm", op: (x, weight, bias) => groupNorm(x, 2, { weight, bias }), shapes: images },
  { name: "groupNorm, plain", op: (x) => groupNorm(x, 1), shapes: firstOf(images, 1) },
  { name: "instanceNorm", op: (x, weight, bias) => instanceNorm(x, { weight, bias }), shapes: images },
  { name: "batchNorm", op: (x, weight, bias) => batchNorm(x, { weight, bias, training: true }), shapes: batches },
  { name: "batchNorm, plain", op: (x) => batchNorm(x, { training: true, eps: 0.1 }), shapes: firstOf(batches, 1) },
  {
    name: "batchNorm in evaluation",
    op: (x, weight, mean) => batchNorm(x, { weight, running: { mean, variance: weight } }),
    shapes: batches,
    draws: [reals(-1, 1), reals(0.5, 1.5)],
  },
  {
    name: "running statistics",
    op: (x, mean) => {
      const next = nextStatistics(x, { mean, variance: mean }, 0.3);
      return batchNorm(x, { running: { mean: next.mean, variance: next.variance } });
    },
    shapes: firstOf(batches, 2),
    draws: [reals(-1, 1), reals(0.5, 1.5)],
  },
];
