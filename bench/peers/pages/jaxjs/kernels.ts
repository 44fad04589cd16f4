import { blockUntilReady, jit, lax, nn, numpy as np, tree, vjp } from "@jax-js/jax";
import { noise } from "../numbers.ts";
import type { Maker, Work } from "../work.ts";
import { normalized } from "./normalized.ts";
import { array, submit } from "./train.ts";

const resident = (seed: number, shape: number[], scale = 1): np.Array =>
  array(
    noise(
      seed,
      shape.reduce((product, n) => product * n, 1),
      scale,
    ),
    shape,
  );

/** A function under jit, applied to the same arrays each time. */
function kernel(inputs: np.Array[], results: (...inputs: np.Array[]) => np.Array[]): Work {
  const compiled = jit(results);
  let last: np.Array[] = [];
  return {
    async once() {
      tree.dispose(last);
      last = compiled(...tree.ref(inputs));
      await submit(last[0]!);
    },
    ready: () => blockUntilReady(last),
    async result() {
      const parts = await Promise.all(tree.ref(last).map((part) => part.data()));
      return parts.flatMap((part: ArrayLike<number>) => Array.from(part));
    },
  };
}

const product =
  (m: number, n = m, k = m, ...batches: number[]) =>
  () =>
    kernel([resident(1, [...batches, m, k]), resident(2, [...batches, k, n])], (a, b) => [np.matmul(a!, b!)]);
const images = (side = 32) => resident(1, [8, 32, side, side]);
const filters = () => resident(2, [32, 32, 3, 3], 0.1);
/** Padded by one row and column on all sides. */
const convolved =
  (stride: number, side = 32) =>
  () => {
    const convolve = (x: np.Array, w: np.Array) =>
      lax.convGeneralDilated(
        x,
        w,
        [stride, stride],
        [
          [1, 1],
          [1, 1],
        ],
      );
    const out = Math.ceil(side / stride);
    return kernel([images(side), filters(), resident(3, [8, 32, out, out])], (x, w, dy) => {
      const [y, back] = vjp(convolve, [x!, w!]);
      const results = [y, ...back(dy!)];
      back.dispose();
      return results;
    });
  };
const total = (n: number) =>
  kernel(
    [
      array(
        noise(1, n).map((value) => value + 1),
        [n],
      ),
    ],
    (x) => [np.sum(x!)],
  );

export const kernels: Readonly<Record<string, Maker<void>>> = {
  matmul256: product(256),
  matmul512: product(512),
  matmul1024: product(1024),
  matmulOdd: product(501, 303, 777),
  matmulDeep: product(64, 64, 8192),
  matmulVector: product(2048, 1, 2048),
  matmulBatch: product(96, 96, 96, 32),
  matmulTN512: () =>
    kernel([resident(1, [512, 512]), resident(2, [512, 512])], (a, b) => [np.matmul(np.matrixTranspose(a!), b!)]),
  conv: () => kernel([images(), filters()], (x, w) => [lax.conv(x!, w!, [1, 1], "SAME")]),
  convGrads: convolved(1),
  convPointwise: () =>
    kernel([resident(1, [8, 64, 32, 32]), resident(2, [128, 64, 1, 1], 0.1)], (x, w) => [
      lax.conv(x!, w!, [1, 1], "VALID"),
    ]),
  convStride: convolved(2, 33),
  pointwise: () =>
    kernel([resident(1, [2 ** 20], 4)], (x) => [
      np.tanh(x!.ref.mul(1.5).add(0.25)).mul(nn.sigmoid(x!.ref)).sub(x!.mul(0.5)),
    ]),
  softmax: () => kernel([resident(1, [1024, 1024], 4)], (x) => [nn.softmax(x!)]),
  layerNorm: () =>
    kernel([resident(1, [1024, 1024], 4), resident(2, [1024]), resident(3, [1024])], (x, weight, bias) => [
      normalized(x!, weight!, bias!),
    ]),
  sum: () => total(2 ** 20),
  readback() {
    const work = total(4096);
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
