import {
  add,
  avgPool2d,
  embedding,
  grad,
  layerNorm,
  maxPool2d,
  mul,
  optim,
  sigmoid,
  softmaxCrossEntropy,
  squaredNorm,
  sub,
  sum,
  tanh,
  transpose,
  type Variable,
} from "../../src/index.ts";
import { elementwiseFamily } from "../../src/kernels/elementwise.ts";
import { embeddingGradFamily } from "../../src/kernels/embedding.ts";
import { normFamily } from "../../src/kernels/layerNorm.ts";
import { pickFamily } from "../../src/kernels/pick.ts";
import { maxPoolFamily, maxPoolGradFamily } from "../../src/kernels/pool2d.ts";
import { softmaxFamily } from "../../src/kernels/softmax.ts";
import { softmaxGradFamily } from "../../src/kernels/softmaxGrad.ts";
import { squaredNormFamily } from "../../src/kernels/squaredNorm.ts";
import { argmax } from "../../src/ops/lines/pick.ts";
import { softmaxGrad } from "../../src/ops/lines/softmaxGrad.ts";
import { type Graph, given, givenLabels, type KernelCase } from "./case.ts";
import { layerNormOf, softmaxOf, sumOf } from "./graphs.ts";

/** The gradient of an input, from that of the result. */
function gradient(build: (x: Variable) => ReturnType<typeof add>, ...shape: number[]): Graph {
  const x = given("x", ...shape);
  const y = build(x);
  return { outputs: { dx: grad(sum(mul(y, given("u", ...y.shape))), [x])[0]! } };
}

const poolCases: readonly KernelCase[] = [
  {
    family: "pool",
    shape: "max 2×2 64×8×28×28",
    forces: maxPoolFamily,
    build: () => ({ outputs: { y: maxPool2d(given("x", 64, 8, 28, 28), 2) } }),
  },
  {
    family: "pool",
    shape: "average 2×2 64×8×28×28",
    build: () => ({ outputs: { y: avgPool2d(given("x", 64, 8, 28, 28), 2) } }),
  },
  {
    family: "pool gradient",
    shape: "max 2×2 64×8×28×28",
    forces: maxPoolGradFamily,
    build: () => gradient((x) => maxPool2d(x, 2), 64, 8, 28, 28),
  },
];

/** Pointwise chains and copies of `rows` rows of 1024. */
const elementCases = (rows: number): readonly KernelCase[] => [
  {
    family: "pointwise",
    forces: elementwiseFamily,
    shape: `tanh(x·a + b)·σ(x) − x/2 ${rows}×1024`,
    build: () => {
      const x = given("x", rows, 1024);
      const bent = tanh(add(mul(x, given("a", 1024)), given("b", 1024)));
      return { outputs: { y: sub(mul(bent, sigmoid(x)), mul(x, 0.5)) } };
    },
  },
  {
    family: "pointwise",
    forces: elementwiseFamily,
    shape: `x + y ${rows}×1024`,
    build: () => ({ outputs: { y: add(given("x", rows, 1024), given("y", rows, 1024)) } }),
  },
  {
    family: "pointwise",
    forces: elementwiseFamily,
    shape: `xᵀ + y 1024×${rows}`,
    build: () => ({ outputs: { y: add(transpose(given("x", rows, 1024)), given("y", 1024, rows)) } }),
  },
];

/** Kernels that fold `rows` rows of 1024. */
const foldCases = (rows: number): readonly KernelCase[] => [
  sumOf(rows),
  sumOf(rows, " of rows"),
  sumOf(rows, " of columns"),
  {
    family: "pick",
    shape: `argmax of rows ${rows}×1024`,
    forces: pickFamily,
    build: () => ({ outputs: { y: argmax(given("x", rows, 1024), 1) } }),
  },
  softmaxOf(rows),
  {
    family: "softmaxGrad",
    shape: `gradient of softmax ${rows}×1024`,
    forces: softmaxGradFamily,
    build: () => ({ outputs: { dx: softmaxGrad(given("y", rows, 1024), given("dy", rows, 1024), 1) } }),
  },
  {
    family: "softmax",
    shape: `cross-entropy ${rows}×1024`,
    forces: softmaxFamily,
    build: () => ({ outputs: { y: softmaxCrossEntropy(given("x", rows, 1024), givenLabels(1024, rows)) } }),
  },
  {
    family: "softmax gradient",
    shape: `cross-entropy ${rows}×1024`,
    forces: softmaxFamily,
    build: () => gradient((x) => softmaxCrossEntropy(x, givenLabels(1024, rows)), rows, 1024),
  },
  layerNormOf(rows),
  {
    family: "layerNorm gradient",
    shape: `${rows}×1024`,
    forces: normFamily,
    build: () => gradient((x) => layerNorm(x, 1024, { weight: given("w", 1024), bias: given("b", 1024) }), rows, 1024),
  },
  {
    family: "squared norm",
    shape: `${rows}×1024`,
    forces: squaredNormFamily,
    build: () => ({ outputs: { y: squaredNorm([given("x", rows, 1024)]) } }),
  },
];

/** The work of optimizers on `rows` rows of 1024. */
const optimizerCases = (rows: number): readonly KernelCase[] => [
  {
    family: "optimizer",
    shape: `adam ${rows}×1024`,
    build: () => ({ updates: optim.adam().apply([given("x", rows, 1024)], [given("g", rows, 1024)]) }),
  },
  {
    family: "optimizer",
    shape: `sgd, momentum ${rows}×1024`,
    build: () => ({
      updates: optim.sgd({ lr: 0.1, momentum: 0.9 }).apply([given("x", rows, 1024)], [given("g", rows, 1024)]),
    }),
  },
];

const tableCases: readonly KernelCase[] = [
  {
    family: "embedding",
    shape: "1024 of 1000×64",
    build: () => ({ outputs: { y: embedding(givenLabels(1000, 1024), given("x", 1000, 64)) } }),
  },
  {
    family: "embedding gradient",
    shape: "1024 of 1000×64",
    forces: embeddingGradFamily,
    build: () => gradient((x) => embedding(givenLabels(1000, 1024), x), 1000, 64),
  },
];

/** More rows than caches hold: 128 MiB, the most that every adapter binds. Reading them bounds these kernels. */
const long = 2 ** 15;
const large: readonly KernelCase[] = [elementCases, foldCases, optimizerCases].flatMap((cases) =>
  cases(long).map((each) => ({ ...each, work: { flops: 0, bytes: 4096 * long } })),
);

export const rowCases: readonly KernelCase[] = [
  ...poolCases,
  ...elementCases(1024),
  ...foldCases(1024),
  ...tableCases,
  ...optimizerCases(1024),
  ...large,
];
