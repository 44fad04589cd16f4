import { type FlatResults, flatEnding, namesOf } from "./lib/epilogue.wgsl.ts";
import { storage } from "./lib/grid.wgsl.ts";
import { sumOf, widened } from "./lib/half.wgsl.ts";
import type { Way } from "./lib/lines.wgsl.ts";
import { elementAt, type Scalar, type ViewParams } from "./lib/view.wgsl.ts";
import { indented, wgsl } from "./wgsl.ts";

interface Folded {
  readonly type: Scalar;
  readonly kept: ViewParams;
  readonly folded: ViewParams;
  readonly length: number;
}

export interface PickParams extends FlatResults {
  readonly kind: "argmax" | "argmin";
  readonly input: Folded;
  /** Results, and elements that each is the best of. */
  readonly count: number;
  readonly length: number;
}

/** out[o] = the first r with the best in[o, r]. */
export const pick =
  (way: Way) =>
  (p: PickParams): string => {
    const { kept, folded, type, length } = p.input;
    const better = p.kind === "argmax" ? ">" : "<";
    const valueIn = (found: string) => `bitcast<${sumOf(type)}>(${found}.x)`;
    const ending = flatEnding(p, 1);
    // Bits of a value, and its position. Of equals the first wins.
    const best = (a: string, b: string) =>
      `select(${a}, ${b}, ${valueIn(b)} ${better} ${valueIn(a)} || (${valueIn(b)} == ${valueIn(a)} && ${b}.y < ${a}.y))`;
    return wgsl`
const OUTPUTS = ${p.count}u;
const LENGTH = ${p.length}u; // elements that each is the best of
${namesOf([p.epilogue], 1)}
${storage(0, "x", "read", type, length)}
${ending.declare(1)}
${way.declare("vec2u", { best })}

${way.enter("OUTPUTS")}
  let from_ = ${elementAt(kept, "i")};
  // The first position stands until something is better.
  var at = min(${way.lane}, LENGTH - 1u);
  var own = x[from_ + ${elementAt(folded, "at")}];
  ${way.each("r", "LENGTH")} {
    let value = x[from_ + ${elementAt(folded, "r")}];
    if (value ${better} own) { own = value; at = r; }
  }
  let found = ${way.fold("best", `vec2u(bitcast<u32>(${widened(type, "own")}), at)`)};
${indented(way.once(ending.store("i32(found.y)", "i")))}
}
`;
  };
