import { grad } from "../compile/grad.ts";
import type { Tensor, Variable } from "../graph/tensor.ts";
import { mean, sum } from "../ops/lines/reduce.ts";
import { cast, eq, mul, where } from "../ops/pointwise/arithmetic.ts";
import { sqrt } from "../ops/pointwise/elementary.ts";
import { iota } from "../ops/sources/random.ts";
import { parametersOf } from "../optim/optimizer.ts";

/** What the gradient of a parameter is like. */
export interface GradientStatistics {
  /** Its 2-norm. */
  readonly norm: number;
  readonly mean: number;
  /** The share of its elements that are 0, as behind units that are never active. */
  readonly zeros: number;
}

/** Statistics of all gradients in one step, before clipping. */
export interface GradientLogs {
  readonly epoch: number;
  /** 1 for the first of the training. */
  readonly step: number;
  /** By the names of the model's variables. */
  readonly parameters: Readonly<Record<string, GradientStatistics>>;
}

/** Graphs of the statistics, `[3]` for each parameter, by name. */
export function statisticsOf(loss: Tensor, variables: ReadonlyMap<string, Variable>): Record<string, Tensor> {
  const names = new Map([...variables].map(([name, variable]) => [variable, name]));
  const parameters = parametersOf(loss);
  const gradients = grad(loss, parameters);
  return Object.fromEntries(
    parameters.map((parameter, i) => {
      const g = cast(gradients[i]!, "f32");
      return [
        names.get(parameter) ?? parameter.name,
        row([sqrt(sum(mul(g, g))), mean(g), mean(cast(eq(g, 0), "f32"))]),
      ];
    }),
  );
}

/** Numbers as one vector. */
function row(numbers: readonly Tensor[]): Tensor {
  const at = iota([numbers.length], 0);
  return numbers.reduceRight((rest, number, i) => where(eq(at, i), number, rest), numbers.at(-1)!);
}

/** The statistics from what a program computed. */
export const readStatistics = (values: Readonly<Record<string, ArrayLike<number>>>): GradientLogs["parameters"] =>
  Object.fromEntries(
    Object.entries(values).map(([name, { 0: norm, 1: mean, 2: zeros }]) => [
      name,
      { norm: norm!, mean: mean!, zeros: zeros! },
    ]),
  );
