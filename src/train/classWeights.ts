import { checkNumber, FeedError } from "../errors.ts";
import { showShape, sizeOf } from "../graph/shape.ts";
import { type Specs, weightName } from "./specs.ts";
import type { ClassWeight, ClassWeights } from "./weights.ts";

/*
 * Factors of samples by their class. Few pages weigh classes, so this module is loaded only then.
 */

/** Checks the option `classWeight`. @throws FeedError for targets that give a sample no class of its own. */
export function classWeightOf(op: string, weights: ClassWeights, target: string, specs: Specs): ClassWeight {
  for (const weight of Object.values(weights))
    checkNumber(op, "a class weight", weight as number, "a number from 0", (n) => n >= 0);
  const { shape, dtype } = specs[target]!;
  const classes = sizeOf(shape);
  if (classes > 1 && (shape.length > 1 || dtype !== "f32"))
    throw new FeedError(
      `${op}: classWeight: a sample of "${target}" is ${dtype} ${showShape(shape)}, expected one label, or one-hot f32 [classes]: weigh such samples with ${weightName}`,
    );
  const factorOf = (label: number) => (weights as ArrayLike<number>)[label] ?? 1;
  if (classes === 1) return { target, factor: (values, place) => factorOf(values[place]!) };
  return {
    target,
    /** The class whose number is 1, or the largest where numbers are smoothed. */
    factor(values, place) {
      const own = Array.from({ length: classes }, (_, i) => values[place * classes + i]!);
      const sum = own.reduce((sum, value) => sum + value, 0);
      if (own.every((value) => value >= 0) && Math.abs(sum - 1) < 1e-3) return factorOf(own.indexOf(Math.max(...own)));
      throw new FeedError(
        `${op}: classWeight: a sample of "${target}" is ${showShape(own)}, expected a label, or one-hot numbers: weigh such samples with ${weightName}`,
      );
    },
  };
}
