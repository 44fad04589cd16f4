import { array, result } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { type Convolution, reaches, sizesOf, stretchOfFours, tapAt } from "./lib/convolution.ts";
import { workgroupSize } from "./lib/grid.wgsl.ts";
import { haloInput } from "./lib/halo.ts";
import type { Kernel, Part } from "./lib/kernel.ts";
import { components } from "./lib/results.ts";
import { elements, stackOf } from "./lib/stack.ts";
import { tiled } from "./lib/tile.ts";
import { plus, shifted } from "./lib/view.wgsl.ts";
import { type HaloTile, haloLanes, pixelsOf } from "./lib/weightHalo.ts";
import {
  fourPixels,
  gradients,
  keeping,
  quadOperands,
  tilesOf,
  type WeightGrad,
  type WeightTile,
} from "./lib/weightTile.ts";
import { each, wgsl } from "./wgsl.ts";

const sizes = (p: WeightGrad) => {
  const { images, parts, groups, outChannels, inChannels, vertical: v, horizontal: h } = p;
  return {
    ...sizesOf(p),
    ROWS: [v.positions, "of dy"],
    COLS: [h.positions, "of dy"],
    PARTS: [parts, "with a gradient each"],
    IMAGES_EACH: [Math.ceil(images / parts), "images per part"],
    COUNT: [groups * outChannels * inChannels * v.count * h.count, "elements per gradient"],
  } as const;
};

const tileSizes = (p: WeightGrad, tile: WeightTile) => {
  const { across, down, all } = tilesOf(p, tile);
  return {
    CHANNELS: [tile.channels, "per invocation"],
    OWN_ROWS: [tile.rows, "kernel rows per invocation"],
    OWN_COLUMNS: [tile.columns, "kernel columns per invocation"],
    ACROSS: [across, "tiles along the kernel's columns"],
    DOWN: [down, "tiles along its rows"],
    TILES: [all, "per part and group"],
  } as const;
};

/** The definition: one invocation per element of the weight. All images are one part. */
export const weightGradNaive = (p: WeightGrad): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [elements("input", stackOf(p.input)), elements("dy", stackOf(p.dy)), result("dw", p.dw)],
    constants: sizes(p),
    body: wgsl`
      let e = id.x;
      if (e >= COUNT) { return; }
      let j = e % KERNEL_W;
      let i = e / KERNEL_W % KERNEL_H;
      let c = e / (KERNEL_H * KERNEL_W) % IN_CHANNELS;
      let channel = e / (KERNEL_H * KERNEL_W * IN_CHANNELS);
      var sum = 0.0;
      for (var n = 0u; n < IMAGES; n++) {
        let batch = n * GROUPS + channel / OUT_CHANNELS; // image and group
        for (var y = 0u; y < ROWS; y++) {
          for (var x = 0u; x < COLS; x++) {
            let row = y * STRIDE_Y + i * DILATION_Y - TOP;
            let col = x * STRIDE_X + j * DILATION_X - LEFT;
            if (row < HEIGHT && col < WIDTH) {
              sum += input(batch * IN_CHANNELS + c, row, col) * dy(n * (GROUPS * OUT_CHANNELS) + channel, y, x);
            }
          }
        }
      }
      dw_put(e, sum);`,
  });

/** A line of text for each sum of an invocation: one per output channel, kernel row and kernel column. */
const sums = (
  { channels, rows, columns }: WeightTile,
  text: (sum: string, r: number, i: number, t: number) => string,
): string[] => each(channels, (r) => each(rows, (i) => each(columns, (t) => text(`sum${r}_${i}_${t}`, r, i, t))));

/** Stores the sums of an invocation. @param total the value of a sum. */
const storeTile = (tile: WeightTile, total: (sum: string) => string): string[] => [
  "let kernel = (g * OUT_CHANNELS + channel) * IN_CHANNELS + c; // one for each pair of channels",
  "let at = part * COUNT + (kernel * KERNEL_H + i) * KERNEL_W + j; // the first element of the invocation",
  ...sums(tile, (sum, r, i, t) => `keep(${r}, ${i}, ${t}, ${total(sum)});`),
];

/**
 * The variant for CPU adapters: no workgroup memory, no barrier.
 *
 * Parallel plan: each invocation computes OWN_COLUMNS elements of kernel row `i`, for one input channel `c` and
 * CHANNELS output channels, over the images of one `part`. It walks the rows of dy, four pixels at a time. The input
 * elements for four pixels are loaded once and serve all its sums, which are vec4s, one component per pixel.
 *
 * Memory: dy is [images, channels, ROWS, COLS] and the input [images, channels, HEIGHT, WIDTH]; `grad_row` and `line`
 * begin a row of each. The pixels of the first kernel row and column read input row `in_row` from column `left` on.
 */
export function weightGradDirect(p: WeightGrad, tile: WeightTile, workgroup: number): Kernel {
  const { vertical: v, horizontal: h } = p;
  return kernel({
    workgroup,
    parts: [fourPixels(p, tile), gradients(p, tile), keeping(p, tile)],
    constants: { ...sizes(p), ...tileSizes(p, tile) },
    body: wgsl`
      let j = id.x % ACROSS * OWN_COLUMNS;
      let i = id.x / ACROSS % KERNEL_H;
      let c = id.x / (ACROSS * KERNEL_H) % IN_CHANNELS;
      let channel = id.x / (ACROSS * KERNEL_H * IN_CHANNELS) * CHANNELS;
      if (channel >= OUT_CHANNELS) { return; }
      let g = id.y % GROUPS;
      let part = id.y / GROUPS;
      ${sums(tile, (sum) => `var ${sum} = vec4f();`)}
      for (var n = 0u; n < IMAGES_EACH; n++) {
        let batch = (part * IMAGES_EACH + n) * GROUPS + g; // image and group
        #if ${p.images % p.parts > 0}
        if (batch >= IMAGES * GROUPS) { break; }
        #endif
        for (var y = 0u; y < ROWS; y++) {
          let in_row = ${tapAt(v, "y", "i")};
          #if ${reaches(v, p.input.shape[2]!)}
          if (in_row >= HEIGHT) { continue; }
          #endif
          let line = ((batch * IN_CHANNELS + c) * HEIGHT + in_row) * WIDTH;
          let grad_row = (batch * OUT_CHANNELS + channel) * (ROWS * COLS) + y * COLS;
          for (var q = 0u; q < (COLS + 3u) / 4u; q++) {
            let left = ${tapAt(h, "4u * q", "j")};
            load_stretch(line);
            load_gradients(grad_row, q);
            ${each(tile.columns, (t) => [
              `let p${t} = four(0, ${t});`,
              ...each(tile.channels, (r) => `sum${r}_0_${t} += g${r} * p${t};`),
            ])}
          }
        }
      }
      ${storeTile(tile, (sum) => `dot(${sum}, vec4f(1.0))`)}`,
  });
}

/**
 * The same in quads, for several kernel rows.
 *
 * Parallel plan: the four invocations of a quad compute the same OWN_ROWS × OWN_COLUMNS elements for one input channel,
 * each for its own CHANNELS output channels. They share loads of the input: each loads every fourth element, and gets
 * the others from its neighbours. Each loaded part of dy serves all of these kernel rows.
 *
 * Memory: as above; `plane` begins an input channel of an image.
 */
export function weightGradQuads(p: WeightGrad, tile: WeightTile, workgroup: number): Kernel {
  const { positions } = p.horizontal;
  const rest = positions % 4;
  return kernel({
    workgroup,
    features: ["subgroups"],
    parts: [quadOperands(p, tile), keeping(p, tile)],
    constants: { ...sizes(p), ...tileSizes(p, tile) },
    body: wgsl`
      let lane = id.x % 4u;
      let own = id.x / 4u % TILES;
      let part = id.x / 4u / TILES;
      if (part >= PARTS) { return; }
      let j = own % ACROSS * OWN_COLUMNS;
      let i = own / ACROSS % DOWN * OWN_ROWS;
      let c = own / (ACROSS * DOWN) % IN_CHANNELS;
      let channel = (own / (ACROSS * DOWN * IN_CHANNELS) * 4u + lane) * CHANNELS;
      let g = id.y;
      ${sums(tile, (sum) => `var ${sum} = 0.0;`)}
      for (var n = part * IMAGES_EACH; n < min((part + 1u) * IMAGES_EACH, IMAGES); n++) {
        let batch = n * GROUPS + g; // image and group
        let plane = (batch * IN_CHANNELS + c) * (HEIGHT * WIDTH);
        for (var y = 0u; y < ROWS; y++) {
          let in_row = ${tapAt(p.vertical, "y", "i")};
          let grad_row = (batch * OUT_CHANNELS + channel) * (ROWS * COLS) + y * COLS;
          #if ${positions >= 4}
          for (var q = 0u; q < COLS / 4u; q++) {
            ${addPixels(p, tile, "4u * q", 4)}
          }
          #endif
          #if ${rest > 0}
          {
            ${addPixels(p, tile, `${positions - rest}u`, rest)}
          }
          #endif
        }
      }
      ${storeTile(tile, (sum) => sum)}`,
  });
}

/** Adds the products of some pixels of a row of dy, from pixel `first`, for each kernel row of the tile in turn. */
const addPixels = (p: WeightGrad, tile: WeightTile, first: string, pixels: number): string => wgsl`
  let left = ${tapAt(p.horizontal, first, "j")};
  load_gradients(grad_row, ${first}, ${pixels});
  ${each(
    tile.rows,
    (i) => wgsl`
    {
      let row = ${plus("in_row", `${i * p.vertical.shift}u`)};
      load_stretch(plane, row, ${pixels});
      ${each(tile.columns, (t) => each(tile.channels, (r) => `sum${r}_${i}_${t} += products(${r}, ${t}, ${pixels});`))}
    }`,
  )}`;

/** Invocations of a workgroup of `weightGradDepthwise`. */
export const depthwiseLanes = 128;

/** Most elements of a kernel that an invocation of `weightGradDepthwise` sums. */
export const depthwiseSums = 25;

/** Rows of the kernel that a workgroup of `weightGradDepthwise` sums. */
export const depthwiseRows = ({ vertical: v, horizontal: h }: Convolution): number =>
  Math.min(v.count, Math.floor(depthwiseSums / h.count));

/**
 * For one input channel per group.
 *
 * Parallel plan: a workgroup computes OWN_ROWS rows of one kernel, over the images of one part. Its invocations share
 * out the pixels, four neighbours at a time, and each sums all products of its pixels with the input in registers. Then
 * they add their sums in workgroup memory, in a fixed order.
 *
 * Workgroup memory: sum s of an invocation is `partial[s · LANES + lane]`.
 */
export function weightGradDepthwise(p: WeightGrad): Kernel {
  const { vertical: v, horizontal: h } = p;
  const tile: WeightTile = { channels: 1, rows: depthwiseRows(p), columns: h.count };
  const count = tile.rows * tile.columns;
  const inFours = p.input.shape[3]! % 4 === 0;
  const guarded = reaches({ ...v, count: Math.ceil(v.count / tile.rows) * tile.rows }, p.input.shape[2]!);
  const addRow = (r: number) => [
    "let line = plane + in_row * WIDTH;",
    "load_stretch(line);",
    ...each(tile.columns, (t) => `sum0_${r}_${t} += dot(g0, four(0, ${t}));`),
  ];
  return kernel({
    workgroup: depthwiseLanes,
    parts: [inFours ? stretchOfFours(p) : fourPixels(p, tile), gradients(p, tile), result("dw", p.dw)],
    memory: [{ name: "partial", type: "f32", length: count * depthwiseLanes, note: "sums of each invocation" }],
    constants: {
      ...sizes(p),
      ...tileSizes(p, tile),
      LANES: [depthwiseLanes, "invocations"],
      SUMS: [count, "per invocation"],
      FOURS: [Math.ceil(h.positions / 4), "vec4s per row of dy"],
    },
    body: wgsl`
      let channel = group.x / DOWN;
      let i = group.x % DOWN * OWN_ROWS;
      let part = group.y;
      ${sums(tile, (sum) => `var ${sum} = 0.0;`)}
      let end = min((part + 1u) * IMAGES_EACH, IMAGES) * (ROWS * FOURS);
      for (var t = part * (IMAGES_EACH * ROWS * FOURS) + lane; t < end; t += LANES) {
        let q = t % FOURS;
        let y = t / FOURS % ROWS;
        let n = t / (FOURS * ROWS);
        let plane = (n * GROUPS + channel / OUT_CHANNELS) * (HEIGHT * WIDTH);
        #if ${!inFours}
        let left = ${tapAt(h, "4u * q", "0u")};
        #endif
        load_gradients(((n * (GROUPS * OUT_CHANNELS) + channel) * ROWS + y) * COLS, q);
        ${each(
          tile.rows,
          (r) => wgsl`
        {
          let in_row = ${tapAt(v, "y", shifted("i", r))};
          #if ${guarded}
          if (in_row < HEIGHT) {
            ${addRow(r)}
          }
          #else
          ${addRow(r)}
          #endif
        }`,
        )}
      }
      ${sums(tile, (sum, _, r, t) => `partial[${r * tile.columns + t}u * LANES + lane] = ${sum};`)}
      for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half) {
          for (var s = 0u; s < SUMS; s++) { partial[s * LANES + lane] += partial[s * LANES + lane + half]; }
        }
      }
      workgroupBarrier();
      let row = i + lane / KERNEL_W;
      if (lane < SUMS && row < KERNEL_H) {
        dw_put(part * COUNT + (channel * KERNEL_H + row) * KERNEL_W + lane % KERNEL_W, partial[lane * LANES]);
      }`,
  });
}

/** Tiles of pixels along each axis of dy, and in all images. */
export function haloTilesOf({ images, vertical: v, horizontal: h }: Convolution, tile: HaloTile) {
  const across = Math.ceil(h.positions / (4 * tile.columns));
  const down = Math.ceil(v.positions / tile.height);
  return { across, down, all: images * across * down };
}

/**
 * With tiles of dy, and of the input with its halo, in workgroup memory: the variant for GPUs.
 *
 * Parallel plan: a workgroup computes a block of the gradient, for 4 · OUT_FOURS output channels and some input channels,
 * over the pixels of one part. It walks over these pixels in tiles. For each, it loads all channels of dy, and the part
 * of the input that all taps of these pixels meet, each element once. An invocation multiplies them for FOURS · 4 output
 * channels, one input channel, OWN_ROWS kernel rows and all kernel columns. Neighbouring taps and pixels share elements
 * of the input, which it keeps in registers.
 */
export function weightGradHalo(p: WeightGrad, tile: HaloTile): Kernel {
  const { fours, rows } = tile;
  const { vertical: v, horizontal: h } = p;
  const { across, down, all } = haloTilesOf(p, tile);
  const own: WeightTile = { channels: 4 * fours, rows, columns: h.count };
  const sumsOfFours = (text: (sum: string, four: number, r: number, t: number) => string) =>
    sums({ ...own, channels: fours }, text);
  const lanes = haloLanes(p, tile);
  return kernel({
    workgroup: lanes,
    parts: [haloInput(p, tile, lanes, 4), pixelsOf(p, tile), keeping(p, own)],
    constants: {
      ...sizes(p),
      FOURS: [fours, "vec4s of output channels per invocation"],
      OUT_LANES: [tile.outFours / fours, "invocations along output channels"],
      OWN_ROWS: [rows, "kernel rows per invocation"],
      DOWN: [Math.ceil(v.count / rows), "invocations along the kernel's rows"],
      OWN_IN: [tile.inChannels, "input channels per workgroup"],
      ACROSS: [across, "tiles of pixels per row"],
      TILES: [down * across, "of pixels per image"],
      ALL_TILES: [all, "of all images"],
      TILES_EACH: [Math.ceil(all / p.parts), "per part"],
      TILE_ROWS: [tile.height, "rows of a tile of pixels"],
    },
    body: wgsl`
      let g = group.z % GROUPS;
      let part = group.z / GROUPS;
      let first_out = group.y * (4u * OUT_FOURS);
      let first_in = group.x * OWN_IN;
      let own_four = lane % OUT_LANES * FOURS;
      let own_in = lane / OUT_LANES / DOWN;
      let i = lane / OUT_LANES % DOWN * OWN_ROWS;
      ${sumsOfFours((sum) => `var ${sum} = vec4f();`)}
      for (var t = part * TILES_EACH; t < min((part + 1u) * TILES_EACH, ALL_TILES); t++) {
        let n = t / TILES;
        let first_row = t / ACROSS % (TILES / ACROSS) * TILE_ROWS;
        let first_four = t % ACROSS * TILE_FOURS;
        load_pixels(n, g, first_row, first_four, first_out);
        load_halo((n * GROUPS + g) * IN_CHANNELS + first_in, first_row, first_four);
        workgroupBarrier();
        for (var block = 0u; block < BLOCKS; block++) {
          begin_lines(own_in, i, block / TILE_FOURS, block % TILE_FOURS);
          ${each(rows, (r) => `load_line(${r});`)}
          ${each(4, (pixel) => [
            ...each(fours, (four) => `let g${pixel}_${four} = gradients_at(block, ${pixel}, own_four + ${four}u);`),
            ...sumsOfFours((sum, four, r, t) => `${sum} += g${pixel}_${four} * input_at(${r}, ${pixel}, ${t});`),
          ])}
        }
        // All invocations must finish reading the tiles before any overwrites them.
        workgroupBarrier();
      }
      let channel = first_out + 4u * own_four;
      let c = first_in + own_in;
      if (channel >= OUT_CHANNELS || c >= IN_CHANNELS) { return; }
      let kernel = (g * OUT_CHANNELS + channel) * IN_CHANNELS + c; // one for each pair of channels
      let at = part * COUNT + (kernel * KERNEL_H + i) * KERNEL_W; // the first element of the invocation
      ${sums(own, (_, r, row, t) => `keep(${r}, ${row}, ${t}, sum${r >> 2}_${row}_${t}.${components[r & 3]!});`)}`,
  });
}

/** Pixels that stay together when those of all images are split into parts. */
export const pixelBlock = 128;

/** With a tile of output channels × patch columns in workgroup memory, over the pixels of one part. See lib/tile.ts. */
export function weightGradTiled(p: WeightGrad): Kernel {
  const { vertical: v, horizontal: h, input, dy, dw } = p;
  const pixels = v.positions * h.positions;
  const each = Math.ceil((p.images * pixels) / pixelBlock / p.parts) * pixelBlock;
  const tile = tiled({
    type: input.dtype,
    a: { at: (channel, k) => `dy_at(g, ${channel}, ${k})`, alongK: true },
    b: { at: (column, k) => `input_at(g, ${column}, ${k})`, alongK: true },
    from: "part * PIXELS_EACH",
    to: "min((part + 1u) * PIXELS_EACH, IMAGES * PIXELS)",
    longest: Math.min(each, p.images * pixels),
  });
  return kernel({
    workgroup: tile.workgroup,
    memory: tile.memory,
    parts: [array("input", input), array("dy", dy), result("dw", dw), tile.part, putting],
    constants: {
      ...sizes(p),
      PIXELS: [pixels, "pixels per image of dy"],
      PIXELS_EACH: [each, "pixels per part"],
      KERNEL: [v.count * h.count, "elements of the kernel"],
      COLUMNS: [p.inChannels * v.count * h.count, "of the gradient as a matrix"],
    },
    functions: [dyAt(p), inputAt(p), putOne()],
    body: wgsl`
      let g = group.z % GROUPS;
      let part = group.z / GROUPS;
      ${tile.body}`,
  });
}

const putting: Part = {
  accessors: {
    put: (row, col, sum) => each(4, (q) => `put_one(part, g, ${row}, ${shifted(col!, q)}, ${sum}.${components[q]!});`),
  },
};

/** A channel of dy at pixel k, which counts through all images. */
const dyAt = ({ dy }: WeightGrad): string => wgsl`
fn dy_at(g: u32, channel: u32, k: u32) -> ${dy.dtype} {
  return dy[((k / PIXELS * GROUPS + g) * OUT_CHANNELS + channel) * PIXELS + k % PIXELS];
}`;

/** The input element for pixel k at a column's input channel and kernel element; 0 outside the input. */
const inputAt = ({ input, vertical: v, horizontal: h }: WeightGrad): string => wgsl`
fn input_at(g: u32, column: u32, k: u32) -> ${input.dtype} {
  let pixel = k % PIXELS;
  let t = column % KERNEL;
  let row = ${tapAt(v, "pixel / COLS", "t / KERNEL_W")};
  let col = ${tapAt(h, "pixel % COLS", "t % KERNEL_W")};
  let plane = (k / PIXELS * GROUPS + g) * IN_CHANNELS + column / KERNEL;
  return select(${input.dtype}(), input[(plane * HEIGHT + row) * WIDTH + col], row < HEIGHT && col < WIDTH);
}`;

const putOne = (): string => wgsl`
fn put_one(part: u32, g: u32, channel: u32, column: u32, sum: f32) {
  if (channel >= OUT_CHANNELS || column >= COLUMNS) { return; }
  dw_put(((part * GROUPS + g) * OUT_CHANNELS + channel) * COLUMNS + column, sum);
}`;
