import fc from "fast-check";
import type { Description } from "../../src/compile/compile.ts";
import { grad } from "../../src/compile/grad.ts";
import { reachable } from "../../src/graph/print.ts";
import { sameShape } from "../../src/graph/shape.ts";
import type { Tensor, TensorData, Variable } from "../../src/graph/tensor.ts";
import * as t from "../../src/ops/index.ts";
import * as optim from "../../src/optim/index.ts";
import { weigh } from "../differences.ts";
import { Pool } from "./pool.ts";
import { steps } from "./steps.ts";

/** Most nodes of a graph, before gradients and updates. */
const longest = 40;

/** The recipe of a random graph: plain data, so that a failing one can be shrunk. */
export interface Recipe {
  readonly seed: number;
  readonly leaves: readonly { readonly shape: readonly number[]; readonly variable: boolean }[];
  readonly steps: readonly (readonly [name: string, numbers: readonly [number, number, number, number]])[];
  readonly outputs: readonly number[];
  readonly updates: readonly (readonly [kind: number, variable: number, value: number])[];
  readonly gradients: readonly number[];
  /** Which optimizer trains the variables that have no other update; 0 for none. */
  readonly optimizer: number;
}

// Without fast-check's bias to small numbers and short lists: rare cases matter as much here.
const number = fc.noBias(fc.nat({ max: 63 }));
export const recipes: fc.Arbitrary<Recipe> = fc.record({
  seed: fc.nat({ max: 1000 }),
  leaves: fc.array(
    fc.record({
      shape: fc.array(fc.constantFrom(1, 2, 3, 4, 5, 7, 8), { maxLength: 3 }),
      variable: fc.boolean(),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  steps: fc.noBias(
    fc.array(fc.tuple(fc.constantFrom(...Object.keys(steps)), fc.tuple(number, number, number, number)), {
      minLength: 1,
      maxLength: 36,
      size: "max",
    }),
  ),
  outputs: fc.noBias(fc.array(number, { maxLength: 4 })),
  updates: fc.noBias(fc.array(fc.tuple(number, number, number), { maxLength: 5 })),
  gradients: fc.array(number, { maxLength: 3 }),
  optimizer: fc.nat({ max: 3 }),
});

/** A graph to compile, and the feeds of each run. */
export interface RandomGraph extends Required<Description> {
  readonly variables: readonly Variable[];
  feeds(run: number): Readonly<Record<string, TensorData>>;
}

export function build({
  seed,
  leaves,
  steps: taken,
  outputs: chosen,
  updates,
  gradients,
  optimizer,
}: Recipe): RandomGraph {
  const pool = new Pool(seed);
  for (const { shape, variable } of leaves) {
    if (variable) pool.variable(shape);
    else pool.input(shape);
  }
  const nodes = () => reachable(pool.members.map(({ x }) => x)).length;
  for (const [name, numbers] of taken) if (nodes() < longest) steps[name]!(pool, numbers);

  const outputs: Record<string, Tensor> = { last: pool.at(0).x };
  chosen.forEach((i, k) => {
    outputs[`y${k}`] = pool.at(i).x;
  });
  pool.extras.forEach((x, k) => {
    outputs[`i${k}`] = x;
  });
  const loss = chosen.reduce((total, i) => t.add(total, weigh(pool.at(i).x)), weigh(pool.at(0).x));
  const wrt = gradients.map((i) => pool.at(i).x);
  const slopes = wrt.length > 0 ? grad(loss, wrt) : [];
  slopes.forEach((slope, k) => {
    outputs[`dy${k}`] = slope;
  });
  for (const [kind, v, value] of updates) update(pool, kind, v, value, loss);
  if (optimizer > 0) train(pool, optimizer, loss);

  const read = new Set(
    reachable([...Object.values(outputs), ...pool.updates.map(([, value]) => value)]).map(({ attrs }) => attrs["name"]),
  );
  return {
    outputs,
    updates: pool.updates,
    variables: [
      ...new Set([
        ...pool.variables,
        ...pool.updates.map(([variable]) => variable),
        ...(pool.random ? [pool.random.key] : []),
      ]),
    ],
    feeds: (run) =>
      Object.fromEntries(
        pool.inputs.flatMap(({ x, feed }) =>
          read.has(x.node.attrs["name"]) ? [[x.node.attrs["name"], feed(run)]] : [],
        ),
      ),
  };
}

/** Gives a variable without an update one: from other variables, from the graph, or a step down a gradient. */
function update(pool: Pool, kind: number, v: number, from: number, loss: Tensor): void {
  const open = pool.variables.filter((variable) => pool.updates.every(([taken]) => taken !== variable));
  const variable = open[v % Math.max(1, open.length)];
  if (!variable) return;
  const fits = (x: Tensor) => sameShape(x.shape, variable.shape);
  const value = pool.find(from, fits)!.x;
  const put = (next: Tensor) => pool.updates.push([variable, next]);
  switch (kind % 6) {
    case 0:
      return void put(value);
    case 1:
      return void put(t.mul(t.add(variable, value), 0.5));
    case 2: {
      // Two that read each other.
      const other = open.find((other) => other !== variable && fits(other));
      put(other ?? t.neg(variable));
      if (other) pool.updates.push([other, kind % 4 < 2 ? variable : t.sub(variable, t.mul(other, 0.1))]);
      return;
    }
    case 3:
      return void put(t.sub(variable, t.mul(t.tanh(grad(loss, [variable])[0]!), 0.1)));
    case 4:
      return void put(variable.shape.length > 0 ? t.flip(variable, 0) : t.add(variable, 0.25));
    default:
      return void put(t.tanh(value));
  }
}

/** Trains the variables that nothing else updates: one formula over several tensors. */
function train(pool: Pool, kind: number, loss: Tensor): void {
  const reached = optim.parametersOf(loss);
  const open = reached.filter((variable) => pool.updates.every(([taken]) => taken !== variable));
  if (open.length === 0) return;
  const method = optim.sgd({ lr: 0.01, momentum: 0.5, ...(kind === 2 && { nesterov: true, weightDecay: 0.1 }) });
  pool.updates.push(...method.minimize(loss, open, kind === 3 ? { clip: optim.clipGradNorm(1) } : {}));
}
