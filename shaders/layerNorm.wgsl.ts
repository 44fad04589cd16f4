import { array, bufferOf, result } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { workgroupSize } from "./lib/grid.wgsl.ts";
import { widened } from "./lib/half.wgsl.ts";
import type { Kernel, Part, View } from "./lib/kernel.ts";
import { sum, type Way } from "./lib/lines.ts";
import { type End, flatEnd } from "./lib/results.ts";
import { wgsl } from "./wgsl.ts";

/** Rows and their weight, in f32 or f16. Statistics and all arithmetic are f32. */
interface Rows {
  readonly rows: number;
  /** Elements per row. */
  readonly length: number;
  /** Element t of row i has weight (i mod groups) · (length / spread) + t / spread. */
  readonly groups: number;
  readonly spread: number;
  readonly x: View;
  readonly weight?: View | undefined;
}

/** y = h · weight + bias along each row, where h is the normalised x. */
export interface Norm extends Rows {
  readonly eps: number;
  readonly bias?: View | undefined;
  readonly y?: View | undefined;
  /** Per row, for the gradient: 1 / √(variance + ε), and the mean. */
  readonly rstd?: View | undefined;
  readonly mean?: View | undefined;
}

/** The gradient of x, from g = dy · weight. */
export interface NormGrad extends Rows {
  readonly dy: View;
  readonly rstd: View;
  readonly mean?: View | undefined;
  readonly end: End;
}

/** Four elements at once, if rows and ranges with one weight are divisible by 4. */
const widthOf = ({ length, spread }: Rows): 1 | 4 => (length % 4 === 0 && (spread === 1 || spread % 4 === 0) ? 4 : 1);

/** `x(at)`, and `total(v)`, the sum of a value's components. */
const rowsOf = ({ rows, length, x }: Rows, width: 1 | 4 = 1): Part => {
  const { buffers, accessors } = array("x", x, width);
  return {
    buffers: buffers!,
    constants: {
      ROWS: [rows, "to normalise"],
      LENGTH: [length / width, `${width === 4 ? "vec4s" : "elements"} per row`],
      N: [`${length}.0`, "elements per row"],
    },
    ...(width === 4
      ? { functions: ["fn total(v: F) -> f32 { return (v.x + v.y) + (v.z + v.w); }"], accessors: accessors! }
      : { accessors: { ...accessors, total: (v) => v! } }),
  };
};

/**
 * Accessors `weighted(v)`, v times the weight of element t of row i, and `biased(v)`, v plus its bias. Without a weight
 * or bias, v.
 */
const weights = (p: Rows, width: 1 | 4 = 1): Part => joined("weighted", "*", "weight", p.weight, p, width);
const biases = (p: Norm, width: 1 | 4 = 1): Part => joined("biased", "+", "bias", p.bias, p, width);

function joined(
  accessor: string,
  operator: string,
  name: string,
  view: View | undefined,
  { length, groups, spread }: Rows,
  width: 1 | 4,
): Part {
  if (!view) return { accessors: { [accessor]: (v) => v! } };
  const own = spread === 1 ? width : 1;
  const within = spread === 1 ? "t" : `${width === 4 ? "4u * t" : "t"} / ${spread}u`;
  const at = groups === 1 ? within : `i % ${groups}u * ${length / spread / own}u + ${within}`;
  const element = widened(view.dtype, `${name}[${at}]`, own);
  return {
    buffers: [bufferOf(name, view, "read", own)],
    accessors: { [accessor]: (v) => `${v} ${operator} ${own < width ? `F(${element})` : element}` },
  };
}

/** The results that are used. */
const results = ({ y, rstd, mean }: Norm, width: 1 | 4 = 1): Part[] => [
  ...(y ? [result("y", y, width)] : []),
  ...(rstd ? [result("rstd", rstd)] : []),
  ...(mean ? [result("mean", mean)] : []),
];

const eps = (p: Norm) => ({ EPS: [`${p.eps}`, "added inside the square root"] }) as const;

/** Statements that store what the gradient reuses. */
const stores = ({ rstd, mean }: Norm, middle = ""): string[] => [
  ...(rstd ? ["rstd_put(i, scale);"] : []),
  ...(mean ? [`mean_put(i, ${middle});`] : []),
];

/** The definition: y = (x − mean) / √(variance + ε) · weight + bias along each row. */
export const layerNormNaive = (p: Norm): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [rowsOf(p), weights(p), biases(p), ...results(p)],
    constants: eps(p),
    body: wgsl`
      let i = id.x;
      if (i >= ROWS) { return; }
      let row = i * LENGTH;
      // Measure from the first element, so that a large common offset costs no precision.
      var middle = 0.0;
      for (var t = 0u; t < LENGTH; t++) { middle += (x(row + t) - x(row)) / N; }
      var variance = 0.0;
      for (var t = 0u; t < LENGTH; t++) {
        let d = x(row + t) - x(row) - middle;
        variance += d * d / N;
      }
      let scale = inverseSqrt(variance + EPS);
      ${stores(p, "x(row) + middle")}
      #if ${p.y !== undefined}
      for (var t = 0u; t < LENGTH; t++) {
        let h = (x(row + t) - x(row) - middle) * scale;
        y_put(row + t, biased(weighted(h)));
      }
      #endif`,
  });

/** The definition: y = x / √(mean square + ε) · weight + bias along each row. */
export const rmsNormNaive = (p: Norm): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [rowsOf(p), weights(p), biases(p), ...results(p)],
    constants: eps(p),
    body: wgsl`
      let i = id.x;
      if (i >= ROWS) { return; }
      let row = i * LENGTH;
      var square = 0.0;
      for (var t = 0u; t < LENGTH; t++) { square += x(row + t) * x(row + t) / N; }
      let scale = inverseSqrt(square + EPS);
      ${stores(p)}
      #if ${p.y !== undefined}
      for (var t = 0u; t < LENGTH; t++) {
        let h = x(row + t) * scale;
        y_put(row + t, biased(weighted(h)));
      }
      #endif`,
  });

/** Three walks along each row: mean, variance, result. */
export const layerNormLines = (way: Way) => (p: Norm) => {
  const width = widthOf(p);
  return kernel({
    workgroup: way.size,
    width,
    features: way.features ?? [],
    parts: [
      rowsOf(p, width),
      weights(p, width),
      biases(p, width),
      ...results(p, width),
      way.keeps(p.length / width, { x: (at) => `x(${at})` }),
      way.folds("vec2f", { both: sum }),
    ],
    constants: eps(p),
    body: wgsl`
      ${way.line("ROWS")}
      let row = i * LENGTH;
      read_line(row + t);
      var sums = F();
      for (${way.rounds(p.length / width)}) {
        ${way.position(p.length / width)}
        sums += line_x(row + t);
      }
      let middle = both_of_line(vec2f(total(sums), 0.0)).x / N;
      var drifts = F();
      var squares = F();
      for (${way.rounds(p.length / width)}) {
        ${way.position(p.length / width)}
        let d = line_x(row + t) - middle;
        drifts += d;
        squares += d * d;
      }
      // The remaining error of the mean, and the variance: the corrected two-pass algorithm (Chan et al., 1983).
      let both = both_of_line(vec2f(total(drifts), total(squares)));
      let shift = both.x / N;
      let variance = max(both.y / N - shift * shift, 0.0);
      let scale = inverseSqrt(variance + EPS);
      ${way.once(...stores(p, "middle + shift"))}
      #if ${p.y !== undefined}
      for (${way.rounds(p.length / width)}) {
        ${way.position(p.length / width)}
        let h = (line_x(row + t) - middle - shift) * scale;
        y_put(row + t, biased(weighted(h)));
      }
      #endif`,
  });
};

/** Two walks along each row: mean square, result. */
export const rmsNormLines = (way: Way) => (p: Norm) => {
  const width = widthOf(p);
  return kernel({
    workgroup: way.size,
    width,
    features: way.features ?? [],
    parts: [
      rowsOf(p, width),
      weights(p, width),
      biases(p, width),
      ...results(p, width),
      way.keeps(p.length / width, { x: (at) => `x(${at})` }),
      way.folds("f32", { sum }),
    ],
    constants: eps(p),
    body: wgsl`
      ${way.line("ROWS")}
      let row = i * LENGTH;
      read_line(row + t);
      var squares = F();
      for (${way.rounds(p.length / width)}) {
        ${way.position(p.length / width)}
        squares += line_x(row + t) * line_x(row + t);
      }
      let scale = inverseSqrt(sum_of_line(total(squares)) / N + EPS);
      ${way.once(...stores(p))}
      #if ${p.y !== undefined}
      for (${way.rounds(p.length / width)}) {
        ${way.position(p.length / width)}
        let h = line_x(row + t) * scale;
        y_put(row + t, biased(weighted(h)));
      }
      #endif`,
  });
};

/** The inputs of the gradient. */
const gradInputs = (p: NormGrad, width: 1 | 4 = 1): Part[] => [
  rowsOf(p, width),
  weights(p, width),
  array("dy", p.dy, width),
  array("rstd", p.rstd),
  array("mean", p.mean),
  flatEnd(p.end, width),
];

/** The definition: dx = rstd · (g − mean(g) − h · mean(g · h)) along each row. */
export const layerNormGradNaive = (p: NormGrad): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: gradInputs(p),
    body: wgsl`
      let i = id.x;
      if (i >= ROWS) { return; }
      let row = i * LENGTH;
      var own = 0.0;
      var along = 0.0;
      for (var t = 0u; t < LENGTH; t++) {
        let g = weighted(dy(row + t));
        let h = (x(row + t) - mean(i)) * rstd(i);
        own += g / N;
        along += g * h / N;
      }
      for (var t = 0u; t < LENGTH; t++) {
        let at = row + t;
        let g = weighted(dy(at));
        let h = (x(at) - mean(i)) * rstd(i);
        let dx = rstd(i) * (g - own - h * along);
        put(at, dx);
      }`,
  });

/** The definition: dx = rstd · (g − h · mean(g · h)) along each row. */
export const rmsNormGradNaive = (p: NormGrad): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: gradInputs(p),
    body: wgsl`
      let i = id.x;
      if (i >= ROWS) { return; }
      let row = i * LENGTH;
      var along = 0.0;
      for (var t = 0u; t < LENGTH; t++) {
        along += weighted(dy(row + t)) * x(row + t) * rstd(i) / N;
      }
      for (var t = 0u; t < LENGTH; t++) {
        let at = row + t;
        let g = weighted(dy(at));
        let h = x(at) * rstd(i);
        let dx = rstd(i) * (g - h * along);
        put(at, dx);
      }`,
  });

/** What the gradient reads along a row. */
const gradLines = ({ length }: NormGrad, way: Way, width: 1 | 4): Part =>
  way.keeps(length / width, { x: (at) => `x(${at})`, g: (at) => `weighted(dy(${at}))` });

/** Two walks along each row: sums, result. */
export const layerNormGradLines = (way: Way) => (p: NormGrad) => {
  const width = widthOf(p);
  return kernel({
    workgroup: way.size,
    width,
    features: way.features ?? [],
    parts: [...gradInputs(p, width), gradLines(p, way, width), way.folds("vec3f", { sums: sum })],
    body: wgsl`
      ${way.line("ROWS")}
      let row = i * LENGTH;
      read_line(row + t);
      let scale = rstd(i);
      let middle = mean(i);
      var own = F();
      var along = F();
      var drift = F();
      for (${way.rounds(p.length / width)}) {
        ${way.position(p.length / width)}
        let g = line_g(row + t);
        let h = (line_x(row + t) - middle) * scale;
        own += g;
        along += g * h;
        drift += h;
      }
      let sums = sums_of_line(vec3f(total(own), total(along), total(drift)));
      // The mean is rounded, which matters if it is large compared to the deviations. Its error is their mean.
      let shift = sums.z / N;
      let mixed = (sums.y - shift * sums.x) / N;
      for (${way.rounds(p.length / width)}) {
        ${way.position(p.length / width)}
        let at = row + t;
        let g = line_g(at);
        let h = (line_x(at) - middle) * scale;
        let dx = scale * (g - sums.x / N - (h - shift) * mixed);
        put(at, dx);
      }`,
  });
};

/** The same for rmsNorm. */
export const rmsNormGradLines = (way: Way) => (p: NormGrad) => {
  const width = widthOf(p);
  return kernel({
    workgroup: way.size,
    width,
    features: way.features ?? [],
    parts: [...gradInputs(p, width), gradLines(p, way, width), way.folds("f32", { sum })],
    body: wgsl`
      ${way.line("ROWS")}
      let row = i * LENGTH;
      read_line(row + t);
      let scale = rstd(i);
      var along = F();
      for (${way.rounds(p.length / width)}) {
        ${way.position(p.length / width)}
        let g = line_g(row + t);
        let h = line_x(row + t) * scale;
        along += g * h;
      }
      let mixed = sum_of_line(total(along)) / N;
      for (${way.rounds(p.length / width)}) {
        ${way.position(p.length / width)}
        let at = row + t;
        let g = line_g(at);
        let h = line_x(at) * scale;
        let dx = scale * (g - h * mixed);
        put(at, dx);
      }`,
  });
};
