import type { Drawing } from "../data/draw.ts";
import * as draws from "../data/draw.ts";
import { checkChoice, checkNumber, checkWhole, optionsOf, ShapeError } from "../errors.ts";
import { checkShape, type Shape, showShape, sizeOf } from "../graph/shape.ts";
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
  checkWhole("nn.seed", "seed", seed, 0, 2 ** 32 - 1);
  current = { seed, draws: 0, random: undefined };
}

/** The source of random numbers that layers made since the last `seed` share on the GPU. Its key is a variable to be saved. */
export function random(): Random {
  current.random ??= new Random(current.seed);
  return current.random;
}

/** Inputs and outputs of one unit of a weight: the axes behind the first two multiply both (a kernel's field). */
export function fans(shape: Shape): { readonly fanIn: number; readonly fanOut: number } {
  checkShape("init", shape);
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
  checkNumber("init.uniform", "bound", bound, "a number from 0", (n) => n >= 0);
  return (shape) => draws.drawn(drawing("uniform", bound), draws.uniform, sizeOf(shape));
}

/** Normally distributed numbers around 0, by the Box–Muller transform. */
export function normal(std: number): (shape: Shape) => Drawn {
  checkNumber("init.normal", "std", std, "a number from 0", (n) => n >= 0);
  return (shape) => draws.drawn(drawing("normal", std), draws.normal, sizeOf(shape));
}

/** The same number everywhere. */
export function constant(value: number): Initializer {
  checkNumber("init.constant", "value", value, "a number");
  return () => value;
}

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

function kaiming(op: string, options: Gain) {
  const { nonlinearity, slope, mode } = optionsOf(op, options, { nonlinearity: "relu", slope: 0, mode: "fanIn" });
  checkChoice(op, "nonlinearity", nonlinearity, [...(Object.keys(gains) as (keyof typeof gains)[]), "leaky_relu"]);
  checkChoice(op, "mode", mode, ["fanIn", "fanOut"]);
  return { gain: nonlinearity === "leaky_relu" ? Math.sqrt(2 / (1 + slope ** 2)) : gains[nonlinearity], mode };
}

/** Uniform with variance gain² / fan (He et al., 2015). */
export function kaimingUniform(options: Gain = {}): (shape: Shape) => Drawn {
  const { gain, mode } = kaiming("init.kaimingUniform", options);
  return (shape) => uniform(gain * Math.sqrt(3 / fans(shape)[mode]))(shape);
}

/** Normal with variance gain² / fan (He et al., 2015). */
export function kaimingNormal(options: Gain = {}): (shape: Shape) => Drawn {
  const { gain, mode } = kaiming("init.kaimingNormal", options);
  return (shape) => normal(gain / Math.sqrt(fans(shape)[mode]))(shape);
}

/** Uniform with variance 2 gain² / (fanIn + fanOut) (Glorot & Bengio, 2010). @param gain default 1. */
export function xavierUniform(gain = 1): (shape: Shape) => Drawn {
  checkNumber("init.xavierUniform", "gain", gain, "a number from 0", (n) => n >= 0);
  return (shape) => {
    const { fanIn, fanOut } = fans(shape);
    return uniform(gain * Math.sqrt(6 / (fanIn + fanOut)))(shape);
  };
}

/** Normal with variance 2 gain² / (fanIn + fanOut) (Glorot & Bengio, 2010). @param gain default 1. */
export function xavierNormal(gain = 1): (shape: Shape) => Drawn {
  checkNumber("init.xavierNormal", "gain", gain, "a number from 0", (n) => n >= 0);
  return (shape) => {
    const { fanIn, fanOut } = fans(shape);
    return normal(gain * Math.sqrt(2 / (fanIn + fanOut)))(shape);
  };
}
