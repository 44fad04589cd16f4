import { bufferOf } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { workgroupSize } from "./lib/grid.wgsl.ts";
import { sumOf, widened } from "./lib/half.wgsl.ts";
import type { Kernel, Part } from "./lib/kernel.ts";
import type { Way } from "./lib/lines.ts";
import { type End, flatEnd } from "./lib/results.ts";
import { elementAt } from "./lib/view.wgsl.ts";
import type { Folded } from "./reduce.wgsl.ts";
import { wgsl } from "./wgsl.ts";

/** y[o] = the first r with the largest (or smallest) x[o, r]. */
export interface Pick {
  readonly kind: "argmax" | "argmin";
  readonly x: Folded;
  /** Number of results, and of elements per result. */
  readonly count: number;
  readonly length: number;
  readonly end: End;
}

/** Element r of result o is `x[first(o) + next(r)]`. `better(a, b)` is whether a beats b. */
const folded = ({ kind, x: { kept, folded }, count, length }: Pick): Part => ({
  buffers: [bufferOf("x", kept, "read")],
  constants: {
    COUNT: [count, "results"],
    LENGTH: [length, "elements per result"],
  },
  accessors: {
    first: (o) => elementAt(kept, o!),
    next: (r) => elementAt(folded, r!),
    better: (a, b) => `${a} ${kind === "argmax" ? ">" : "<"} ${b}`,
  },
});

/** The definition: one invocation per result. */
export const pickNaive = (p: Pick): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [folded(p), flatEnd(p.end, 1)],
    body: wgsl`
      let i = id.x;
      if (i >= COUNT) { return; }
      var best = 0u;
      for (var r = 1u; r < LENGTH; r++) {
        if (better(x[first(i) + next(r)], x[first(i) + next(best)])) { best = r; }
      }
      put(i, i32(best));`,
  });

/** Each invocation finds the best of its positions; then these are compared. */
export const pickLines =
  (way: Way) =>
  (p: Pick): Kernel => {
    const { dtype } = p.x.kept;
    const valueIn = (found: string) => `bitcast<${sumOf(dtype)}>(${found}.x)`;
    // At a tie, the first position wins.
    const best = (a: string, b: string) =>
      `select(${a}, ${b}, better(${valueIn(b)}, ${valueIn(a)}) || (${valueIn(b)} == ${valueIn(a)} && ${b}.y < ${a}.y))`;
    return kernel({
      workgroup: workgroupSize,
      parts: [folded(p), flatEnd(p.end, 1), way.folds("vec2u", { best })],
      body: wgsl`
        ${way.line("COUNT")}
        let begin = first(i);
        // Start with the first element; only a better one replaces it.
        var own = x[begin];
        var at = 0u;
        for (var r = ${way.first}; r < LENGTH; r += ${way.step}) {
          let value = x[begin + next(r)];
          if (better(value, own)) {
            own = value;
            at = r;
          }
        }
        // The bits of the value, and its position.
        let found = best_of_line(vec2u(bitcast<u32>(${widened(dtype, "own")}), at));
        ${way.once("put(i, i32(found.y));")}`,
    });
  };
