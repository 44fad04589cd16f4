import { type FlatResults, flatEnding, namesOf } from "./lib/epilogue.wgsl.ts";
import { storage } from "./lib/grid.wgsl.ts";
import { widened } from "./lib/half.wgsl.ts";
import { ofFour, sum, type Way } from "./lib/lines.wgsl.ts";
import type { Scalar } from "./lib/view.wgsl.ts";
import { indented, wgsl } from "./wgsl.ts";

export interface SoftmaxGradParams extends FlatResults {
  /** Element types of the two inputs; everything up to the epilogue is f32. */
  readonly types: readonly [y: Scalar, dy: Scalar];
  /** Elements of the ranges bound for them. */
  readonly lengths: readonly [y: number, dy: number];
  /** Lines, elements of a line, and the distance between its neighbours. */
  readonly lines: number;
  readonly length: number;
  readonly inner: number;
}

function declarations({ types, lengths, lines, length, inner }: SoftmaxGradParams, width: 1 | 4): string[] {
  return [
    `const LINES = ${lines}u;`,
    `const LENGTH = ${length / width}u; // ${width === 4 ? "vec4" : "elements"} of a line`,
    `const INNER = ${inner}u; // distance between neighbours of a line`,
    ...["y", "dy"].map((name, i) => storage(i, name, "read", types[i]!, lengths[i]!, width)),
  ];
}

/** dx = y · (dy − Σ y · dy) along lines, by four neighbours at once where there are. */
export const softmaxGrad =
  (way: Way) =>
  (p: SoftmaxGradParams): string => {
    const width = p.inner === 1 && p.length % 4 === 0 ? 4 : 1;
    const [y, dy] = [widened(p.types[0], "y[at]", width), widened(p.types[1], "dy[at]", width)];
    const at = p.inner === 1 ? "from_ + t" : "from_ + t * INNER";
    const each = way.each("t", "LENGTH");
    const ending = flatEnding(p, width);
    return wgsl`
${namesOf([p.epilogue], width)}
${declarations(p, width)}
${ending.declare(2)}
${way.declare("f32", { sum })}

${way.enter("LINES")}
  let from_ = i / INNER * (LENGTH * INNER) + i % INNER;
  var acc = ${width === 4 ? "vec4f" : "f32"}();
  ${each} {
    let at = ${at};
    acc += ${y} * ${dy};
  }
  let total = ${way.fold("sum", width === 4 ? ofFour(sum, "acc") : "acc")};
  ${each} {
    let at = ${at};
    let dx = ${y} * (${dy} - total);
${indented(ending.store("dx", "at"), 4)}
  }
}
`;
  };
