import {
  add,
  cast,
  concat,
  eq,
  input,
  losses,
  max,
  mul,
  oneHot,
  type optim,
  reshape,
  sum,
  type Update,
  type Variable,
} from "../../src/index.ts";
import type { Network } from "./networks.ts";
import { classes, side } from "./packs.ts";
import { batchSize } from "./settings.ts";

/** What goes into a network, what comes out, and the right answers, for some images. */
export function graphOf(network: Network, count: number, training: boolean) {
  const results = network.results(input("x", [count, 1, side, side]), { training });
  return { results, votes: results.at(-1)!, y: input("y", [count], "i32") };
}

/** A step of a training. @param tally sums losses and right answers. */
export function trainingStep(network: Network, optimizer: optim.Optimizer, tally: Variable<"f32">) {
  const { votes, y } = graphOf(network, batchSize, true);
  const loss = losses.crossEntropy(votes, y);
  // A guess is right where the vote for the digit is the largest.
  const own = sum(mul(votes, oneHot(y, classes)), 1);
  const right = sum(cast(eq(own, max(votes, 1)), "f32"));
  const next = add(tally, concat([reshape(mul(loss, batchSize), [1]), reshape(right, [1])], 0));
  return { outputs: {}, updates: [...optimizer.minimize(loss), [tally, next]] as Update[] };
}
