import { AttributeError, checkNumber, FeedError } from "../errors.ts";
import { weightName } from "./specs.ts";
import type { Stage } from "./stage.ts";

/** A factor for the samples of each class, by label: a list, or an object. Classes without one count 1. */
export interface ClassWeight {
  readonly weights: ArrayLike<number> | Readonly<Record<number, number>>;
  /** The array of labels. */
  readonly target: string;
}

/** The weights of a batch's samples. */
export interface Weights {
  /** One for each place, 0 for what is no sample; absent where all are 1. */
  readonly values?: Float32Array;
  readonly sum: number;
}

/** The weights of the first `rows` places of a stage: sample weights times class weights. */
export function weightsOf(stage: Stage, rows: number, size: number, classWeight?: ClassWeight): Weights {
  const given = stage.values(weightName);
  if (!given && !classWeight && rows === size) return { sum: rows };
  const labels = classWeight && stage.values(classWeight.target);
  const values = new Float32Array(size);
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    const factor = classWeight ? ((classWeight.weights as ArrayLike<number>)[labels![i]!] ?? 1) : 1;
    const weight = Math.fround((given ? given[i]! : 1) * factor);
    if (!(weight >= 0 && weight < Number.POSITIVE_INFINITY))
      throw new AttributeError(`fit: the weight of a sample is ${weight}, expected a number from 0`);
    values[i] = weight;
    sum += weight;
  }
  return { values, sum };
}

/** The error for samples with weights where there is no loss of each. */
export const unweighable = (op: string): FeedError =>
  new FeedError(
    `${op}: samples have weights, but the loss gives one number for the whole batch: let it return a value for each sample`,
  );

/** Checks the option `classWeight`. */
export function classWeightOf(
  op: string,
  weights: ClassWeight["weights"] | undefined,
  target: string,
): ClassWeight | undefined {
  if (weights === undefined) return undefined;
  for (const weight of Object.values(weights))
    checkNumber(op, "a class weight", weight as number, "a number from 0", (n) => n >= 0);
  return { weights, target };
}
