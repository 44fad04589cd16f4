import {
  add,
  conv2d,
  type Engine,
  grad,
  layerNorm,
  matmul,
  mul,
  sigmoid,
  softmax,
  sub,
  sum,
  type Tensor,
  tanh,
  transpose,
  variable,
} from "tilegrad";
import { noise } from "../numbers.ts";
import type { Maker, Work } from "../work.ts";

/** Numbers on the GPU. */
const resident = (seed: number, shape: readonly number[], scale = 1): Tensor =>
  variable(
    noise(
      seed,
      shape.reduce((product, n) => product * n, 1),
      scale,
    ),
    shape,
  );

const kernel =
  (results: () => readonly Tensor[]) =>
  async (engine: Engine): Promise<Work> => {
    const outputs = Object.fromEntries(results().map((tensor, i) => [`${i}`, tensor]));
    const program = await engine.compile({ outputs });
    return {
      once: () => program.run(),
      async result() {
        const parts = await Promise.all(Object.values(program.outputs).map((output) => output.data()));
        return parts.flatMap((part) => [...part]);
      },
    };
  };

const product = (m: number, n = m, k = m, ...batches: number[]) =>
  kernel(() => [matmul(resident(1, [...batches, m, k]), resident(2, [...batches, k, n]))]);
const images = (side = 32) => resident(1, [8, 32, side, side]);
const filters = () => resident(2, [32, 32, 3, 3], 0.1);
const convolved = (stride: number, side = 32) =>
  kernel(() => {
    const [x, w] = [images(side), filters()];
    const y = conv2d(x, w, undefined, { padding: 1, stride });
    return [y, ...grad(sum(mul(y, resident(3, y.shape))), [x, w])];
  });
const table = () => resident(1, [1024, 1024], 4);
const total = (n: number) => {
  const positive = noise(1, n).map((value) => value + 1);
  return kernel(() => [sum(variable(positive, [n]))]);
};

export const kernels: Readonly<Record<string, Maker<Engine>>> = {
  matmul256: product(256),
  matmul512: product(512),
  matmul1024: product(1024),
  matmulOdd: product(501, 303, 777),
  matmulDeep: product(64, 64, 8192),
  matmulVector: product(2048, 1, 2048),
  matmulBatch: product(96, 96, 96, 32),
  matmulTN512: kernel(() => [matmul(transpose(resident(1, [512, 512])), resident(2, [512, 512]))]),
  conv: kernel(() => [conv2d(images(), filters(), undefined, { padding: 1 })]),
  convGrads: convolved(1),
  convPointwise: kernel(() => [conv2d(resident(1, [8, 64, 32, 32]), resident(2, [128, 64, 1, 1], 0.1))]),
  convStride: convolved(2, 33),
  pointwise: kernel(() => {
    const x = resident(1, [2 ** 20], 4);
    return [sub(mul(tanh(add(mul(x, 1.5), 0.25)), sigmoid(x)), mul(x, 0.5))];
  }),
  softmax: kernel(() => [softmax(table(), 1)]),
  layerNorm: kernel(() => [layerNorm(table(), 1024, { weight: resident(2, [1024]), bias: resident(3, [1024]) })]),
  sum: (engine) => total(2 ** 20)(engine),
  async readback(engine) {
    const work = await total(4096)(engine);
    let last: ArrayLike<number> = [];
    return {
      async once() {
        await work.once();
        last = await work.result();
      },
      result: async () => last,
    };
  },
};
