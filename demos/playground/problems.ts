import { permutation, randomStream } from "../../src/data/random.ts";
import { type Own, type OwnPoint, parsePoints, type Task, taskOfOwn } from "./own.ts";

/** Problems whose points the page draws at random. */
export const drawn = ["xor", "rings", "gaussians", "spiral", "slope", "hills"] as const;
type Drawn = (typeof drawn)[number];

/** All problems: the last one has the visitor's points. */
export const problems = [...drawn, "own"] as const;
export type Problem = (typeof problems)[number];

/** Points of a problem, all in all. */
export const count = 400;

/** Points lie in a square from −reach to reach. */
export const reach = 4;

/** What chooses the points. */
export interface Source {
  readonly problem: Problem;
  /** Percent. */
  readonly noise: number;
  /** Percent of the points to train on. */
  readonly split: number;
  readonly seed: number;
  readonly own: Own;
}

export function taskOf({ problem, own }: Pick<Source, "problem" | "own">): Task {
  if (problem === "own") return taskOfOwn(own);
  return problem === "slope" || problem === "hills" ? "regression" : "classification";
}

export interface Samples {
  /** Coordinates, `[points, 2]`. */
  readonly x: Float32Array<ArrayBuffer>;
  /** Classes −1 and 1, or values between them, `[points, 1]`. */
  readonly y: Float32Array<ArrayBuffer>;
  /** How many of the points, from the first, are for training. */
  readonly train: number;
}

interface Place {
  readonly x: readonly [number, number];
  readonly y: number;
}

/** Numbers for a point: uniform in [−1, 1], and normal. */
interface Draw {
  uniform(): number;
  normal(): number;
}

const along = (radius: number, angle: number): [number, number] => [radius * Math.sin(angle), radius * Math.cos(angle)];

/** A bump of height 1 and width 1 around a point. */
const bump = (x: number, y: number, at: readonly [number, number]): number =>
  Math.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / 3);

/** A point of each problem. `i` alternates between the classes. */
const places: Readonly<Record<Drawn, (i: number, draw: Draw) => Place>> = {
  xor(_, { uniform }) {
    const apart = (value: number): number => 3.4 * value + Math.sign(value) * 0.25;
    const x = [apart(uniform()), apart(uniform())] as const;
    return { x, y: x[0] * x[1] > 0 ? 1 : -1 };
  },
  rings(i, { uniform }) {
    const share = (uniform() + 1) / 2;
    return { x: along(i % 2 ? 1.7 * share : 2.7 + 1 * share, Math.PI * uniform()), y: i % 2 ? 1 : -1 };
  },
  gaussians(i, { normal }) {
    const side = i % 2 ? 1 : -1;
    return { x: [1.6 * side + 0.6 * normal(), 1.6 * side + 0.6 * normal()], y: side };
  },
  spiral(i, { uniform }) {
    const share = (uniform() + 1) / 2;
    return { x: along(0.2 + 3.5 * share, 2.75 * Math.PI * share + (i % 2) * Math.PI), y: i % 2 ? 1 : -1 };
  },
  slope(_, { uniform }) {
    const x = [3.8 * uniform(), 3.8 * uniform()] as const;
    return { x, y: (x[0] + x[1]) / 8 };
  },
  hills(_, { uniform }) {
    const [x1, x2] = [3.8 * uniform(), 3.8 * uniform()];
    const up = bump(x1, x2, [-2, -2]) + bump(x1, x2, [2, 2]);
    const down = bump(x1, x2, [-2, 2]) + bump(x1, x2, [2, -2]);
    return { x: [x1, x2], y: up - down };
  },
};

/** Thousandths, so that the points can be printed in full. */
const rounded = (value: number): number => Math.round(1000 * value) / 1000;

/** The points of a problem, the same for the same arguments. Noise moves them; for regression, it changes values. */
export function samples({ problem, noise, split, seed, own }: Source): Samples {
  if (problem === "own") return sorted(parsePoints(own), split);
  const random = randomStream(seed, -1);
  const draw: Draw = { uniform: () => 2 * random.uniform() - 1, normal: () => random.normal() };
  const regression = taskOf({ problem, own }) === "regression";
  const amount = noise / 100;
  const [x, y] = [new Float32Array(2 * count), new Float32Array(count)];
  const order = permutation(count, seed, -2);
  for (let i = 0; i < count; i++) {
    const place = places[problem](i, draw);
    const shift = [2 * amount * draw.normal(), 2 * amount * draw.normal()] as const;
    const inside = (axis: 0 | 1): number =>
      rounded(Math.max(-reach, Math.min(reach, place.x[axis] + (regression ? 0 : shift[axis]))));
    x.set([inside(0), inside(1)], 2 * order[i]!);
    y[order[i]!] = rounded(place.y + (regression ? shift[0] / 4 : 0));
  }
  return { x, y, train: Math.round((count * split) / 100) };
}

/**
 * Points of a visitor, those to train on first. Multiples of the golden section choose them: spread evenly whatever the
 * order of the points, and the same when others come.
 */
function sorted(points: readonly OwnPoint[], split: number): Samples {
  const trains = (i: number): boolean => ((i * (Math.sqrt(5) - 1)) / 2) % 1 < split / 100;
  const train = points.filter((_, i) => trains(i));
  const all = [...train, ...points.filter((_, i) => !trains(i))];
  return {
    x: Float32Array.from(all.flatMap(({ x }) => x)),
    y: Float32Array.from(all, ({ y }) => y),
    train: train.length,
  };
}
