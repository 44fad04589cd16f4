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

/** y is the gradient of x, in other memory or in its own. */
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
    parts: [places(p), replaced(p), labelled(p), strided("dloss", p.dloss), gradient(p)],
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

/** Logits whose gradient may take their place: nobody reads an element of x once it is written. */
const replaced = ({ x, y }: Softmax, width: 1 | 4 = 1): Part =>
  x.buffer === y.buffer ? result("x", y, width) : array("x", x, width);

const gradient = ({ x, y }: Softmax, width: 1 | 4 = 1): Part =>
  x.buffer === y.buffer
    ? { accessors: { y: (at) => `x(${at})`, y_put: (at, value) => [`x_put(${at}, ${value});`] } }
    : result("y", y, width);

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
 * Where walking again reads memory again, both are computed in one walk, in which the total shrinks whenever the top grows
 * (Milakov and Gimelshein, 2018).
 */
const topAndTotalOf = (way: Way, { length }: Softmax, width: 1 | 4): string =>
  (way.again === "read" ? walkOnce : walkTwice)(way, length / width);

const walkTwice = ({ again, rounds, position }: Way, length: number): string => wgsl`
  let begin = place(i, 0u);
  read_line(along(begin, t));
  var tops = ${again === "kept" ? `F(${lowest})` : "x(begin)"};
  for (${rounds(length)}) {
    ${position(length)}
    tops = max(tops, line_x(along(begin, t)));
  }
  let top = max_of_line(tops);
  var totals = F();
  for (${rounds(length)}) {
    ${position(length)}
    ${again === "kept" ? [] : "let at = along(begin, t);"}
    let power = exp(line_x(at) - top);
    totals += power;
    keep(at, power);
  }
  let total = sum_of_line(totals);`;

const walkOnce = ({ rounds, position }: Way, length: number): string => wgsl`
  let begin = place(i, 0u);
  var tops = F(${lowest});
  var totals = F();
  for (${rounds(length)}) {
    ${position(length)}
    let value = x(along(begin, t));
    let higher = max(tops, value);
    totals = totals * exp(tops - higher) + exp(value - higher);
    tops = higher;
  }
  let top = max_of_line(tops);
  let scaled = totals * exp(tops - top);
  let total = sum_of_line(scaled);`;

/** The lowest number of f32, under every top. */
const lowest = "-3.4028234e+38";

/** The parts common to all of these kernels: positions and reductions. */
const walks = (p: Softmax, way: Way): Part[] => {
  const width = widthOf(p);
  return [
    places(p, width),
    way.keeps(p.length / width, { x: (at) => `x(${at})` }),
    way.folds("f32", { max, sum }, width),
  ];
};

const logits = (p: Softmax, way: Way): Part[] => [...walks(p, way), array("x", p.x, widthOf(p))];

const keepsNone: Part = { accessors: { keep: () => [] } };

/** Exponentials are kept in registers, or in y if it is f32, until their sum is known. */
const keepsPowers = ({ y }: Softmax, { again }: Way): Part =>
  again === "kept"
    ? { accessors: { keep: (_, power) => [`keep_x(${power});`], power_at: (at) => `line_x(${at})` } }
    : again === "cached" && y.dtype === "f32"
      ? { accessors: { keep: (at, power) => [`y_put(${at}, ${power});`], power_at: (at) => `y(${at})` } }
      : { accessors: { keep: () => [], power_at: (at) => `exp(x(${at}) - top)` } };

/** Softmax in three walks along a line: maximum, sum of exponentials, result. Reads vec4s where possible. */
export const softmaxLines = (way: Way) => (p: Softmax) => {
  const width = widthOf(p);
  return kernel({
    workgroup: way.size,
    width,
    features: way.features ?? [],
    parts: [...logits(p, way), result("y", p.y, width), keepsPowers(p, way)],
    body: wgsl`
      ${way.line("LINES")}
      ${topAndTotalOf(way, p, width)}
      let share = 1.0 / total; // a CPU divides several times more slowly than it multiplies
      for (${way.rounds(p.length / width)}) {
        ${way.position(p.length / width)}
        let at = along(begin, t);
        y_put(at, power_at(at) * share);
      }`,
  });
};

/** The logarithm of softmax. */
export const logSoftmaxLines = (way: Way) => (p: Softmax) => {
  const width = widthOf(p);
  return kernel({
    workgroup: way.size,
    width,
    features: way.features ?? [],
    parts: [...logits(p, way), result("y", p.y, width), keepsNone],
    body: wgsl`
      ${way.line("LINES")}
      ${topAndTotalOf(way, p, width)}
      let log_total = log(total);
      for (${way.rounds(p.length / width)}) {
        ${way.position(p.length / width)}
        let at = along(begin, t);
        y_put(at, line_x(at) - top - log_total);
      }`,
  });
};

/** The loss of each line. */
export const crossEntropyLines = (way: Way) => (p: CrossEntropy) => {
  const width = widthOf(p);
  const own = width === 4 ? "x[begin + label / 4u][label % 4u]" : "x[along(begin, label)]";
  return kernel({
    workgroup: way.size,
    width,
    features: way.features ?? [],
    parts: [...logits(p, way), labelled(p), result("y", p.y), keepsNone],
    body: wgsl`
      ${way.line("LINES")}
      ${topAndTotalOf(way, p, width)}
      ${way.once(
        "read_label(i);",
        `let loss = log(total) + (top - ${widened(p.x.dtype, own)});`,
        "y_put(i, unless_ignored(loss));",
      )}`,
  });
};

/** The gradient of the loss: softmax minus 1 at the label. */
export const crossEntropyGradLines = (way: Way) => (p: CrossEntropyGrad) => {
  const width = widthOf(p);
  return kernel({
    workgroup: way.size,
    width,
    features: way.features ?? [],
    parts: [
      ...walks(p, way),
      replaced(p, width),
      labelled(p, width),
      strided("dloss", p.dloss),
      gradient(p, width),
      keepsPowers(p, way),
    ],
    body: wgsl`
      ${way.line("LINES")}
      ${topAndTotalOf(way, p, width)}
      read_label(i);
      let scale = dloss(i);
      let share = 1.0 / total;
      for (${way.rounds(p.length / width)}) {
        ${way.position(p.length / width)}
        let at = along(begin, t);
        let wanted = select(F(), F(1.0), positions(t) == U(label));
        let dx = scale * (power_at(at) * share - wanted);
        y_put(at, unless_ignored(dx));
      }`,
  });
};
