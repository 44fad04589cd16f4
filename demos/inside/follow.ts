import type { RecordedNode } from "../../src/recording/index.ts";
import { type Shape, sizeOf } from "./places.ts";
import { type Light, ruleOf } from "./rules.ts";

/** Which elements of a node's results are lit: for each result a mask, row-major. */
export type Lit = ReadonlyMap<string, Uint8Array>;

/** Elements of a result whose light fits into memory. */
const most = 2 ** 28;

export const keyOf = (node: number, result: number): string => `${node}.${result}`;

export interface Followed {
  readonly lit: Lit;
  /** Ops through which it cannot be followed: all of their inputs may count. */
  readonly stopped: ReadonlyMap<number, string>;
}

/** Whether a tensor of this shape is small enough to be followed. */
export const canFollow = (shape: Shape): boolean => sizeOf(shape) <= most;

/**
 * Lights the elements that one element was computed from, back through the graph as built.
 * @param nodes inputs come before users.
 */
export function follow(nodes: readonly RecordedNode[], node: number, result: number, index: number): Followed {
  const lit = new Map<string, Uint8Array>();
  const stopped = new Map<number, string>();
  const maskOf = (at: number, of: number): Uint8Array => {
    const key = keyOf(at, of);
    const mask = lit.get(key) ?? new Uint8Array(sizeOf(nodes[at]!.results[of]!.shape));
    lit.set(key, mask);
    return mask;
  };
  maskOf(node, result)[index] = 1;
  for (let at = node; at >= 0; at--) {
    const here = nodes[at]!;
    if (here.inputs.length === 0) continue;
    here.results.forEach((_, of) => {
      const mask = lit.get(keyOf(at, of));
      if (!mask) return;
      const rule = ruleOf(here);
      const shapes = here.inputs.map((input) => nodes[input.node]!.results[input.result]!.shape);
      if (!rule || !shapes.every(canFollow)) {
        stopped.set(at, here.op);
        return;
      }
      const masks: (Uint8Array | undefined)[] = [];
      const light: Light = (input, i) => {
        const from = here.inputs[input];
        if (!from) return;
        masks[input] ??= maskOf(from.node, from.result);
        masks[input][i] = 1;
      };
      try {
        rule(mask, here, shapes, light, of);
      } catch {
        // Attributes in a file from elsewhere may not fit the shapes.
        stopped.set(at, here.op);
      }
    });
  }
  return { lit, stopped };
}
