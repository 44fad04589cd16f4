import { type RandomStream, randomStream } from "./random.ts";

/** How numbers were drawn: plain data, from which they can be drawn again on any platform. */
export interface Drawing {
  /** "uniform": from −scale to scale. "normal": around 0, with the deviation `scale`. */
  readonly distribution: "uniform" | "normal";
  readonly scale: number;
  /** Both as for `randomStream`. */
  readonly seed: number;
  readonly stream: number;
}

/** One number of a distribution whose scale is 1. */
type Distribution = (random: RandomStream) => number;

export const uniform: Distribution = (random) => 2 * random.uniform() - 1;

/** The Box–Muller transform. */
export const normal: Distribution = (random) =>
  Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());

/** Numbers to be drawn one after the other when they are needed. @param next the distribution that the drawing names. */
export const drawn = (drawing: Drawing, next: Distribution, length: number) => ({
  drawing,
  length,
  values(): Float32Array<ArrayBuffer> {
    const random = randomStream(drawing.seed, drawing.stream);
    const values = new Float32Array(length);
    for (let i = 0; i < length; i++) values[i] = drawing.scale * next(random);
    return values;
  },
});

/** The numbers that a drawing describes. */
export const drawnBy = (drawing: Drawing, length: number) =>
  drawn(drawing, { uniform, normal }[drawing.distribution], length);
