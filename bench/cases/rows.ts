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
  softmax,
  softmaxCrossEntropy,
  squaredNorm,
  sub,
  sum,
  tanh,
  transpose,
  type Variable,
} from "../../src/index.ts";
import { argmax, pickVariants } from "../../src/ops/pick.ts";
import { maxPoolGradVariants } from "../../src/ops/pool.ts";
import { reduceVariants } from "../../src/ops/reduction.ts";
import { softmaxVariants } from "../../src/ops/softmax.ts";
import { softmaxGrad, softmaxGradVariants } from "../../src/ops/softmaxGrad.ts";
import { type Graph, given, givenLabels, type KernelCase, namesOf } from "./case.ts";

const serialOrTree = ["serial", "tree"];
const million = 2 ** 20;

/** The gradient of an input, given that of the result. */
function gradient(build: (x: Variable) => ReturnType<typeof add>, ...shape: number[]): Graph {
  const x = given("x", ...shape);
  const y = build(x);
  return { outputs: { dx: grad(sum(mul(y, given("u", ...y.shape))), [x])[0]! } };
}

/** Pooling, pointwise chains and copies. */
const elementCases: readonly KernelCase[] = [
  {
    family: "pool",
    shape: "max 2×2 64×8×28×28",
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
    forces: "maxPool2dGrad",
    variants: namesOf(maxPoolGradVariants),
    build: () => gradient((x) => maxPool2d(x, 2), 64, 8, 28, 28),
  },
  {
    family: "pointwise",
    shape: "tanh(x·a + b)·σ(x) − x/2 1024×1024",
    build: () => {
      const x = given("x", 1024, 1024);
      const bent = tanh(add(mul(x, given("a", 1024)), given("b", 1024)));
      return { outputs: { y: sub(mul(bent, sigmoid(x)), mul(x, 0.5)) } };
    },
  },
  {
    family: "pointwise",
    shape: "x + y 2²⁰",
    build: () => ({ outputs: { y: add(given("x", million), given("y", million)) } }),
  },
  {
    family: "pointwise",
    shape: "xᵀ + y 1024×1024",
    build: () => ({ outputs: { y: add(transpose(given("x", 1024, 1024)), given("y", 1024, 1024)) } }),
  },
];

/** Kernels that fold rows. */
const foldCases: readonly KernelCase[] = [
  ...[
    { shape: "sum 2²⁰", axes: [0, 1] },
    { shape: "sum of rows 1024×1024", axes: [1] },
    { shape: "sum of columns 1024×1024", axes: [0] },
  ].map(({ shape, axes }) => ({
    family: "reduce",
    shape,
    forces: "reduce",
    variants: namesOf(reduceVariants),
    build: () => ({ outputs: { y: sum(given("x", 1024, 1024), axes) } }),
  })),
  {
    family: "pick",
    shape: "argmax of rows 1024×1024",
    forces: "pick",
    variants: namesOf(pickVariants),
    build: () => ({ outputs: { y: argmax(given("x", 1024, 1024), 1) } }),
  },
  {
    family: "softmax",
    shape: "softmax 1024×1024",
    forces: "softmax",
    variants: namesOf(softmaxVariants),
    build: () => ({ outputs: { y: softmax(given("x", 1024, 1024)) } }),
  },
  {
    family: "softmaxGrad",
    shape: "gradient of softmax 1024×1024",
    forces: "softmaxGrad",
    variants: namesOf(softmaxGradVariants),
    build: () => ({ outputs: { dx: softmaxGrad(given("y", 1024, 1024), given("dy", 1024, 1024), 1) } }),
  },
  {
    family: "softmax",
    shape: "cross-entropy 1024×1024",
    forces: "softmax",
    variants: namesOf(softmaxVariants),
    build: () => ({ outputs: { y: softmaxCrossEntropy(given("x", 1024, 1024), givenLabels(1024, 1024)) } }),
  },
  {
    family: "softmax gradient",
    shape: "cross-entropy 1024×1024",
    forces: "softmax",
    variants: namesOf(softmaxVariants),
    build: () => gradient((x) => softmaxCrossEntropy(x, givenLabels(1024, 1024)), 1024, 1024),
  },
  {
    family: "layerNorm",
    shape: "1024×1024",
    forces: "layerNorm",
    variants: serialOrTree,
    build: () => ({
      outputs: {
        y: layerNorm(given("x", 1024, 1024), 1024, { weight: given("w", 1024), bias: given("b", 1024) }),
      },
    }),
  },
  {
    family: "layerNorm gradient",
    shape: "1024×1024",
    forces: "layerNorm",
    variants: serialOrTree,
    build: () => gradient((x) => layerNorm(x, 1024, { weight: given("w", 1024), bias: given("b", 1024) }), 1024, 1024),
  },
  {
    family: "squared norm",
    shape: "2²⁰",
    forces: "squaredNorm",
    variants: serialOrTree,
    build: () => ({ outputs: { y: squaredNorm([given("x", million)]) } }),
  },
];

/** Tables of rows, and what optimizers do to them. */
const tableCases: readonly KernelCase[] = [
  {
    family: "embedding",
    shape: "1024 of 1000×64",
    build: () => ({ outputs: { y: embedding(givenLabels(1000, 1024), given("x", 1000, 64)) } }),
  },
  {
    family: "embedding gradient",
    shape: "1024 of 1000×64",
    forces: "embeddingGrad",
    variants: ["rows", "positions"],
    build: () => gradient((x) => embedding(givenLabels(1000, 1024), x), 1000, 64),
  },
  {
    family: "optimizer",
    shape: "adam 2²⁰",
    build: () => ({ updates: optim.adam().apply([given("x", million)], [given("g", million)]) }),
  },
  {
    family: "optimizer",
    shape: "sgd, momentum 2²⁰",
    build: () => ({
      updates: optim.sgd({ lr: 0.1, momentum: 0.9 }).apply([given("x", million)], [given("g", million)]),
    }),
  },
];

export const rowCases: readonly KernelCase[] = [...elementCases, ...foldCases, ...tableCases];
