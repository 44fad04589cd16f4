import { conv2d, grad, linear, matmul, mul, relu, sum, type Tensor, transpose } from "../../src/index.ts";
import { convFamily } from "../../src/kernels/conv2d.ts";
import { weightGradFamily } from "../../src/kernels/conv2dWeightGrad.ts";
import { given, type KernelCase } from "./case.ts";
import { type ConvShape, conv3x3, convolution, large, plain, product, shapeOf } from "./graphs.ts";

export const matmulCases: readonly KernelCase[] = [
  plain(256, 256, 256),
  plain(512, 512, 512),
  plain(1024, 1024, 1024, { long: true }),
  ...[2048, 4096, 8192].map(large),
  product("AᵀB 512×512×512", () => matmul(transpose(given("a", 512, 512)), given("b", 512, 512))),
  plain(1000, 37, 513),
  plain(1, 1024, 1024),
  plain(1, 32, 16),
  product("linear + relu 64×784×128", () => relu(linear(given("x", 64, 784), given("w", 128, 784), given("b", 128)))),
  product("16 × 64×16×64", () => matmul(given("a", 16, 64, 16), transpose(given("b", 16, 64, 16)))),
];

const convolutions: readonly ConvShape[] = [
  conv3x3,
  { name: "LeNet 1", image: [64, 1, 28, 28], weight: [8, 1, 5, 5], options: { padding: 2 } },
  { name: "LeNet 2", image: [64, 8, 14, 14], weight: [16, 8, 5, 5], options: { padding: 2 } },
  { name: "stride 2", image: [8, 32, 32, 32], weight: [64, 32, 3, 3], options: { stride: 2, padding: 1 } },
  { name: "depthwise", image: [8, 64, 32, 32], weight: [64, 1, 3, 3], options: { padding: 1, groups: 64 } },
];

/** A convolution, and the gradients of its image and its weight. */
function directions(conv: ConvShape): KernelCase[] {
  const shape = shapeOf(conv);
  const gradient = (of: 0 | 1): Tensor => {
    const both = [given("x", ...conv.image), given("w", ...conv.weight)] as const;
    const y = conv2d(...both, undefined, conv.options);
    return grad(sum(mul(y, given("u", ...y.shape))), [both[of]])[0]!;
  };
  return [
    convolution(conv),
    {
      family: "conv2d image gradient",
      shape,
      forces: convFamily,
      build: () => ({ outputs: { dx: gradient(0) } }),
    },
    {
      family: "conv2d weight gradient",
      shape,
      forces: weightGradFamily,
      build: () => ({ outputs: { dw: gradient(1) } }),
    },
  ];
}

export const convCases: readonly KernelCase[] = convolutions.flatMap(directions);
