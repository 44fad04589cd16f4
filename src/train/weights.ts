import { AttributeError } from "../errors.ts";
import { weightName } from "./specs.ts";
import type { Stage } from "./stage.ts";

/** A factor for the samples of each class, by label: a list, or an object. Classes without one count 1. */
export type ClassWeights = ArrayLike<number> | Readonly<Record<number, number>>;

/** How samples are weighed by their class. */
export interface ClassWeight {
  /** The array of labels, or of a number for each class: 1 for the sample's own, else 0, perhaps smoothed. */
  readonly target: string;
  /** The factor of the sample at a place. @param values of the target. */
  factor(values: ArrayLike<number>, place: number): number;
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
  const labels = classWeight && stage.values(classWeight.target)!;
  const values = new Float32Array(size);
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    const weight = Math.fround((given ? given[i]! : 1) * (labels ? classWeight.factor(labels, i) : 1));
    if (!(weight >= 0 && weight < Number.POSITIVE_INFINITY))
      throw new AttributeError(`${op}: the weight of a sample is ${weight}, expected a number from 0`);
    values[i] = weight;
    sum += weight;
  }
  return { values, sum };
}
