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

/** Max pooling: images [N, C, H, W], one result for each window, and for each result which element of its window won. */
export interface Pooling {
  readonly windows: Windows;
  readonly image: View;
  readonly pooled: View;
  /** Four to a word, a byte each; 255 where a window shows nothing but padding. */
  readonly index: View;
}

/** The gradient of the image is stored by the end of the kernel. */
export interface PoolGrad extends Omit<Pooling, "image"> {
  readonly end: End;
}

/** Names for all sizes; those that a kernel does not use are not printed. */
const sizes = ({ kernel, stride, padding, dilation, size }: Windows, image: View) => {
  const [n, c, height, width] = image.shape as [number, number, number, number];
  return {
    COUNT: [n * c * size[0] * size[1], "results"],
    ROWS: [size[0], "of a result"],
    COLS: size[1],
    HEIGHT: [height, "of an image"],
    WIDTH: width,
    KERNEL_H: [kernel[0], "rows of a window"],
    KERNEL_W: kernel[1],
    STRIDE_Y: stride[0],
    STRIDE_X: stride[1],
    DILATION_Y: dilation[0],
    DILATION_X: dilation[1],
    TOP: [padding[0], "rows of padding"],
    LEFT: padding[1],
  } as const;
};

/** Whether every window lies inside the image. */
const areInside = ({ kernel, stride, padding, dilation, size }: Windows, { shape }: View): boolean =>
  [0, 1].every(
    (k) => padding[k] === 0 && (size[k]! - 1) * stride[k]! + (kernel[k]! - 1) * dilation[k]! < shape[2 + k]!,
  );

/**
 * A block for each element (i, j) of a rectangle: written out where there are few, which takes half the time on SwiftShader, else in
 * loops.
 */
const forEach = ([height, width]: readonly [number, number], block: string): string[] =>
  height * width <= 16
    ? each(height, (i) => each(width, (j) => ["{", `  const i = ${i}u;`, `  const j = ${j}u;`, ...inside(block), "}"]))
    : [
        `for (var i = 0u; i < ${height}u; i++) {`,
        `  for (var j = 0u; j < ${width}u; j++) {`,
        ...inside(block, 4),
        "  }",
        "}",
      ];
const inside = (block: string, by = 2): string[] => indented(block.trim().split("\n"), by);

/** Where element (i, j) of the window of the result at `row`, `col` lies in an image; before the image it wraps to huge numbers. */
const place = ["let y = row * STRIDE_Y + i * DILATION_Y - TOP;", "let x = col * STRIDE_X + j * DILATION_X - LEFT;"];

/**
 * The definition, and the only kernel: the largest element of each window, the first of equal ones; padding never wins. One invocation
 * takes four neighbouring results, whose winners share a word.
 */
export const maxPool = ({ windows, image, pooled, index }: Pooling): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [array("image", image), result("pooled", pooled), result("index", index)],
    constants: sizes(windows, image),
    body: wgsl`
      let four = id.x;
      if (4u * four >= COUNT) { return; }
      var negative_infinity = 0xff800000u; // no constant: WGSL refuses an infinity that it can compute beforehand
      var winners = 0u;
      for (var k = 0u; k < 4u; k++) {
        let o = 4u * four + k;
        #if ${pooled.shape.reduce((a, b) => a * b) % 4 > 0}
        if (o >= COUNT) { break; }
        #endif
        let row = o / COLS % ROWS;
        let col = o % COLS;
        let plane = o / (ROWS * COLS) * (HEIGHT * WIDTH);
        var best = bitcast<f32>(negative_infinity);
        var won = 255u; // no element yet
        ${forEach(
          windows.kernel,
          wgsl`
          ${place}
          let value = image(plane + y * WIDTH + x);
          let wins = ${areInside(windows, image) ? "" : "y < HEIGHT && x < WIDTH && "}(value > best || won == 255u);
          best = select(best, value, wins);
          won = select(won, i * KERNEL_W + j, wins);`,
        )}
        pooled_put(o, best);
        winners |= won << (8u * k);
      }
      index_store(four, winners);`,
  });

/** `winner(o)`: which element of its window won, for result o. */
const winners = (index: View): Part => ({
  ...array("index", index),
  accessors: { winner: (o) => `(index[${o} / 4u] >> (8u * (${o} % 4u))) & 255u` },
});

/**
 * The definition of the gradient: each element of the image adds up what the windows have in which it won. One invocation for each element
 * looks at the windows that show it. Nothing is scattered, so the order of addition is fixed.
 */
export const maxPoolGrad = ({ windows, pooled, index, end }: PoolGrad): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [array("pooled", pooled), winners(index), flatEnd(end, 1)],
    constants: { ...sizes(windows, end.places[0]!), COUNT: elementsOf(end) },
    body: wgsl`
      let e = id.x;
      if (e >= COUNT) { return; }
      let plane = e / (HEIGHT * WIDTH) * (ROWS * COLS);
      var sum = 0.0;
      for (var i = 0u; i < KERNEL_H; i++) {
        for (var j = 0u; j < KERNEL_W; j++) {
          // The window that shows this element as its (i, j), if there is one. Those before the first wrap around to huge numbers.
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
 * The same where windows neither overlap nor reach beyond the start: one invocation for each window, and its share of what lies between
 * them, writes its own block of the image.
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
      BLOCKS_X: across,
      BLOCKS_Y: down,
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

/** The elements of an image that won: the gradient of the gradient. */
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
