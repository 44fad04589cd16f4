import type { RecordedNode } from "../../src/recording/index.ts";
import { sizeOf } from "./places.ts";
import { type Light, ruleOf } from "./rules.ts";

/** Which elements of a node's results are lit: for each result a mask, row-major. */
export type Lit = ReadonlyMap<string, Uint8Array>;

export const keyOf = (node: number, result: number): string => `${node}.${result}`;

export interface Followed {
  readonly lit: Lit;
  /** Ops through which it cannot be followed, and why: all of their inputs may count. */
  readonly stopped: ReadonlyMap<number, string>;
}

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
      if (!rule) {
        stopped.set(at, here.op);
        return;
      }
      const shapes = here.inputs.map((input) => nodes[input.node]!.results[input.result]!.shape);
      const masks: (Uint8Array | undefined)[] = [];
      const light: Light = (input, i) => {
        const from = here.inputs[input];
        if (!from) return;
        masks[input] ??= maskOf(from.node, from.result);
        masks[input][i] = 1;
      };
      rule(mask, here, shapes, light, of);
    });
  }
  return { lit, stopped };
}
