import { conv2d, grad, linear, matmul, mul, relu, sum, type Tensor, transpose } from "../../src/index.ts";
import { given, type KernelCase, times } from "./case.ts";

const product = (shape: string, build: () => Tensor, size: Pick<KernelCase, "long" | "work"> = {}): KernelCase => ({
  family: "matmul",
  shape,
  forces: "matmul",
  ...size,
  build: () => ({ outputs: { y: build() } }),
});

/** `[m, k] × [k, n]` */
const plain = (m: number, k: number, n: number, size?: Pick<KernelCase, "long" | "work">): KernelCase =>
  product(times([m, k, n]), () => matmul(given("a", m, k), given("b", k, n)), size);

const large = (n: number): KernelCase => plain(n, n, n, { work: { flops: 2 * n ** 3, bytes: 12 * n ** 2 } });

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

interface ConvShape {
  readonly name: string;
  readonly image: readonly [number, number, number, number];
  readonly weight: readonly [number, number, number, number];
  readonly options: { readonly stride?: number; readonly padding?: number; readonly groups?: number };
}

const convolutions: readonly ConvShape[] = [
  { name: "3×3", image: [8, 32, 32, 32], weight: [32, 32, 3, 3], options: { padding: 1 } },
  { name: "LeNet 1", image: [64, 1, 28, 28], weight: [8, 1, 5, 5], options: { padding: 2 } },
  { name: "LeNet 2", image: [64, 8, 14, 14], weight: [16, 8, 5, 5], options: { padding: 2 } },
  { name: "stride 2", image: [8, 32, 32, 32], weight: [64, 32, 3, 3], options: { stride: 2, padding: 1 } },
  { name: "depthwise", image: [8, 64, 32, 32], weight: [64, 1, 3, 3], options: { padding: 1, groups: 64 } },
];

/** A convolution, and the gradients of its image and its weight. */
function directions({ name, image, weight, options }: ConvShape): KernelCase[] {
  const shape = `${name}: ${times(image)} * ${times(weight)}`;
  const operands = () => [given("x", ...image), given("w", ...weight)] as const;
  const gradient = (of: 0 | 1): Tensor => {
    const both = operands();
    const y = conv2d(...both, undefined, options);
    return grad(sum(mul(y, given("u", ...y.shape))), [both[of]])[0]!;
  };
  const correlates = { forces: "conv2d" };
  const folds = { forces: "conv2dWeightGrad" };
  return [
    {
      family: "conv2d",
      shape,
      ...correlates,
      build: () => ({ outputs: { y: conv2d(...operands(), undefined, options) } }),
    },
    { family: "conv2d image gradient", shape, ...correlates, build: () => ({ outputs: { dx: gradient(0) } }) },
    { family: "conv2d weight gradient", shape, ...folds, build: () => ({ outputs: { dw: gradient(1) } }) },
  ];
}

export const convCases: readonly KernelCase[] = convolutions.flatMap(directions);
