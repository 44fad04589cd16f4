import { type Grid, linearGroup, linearId, storage, workgroupSize } from "./lib/grid.wgsl.ts";
import { narrowed, narrowed4, widened, widened4 } from "./lib/half.wgsl.ts";
import { type Scalar, vec4Of } from "./lib/view.wgsl.ts";
import { wgsl } from "./wgsl.ts";

export interface SoftmaxGradParams {
  /** Element types of the two inputs and the result; everything in between is f32. */
  readonly types: readonly [y: Scalar, dy: Scalar, dx: Scalar];
  /** Elements of the ranges bound for them. */
  readonly lengths: readonly [y: number, dy: number, dx: number];
  /** Lines, elements of a line, and the distance between its neighbours. */
  readonly lines: number;
  readonly length: number;
  readonly inner: number;
  readonly grid: Grid;
}

function declarations({ types, lengths, lines, length, inner }: SoftmaxGradParams, width: 1 | 4): string[] {
  const names = ["y", "dy", "dx"];
  return [
    `const LINES = ${lines}u;`,
    `const LENGTH = ${length / width}u; // ${width === 4 ? "vec4" : "elements"} of a line`,
    `const INNER = ${inner}u; // distance between neighbours of a line`,
    ...names.map((name, i) => {
      const type = types[i]!;
      const access = name === "dx" ? "read_write" : "read";
      return storage(i, name, access, width === 4 ? vec4Of[type] : type, lengths[i]! / width);
    }),
  ];
}

/** dx = y · (dy − Σ y · dy), one invocation per line and no barrier, where it can by four neighbours at once. */
export function softmaxGradSerial(p: SoftmaxGradParams): string {
  const width = p.inner === 1 && p.length % 4 === 0 ? 4 : 1;
  const [wide, narrow] = width === 4 ? [widened4, narrowed4] : [widened, narrowed];
  const [y, dy] = [wide(p.types[0], "y[at]"), wide(p.types[1], "dy[at]")];
  return wgsl`
${declarations(p, width)}

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = ${linearId(p.grid, workgroupSize)};
  if (i >= LINES) { return; }
  let from_ = i / INNER * (LENGTH * INNER) + i % INNER;
  var acc = ${width === 4 ? "vec4f()" : "0.0"};
  for (var t = 0u; t < LENGTH; t++) {
    let at = from_ + t * INNER;
    acc += ${y} * ${dy};
  }
  let total = ${width === 4 ? "(acc.x + acc.y) + (acc.z + acc.w)" : "acc"};
  for (var t = 0u; t < LENGTH; t++) {
    let at = from_ + t * INNER;
    dx[at] = ${narrow(p.types[2], `${y} * (${dy} - total)`)};
  }
}
`;
}

/** The same with one workgroup per line and a tree over workgroup memory: the variant for GPUs and long lines. */
export function softmaxGradTree(p: SoftmaxGradParams): string {
  const [y, dy] = [widened(p.types[0], "y[at]"), widened(p.types[1], "dy[at]")];
  return wgsl`
${declarations(p, 1)}
const THREADS = ${workgroupSize}u;
var<workgroup> partial: array<f32, ${workgroupSize}>;

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  // No early return: every invocation must reach the barriers, also those of surplus workgroups, which repeat the last line.
  let i = min(${linearGroup(p.grid)}, LINES - 1u);
  let from_ = i / INNER * (LENGTH * INNER) + i % INNER;
  var acc = 0.0;
  for (var t = lane; t < LENGTH; t += THREADS) {
    let at = from_ + t * INNER;
    acc += ${y} * ${dy};
  }
  partial[lane] = acc;
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { partial[lane] += partial[lane + half]; }
  }
  let total = workgroupUniformLoad(&partial[0]);
  if (${linearGroup(p.grid)} >= LINES) { return; }
  for (var t = lane; t < LENGTH; t += THREADS) {
    let at = from_ + t * INNER;
    dx[at] = ${narrowed(p.types[2], `${y} * (${dy} - total)`)};
  }
}
`;
}
