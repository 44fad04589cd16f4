import { type FlatResults, flatEnding, namesOf, range } from "./lib/epilogue.wgsl.ts";
import { storage, workgroupSize } from "./lib/grid.wgsl.ts";
import { narrowed, widened } from "./lib/half.wgsl.ts";
import type { Scalar } from "./lib/view.wgsl.ts";
import { indented, wgsl } from "./wgsl.ts";

export interface PoolParams {
  /** Element type of image and results. */
  readonly type: Scalar;
  readonly height: number;
  readonly width: number;
  readonly rows: number;
  readonly cols: number;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** Elements of the result. */
  readonly count: number;
  /** Elements of the bound ranges. */
  readonly imageLength: number;
  readonly pooledLength: number;
  readonly indexLength: number;
}

/** Of gradients, whose elements may be the first input of a program. */
export interface PoolGradParams extends PoolParams, FlatResults {}

/** Input row and column that window element (i, j) of the result at `row`, `col` shows; before the input they wrap. */
const elementOf = ({ stride, padding, dilation }: PoolParams, i: string, j: string): string[] => [
  `let y = row * ${stride[0]}u + ${i} * ${dilation[0]}u - ${padding[0]}u;`,
  `let x = col * ${stride[1]}u + ${j} * ${dilation[1]}u - ${padding[1]}u;`,
];

/** Whether every window lies inside the image. */
const allInside = ({ padding, kernel, stride, dilation, rows, cols, height, width }: PoolParams): boolean =>
  padding.every((pad) => pad === 0) &&
  (rows - 1) * stride[0] + (kernel[0] - 1) * dilation[0] < height &&
  (cols - 1) * stride[1] + (kernel[1] - 1) * dilation[1] < width;

/** Statements for every element (i, j) of a rectangle: written out where it is small, a loop where it is not. */
const forEach = (
  [height, width]: readonly [number, number],
  body: (i: string, j: string) => readonly string[],
): string[] =>
  height * width <= 16
    ? range(height).flatMap((i) => range(width).flatMap((j) => ["{", ...body(`${i}u`, `${j}u`), "}"]))
    : [`for (var i = 0u; i < ${height}u; i++) { for (var j = 0u; j < ${width}u; j++) {`, ...body("i", "j"), "} }"];

const constants = (p: PoolParams): string => `
const COUNT = ${p.count}u;
const HEIGHT = ${p.height}u;
const WIDTH = ${p.width}u;
const ROWS = ${p.rows}u;
const COLS = ${p.cols}u;
const KERNEL_H = ${p.kernel[0]}u;
const KERNEL_W = ${p.kernel[1]}u;`;

/** The window element that a packed index names, for result `o`: four bytes to a word, result o in byte o % 4. */
const unpack = "(index[o / 4u] >> (8u * (o % 4u))) & 255u";

/**
 * Largest element of each window, the first of equal ones; padding never wins. One invocation owns four neighbouring results and
 * packs which element of the window won, a byte each, into one word.
 */
export const maxPool = (p: PoolParams): string => wgsl`
${constants(p)}
${storage(0, "image", "read", p.type, p.imageLength)}
${storage(1, "pooled", "read_write", p.type, p.pooledLength)}
${storage(2, "index", "read_write", "u32", p.indexLength)}

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let four = id.x;
  if (4u * four >= COUNT) { return; }
  var word = 0u;
  for (var lane = 0u; lane < 4u; lane++) {
    let o = 4u * four + lane;
    #if ${p.count % 4 !== 0}
    if (o >= COUNT) { break; }
    #endif
    let col = o % COLS;
    let row = o / COLS % ROWS;
    let plane = o / (ROWS * COLS) * (HEIGHT * WIDTH);
    var best = -3.4028234663852886e38;
    var at = 255u;
${forEach(p.kernel, (i, j) => [
  ...elementOf(p, i, j),
  `let value = ${widened(p.type, "image[plane + y * WIDTH + x]")};`,
  `let wins = ${allInside(p) ? "" : "y < HEIGHT && x < WIDTH && "}(value > best || at == 255u);`,
  "best = select(best, value, wins);",
  `at = select(at, ${i} * KERNEL_W + ${j}, wins);`,
]).map((line) => `    ${line}`)}
    pooled[o] = ${narrowed(p.type, "best")};
    word |= at << (8u * lane);
  }
  index[four] = word;
}
`;

/** The function that stores an element of the image's gradient, with what it needs. */
function storing(p: PoolGradParams): string[] {
  const ending = flatEnding(p, 1);
  return [
    ...namesOf([p.epilogue], 1),
    ...ending.declare(2),
    "fn put(e: u32, value: f32) {",
    ...indented(ending.store("value", "e")),
    "}",
  ];
}

/**
 * Gradient of the image: each element of it collects from the windows in which it won. One invocation per element looks at the
 * windows that show it; nothing is scattered, so the order of addition is fixed.
 */
export const maxPoolGrad = (p: PoolGradParams): string => wgsl`
${constants(p)}
${storage(0, "pooled", "read", p.type, p.pooledLength)}
${storage(1, "index", "read", "u32", p.indexLength)}
${storing(p)}

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let e = id.x;
  if (e >= COUNT) { return; }
  let plane = e / (HEIGHT * WIDTH) * (ROWS * COLS);
  var sum = 0.0;
  for (var i = 0u; i < KERNEL_H; i++) {
    for (var j = 0u; j < KERNEL_W; j++) {
      // The window that shows this element as its (i, j), if there is one; what lies before the first wraps and is refused.
      let y = e / WIDTH % HEIGHT + ${p.padding[0]}u - i * ${p.dilation[0]}u;
      let x = e % WIDTH + ${p.padding[1]}u - j * ${p.dilation[1]}u;
      if (y % ${p.stride[0]}u == 0u && x % ${p.stride[1]}u == 0u && y / ${p.stride[0]}u < ROWS && x / ${p.stride[1]}u < COLS) {
        let o = plane + y / ${p.stride[0]}u * COLS + x / ${p.stride[1]}u;
        if ((${unpack}) == i * KERNEL_W + j) { sum += ${widened(p.type, "pooled[o]")}; }
      }
    }
  }
  put(e, sum);
}
`;

/**
 * The same where windows neither overlap nor hang over the start: one invocation per window and its share of what lies between them
 * writes its own block of the image. COUNT counts blocks.
 */
export const maxPoolGradBlocks = (p: PoolGradParams): string => wgsl`
${constants(p)}
const BLOCKS_X = ${Math.ceil(p.width / p.stride[1])}u;
const BLOCKS_Y = ${Math.ceil(p.height / p.stride[0])}u;
${storage(0, "pooled", "read", p.type, p.pooledLength)}
${storage(1, "index", "read", "u32", p.indexLength)}
${storing(p)}

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let block = id.x;
  if (block >= COUNT) { return; }
  let col = block % BLOCKS_X;
  let row = block / BLOCKS_X % BLOCKS_Y;
  let plane = block / (BLOCKS_X * BLOCKS_Y);
  let o = (plane * ROWS + row) * COLS + col;
  let whole = row < ROWS && col < COLS; // a block at the edge may have no window
  let won = select(256u, ${unpack}, whole);
  let value = ${widened(p.type, "pooled[o]")};
  let start = (plane * HEIGHT + row * ${p.stride[0]}u) * WIDTH + col * ${p.stride[1]}u;
${forEach(p.stride, (i, j) => {
  const here = `${i} < KERNEL_H && ${j} < KERNEL_W && ${i} * KERNEL_W + ${j} == won`;
  const guards = [
    ...(p.height % p.stride[0] === 0 ? [] : [`row * ${p.stride[0]}u + ${i} < HEIGHT`]),
    ...(p.width % p.stride[1] === 0 ? [] : [`col * ${p.stride[1]}u + ${j} < WIDTH`]),
  ];
  const store = `put(start + ${i} * WIDTH + ${j}, select(0.0, value, ${here}));`;
  return [guards.length > 0 ? `if (${guards.join(" && ")}) { ${store} }` : store];
}).map((line) => `  ${line}`)}
}
`;

/** The elements of an image that won: the gradient of \`maxPoolGrad\`. */
export const maxPoolPick = (p: PoolParams): string => wgsl`
${constants(p)}
${storage(0, "image", "read", p.type, p.imageLength)}
${storage(1, "index", "read", "u32", p.indexLength)}
${storage(2, "pooled", "read_write", p.type, p.pooledLength)}

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let o = id.x;
  if (o >= COUNT) { return; }
  let col = o % COLS;
  let row = o / COLS % ROWS;
  let won = ${unpack};
  let i = won / KERNEL_W;
  let j = won % KERNEL_W;
${elementOf(p, "i", "j").map((line) => `  ${line}`)}
  pooled[o] = image[o / (ROWS * COLS) * (HEIGHT * WIDTH) + y * WIDTH + x];
}
`;
