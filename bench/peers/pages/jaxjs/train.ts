import { blockUntilReady, jit, nn, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
import { transposed, type Values } from "../numbers.ts";
import type { Parameters } from "../tasks.ts";
import type { Work } from "../work.ts";

/**
 * Arrays are lazy: this submits whatever the same call computes. On WebGPU it does not wait; jax-js offers no such way
 * for WebAssembly.
 */
export const submit = (array: np.Array): Promise<unknown> =>
  array.device === "webgpu" ? array.ref.gpuBuffer() : array.blockUntilReady();

export type Arrays = Record<string, np.Array>;

export const array = (values: Float32Array<ArrayBuffer>, shape: readonly number[]): np.Array =>
  np.array(values, { shape: [...shape] });

/** Weights of dense layers as `[in, out]`, all others unchanged. */
export function load(parameters: Parameters): Arrays {
  const laidOut = (given: Values) => (given.shape.length === 2 ? transposed(given) : given);
  return Object.fromEntries(
    Object.entries(parameters).map(([name, given]) => {
      const { values, shape } = laidOut(given);
      return [name, array(values, shape)];
    }),
  );
}

const zeros = (arrays: Arrays): Arrays =>
  Object.fromEntries(Object.entries(arrays).map(([name, { shape }]) => [name, np.zeros(shape)]));

/** An optimizer's state, passed through each step. */
type State = { parameters: Arrays; moments: Arrays[]; powers: np.Array[] };

interface Optimizer {
  start(parameters: Arrays): State;
  /** Takes ownership of all arguments. */
  next(state: State, gradients: Arrays): State;
}

export const sgd = (rate: number): Optimizer => ({
  start: (parameters) => ({ parameters, moments: [], powers: [] }),
  next: ({ parameters }, gradients) => ({
    parameters: Object.fromEntries(
      Object.entries(parameters).map(([name, p]) => [name, p.sub(gradients[name]!.mul(rate))]),
    ),
    moments: [],
    powers: [],
  }),
});

/** Adam with the usual rate and betas. `powers` are the betas to the power of the step. */
export const adam = (): Optimizer => ({
  start: (parameters) => ({
    parameters,
    moments: [zeros(parameters), zeros(parameters)],
    powers: [np.array([1]), np.array([1])],
  }),
  next({ parameters, moments: [means, squares], powers: [first, second] }, gradients) {
    const next: State = { parameters: {}, moments: [{}, {}], powers: [first!.mul(0.9), second!.mul(0.999)] };
    const [meanScale, squareScale] = next.powers.map((power) => np.reciprocal(np.subtract(1, power.ref)));
    for (const [name, p] of Object.entries(parameters)) {
      const g = gradients[name]!;
      const mean = means![name]!.mul(0.9).add(g.ref.mul(0.1));
      const square = squares![name]!.mul(0.999).add(np.square(g).mul(0.001));
      next.moments[0]![name] = mean.ref;
      next.moments[1]![name] = square.ref;
      const root = np.sqrt(square.mul(squareScale!.ref)).add(1e-8);
      next.parameters[name] = p.sub(mean.mul(meanScale!.ref).div(root).mul(1e-3));
    }
    tree.dispose([meanScale!, squareScale!]);
    return next;
  },
});

/** Whole steps, optimizer included, under one jit. @param lossOf takes ownership of its arguments. */
export function train(
  parameters: Parameters,
  batch: () => [np.Array, np.Array],
  lossOf: (parameters: Arrays, x: np.Array, y: np.Array) => np.Array,
  optimizer: Optimizer = adam(),
): Work {
  const step = jit((state: State, x: np.Array, y: np.Array): [State, np.Array] => {
    const [loss, gradients] = valueAndGrad(lossOf)(tree.ref(state.parameters), x, y);
    return [optimizer.next(state, gradients as Arrays), loss];
  });
  let state = optimizer.start(load(parameters));
  let loss: np.Array | undefined;
  return {
    async once() {
      loss?.dispose();
      [state, loss] = step(state, ...batch());
      await submit(loss);
    },
    ready: () => blockUntilReady([state, loss]),
    result: () => loss!.ref.data(),
  };
}

/** Mean cross-entropy of logits and one-hot labels. */
export const crossEntropy = (scores: np.Array, y: np.Array): np.Array =>
  nn
    .logSoftmax(scores)
    .mul(y)
    .sum()
    .mul(-1 / scores.shape[0]!);
