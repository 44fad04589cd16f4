import { type Grid, linearGroup, linearId, storage, workgroupSize } from "./lib/grid.wgsl.ts";
import { narrowed, narrowed4, widened, widened4 } from "./lib/half.wgsl.ts";
import { type Scalar, vec4Of } from "./lib/view.wgsl.ts";
import { wgsl } from "./wgsl.ts";

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
  readonly grid: Grid;
}

const takesLabels = (kind: SoftmaxKind): boolean => kind === "crossEntropy" || kind === "crossEntropyGrad";

/** @param width elements that x and y are read and written by. */
function declarations(p: SoftmaxParams, width: 1 | 4): string[] {
  const labels = takesLabels(p.kind) ? [storage(1, "labels", "read", "i32", p.labelLength)] : [];
  const grads = p.kind === "crossEntropyGrad" ? [storage(2, "dloss", "read", "f32", p.gradLength)] : [];
  const output = 1 + labels.length + grads.length;
  const array = (binding: number, name: string, access: "read" | "read_write", type: Scalar, length: number) =>
    width === 4 && !(name === "y" && p.kind === "crossEntropy")
      ? storage(binding, name, access, vec4Of[type], length / 4)
      : storage(binding, name, access, type, length);
  return [
    `const LINES = ${p.lines}u;`,
    `const LENGTH = ${p.length}u; // elements of a line`,
    `const INNER = ${p.inner}u; // distance between neighbours of a line`,
    array(0, "x", "read", p.type, p.inputLength),
    ...labels,
    ...grads,
    array(output, "y", "read_write", p.outputType, p.outputLength),
  ];
}

/** What is stored for element `t` of the line, given its logit `value`, the line's `top` and `total` = Σ e^(x − top). */
const stored = ({ kind, outputType }: SoftmaxParams): string =>
  narrowed(
    outputType,
    kind === "softmax"
      ? "exp(value - top) / total"
      : kind === "logSoftmax"
        ? "value - top - log(total)"
        : "select(0.0, scale * (exp(value - top) / total - select(0.0, 1.0, i32(t) == label)), kept)",
  );

/** The logit at a place of the buffer, as f32. */
const logit = ({ type }: SoftmaxParams, at: string): string => widened(type, `x[${at}]`);

/** Statements that read the label of line `i`; those outside the line are held at its ends. */
const readLabel = ({ kind, ignore, uniform }: SoftmaxParams): string => wgsl`
  #if ${takesLabels(kind)}
  let label = clamp(labels[i], 0, i32(LENGTH) - 1);
  let kept = ${ignore === undefined ? "true" : `labels[i] != ${ignore}`};
  #endif
  #if ${kind === "crossEntropyGrad"}
  let scale = dloss[${uniform ? "0" : "i"}];
  #endif
`;

/**
 * Softmax and its relatives, one invocation per line and no barrier: largest element, sum of exponentials, result. The variant
 * for CPU adapters and for many short lines.
 */
export const softmaxSerial = (p: SoftmaxParams): string =>
  p.inner === 1 && p.length % 4 === 0 ? softmaxWide(p) : softmaxNarrow(p);

const softmaxNarrow = (p: SoftmaxParams): string => wgsl`
${declarations(p, 1)}

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = ${linearId(p.grid, workgroupSize)};
  if (i >= LINES) { return; }
  let from_ = i / INNER * (LENGTH * INNER) + i % INNER;
  ${readLabel(p)}
  var top = ${logit(p, "from_")};
  for (var t = 1u; t < LENGTH; t++) { top = max(top, ${logit(p, "from_ + t * INNER")}); }
  var total = 0.0;
  for (var t = 0u; t < LENGTH; t++) { total += exp(${logit(p, "from_ + t * INNER")} - top); }
  #if ${p.kind === "crossEntropy"}
  y[i] = select(0.0, log(total) + top - ${logit(p, "from_ + u32(label) * INNER")}, kept);
  #else
  for (var t = 0u; t < LENGTH; t++) {
    let value = ${logit(p, "from_ + t * INNER")};
    y[from_ + t * INNER] = ${stored(p)};
  }
  #endif
}
`;

/** The same by four neighbours at once. Where the result can hold them, exponentials are kept there until their sum is known. */
function softmaxWide(p: SoftmaxParams): string {
  const four = widened4(p.type, "x[from_ + t]");
  const keeps = p.kind !== "logSoftmax" && p.kind !== "crossEntropy" && p.outputType === "f32";
  const value = keeps ? "y[from_ + t]" : `exp(${four} - vec4f(top))`;
  const result =
    p.kind === "softmax"
      ? `${value} / total`
      : p.kind === "logSoftmax"
        ? `${four} - vec4f(top + log(total))`
        : `select(vec4f(), scale * (${value} / total - select(vec4f(), vec4f(1.0), at == vec4i(label))), vec4<bool>(kept))`;
  return wgsl`
${declarations(p, 4)}

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = ${linearId(p.grid, workgroupSize)};
  if (i >= LINES) { return; }
  let from_ = i * (LENGTH / 4u);
  ${readLabel(p)}
  var tops = ${widened4(p.type, "x[from_]")};
  for (var t = 1u; t < LENGTH / 4u; t++) { tops = max(tops, ${four}); }
  let top = max(max(tops.x, tops.y), max(tops.z, tops.w));
  var totals = vec4f();
  for (var t = 0u; t < LENGTH / 4u; t++) {
    let e = exp(${four} - vec4f(top));
    totals += e;
    #if ${keeps}
    y[from_ + t] = e;
    #endif
  }
  let total = (totals.x + totals.y) + (totals.z + totals.w);
  #if ${p.kind === "crossEntropy"}
  y[i] = select(0.0, log(total) + top - ${widened(p.type, "x[from_ + u32(label) / 4u][u32(label) % 4u]")}, kept);
  #else
  for (var t = 0u; t < LENGTH / 4u; t++) {
    let at = vec4i(4u * t + vec4u(0u, 1u, 2u, 3u));
    y[from_ + t] = ${narrowed4(p.outputType, result)};
  }
  #endif
}
`;
}

/** The same with one workgroup per line and two trees over workgroup memory: the variant for GPUs and long lines. */
export const softmaxTree = (p: SoftmaxParams): string => wgsl`
${declarations(p, 1)}
const THREADS = ${workgroupSize}u;
const ROUNDS = ${Math.ceil(p.length / workgroupSize)}u;
var<workgroup> partial: array<f32, ${workgroupSize}>;

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  // No early return: every invocation must reach the barriers, also those of surplus workgroups, which repeat the last line.
  let i = min(${linearGroup(p.grid)}, LINES - 1u);
  let from_ = i / INNER * (LENGTH * INNER) + i % INNER;
  ${readLabel(p)}
  var top = ${logit(p, "from_")};
  for (var k = 0u; k < ROUNDS; k++) {
    let t = k * THREADS + lane;
    if (t < LENGTH) { top = max(top, ${logit(p, "from_ + t * INNER")}); }
  }
  partial[lane] = top;
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { partial[lane] = max(partial[lane], partial[lane + half]); }
  }
  top = workgroupUniformLoad(&partial[0]);
  var total = 0.0;
  for (var k = 0u; k < ROUNDS; k++) {
    let t = k * THREADS + lane;
    if (t < LENGTH) { total += exp(${logit(p, "from_ + t * INNER")} - top); }
  }
  partial[lane] = total;
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { partial[lane] += partial[lane + half]; }
  }
  total = workgroupUniformLoad(&partial[0]);
  if (${linearGroup(p.grid)} >= LINES) { return; }
  #if ${p.kind === "crossEntropy"}
  if (lane == 0u) { y[i] = select(0.0, log(total) + top - ${logit(p, "from_ + u32(label) * INNER")}, kept); }
  #else
  for (var k = 0u; k < ROUNDS; k++) {
    let t = k * THREADS + lane;
    if (t < LENGTH) {
      let value = ${logit(p, "from_ + t * INNER")};
      y[from_ + t * INNER] = ${stored(p)};
    }
  }
  #endif
}
`;
