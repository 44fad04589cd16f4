import { AttributeError, checkNumber, FeedError } from "../errors.ts";
import { showShape, sizeOf } from "../graph/shape.ts";
import { mistakes } from "./loaded.ts";
import { type Specs, weightName } from "./specs.ts";
import type { Stage } from "./stage.ts";

/** A factor for the samples of each class, by label: a list, or an object. Classes without one count 1. */
export interface ClassWeight {
  readonly weights: ArrayLike<number> | Readonly<Record<number, number>>;
  /** The array of labels, or of a number for each class: 1 for the sample's own, else 0, perhaps smoothed. */
  readonly target: string;
  /** Numbers per sample there: 1 for labels. */
  readonly classes: number;
}

/** The weights of a batch's samples. */
export interface Weights {
  /** One for each place, 0 for what is no sample; absent where all are 1. */
  readonly values?: Float32Array;
  readonly sum: number;
}

/** The weights of the first `rows` places of a stage: sample weights times class weights. */
export function weightsOf(op: string, stage: Stage, rows: number, size: number, classWeight?: ClassWeight): Weights {
  const given = stage.values(weightName);
  if (!given && !classWeight && rows === size) return { sum: rows };
  const factorOf = classWeight && factors(op, classWeight, stage.values(classWeight.target)!);
  const values = new Float32Array(size);
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    const weight = Math.fround((given ? given[i]! : 1) * (factorOf ? factorOf(i) : 1));
    if (!(weight >= 0 && weight < Number.POSITIVE_INFINITY))
      throw new AttributeError(`${op}: the weight of a sample is ${weight}, expected a number from 0`);
    values[i] = weight;
    sum += weight;
  }
  return { values, sum };
}

/** The factor of a sample by its place. */
function factors(op: string, { weights, target, classes }: ClassWeight, values: ArrayLike<number>) {
  const factorOf = (label: number) => (weights as ArrayLike<number>)[label] ?? 1;
  if (classes === 1) return (place: number) => factorOf(values[place]!);
  return (place: number) => {
    const own = Array.from({ length: classes }, (_, i) => values[place * classes + i]!);
    const sum = own.reduce((sum, value) => sum + value, 0);
    if (own.every((value) => value >= 0) && Math.abs(sum - 1) < 1e-3) return factorOf(own.indexOf(Math.max(...own)));
    throw new FeedError(
      `${op}: classWeight: a sample of "${target}" is ${showShape(own)}, expected a label, or one-hot numbers: weigh such samples with ${weightName}`,
    );
  };
}

/** Checks the option `classWeight`. @throws FeedError for targets that give a sample no class of its own. */
export async function classWeightOf(
  op: string,
  weights: ClassWeight["weights"] | undefined,
  target: string,
  specs: Specs,
): Promise<ClassWeight | undefined> {
  if (weights === undefined) return undefined;
  for (const weight of Object.values(weights))
    checkNumber(op, "a class weight", weight as number, "a number from 0", (n) => n >= 0);
  const { shape, dtype } = specs[target]!;
  const classes = sizeOf(shape);
  if (classes > 1 && (shape.length > 1 || dtype !== "f32"))
    throw (await mistakes()).classless(op, target, specs[target]!);
  return { weights, target, classes };
}
