import { array } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { type ConvHaloTile, convHaloLanes, kernelsOf } from "./lib/convHalo.ts";
import { type ConvSizes, type Correlation, reaches, sizesOf, type Taps, tapAt } from "./lib/convolution.ts";
import { haloInput } from "./lib/halo.ts";
import type { Kernel, Part } from "./lib/kernel.ts";
import { type ConvTile, patches, weights } from "./lib/patches.ts";
import { components, matrixEnd } from "./lib/results.ts";
import { elements, stackOf } from "./lib/stack.ts";
import { tiled } from "./lib/tile.ts";
import { plus, shifted, times } from "./lib/view.wgsl.ts";
import { each, wgsl } from "./wgsl.ts";

/** Rows and columns of the result. */
const sizeOf = ({ end }: Correlation) => end.places[0]!.shape.slice(2) as [number, number];

/** The definition: one invocation per result. */
export const convNaive = (p: Correlation): Kernel =>
  kernel({
    workgroup: [8, 8, 1],
    parts: [elements("input", stackOf(p.input)), elements("weight", stackOf(p.weight)), matrixEnd(p.end, sizeOf(p), 1)],
    constants: sizesOf(p),
    body: wgsl`
      let batch = id.z / OUT_CHANNELS; // image and group
      let channel = id.z % (GROUPS * OUT_CHANNELS);
      var sum = 0.0;
      for (var c = 0u; c < IN_CHANNELS; c++) {
        for (var i = 0u; i < KERNEL_H; i++) {
          for (var j = 0u; j < KERNEL_W; j++) {
            // Padding is zeros. Rows and columns before the input wrap around to huge numbers.
            let y = id.y * STRIDE_Y + i * DILATION_Y - TOP;
            let x = id.x * STRIDE_X + j * DILATION_X - LEFT;
            if (y < HEIGHT && x < WIDTH) {
              sum += input(batch * IN_CHANNELS + c, y, x) * weight(channel * IN_CHANNELS + c, i, j);
            }
          }
        }
      }
      finish(id.z, id.y, id.x, sum);`,
  });

/**
 * The definition of the gradient of x: one invocation per element of x. Forward, row r of y uses kernel row i and x row
 * r · STRIDE_Y + i · DILATION_Y − TOP. Here the row of x is given, and r is computed. OUT_CHANNELS are those of x,
 * IN_CHANNELS those of dy.
 */
export const inputGradNaive = (p: Correlation): Kernel =>
  kernel({
    workgroup: [8, 8, 1],
    parts: [elements("dy", stackOf(p.input)), elements("weight", stackOf(p.weight)), matrixEnd(p.end, sizeOf(p), 1)],
    constants: sizesOf(p, "dy"),
    body: wgsl`
      let batch = id.z / OUT_CHANNELS; // image and group
      let channel = id.z % OUT_CHANNELS;
      var sum = 0.0;
      for (var c = 0u; c < IN_CHANNELS; c++) {
        for (var i = 0u; i < KERNEL_H; i++) {
          for (var j = 0u; j < KERNEL_W; j++) {
            let y = id.y + TOP - i * DILATION_Y;
            let x = id.x + LEFT - j * DILATION_X;
            let row = y / STRIDE_Y;
            let col = x / STRIDE_X;
            if (row * STRIDE_Y == y && col * STRIDE_X == x && row < HEIGHT && col < WIDTH) {
              let kernel = (batch % GROUPS * IN_CHANNELS + c) * OUT_CHANNELS + channel;
              sum += dy(batch * IN_CHANNELS + c, row, col) * weight(kernel, i, j);
            }
          }
        }
      }
      finish(id.z, id.y, id.x, sum);`,
  });

/**
 * The variant for CPU adapters: no workgroup memory, no barrier, and the matrix of input patches is never stored.
 *
 * Parallel plan: each invocation computes a tile, 4 · COLUMNS neighbouring results of one row for CHANNELS channels,
 * in registers. It walks input channels and kernel rows. For each, it loads the stretch of an input row that the tile
 * needs, once, and multiplies it with the kernel rows of all its channels.
 *
 * Memory: images are [IMAGES, channels, HEIGHT, WIDTH], so `plane` begins an input channel and `line` one of its rows.
 * A kernel row is contiguous; lib/patches.ts knows the other strides of the weight.
 *
 * For a 6 × 6 image and two 3 × 3 kernels, an invocation computes four columns of both results, by this for each kernel
 * row:
 *
 *     let x0 = input[line];
 *     let x1 = input[line + 1u]; // and so on to x5
 *     let patch0_0 = mat3x4f(vec4f(x0, x1, x2, x3), vec4f(x1, x2, x3, x4), vec4f(x2, x3, x4, x5));
 *     let w0_0 = vec3f(weight[kernel_row], weight[kernel_row + 1u], weight[kernel_row + 2u]);
 *     sum0_0 += patch0_0 * w0_0;
 *     let w0_1 = vec3f(weight[kernel_row + 9u], weight[kernel_row + 10u], weight[kernel_row + 11u]);
 *     sum1_0 += patch0_0 * w0_1;
 */
export function convDirect(p: Correlation, tile: ConvTile, workgroup: number): Kernel {
  const input = patches(p, tile);
  const taps = tapsInside(p.vertical, p.input.shape[2]!);
  return kernel({
    workgroup,
    width: p.horizontal.spacing === 1 ? 4 : 1,
    features: tile.quads ? ["subgroups"] : [],
    parts: [input.part, weights(p, tile), ending(p)],
    constants: { ...sizesOf(p), ...tileSizes(p, tile) },
    body: wgsl`
      ${findTile(tile)}
      ${taps.find}
      begin_stretch(x);
      ${sums(tile, (sum) => `var ${sum} = vec4f();`)}
      for (var c = 0u; c < IN_CHANNELS; c++) {
        let plane = (batch * IN_CHANNELS + c) * (HEIGHT * WIDTH);
        let kernel = kernel_of(id.y % GROUPS, channel, c);
        for (var t = ${taps.first}; t < ${taps.end}; t++) {
          let in_row = ${tapAt(p.vertical, "y", "t")};
          let line = plane + in_row * WIDTH;
          load_weights(kernel, t);
          load_stretch(line);
          ${addProducts(p, tile, input.isInside)}
        }
      }
      ${finishTile(p, tile)}`,
  });
}

/**
 * The tile of an invocation: `batch`, `y`, the first column `x` and the first `channel`. In quads, four invocations
 * compute the same tile of four images.
 */
export const findTile = ({ quads = false }: ConvTile): string => wgsl`
  #if ${quads}
  let lane = id.x % 4u;
  let block = id.x / 4u;
  let batch = (id.y / GROUPS * 4u + lane) * GROUPS + id.y % GROUPS; // image and group
  #else
  let block = id.x;
  let batch = id.y; // image and group
  #endif
  let x = block % BLOCKS_X * (4u * COLUMNS);
  let y = block / BLOCKS_X % BLOCKS_Y;
  let channel = block / (BLOCKS_X * BLOCKS_Y) * CHANNELS;
  if (channel >= OUT_CHANNELS) { return; }`;

/** Finishes the sums of a tile, except for channels and images past the end. */
export const finishTile = ({ images, outChannels }: Correlation, tile: ConvTile): string => wgsl`
  #if ${tile.quads === true && images % 4 > 0}
  if (batch >= IMAGES * GROUPS) { return; }
  #endif
  var sums = array<vec4f, CHANNELS * COLUMNS>(${sums(tile, (sum) => sum).join(", ")});
  for (var i = 0u; i < CHANNELS * COLUMNS; i++) {
    let own = channel + channel_of(i / COLUMNS);
    #if ${outChannels % tile.channels > 0}
    if (own >= OUT_CHANNELS) { continue; }
    #endif
    put(batch * OUT_CHANNELS + own, y, x + i % COLUMNS * 4u, sums[i]);
  }`;

export const tileSizes = ({ vertical: v, horizontal: h }: Correlation, { channels, columns }: ConvTile) =>
  ({
    CHANNELS: [channels, "per invocation"],
    COLUMNS: [columns, "groups of 4 columns per invocation"],
    BLOCKS_X: [Math.ceil(h.positions / (4 * columns)), "tiles per row"],
    BLOCKS_Y: [v.positions, "rows of the result"],
  }) as const;

/** The names of all sums, or a line for each: one vec4 per channel and group of columns. */
export const sums = ({ channels, columns }: ConvTile, text: (sum: string) => string): string[] =>
  each(channels, (r) => each(columns, (c) => text(`sum${r}_${c}`)));

/** Adds the products with a kernel row, up to four of its elements at a time: patch · weights, for each sum. */
const addProducts = (
  { horizontal: h }: Correlation,
  { channels, columns }: ConvTile,
  isInside: (i: number, c: number) => boolean,
): string[] =>
  each(Math.ceil(h.count / 4), (i) => {
    const inside = each(columns, (c) => (isInside(i, c) ? `${c}` : []));
    return [
      ...inside.map((c) => `let patch${i}_${c} = patch(${i}, ${c});`),
      ...each(channels, (r) => [
        `let w${i}_${r} = weights(${i}, ${r});`,
        ...inside.map((c) => `sum${r}_${c} += patch${i}_${c} * w${i}_${r};`),
      ]),
    ];
  });

/**
 * The kernel rows whose input row exists for result row `y`: taps `first` to `end`, found by the statements `find`. If
 * all rows exist, the loop bounds are constants. Tap t uses input row base + t · shift, so with a shift of 1 the first
 * tap inside is −base, and the end is height − base. Larger shifts divide by it, rounding up.
 */
function tapsInside(v: Taps, height: number) {
  if (!reaches(v, height)) return { find: [], first: "0u", end: "KERNEL_H" };
  const step = Math.abs(v.shift);
  const over = (sum: string) => (step === 1 ? sum : `(${sum}) / ${step}`);
  const [first, end] =
    v.shift > 0
      ? [step === 1 ? "-base" : over(`${step - 1} - base`), over(`${height + step - 1} - base`)]
      : [over(`base - ${height - step}`), over(`base + ${step}`)];
  const find = [
    `let base = i32(${times("y", v.stride)})${v.offset < 0 ? ` - ${-v.offset}` : ` + ${v.offset}`};`,
    `let first = u32(max(0, ${first}));`,
    `let end = u32(clamp(${end}, 0, ${v.count}));`,
  ];
  return { find, first: "first", end: "end" };
}

/** The coordinate of a result from its position. */
const placeOf = ({ phase, spacing }: Taps, position: string): string => plus(times(position, spacing), `${phase}u`);

/** `put(plane, y, x, sums);` finishes four neighbouring positions of a row. */
export function ending(p: Correlation): Part {
  const { vertical: v, horizontal: h } = p;
  const row = (y: string) => placeOf(v, y);
  if (h.spacing === 1)
    return {
      ...matrixEnd(p.end, sizeOf(p), 4),
      accessors: { put: (plane, y, x, sums) => [`finish(${plane}, ${row(y!)}, ${x}, ${sums});`] },
    };
  return {
    ...matrixEnd(p.end, sizeOf(p), 1),
    accessors: {
      put: (plane, y, x, sums) => [
        "for (var q = 0u; q < 4u; q++) {",
        `  finish(${plane}, ${row(y!)}, ${placeOf(h, `${x} + q`)}, ${sums}[q]);`,
        "}",
      ],
    },
  };
}

/**
 * With a tile of channels × pixels in workgroup memory, for one image and group: the variant for GPUs. See lib/tile.ts.
 */
export function convTiled(p: Correlation): Kernel {
  const { vertical: v, horizontal: h, input, weight } = p;
  const [, ofChannel, ofInput] = p.weightStrides;
  const tile = tiled({
    type: input.dtype,
    a: { at: (channel, k) => `weight_at(batch, ${channel}, ${k})`, alongK: ofInput < ofChannel },
    b: { at: (pixel, k) => `input_at(batch, ${pixel}, ${k})`, alongK: false },
    from: "0u",
    to: "IN_CHANNELS * KERNEL",
    longest: p.inChannels * v.count * h.count,
  });
  return kernel({
    workgroup: tile.workgroup,
    memory: tile.memory,
    parts: [array("input", input), array("weight", weight), matrixEnd(p.end, sizeOf(p), 1), tile.part, putting],
    constants: {
      ...sizesOf(p),
      KERNEL: [v.count * h.count, "taps per pixel"],
      ACROSS: [h.positions, "pixels per row"],
      PIXELS: [v.positions * h.positions, "pixels per image"],
    },
    functions: [weightAt(p), inputAt(p), putOne(p)],
    body: wgsl`
      let batch = group.z; // image and group
      ${tile.body}`,
  });
}

const putting: Part = {
  accessors: {
    put: (row, col, sum) => each(4, (q) => `put_one(batch, ${row}, ${shifted(col!, q)}, ${sum}.${components[q]!});`),
  },
};

/** The element of the weight at `k`, which counts input channels and taps. */
function weightAt({ groups, weight, weightStrides, vertical: v, horizontal: h }: Correlation): string {
  const [ofGroup, ofChannel, ofInput, ofRow] = weightStrides;
  const kernel = plus(
    groups > 1 ? times("batch % GROUPS", ofGroup) : "",
    times("channel", ofChannel),
    times("(k / KERNEL)", ofInput),
  );
  const element = ({ first, step }: Taps, t: string): string => plus(first > 0 ? `${first}u` : "", times(t, step));
  return wgsl`
fn weight_at(batch: u32, channel: u32, k: u32) -> ${weight.dtype} {
  let t = k % KERNEL;
  let i = ${element(v, "t / KERNEL_W")};
  let j = ${element(h, "t % KERNEL_W")};
  return weight[${plus(kernel, times("i", ofRow), "j")}];
}`;
}

/** The input element that it is multiplied with, for a pixel of the result; 0 outside the input. */
const inputAt = ({ input, vertical: v, horizontal: h }: Correlation): string => wgsl`
fn input_at(batch: u32, pixel: u32, k: u32) -> ${input.dtype} {
  let t = k % KERNEL;
  let row = ${tapAt(v, "pixel / ACROSS", "t / KERNEL_W")};
  let col = ${tapAt(h, "pixel % ACROSS", "t % KERNEL_W")};
  let at = ((batch * IN_CHANNELS + k / KERNEL) * HEIGHT + row) * WIDTH + col;
  return select(${input.dtype}(), input[at], row < HEIGHT && col < WIDTH);
}`;

const putOne = ({ vertical: v, horizontal: h }: Correlation): string => wgsl`
fn put_one(batch: u32, channel: u32, pixel: u32, sum: f32) {
  if (channel >= OUT_CHANNELS || pixel >= PIXELS) { return; }
  finish(batch * OUT_CHANNELS + channel, ${placeOf(v, "pixel / ACROSS")}, ${placeOf(h, "pixel % ACROSS")}, sum);
}`;

/** Tiles of results along each axis. */
export const haloTilesOf = ({ vertical: v, horizontal: h }: ConvSizes, { height, columns }: ConvHaloTile) => ({
  across: Math.ceil(h.positions / (4 * columns)),
  down: Math.ceil(v.positions / height),
});

/**
 * With a tile of the input, its halo and kernels in workgroup memory, for one image and group: a variant for GPUs.
 *
 * Parallel plan: a workgroup computes a tile of positions for 4 · OUT_FOURS output channels. It walks over the input
 * channels, OWN_IN at a time: it loads all that its positions meet of them, each element once, and their kernels. An
 * invocation computes WIDE · 4 neighbouring positions of a row for FOURS · 4 output channels, in registers.
 */
export function convHalo(p: Correlation, tile: ConvHaloTile): Kernel {
  const { horizontal: h } = p;
  const { fours, outFours, wide } = tile;
  const lanes = convHaloLanes(tile);
  const own = { channels: 4 * fours, columns: wide };
  const inputFour = (c: number, t: number) => each(4, (q) => `input_at(0, ${4 * c + q}, ${t})`).join(", ");
  return kernel({
    workgroup: lanes,
    width: h.spacing === 1 ? 4 : 1,
    parts: [haloInput(p, tile, lanes, 4 * wide), kernelsOf(p, tile), ending(p)],
    constants: {
      ...sizesOf(p),
      FOURS: [fours, "vec4s of output channels per invocation"],
      OUT_LANES: [outFours / fours, "invocations along output channels"],
      WIDE: [wide, "groups of four columns per invocation"],
      OWN_IN: [tile.inChannels, "input channels that are loaded at once"],
      ACROSS: [haloTilesOf(p, tile).across, "tiles per row"],
      TILE_ROWS: [tile.height, "rows of a tile"],
      TILE_FOURS: [tile.columns, "groups of four columns of a tile"],
    },
    body: wgsl`
      let batch = group.z; // image and group
      let first_row = group.x / ACROSS * TILE_ROWS;
      let first_four = group.x % ACROSS * TILE_FOURS;
      let first_out = group.y * (4u * OUT_FOURS);
      let own_four = lane % OUT_LANES * FOURS;
      let own_row = lane / OUT_LANES / (TILE_FOURS / WIDE);
      let own_column = lane / OUT_LANES % (TILE_FOURS / WIDE) * WIDE;
      ${sums(own, (sum) => `var ${sum} = vec4f();`)}
      for (var first_in = 0u; first_in < IN_CHANNELS; first_in += OWN_IN) {
        load_halo(batch * IN_CHANNELS + first_in, first_row, first_four);
        load_kernels(batch % GROUPS, first_out, first_in);
        workgroupBarrier();
        for (var c = 0u; c < OWN_IN; c++) {
          for (var i = 0u; i < KERNEL_H; i++) {
            begin_lines(c, i, own_row, own_column);
            load_line(0);
            begin_kernels(c, i);
            ${each(h.count, (t) => [
              ...each(wide, (c) => `let p${t}_${c} = vec4f(${inputFour(c, t)});`),
              ...each(fours, (four) => `let w${t}_${four} = kernels_at(${t}, own_four + ${four}u);`),
              ...each(4 * fours, (r) =>
                each(wide, (c) => `sum${r}_${c} += p${t}_${c} * w${t}_${r >> 2}.${components[r & 3]!};`),
              ),
            ])}
          }
        }
        // All invocations must finish reading before any overwrites what they read.
        workgroupBarrier();
      }
      let channel = first_out + 4u * own_four;
      let row = first_row + own_row;
      let col = 4u * (first_four + own_column);
      ${each(4 * fours, (r) => [
        `if (${plus("channel", `${r}u`)} < OUT_CHANNELS) {`,
        ...each(
          wide,
          (c) =>
            `  put(batch * OUT_CHANNELS + ${plus("channel", `${r}u`)}, row, ${plus("col", `${4 * c}u`)}, sum${r}_${c});`,
        ),
        "}",
      ])}`,
  });
}
