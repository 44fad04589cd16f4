import { array, result, strided } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { workgroupSize } from "./lib/grid.wgsl.ts";
import { widened } from "./lib/half.wgsl.ts";
import type { Kernel, Part, View } from "./lib/kernel.ts";
import { type Lines, max, places, sum, type Way, widthOf } from "./lib/lines.ts";
import { wgsl } from "./wgsl.ts";

/** Lines of logits x, and the result y. Intermediate values are f32. */
export interface Softmax extends Lines {
  readonly x: View;
  readonly y: View;
}

/** y[i] is the loss of line i, f32. */
export interface CrossEntropy extends Softmax {
  /** One per line, i32. */
  readonly labels: View;
  /** The label that means "no target", if any. */
  readonly ignore: number | undefined;
}

/** y is the gradient of x. */
export interface CrossEntropyGrad extends CrossEntropy {
  /** The gradient of each loss. */
  readonly dloss: View;
}

/** The maximum of a line, subtracted so that exp cannot overflow, and the sum of exponentials. */
const topAndTotal = [
  wgsl`
fn top_of(i: u32) -> f32 {
  var top = x(place(i, 0u));
  for (var t = 1u; t < LENGTH; t++) { top = max(top, x(place(i, t))); }
  return top;
}`,
  wgsl`
fn total_of(i: u32, top: f32) -> f32 {
  var total = 0.0;
  for (var t = 0u; t < LENGTH; t++) { total += exp(x(place(i, t)) - top); }
  return total;
}`,
];

/** The definition: y = eˣ / Σ eˣ along lines. */
export const softmaxNaive = (p: Softmax): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [places(p), array("x", p.x), result("y", p.y)],
    functions: topAndTotal,
    body: wgsl`
      let i = id.x;
      if (i >= LINES) { return; }
      let top = top_of(i);
      let total = total_of(i, top);
      for (var t = 0u; t < LENGTH; t++) {
        y_put(place(i, t), exp(x(place(i, t)) - top) / total);
      }`,
  });

/** The definition: y = x − log Σ eˣ along lines. */
export const logSoftmaxNaive = (p: Softmax): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [places(p), array("x", p.x), result("y", p.y)],
    functions: topAndTotal,
    body: wgsl`
      let i = id.x;
      if (i >= LINES) { return; }
      let top = top_of(i);
      let total = total_of(i, top);
      for (var t = 0u; t < LENGTH; t++) {
        y_put(place(i, t), x(place(i, t)) - top - log(total));
      }`,
  });

/** The definition: y[i] = log Σ eˣ − x[label] for each line. */
export const crossEntropyNaive = (p: CrossEntropy): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [places(p), array("x", p.x), labelled(p), result("y", p.y)],
    functions: topAndTotal,
    body: wgsl`
      let i = id.x;
      if (i >= LINES) { return; }
      let top = top_of(i);
      let total = total_of(i, top);
      read_label(i);
      let loss = log(total) + (top - x(place(i, label)));
      y_put(i, unless_ignored(loss));`,
  });

/** The definition: y = dloss · (softmax(x) − 1 at the label) for each line. */
export const crossEntropyGradNaive = (p: CrossEntropyGrad): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [places(p), array("x", p.x), labelled(p), strided("dloss", p.dloss), result("y", p.y)],
    functions: topAndTotal,
    body: wgsl`
      let i = id.x;
      if (i >= LINES) { return; }
      let top = top_of(i);
      let total = total_of(i, top);
      read_label(i);
      for (var t = 0u; t < LENGTH; t++) {
        let wanted = select(0.0, 1.0, t == label);
        let dx = dloss(i) * (exp(x(place(i, t)) - top) / total - wanted);
        y_put(place(i, t), unless_ignored(dx));
      }`,
  });

/**
 * `read_label(i);` defines `label`, that of line i, clamped to the line. `unless_ignored(value)` is 0 if there is no
 * target.
 */
function labelled({ labels, length, ignore }: CrossEntropy, width: 1 | 4 = 1): Part {
  const part = strided("labels", labels);
  return {
    buffers: part.buffers!,
    accessors: {
      ...part.accessors,
      read_label: (i) => [
        `let label = u32(clamp(labels(${i}), 0, ${length - 1}));`,
        ...(ignore === undefined ? [] : [`let ignored = labels(${i}) == ${ignore};`]),
      ],
      unless_ignored: (value) =>
        ignore === undefined ? value! : `select(${value}, ${width === 4 ? "vec4f()" : "0.0"}, ignored)`,
    },
  };
}

/**
 * Statements that compute the `top` of a line and the `total` of its exponentials. `keep(at, power);` may store these.
 */
const walkTwice = ({ first, step }: Way): string => wgsl`
  let begin = place(i, 0u);
  var tops = x(begin);
  for (var t = ${first}; t < LENGTH; t += ${step}) {
    tops = max(tops, x(along(begin, t)));
  }
  let top = max_of_line(tops);
  var totals = F();
  for (var t = ${first}; t < LENGTH; t += ${step}) {
    let at = along(begin, t);
    let power = exp(x(at) - top);
    totals += power;
    keep(at, power);
  }
  let total = sum_of_line(totals);`;

/** The parts common to all of these kernels: positions, logits and reductions. */
const logits = (p: Softmax, way: Way): Part[] => {
  const width = widthOf(p);
  return [places(p, width), array("x", p.x, width), way.folds("f32", { max, sum }, width)];
};

const keepsNone: Part = { accessors: { keep: () => [] } };

/** If y is f32, it holds the exponentials until their sum is known. */
const keepsPowers = ({ y }: Softmax): Part =>
  y.dtype === "f32"
    ? { accessors: { keep: (at, power) => [`y_put(${at}, ${power});`], power_at: (at) => `y(${at})` } }
    : { accessors: { keep: () => [], power_at: (at) => `exp(x(${at}) - top)` } };

/** Softmax in three passes over a line: maximum, sum of exponentials, result. Reads vec4s where possible. */
export const softmaxLines = (way: Way) => (p: Softmax) => {
  const width = widthOf(p);
  return kernel({
    workgroup: workgroupSize,
    width,
    parts: [...logits(p, way), result("y", p.y, width), keepsPowers(p)],
    body: wgsl`
      ${way.line("LINES")}
      ${walkTwice(way)}
      let share = 1.0 / total; // a CPU divides several times more slowly than it multiplies
      for (var t = ${way.first}; t < LENGTH; t += ${way.step}) {
        let at = along(begin, t);
        y_put(at, power_at(at) * share);
      }`,
  });
};

/** The logarithm of softmax. */
export const logSoftmaxLines = (way: Way) => (p: Softmax) => {
  const width = widthOf(p);
  return kernel({
    workgroup: workgroupSize,
    width,
    parts: [...logits(p, way), result("y", p.y, width), keepsNone],
    body: wgsl`
      ${way.line("LINES")}
      ${walkTwice(way)}
      let log_total = log(total);
      for (var t = ${way.first}; t < LENGTH; t += ${way.step}) {
        let at = along(begin, t);
        y_put(at, x(at) - top - log_total);
      }`,
  });
};

/** The loss of each line, in two passes. */
export const crossEntropyLines = (way: Way) => (p: CrossEntropy) => {
  const width = widthOf(p);
  const own = width === 4 ? "x[begin + label / 4u][label % 4u]" : "x[along(begin, label)]";
  return kernel({
    workgroup: workgroupSize,
    width,
    parts: [...logits(p, way), labelled(p), result("y", p.y), keepsNone],
    body: wgsl`
      ${way.line("LINES")}
      ${walkTwice(way)}
      read_label(i);
      let loss = log(total) + (top - ${widened(p.x.dtype, own)});
      ${way.once("y_put(i, unless_ignored(loss));")}`,
  });
};

/** The gradient of the loss: softmax minus 1 at the label. */
export const crossEntropyGradLines = (way: Way) => (p: CrossEntropyGrad) => {
  const width = widthOf(p);
  return kernel({
    workgroup: workgroupSize,
    width,
    parts: [...logits(p, way), labelled(p, width), strided("dloss", p.dloss), result("y", p.y, width), keepsPowers(p)],
    body: wgsl`
      ${way.line("LINES")}
      ${walkTwice(way)}
      read_label(i);
      let scale = dloss(i);
      let share = 1.0 / total;
      for (var t = ${way.first}; t < LENGTH; t += ${way.step}) {
        let at = along(begin, t);
        let wanted = select(F(), F(1.0), positions(t) == U(label));
        let dx = scale * (power_at(at) * share - wanted);
        y_put(at, unless_ignored(dx));
      }`,
  });
};
