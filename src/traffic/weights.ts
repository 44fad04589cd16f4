import { isKnown, type Lanes, type Value } from "./values.ts";

/** How often each invocation is at a statement. */
export interface Weights {
  /** One number where all are there equally often. */
  readonly each: number | Lanes;
  readonly sum: number;
  /** Whether memory has no say in it. If it has, all branches count in full. */
  readonly isSure: boolean;
  /** How many conditions that memory decides are around. */
  readonly maybe: number;
}

/** A condition has another value in each round of a loop that is counted as a whole. */
export class Varies {
  readonly depth: number;

  constructor(depth: number) {
    this.depth = depth;
  }
}

const sumOf = (lanes: Lanes): number => lanes.reduce((sum, weight) => sum + weight, 0);

export const nobody = (at: Weights): Weights => ({ ...at, each: 0, sum: 0 });

/** Those for whom a condition holds, or not. */
export function narrowed(at: Weights, test: Value, isWanted: boolean, lanes: number): Weights {
  if (test.varies !== undefined && isKnown(test)) throw new Varies(test.varies);
  const { v } = test;
  if (v === undefined) return { ...at, isSure: false, maybe: at.maybe + 1 };
  if (typeof v === "number") return (v !== 0) === isWanted ? at : nobody(at);
  const { each } = at;
  const own = new Float64Array(lanes);
  for (let i = 0; i < lanes; i++) if ((v[i] !== 0) === isWanted) own[i] = typeof each === "number" ? each : each[i]!;
  return { ...at, each: own, sum: sumOf(own) };
}

/** Those of either. */
export function joined(a: Weights, b: Weights): Weights {
  if (a.sum === 0) return b;
  if (b.sum === 0) return a;
  const about = { isSure: a.isSure && b.isSure, maybe: Math.min(a.maybe, b.maybe) };
  if (typeof a.each === "number" && typeof b.each === "number")
    return { ...about, each: Math.max(a.each, b.each), sum: Math.max(a.sum, b.sum) };
  const [some, other] = typeof a.each === "number" ? [b.each as Lanes, a.each] : [a.each, b.each];
  const each = some.map((weight, i) => Math.max(weight, typeof other === "number" ? other : other[i]!));
  return { ...about, each, sum: sumOf(each) };
}

/** All of them, a number of times each. */
export function repeated(at: Weights, times: number | Lanes): Weights {
  const { each } = at;
  if (typeof times === "number")
    return { ...at, each: typeof each === "number" ? each * times : each.map((w) => w * times), sum: at.sum * times };
  const own = times.map((count, i) => count * (typeof each === "number" ? each : each[i]!));
  return { ...at, each: own, sum: sumOf(own) };
}
