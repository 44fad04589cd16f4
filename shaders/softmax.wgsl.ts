import { storage } from "./lib/grid.wgsl.ts";
import { narrowed, widened } from "./lib/half.wgsl.ts";
import { type FoldOf, max, ofFour, sum, type Way } from "./lib/lines.wgsl.ts";
import type { Scalar } from "./lib/view.wgsl.ts";
import { indented, wgsl } from "./wgsl.ts";

/** What is made of each line of logits. Labels enter the last two only. */
export type SoftmaxKind = "softmax" | "logSoftmax" | "crossEntropy" | "crossEntropyGrad";

export interface SoftmaxParams {
  readonly kind: SoftmaxKind;
  /** Element types of the logits and of the result; everything in between is f32, and so are losses. */
  readonly type: Scalar;
  readonly outputType: Scalar;
  /** Lines, elements of a line, and the distance between its neighbours. */
  readonly lines: number;
  readonly length: number;
  readonly inner: number;
  /** Label that stands for "no target", if any does. */
  readonly ignore: number | undefined;
  /** Whether the gradient of the losses is one number for all lines. */
  readonly uniform: boolean;
  /** Elements of the bound ranges. */
  readonly inputLength: number;
  readonly labelLength: number;
  readonly gradLength: number;
  readonly outputLength: number;
}

const takesLabels = (kind: SoftmaxKind): boolean => kind === "crossEntropy" || kind === "crossEntropyGrad";

/** @param width elements that x and y are read and written by. */
function declarations(p: SoftmaxParams, width: 1 | 4): string[] {
  const labels = takesLabels(p.kind) ? [storage(1, "labels", "read", "i32", p.labelLength)] : [];
  const grads = p.kind === "crossEntropyGrad" ? [storage(2, "dloss", "read", "f32", p.gradLength)] : [];
  const output = 1 + labels.length + grads.length;
  return [
    `const LINES = ${p.lines}u;`,
    `const LENGTH = ${p.length / width}u; // ${width === 4 ? "vec4" : "elements"} of a line`,
    `const INNER = ${p.inner}u; // distance between neighbours of a line`,
    storage(0, "x", "read", p.type, p.inputLength, width),
    ...labels,
    ...grads,
    storage(output, "y", "read_write", p.outputType, p.outputLength, p.kind === "crossEntropy" ? 1 : width),
    `alias F = ${width === 4 ? "vec4f" : "f32"};`,
  ];
}

/** Statements that read the label of line `i`; those outside the line are held at its ends. */
const readLabel = ({ kind, length, ignore, uniform }: SoftmaxParams): string => wgsl`
  #if ${takesLabels(kind)}
  let label = clamp(labels[i], 0, ${length - 1});
  let kept = ${ignore === undefined ? "true" : `labels[i] != ${ignore}`};
  #endif
  #if ${kind === "crossEntropyGrad"}
  let scale = dloss[${uniform ? "0" : "i"}];
  #endif
`;

/**
 * Softmax and its relatives along lines: largest element, sum of exponentials, result; by four neighbours at once where there
 * are. Where the result can hold them, exponentials are kept there until their sum is known.
 */
export const softmax =
  (way: Way) =>
  (p: SoftmaxParams): string => {
    const width = p.inner === 1 && p.length % 4 === 0 ? 4 : 1;
    const logit = widened(p.type, "x[at]", width);
    const keeps = p.kind !== "logSoftmax" && p.kind !== "crossEntropy" && p.outputType === "f32";
    const power = keeps ? "y[at]" : `exp(${logit} - top)`;
    const each = way.each("t", "LENGTH");
    const at = p.inner === 1 ? "from_ + t" : "from_ + t * INNER";
    const whole = (fold: FoldOf, v: string) => (width === 4 ? ofFour(fold, v) : v);
    const [hit, own] =
      width === 4
        ? ["vec4i(4u * t + vec4u(0u, 1u, 2u, 3u)) == vec4i(label)", "x[from_ + u32(label) / 4u][u32(label) % 4u]"]
        : ["i32(t) == label", "x[from_ + u32(label) * INNER]"];
    const result =
      p.kind === "softmax"
        ? `${power} / total`
        : p.kind === "logSoftmax"
          ? `${logit} - top - log(total)`
          : `select(F(), scale * (${power} / total - select(F(), F(1.0), ${hit})), kept)`;
    return wgsl`
${declarations(p, width)}
${way.declare("f32", { max, sum })}

${way.enter("LINES")}
  let from_ = i / INNER * (LENGTH * INNER) + i % INNER;
  ${readLabel(p)}
  var tops = ${widened(p.type, "x[from_]", width)};
  ${each} {
    let at = ${at};
    tops = max(tops, ${logit});
  }
  let top = ${way.fold("max", whole(max, "tops"))};
  var totals = F();
  ${each} {
    let at = ${at};
    let e = exp(${logit} - top);
    totals += e;
    #if ${keeps}
    y[at] = e;
    #endif
  }
  let total = ${way.fold("sum", whole(sum, "totals"))};
  #if ${p.kind === "crossEntropy"}
${indented(way.once([`y[i] = select(0.0, log(total) + (top - ${widened(p.type, own)}), kept);`]))}
  #else
  ${each} {
    let at = ${at};
    y[at] = ${narrowed(p.outputType, result, width)};
  }
  #endif
}
`;
  };
