import type { Drawing } from "../data/draw.ts";
import * as draws from "../data/draw.ts";
import { AttributeError, ShapeError } from "../errors.ts";
import { type Shape, showShape, sizeOf } from "../graph/shape.ts";
import type { Drawn } from "../graph/tensor.ts";
import { Random } from "../ops/random.ts";

/**
 * The first values of a weight of a given shape: an array, one number for all elements, or numbers that are drawn when they are needed,
 * as those of this room are (`values()` gives them). Shapes are PyTorch's: `[out, in]`, `[out, in, kh, kw]`.
 */
export type Initializer = (shape: Shape) => Float32Array | number | Drawn;

let current = { seed: 0, draws: 0, random: undefined as Random | undefined };

/**
 * Seeds what is made from now on: initial weights, and the random numbers of dropout. The same seed and the same order of
 * layers give the same model. PyTorch's `manual_seed`, which starts at random, while this starts at 0, so that a run can be repeated: each
 * page, worker and process draws the same numbers. Where N workers shall differ, give each a seed of its own first,
 * `nn.seed(base + index)`, or `nn.seed(crypto.getRandomValues(new Uint32Array(1))[0])`.
 * @param seed a whole number from 0 to 2³²−1; without a call it is 0.
 */
export function seed(seed: number): void {
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new AttributeError(`nn.seed: ${seed} is not a whole number from 0 to 4294967295`);
  }
  current = { seed, draws: 0, random: undefined };
}

/** The source of random numbers that layers made since the last `seed` share on the GPU. Its key is a variable to be saved. */
export function random(): Random {
  current.random ??= new Random(current.seed);
  return current.random;
}

/** Inputs and outputs of one unit of a weight: the axes behind the first two multiply both (a kernel's field). */
export function fans(shape: Shape): { readonly fanIn: number; readonly fanOut: number } {
  if (shape.length < 2) throw new ShapeError(`init: ${showShape(shape)} has no fan: expected at least two axes`);
  const field = sizeOf(shape.slice(2));
  return { fanIn: shape[1]! * field, fanOut: shape[0]! * field };
}

/** What to draw for the next weight: each has a stream of its own. */
const drawing = (distribution: Drawing["distribution"], scale: number): Drawing => ({
  distribution,
  scale,
  seed: current.seed,
  stream: current.draws++,
});

/** Even numbers from −bound to bound. */
export function uniform(bound: number): (shape: Shape) => Drawn {
  if (!(bound >= 0 && Number.isFinite(bound)))
    throw new AttributeError(`init.uniform: bound is ${bound}, expected a number from 0`);
  return (shape) => draws.drawn(drawing("uniform", bound), draws.uniform, sizeOf(shape));
}

/** Normally distributed numbers around 0, by the Box–Muller transform. */
export function normal(std: number): (shape: Shape) => Drawn {
  if (!(std >= 0 && Number.isFinite(std)))
    throw new AttributeError(`init.normal: std is ${std}, expected a number from 0`);
  return (shape) => draws.drawn(drawing("normal", std), draws.normal, sizeOf(shape));
}

/** The same number everywhere. */
export const constant =
  (value: number): Initializer =>
  () =>
    value;

/** Factors that keep the variance through an activation (PyTorch's `calculate_gain`). */
const gains = { linear: 1, sigmoid: 1, tanh: 5 / 3, relu: Math.SQRT2, selu: 3 / 4 } as const;

/** What a Kaiming initialiser needs to know of the activation that follows. */
export interface Gain {
  /** The activation that follows; default "relu". */
  readonly nonlinearity?: keyof typeof gains | "leaky_relu";
  /** Slope of a leaky ReLU; default 0, as in PyTorch. */
  readonly slope?: number;
  /** Whether to keep the variance of the forward ("fanIn", default) or the backward pass. */
  readonly mode?: "fanIn" | "fanOut";
}

const gainOf = ({ nonlinearity = "relu", slope = 0 }: Gain): number =>
  nonlinearity === "leaky_relu" ? Math.sqrt(2 / (1 + slope ** 2)) : gains[nonlinearity];

/** Uniform with variance gain² / fan (He et al., 2015). */
export const kaimingUniform =
  (options: Gain = {}) =>
  (shape: Shape): Drawn =>
    uniform(gainOf(options) * Math.sqrt(3 / fans(shape)[options.mode ?? "fanIn"]))(shape);

/** Normal with variance gain² / fan (He et al., 2015). */
export const kaimingNormal =
  (options: Gain = {}) =>
  (shape: Shape): Drawn =>
    normal(gainOf(options) / Math.sqrt(fans(shape)[options.mode ?? "fanIn"]))(shape);

/** Uniform with variance 2 gain² / (fanIn + fanOut) (Glorot & Bengio, 2010). @param gain default 1. */
export const xavierUniform =
  (gain = 1) =>
  (shape: Shape): Drawn => {
    const { fanIn, fanOut } = fans(shape);
    return uniform(gain * Math.sqrt(6 / (fanIn + fanOut)))(shape);
  };

/** Normal with variance 2 gain² / (fanIn + fanOut) (Glorot & Bengio, 2010). @param gain default 1. */
export const xavierNormal =
  (gain = 1) =>
  (shape: Shape): Drawn => {
    const { fanIn, fanOut } = fans(shape);
    return normal(gain * Math.sqrt(2 / (fanIn + fanOut)))(shape);
  };
