import { type Grid, linearGroup, linearId, storage, workgroupSize } from "./lib/grid.wgsl.ts";
import { wgsl } from "./wgsl.ts";

/** "layer" takes mean and spread out of each row, "rms" divides by the root of the mean square alone. */
export type NormKind = "layer" | "rms";

/** Which element of a weight belongs to element `t` of row `i`: (i mod groups) · (length / spread) + t / spread. */
export interface AffineParams {
  readonly groups: number;
  readonly spread: number;
}

export interface NormParams {
  readonly kind: NormKind;
  readonly rows: number;
  /** Elements of a row. */
  readonly length: number;
  readonly eps: number;
  readonly affine: AffineParams;
  /** Elements of the bound ranges, in the order of the bindings; `undefined` where there is none. */
  readonly inputs: readonly (number | undefined)[];
  readonly outputs: readonly (number | undefined)[];
  readonly grid: Grid;
}

/** Four neighbours at once where rows and the stretches of one weight are whole vec4s. */
const isWide = ({ length, affine: { spread } }: NormParams): boolean =>
  length % 4 === 0 && (spread === 1 || spread % 4 === 0);

/** Names that carry one number per row, whatever the width of the others. */
const perRow = ["mean", "rstd"];

function declarations(p: NormParams, inputs: readonly string[], outputs: readonly string[]): string[] {
  const wide = isWide(p);
  const single = (name: string) =>
    perRow.includes(name) || ((name === "weight" || name === "bias") && p.affine.spread > 1);
  const bound = [
    ...inputs.map((name, i) => ({ name, length: p.inputs[i], access: "read" as const })),
    ...outputs.map((name, i) => ({ name, length: p.outputs[i], access: "read_write" as const })),
  ].filter(({ length }) => length !== undefined);
  return [
    `alias F = ${wide ? "vec4f" : "f32"};`,
    `const ROWS = ${p.rows}u;`,
    `const LENGTH = ${wide ? p.length / 4 : p.length}u; // ${wide ? "vec4" : "elements"} of a row`,
    `const N = ${p.length}.0; // elements of a row`,
    ...bound.map(({ name, length, access }, binding) =>
      wide && !single(name)
        ? storage(binding, name, access, "vec4f", length! / 4)
        : storage(binding, name, access, "f32", length!),
    ),
    wide ? "fn total(v: F) -> f32 { return (v.x + v.y) + (v.z + v.w); }" : "fn total(v: F) -> f32 { return v; }",
  ];
}

/** Expression of a weight (or bias) at position `t` of the row; `t` counts as the row does. */
function affineAt(p: NormParams, name: string): string {
  const { groups, spread } = p.affine;
  const width = isWide(p) && spread === 1 ? 4 : 1;
  const own = p.length / spread / width;
  const within = spread === 1 ? "t" : `${isWide(p) ? "4u * t" : "t"} / ${spread}u`;
  const value = `${name}[${groups === 1 ? within : `i % ${groups}u * ${own}u + ${within}`}]`;
  return isWide(p) && spread > 1 ? `F(${value})` : value;
}

/** Result of element `t`, with the parts that there are. */
const scaled = (p: NormParams, value: string): string => {
  const [, weight, bias] = p.inputs;
  const product = weight === undefined ? value : `${value} * ${affineAt(p, "weight")}`;
  return bias === undefined ? product : `${product} + ${affineAt(p, "bias")}`;
};

const inputsOf = ["x", "weight", "bias"];
const outputsOf = ["y", "rstd", "mean"];

/** What is left of the mean in `drift`, and the spread around it: the corrected two-pass algorithm (Chan et al., 1983). */
const spreadOf = (p: NormParams, drift: string, square: string): string =>
  p.kind === "rms"
    ? `let shift = 0.0;
  let variance = ${square} / N;`
    : `let shift = ${drift} / N;
  let variance = max(${square} / N - shift * shift, 0.0);`;

const stores = (p: NormParams): string[] => [
  ...(p.outputs[1] === undefined ? [] : ["rstd[i] = scale;"]),
  ...(p.outputs[2] === undefined ? [] : ["mean[i] = middle + shift;"]),
];

/**
 * y = (x − mean) · rstd · weight + bias along each row, one invocation per row and no barrier: mean, spread, result. The
 * variant for CPU adapters and for many short rows.
 */
export const normSerial = (p: NormParams): string => wgsl`
${declarations(p, inputsOf, outputsOf)}

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = ${linearId(p.grid, workgroupSize)};
  if (i >= ROWS) { return; }
  let row = i * LENGTH;
  #if ${p.kind === "rms"}
  let middle = 0.0;
  #else
  var sum = F();
  for (var t = 0u; t < LENGTH; t++) { sum += x[row + t]; }
  let middle = total(sum) / N;
  #endif
  var drift = F();
  var square = F();
  for (var t = 0u; t < LENGTH; t++) {
    let d = x[row + t] - middle;
    drift += d;
    square += d * d;
  }
  ${spreadOf(p, "total(drift)", "total(square)")}
  let scale = inverseSqrt(variance + ${p.eps});
${stores(p).map((line) => `  ${line}`)}
  #if ${p.outputs[0] !== undefined}
  for (var t = 0u; t < LENGTH; t++) {
    y[row + t] = ${scaled(p, "((x[row + t] - middle - shift) * scale)")};
  }
  #endif
}
`;

/** Folds `partial` over the workgroup in a fixed order; every invocation gets the result. */
const tree = `
fn fold(lane: u32, mine: vec2f) -> vec2f {
  // Nobody may overwrite what another invocation still reads from an earlier fold.
  workgroupBarrier();
  partial[lane] = mine;
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { partial[lane] += partial[lane + half]; }
  }
  return workgroupUniformLoad(&partial[0]);
}`;

const treeHead = (p: NormParams): string[] => [
  `const THREADS = ${workgroupSize}u;`,
  `const ROUNDS = ${Math.ceil((isWide(p) ? p.length / 4 : p.length) / workgroupSize)}u;`,
  `var<workgroup> partial: array<vec2f, ${workgroupSize}>;`,
  tree,
];

/** The same with one workgroup per row and trees over workgroup memory: the variant for GPUs and long rows. */
export const normTree = (p: NormParams): string => wgsl`
${declarations(p, inputsOf, outputsOf)}
${treeHead(p)}

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  // No early return: every invocation must reach the barriers, also those of surplus workgroups, which repeat the last row.
  let i = min(${linearGroup(p.grid)}, ROWS - 1u);
  let row = i * LENGTH;
  #if ${p.kind === "rms"}
  let middle = 0.0;
  #else
  var sum = F();
  for (var k = 0u; k < ROUNDS; k++) {
    let t = k * THREADS + lane;
    if (t < LENGTH) { sum += x[row + t]; }
  }
  let middle = fold(lane, vec2f(total(sum), 0.0)).x / N;
  #endif
  var drift = F();
  var square = F();
  for (var k = 0u; k < ROUNDS; k++) {
    let t = k * THREADS + lane;
    if (t < LENGTH) {
      let d = x[row + t] - middle;
      drift += d;
      square += d * d;
    }
  }
  let both = fold(lane, vec2f(total(drift), total(square)));
  ${spreadOf(p, "both.x", "both.y")}
  let scale = inverseSqrt(variance + ${p.eps});
  if (${linearGroup(p.grid)} >= ROWS) { return; }
  if (lane == 0u) {
${stores(p).map((line) => `    ${line}`)}
  }
  #if ${p.outputs[0] !== undefined}
  for (var k = 0u; k < ROUNDS; k++) {
    let t = k * THREADS + lane;
    if (t < LENGTH) { y[row + t] = ${scaled(p, "((x[row + t] - middle - shift) * scale)")}; }
  }
  #endif
}
`;

const gradInputs = ["x", "weight", "dy", "rstd", "mean"];

/** Gradient and normalised value of element `t` of the row. */
const gradAt = (p: NormParams): string =>
  `let g = dy[row + t]${p.inputs[1] === undefined ? "" : ` * ${affineAt(p, "weight")}`};
    let h = ${p.kind === "rms" ? "x[row + t] * scale" : "(x[row + t] - middle) * scale"};`;

const rowHead = (p: NormParams): string => `let row = i * LENGTH;
  let scale = rstd[i];
  ${p.kind === "rms" ? "" : "let middle = mean[i];"}`;

const gradValue = (kind: NormKind, of: (part: string) => string): string =>
  kind === "rms" ? `scale * (g - h * ${of("y")} / N)` : `scale * (g - ${of("x")} / N - h * ${of("y")} / N)`;

/**
 * dx = rstd · (g − mean(g) − h · mean(g · h)) along each row, with g = dy · weight and h the normalised x ("rms": without
 * mean(g)). One invocation per row and no barrier.
 */
export const normGradSerial = (p: NormParams): string => wgsl`
${declarations(p, gradInputs, ["dx"])}

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = ${linearId(p.grid, workgroupSize)};
  if (i >= ROWS) { return; }
  ${rowHead(p)}
  var sum = F();
  var along = F();
  for (var t = 0u; t < LENGTH; t++) {
    ${gradAt(p)}
    sum += g;
    along += g * h;
  }
  let both = vec2f(total(sum), total(along));
  for (var t = 0u; t < LENGTH; t++) {
    ${gradAt(p)}
    dx[row + t] = ${gradValue(p.kind, (part) => `both.${part}`)};
  }
}
`;

/** The same with one workgroup per row and one tree. */
export const normGradTree = (p: NormParams): string => wgsl`
${declarations(p, gradInputs, ["dx"])}
${treeHead(p)}

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  // No early return: every invocation must reach the barriers, also those of surplus workgroups, which repeat the last row.
  let i = min(${linearGroup(p.grid)}, ROWS - 1u);
  ${rowHead(p)}
  var sum = F();
  var along = F();
  for (var k = 0u; k < ROUNDS; k++) {
    let t = k * THREADS + lane;
    if (t >= LENGTH) { continue; }
    ${gradAt(p)}
    sum += g;
    along += g * h;
  }
  let both = fold(lane, vec2f(total(sum), total(along)));
  if (${linearGroup(p.grid)} >= ROWS) { return; }
  for (var k = 0u; k < ROUNDS; k++) {
    let t = k * THREADS + lane;
    if (t >= LENGTH) { continue; }
    ${gradAt(p)}
    dx[row + t] = ${gradValue(p.kind, (part) => `both.${part}`)};
  }
}
`;
