import { type RandomStream, randomStream } from "./random.ts";

/** How numbers were drawn, as plain data. The same numbers can be drawn again on any platform. */
export interface Drawing {
  /** "uniform": from −scale to scale. "normal": around 0, with standard deviation `scale`. */
  readonly distribution: "uniform" | "normal";
  readonly scale: number;
  /** As for `randomStream`. */
  readonly seed: number;
  readonly stream: number;
}

/** Draws a number from a distribution with scale 1. */
type Distribution = (random: RandomStream) => number;

export const uniform: Distribution = (random) => 2 * random.uniform() - 1;

export const normal: Distribution = (random) => random.normal();

/** Numbers drawn in order when they are needed. @param next the distribution named by the drawing. */
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
