import type { Drawing } from "../data/draw.ts";
import * as draws from "../data/draw.ts";
import { checkChoice, checkNumber, checkWhole, optionsOf, ShapeError } from "../errors.ts";
import { checkShape, type Shape, showShape, sizeOf } from "../graph/shape.ts";
import type { Drawn } from "../graph/tensor.ts";
import { Random } from "../ops/sources/random.ts";

/**
 * Gives the initial values of a weight of some shape: an array, one number for all elements, or numbers drawn when they
 * are needed, as by the initializers here (`values()` draws them). Shapes are PyTorch's: `[out, in]`, `[out, in, kh,
 * kw]`.
 */
export type Initializer = (shape: Shape) => Float32Array | number | Drawn;

let current = { seed: 0, draws: 0, random: undefined as Random | undefined };

/**
 * Seeds everything created from now on: initial weights and the random numbers of dropout. The same seed and the same
 * order of layers give the same model. Like PyTorch's `manual_seed`, except that the default seed is 0 and not random,
 * so runs are repeatable: every page, worker and process draws the same numbers. To make N workers differ, seed each
 * first: `nn.seed(base + index)`, or `nn.seed(crypto.getRandomValues(new Uint32Array(1))[0])`.
 * @param seed a whole number from 0 to 2³²−1; default 0.
 */
export function seed(seed: number): void {
  checkWhole("nn.seed", "seed", seed, 0, 2 ** 32 - 1);
  current = { seed, draws: 0, random: undefined };
}

/**
 * The source of random numbers on the GPU, shared by all layers created since the last `seed`. Its key is a variable:
 * save it.
 */
export function random(): Random {
  current.random ??= new Random(current.seed);
  return current.random;
}

/** Inputs and outputs of one unit of a weight. Axes after the first two (the kernel's size) multiply both. */
export function fans(shape: Shape): { readonly fanIn: number; readonly fanOut: number } {
  checkShape("nn.init.fans", shape);
  if (shape.length < 2) throw new ShapeError(`nn.init.fans: shape is ${showShape(shape)}, expected at least two axes`);
  const field = sizeOf(shape.slice(2));
  return { fanIn: shape[1]! * field, fanOut: shape[0]! * field };
}

/** How to draw the next weight. Each weight has its own stream. */
const drawing = (distribution: Drawing["distribution"], scale: number): Drawing => ({
  distribution,
  scale,
  seed: current.seed,
  stream: current.draws++,
});

/** Numbers uniform between −bound and bound. */
export function uniform(bound: number): (shape: Shape) => Drawn {
  checkNumber("nn.init.uniform", "bound", bound, "a number from 0", (n) => n >= 0);
  return (shape) => draws.drawn(drawing("uniform", bound), draws.uniform, sizeOf(shape));
}

/** Numbers normally distributed around 0, by the Box–Muller transform. */
export function normal(std: number): (shape: Shape) => Drawn {
  checkNumber("nn.init.normal", "std", std, "a number from 0", (n) => n >= 0);
  return (shape) => draws.drawn(drawing("normal", std), draws.normal, sizeOf(shape));
}

/** The same number everywhere. */
export function constant(value: number): Initializer {
  checkNumber("nn.init.constant", "value", value, "a number");
  return () => value;
}

/** Gains that preserve the variance through an activation (PyTorch's `calculate_gain`). */
const gains = { linear: 1, sigmoid: 1, tanh: 5 / 3, relu: Math.SQRT2, selu: 3 / 4 } as const;

/** Options of the Kaiming initializers. */
export interface Gain {
  /** The activation that follows; default "relu". */
  readonly nonlinearity?: keyof typeof gains | "leaky_relu";
  /** Slope of a leaky ReLU; default 0, as in PyTorch. */
  readonly slope?: number;
  /** Whether to preserve the variance of the forward ("fanIn", default) or the backward pass ("fanOut"). */
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
  const { gain, mode } = kaiming("nn.init.kaimingUniform", options);
  return (shape) => uniform(gain * Math.sqrt(3 / fans(shape)[mode]))(shape);
}

/** Normal with variance gain² / fan (He et al., 2015). */
export function kaimingNormal(options: Gain = {}): (shape: Shape) => Drawn {
  const { gain, mode } = kaiming("nn.init.kaimingNormal", options);
  return (shape) => normal(gain / Math.sqrt(fans(shape)[mode]))(shape);
}

/** Uniform with variance 2 gain² / (fanIn + fanOut) (Glorot & Bengio, 2010). @param gain default 1. */
export function xavierUniform(gain = 1): (shape: Shape) => Drawn {
  checkNumber("nn.init.xavierUniform", "gain", gain, "a number from 0", (n) => n >= 0);
  return (shape) => {
    const { fanIn, fanOut } = fans(shape);
    return uniform(gain * Math.sqrt(6 / (fanIn + fanOut)))(shape);
  };
}

/** Normal with variance 2 gain² / (fanIn + fanOut) (Glorot & Bengio, 2010). @param gain default 1. */
export function xavierNormal(gain = 1): (shape: Shape) => Drawn {
  checkNumber("nn.init.xavierNormal", "gain", gain, "a number from 0", (n) => n >= 0);
  return (shape) => {
    const { fanIn, fanOut } = fans(shape);
    return normal(gain * Math.sqrt(2 / (fanIn + fanOut)))(shape);
  };
}
