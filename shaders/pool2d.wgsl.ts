import { array, result } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { workgroupSize } from "./lib/grid.wgsl.ts";
import type { Kernel, Part, View } from "./lib/kernel.ts";
import { type End, flatEnd } from "./lib/results.ts";
import { each, indented, wgsl } from "./wgsl.ts";

/** Windows over an image. Pairs are [vertical, horizontal]. */
export interface Windows {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** Rows and columns of the result. */
  readonly size: readonly [number, number];
}

/** Max pooling: images [N, C, H, W], one result per window, and the index of the maximum in its window. */
export interface Pooling {
  readonly windows: Windows;
  readonly image: View;
  readonly pooled: View;
  /** One byte per result, four to a word; 255 for a window of only padding. */
  readonly index: View;
}

/** The epilogue stores the gradient of the image. */
export interface PoolGrad extends Omit<Pooling, "image"> {
  readonly end: End;
}

/** Names for all sizes; unused ones are not printed. */
const sizes = ({ kernel, stride, padding, dilation, size }: Windows, image: View) => {
  const [n, c, height, width] = image.shape as [number, number, number, number];
  return {
    COUNT: [n * c * size[0] * size[1], "results"],
    ROWS: [size[0], "of a result"],
    COLS: [size[1], "of a result"],
    HEIGHT: [height, "of an image"],
    WIDTH: [width, "of an image"],
    KERNEL_H: [kernel[0], "rows of a window"],
    KERNEL_W: [kernel[1], "columns of a window"],
    STRIDE_Y: [stride[0], "rows"],
    STRIDE_X: [stride[1], "columns"],
    DILATION_Y: [dilation[0], "rows"],
    DILATION_X: [dilation[1], "columns"],
    TOP: [padding[0], "rows of padding"],
    LEFT: [padding[1], "columns of padding"],
  } as const;
};

/** Whether every window is inside the image. */
const areInside = ({ kernel, stride, padding, dilation, size }: Windows, { shape }: View): boolean =>
  [0, 1].every(
    (k) => padding[k] === 0 && (size[k]! - 1) * stride[k]! + (kernel[k]! - 1) * dilation[k]! < shape[2 + k]!,
  );

/** Whether to unroll loops over a rectangle, which takes half the time on SwiftShader. */
export const isSmall = ([height, width]: readonly [number, number]): boolean => height * width <= 16;

/** A block for each element (i, j) of a rectangle: unrolled if it is small, else in loops. */
const forEach = ([height, width]: readonly [number, number], block: string): string[] =>
  isSmall([height, width])
    ? each(height, (i) => each(width, (j) => ["{", `  const i = ${i}u;`, `  const j = ${j}u;`, ...inside(block), "}"]))
    : [
        `for (var i = 0u; i < ${height}u; i++) {`,
        `  for (var j = 0u; j < ${width}u; j++) {`,
        ...inside(block, 4),
        "  }",
        "}",
      ];
const inside = (block: string, by = 2): string[] => indented(block.trim().split("\n"), by);

/** Image position of element (i, j) of the window at `row`, `col`. Positions before the image wrap to huge numbers. */
const place = ["let y = row * STRIDE_Y + i * DILATION_Y - TOP;", "let x = col * STRIDE_X + j * DILATION_X - LEFT;"];

/**
 * The definition: the maximum of each window, the first at a tie; padding is never the maximum. One invocation computes
 * four neighbouring results, whose indices share a word.
 */
export const maxPool = (p: Pooling): Kernel =>
  pooling(
    p,
    [],
    wgsl`
      let four = id.x;
      if (4u * four >= COUNT) { return; }
      var winners = 0u;
      for (var o = 4u * four; o < min(4u * four + 4u, COUNT); o++) {
        let plane = o / (ROWS * COLS) * (HEIGHT * WIDTH);
        let corner = vec2u(o % COLS * STRIDE_X - LEFT, o / COLS % ROWS * STRIDE_Y - TOP); // of the window
        var best = negative_infinity();
        var won = 255u; // no element yet
        for (var i = 0u; i < KERNEL_H; i++) {
          for (var j = 0u; j < KERNEL_W; j++) {
            let at = corner + vec2u(j * DILATION_X, i * DILATION_Y); // before the image: a huge number
            if (at.x >= WIDTH || at.y >= HEIGHT) { continue; }
            let value = image(plane + at.y * WIDTH + at.x);
            if (value > best || won == 255u) { best = value; won = i * KERNEL_W + j; }
          }
        }
        pooled_put(o, best);
        winners |= won << (8u * (o % 4u));
      }
      index_store(four, winners);`,
  );

/** The same for small windows, without loops or branches. */
export const maxPoolUnrolled = (p: Pooling): Kernel =>
  pooling(
    p,
    [
      wgsl`
fn maximum(o: u32) -> u32 {
  let row = o / COLS % ROWS;
  let col = o % COLS;
  let plane = o / (ROWS * COLS) * (HEIGHT * WIDTH);
  var best = negative_infinity();
  var won = 255u; // no element yet
  ${forEach(
    p.windows.kernel,
    wgsl`
    ${place}
    let value = image(plane + y * WIDTH + x);
    let wins = ${areInside(p.windows, p.image) ? "" : "y < HEIGHT && x < WIDTH && "}(value > best || won == 255u);
    best = select(best, value, wins);
    won = select(won, i * KERNEL_W + j, wins);`,
  )}
  pooled_put(o, best);
  return won;
}`,
    ],
    wgsl`
      let four = id.x;
      if (4u * four >= COUNT) { return; }
      var winners = 0u;
      for (var k = 0u; k < 4u; k++) {
        let o = 4u * four + k;
        if (o < COUNT) { winners |= maximum(o) << (8u * k); }
      }
      index_store(four, winners);`,
  );

const pooling = ({ windows, image, pooled, index }: Pooling, functions: readonly string[], body: string): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [array("image", image), result("pooled", pooled), result("index", index)],
    constants: sizes(windows, image),
    functions: [negativeInfinity, ...functions],
    body,
  });

/** WGSL rejects infinite constant expressions, but not the bits of a variable. */
const negativeInfinity = wgsl`
fn negative_infinity() -> f32 {
  var bits = 0xff800000u;
  return bitcast<f32>(bits);
}`;

/** `winner(o)`: the index of the maximum in the window of result o. */
const winners = (index: View): Part => ({
  ...array("index", index),
  accessors: { winner: (o) => `(index[${o} / 4u] >> (8u * (${o} % 4u))) & 255u` },
});

/**
 * The definition of the gradient: each element of the image sums the gradients of the windows where it was the maximum.
 * One invocation per element searches the windows that contain it. Nothing is scattered, so the order of addition is
 * fixed.
 */
export const maxPoolGrad = ({ windows, pooled, index, end }: PoolGrad): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [array("pooled", pooled), winners(index), flatEnd(end, 1)],
    constants: { ...sizes(windows, end.places[0]!), COUNT: [elementsOf(end), "elements of the image"] },
    body: wgsl`
      let e = id.x;
      if (e >= COUNT) { return; }
      let plane = e / (HEIGHT * WIDTH) * (ROWS * COLS);
      var sum = 0.0;
      for (var i = 0u; i < KERNEL_H; i++) {
        for (var j = 0u; j < KERNEL_W; j++) {
          // The window that has this element at (i, j), if any. Windows before the first wrap around to huge numbers.
          let y = e / WIDTH % HEIGHT + TOP - i * DILATION_Y;
          let x = e % WIDTH + LEFT - j * DILATION_X;
          let row = y / STRIDE_Y;
          let col = x / STRIDE_X;
          if (row * STRIDE_Y == y && col * STRIDE_X == x && row < ROWS && col < COLS) {
            let o = plane + row * COLS + col;
            let won = winner(o);
            if (won == i * KERNEL_W + j) { sum += pooled(o); }
          }
        }
      }
      put(e, sum);`,
  });

/**
 * The same for windows without overlap, padding or dilation: one invocation per window writes its block of the image,
 * including its share of the gaps between windows.
 */
export function maxPoolGradBlocks({ windows, pooled, index, end }: PoolGrad): Kernel {
  const image = end.places[0]!;
  const { stride } = windows;
  const [n, c, height, width] = image.shape as [number, number, number, number];
  const [down, across] = [Math.ceil(height / stride[0]), Math.ceil(width / stride[1])];
  const guards = [
    ...(height % stride[0] === 0 ? [] : ["row * STRIDE_Y + i < HEIGHT"]),
    ...(width % stride[1] === 0 ? [] : ["col * STRIDE_X + j < WIDTH"]),
  ].join(" && ");
  const store = "put_at(start + i * WIDTH + j, select(0.0, value, wins));";
  return kernel({
    workgroup: workgroupSize,
    parts: [array("pooled", pooled), winners(index), flatEnd(end, 1)],
    constants: {
      ...sizes(windows, image),
      COUNT: [n * c * down * across, "blocks"],
      BLOCKS_X: [across, "blocks per row"],
      BLOCKS_Y: [down, "blocks per column"],
    },
    functions: [
      wgsl`
fn put_at(e: u32, value: f32) {
  put(e, value);
}`,
    ],
    body: wgsl`
      let block = id.x;
      if (block >= COUNT) { return; }
      let col = block % BLOCKS_X;
      let row = block / BLOCKS_X % BLOCKS_Y;
      let plane = block / (BLOCKS_X * BLOCKS_Y);
      let o = (plane * ROWS + row) * COLS + col;
      let winner_of_window = winner(o);
      let won = select(256u, winner_of_window, row < ROWS && col < COLS); // a block at the edge may have no window
      let value = pooled(o);
      let start = (plane * HEIGHT + row * STRIDE_Y) * WIDTH + col * STRIDE_X;
      ${forEach(
        stride,
        wgsl`
        let wins = i < KERNEL_H && j < KERNEL_W && i * KERNEL_W + j == won;
        ${guards ? `if (${guards}) { ${store} }` : store}`,
      )}`,
  });
}

/** The elements of an image that were maxima: the gradient of the gradient. */
export const maxPoolPick = ({ windows, image, pooled, index }: Pooling): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [array("image", image), winners(index), result("pooled", pooled)],
    constants: sizes(windows, image),
    body: wgsl`
      let o = id.x;
      if (o >= COUNT) { return; }
      let col = o % COLS;
      let row = o / COLS % ROWS;
      let plane = o / (ROWS * COLS) * (HEIGHT * WIDTH);
      let won = winner(o);
      let i = won / KERNEL_W;
      let j = won % KERNEL_W;
      ${place}
      pooled_put(o, select(0.0, image(plane + y * WIDTH + x), won < 255u));`,
  });

const elementsOf = ({ places }: End): number => places[0]!.shape.reduce((a, b) => a * b, 1);
