import type { Tensor } from "../graph/tensor.ts";
import { customOp } from "../ops/custom/custom.ts";
import { full } from "../ops/sources/constants.ts";

/*
 * Images read at moved positions. A map, six numbers (a, b, c, d, e, f) per image, says where the pixel (x, y) of the
 * result comes from: column a·x + b·y + c and row d·x + e·y + f of the image, between pixels by bilinear interpolation.
 */

/** Declarations for both kernels: `origin` is where a pixel of the result comes from. */
const place = `
fn origin(image: u32, x: f32, y: f32) -> vec2f {
  let at = 6 * image;
  return vec2f(map(at) * x + map(at + 1) * y + map(at + 2), map(at + 3) * x + map(at + 4) * y + map(at + 5));
}`;

/**
 * `[N, C, H, W]`, a map `[N, 6]` and fill values `[C]` → `[N, C, height, width]`. Outside of the image is the fill
 * value. At whole positions, pixels are copied as they are.
 */
export const sampleImages = /* @__PURE__ */ customOp("sampleImages", {
  inputs: ["x", "map", "fill"],
  dtypes: { map: "f32", fill: "f32" },
  options: { height: 1, width: 1 },
  outputs: { y: ({ x }, { height, width }) => [x.shape[0]!, x.shape[1]!, height, width] },
  constants: ({ x }, { height, width }) => ({
    CHANNELS: x.shape[1]!,
    ROWS: x.shape[2]!, // of an image
    COLUMNS: x.shape[3]!,
    HEIGHT: height, // of a result
    WIDTH: width,
  }),
  functions: `${place}
fn pixel(plane: u32, row: i32, column: i32) -> f32 {
  if (row < 0 || row >= i32(ROWS) || column < 0 || column >= i32(COLUMNS)) { return fill(plane % CHANNELS); }
  return x((plane * ROWS + u32(row)) * COLUMNS + u32(column));
}
fn between(a: f32, b: f32, part: f32) -> f32 {
  return select(mix(a, b, part), a, part == 0); // a copy, even of an infinity
}`,
  wgsl: `
    let plane = id.x / (WIDTH * HEIGHT);
    let at = origin(plane / CHANNELS, f32(id.x % WIDTH), f32(id.x / WIDTH % HEIGHT));
    // Farther out there is nothing but the fill value.
    let inside = clamp(at, vec2f(-2), vec2f(f32(COLUMNS) + 1, f32(ROWS) + 1));
    let low = floor(inside);
    let part = inside - low;
    let column = i32(low.x);
    let row = i32(low.y);
    let above = between(pixel(plane, row, column), pixel(plane, row, column + 1), part.x);
    let below = between(pixel(plane, row + 1, column), pixel(plane, row + 1, column + 1), part.x);
    y_store(id.x, between(above, below, part.y));`,
  gradient: {
    x: ({ x, map, dy }): Tensor => spreadImages(dy, map, { height: x.shape[2]!, width: x.shape[3]! }),
  },
  reference({ x, map, fill }, { height, width }) {
    const [n, channels, rows, columns] = x.shape as [number, number, number, number];
    const y = new Float64Array(n * channels * height * width);
    eachPixel(n * channels, height, width, (plane, row, column, i) => {
      for (const { at, weight } of tapsOf(map.data, Math.floor(plane / channels), column, row)) {
        const isInside = at.row >= 0 && at.row < rows && at.column >= 0 && at.column < columns;
        const value = isInside ? x.data[(plane * rows + at.row) * columns + at.column] : fill.data[plane % channels];
        y[i]! += weight * value!;
      }
    });
    return y;
  },
});

/**
 * The gradient: each pixel of the image collects what the results took from it. Those lie around the place that the
 * inverse of the map gives, so nothing is added by several invocations, and sums have one order.
 */
const spreadImages = /* @__PURE__ */ customOp("spreadImages", {
  inputs: ["dy", "map"],
  dtypes: { map: "f32" },
  options: { height: 1, width: 1 },
  outputs: { dx: ({ dy }, { height, width }) => [dy.shape[0]!, dy.shape[1]!, height, width] },
  constants: ({ dy }, { height, width }) => ({
    CHANNELS: dy.shape[1]!,
    ROWS: dy.shape[2]!, // of a result
    COLUMNS: dy.shape[3]!,
    HEIGHT: height, // of an image
    WIDTH: width,
  }),
  functions: place,
  wgsl: `
    let plane = id.x / (WIDTH * HEIGHT);
    let image = plane / CHANNELS;
    let here = vec2f(f32(id.x % WIDTH), f32(id.x / WIDTH % HEIGHT));
    let at = 6 * image;
    let inverse = mat2x2f(map(at + 4), -map(at + 3), -map(at + 1), map(at)) *
      (1 / (map(at) * map(at + 4) - map(at + 1) * map(at + 3)));
    let middle = inverse * (here - vec2f(map(at + 2), map(at + 5)));
    // Results that read less than a pixel away in either direction; some more, for rounding.
    let reach = abs(inverse[0]) + abs(inverse[1]) + 0.01;
    let last = vec2f(f32(COLUMNS) - 1, f32(ROWS) - 1);
    let low = vec2i(clamp(ceil(middle - reach), vec2f(0), last + 1));
    let high = vec2i(clamp(floor(middle + reach), vec2f(-1), last));
    var sum = 0.0;
    for (var row = low.y; row <= high.y; row++) {
      for (var column = low.x; column <= high.x; column++) {
        let weight = max(1 - abs(origin(image, f32(column), f32(row)) - here), vec2f(0));
        sum += weight.x * weight.y * dy((plane * ROWS + u32(row)) * COLUMNS + u32(column));
      }
    }
    dx_store(id.x, sum);`,
  gradient: {
    dy: ({ dy, map, ddx }): Tensor => {
      const [, channels, rows, columns] = dy.shape as [number, number, number, number];
      return sampleImages(ddx, map, full([channels], 0), { height: rows, width: columns });
    },
  },
  reference({ dy, map }, { height, width }) {
    const [n, channels, rows, columns] = dy.shape as [number, number, number, number];
    const dx = new Float64Array(n * channels * height * width);
    eachPixel(n * channels, rows, columns, (plane, row, column, i) => {
      for (const { at, weight } of tapsOf(map.data, Math.floor(plane / channels), column, row)) {
        if (at.row < 0 || at.row >= height || at.column < 0 || at.column >= width) continue;
        dx[(plane * height + at.row) * width + at.column]! += weight * dy.data[i]!;
      }
    });
    return dx;
  },
});

function eachPixel(
  planes: number,
  height: number,
  width: number,
  visit: (plane: number, row: number, column: number, index: number) => void,
): void {
  for (let i = 0; i < planes * height * width; i++)
    visit(Math.floor(i / (width * height)), Math.floor(i / width) % height, i % width, i);
}

/** The four pixels around a place, and their weights. */
function tapsOf(map: Float64Array, image: number, x: number, y: number) {
  const [a, b, c, d, e, f] = map.subarray(6 * image, 6 * image + 6) as unknown as number[] & { length: 6 };
  const [column, row] = [a! * x + b! * y + c!, d! * x + e! * y + f!];
  const [left, top] = [Math.floor(column), Math.floor(row)];
  return [0, 1, 2, 3].map((k) => {
    const at = { column: left + (k % 2), row: top + (k >> 1) };
    return { at, weight: (1 - Math.abs(column - at.column)) * (1 - Math.abs(row - at.row)) };
  });
}
