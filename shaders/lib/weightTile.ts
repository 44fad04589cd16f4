import { each } from "../wgsl.ts";
import { bufferOf, result } from "./array.ts";
import { type Convolution, reaches, stretch } from "./convolution.ts";
import { widened } from "./half.wgsl.ts";
import type { Part, View } from "./kernel.ts";
import { plus } from "./view.wgsl.ts";

/*
 * What an invocation computes of a convolution's weight gradient: how it loads dy and the input, and stores its
 * results.
 */

/** dw[o, c, i, j] = Σ over images and pixels of dy · x. The taps are those of the forward pass. */
export interface WeightGrad extends Convolution {
  readonly dy: View;
  /**
   * Number of parts that the images are split into. Each part produces a gradient; a reduction adds them in a fixed
   * order.
   */
  readonly parts: number;
  readonly dw: View;
}

/** What one invocation computes of a gradient, for one input channel. */
export interface WeightTile {
  readonly channels: number;
  /** Rows and columns of the kernel. */
  readonly rows: number;
  readonly columns: number;
  /** Whether the invocations of a quad share rows and columns, each with its own channels. */
  readonly quads?: boolean;
}

/** Most columns of a kernel row per invocation. */
export const mostColumns = 8;

/** Number of tiles along each axis of a gradient, for one group of channels. */
export function tilesOf({ outChannels, inChannels, vertical: v, horizontal: h }: Convolution, tile: WeightTile) {
  const across = Math.ceil(h.count / tile.columns);
  const down = Math.ceil(v.count / tile.rows);
  const channels = Math.ceil(outChannels / (tile.channels * (tile.quads ? 4 : 1)));
  return { across, down, all: across * down * inChannels * channels };
}

/** The input elements that a row of four pixels of dy is multiplied with: `load_stretch` and `four` of `stretch`. */
export function fourPixels({ input, horizontal: h }: WeightGrad, { columns }: WeightTile): Part {
  const rounded = { ...h, positions: Math.ceil(h.positions / 4) * 4 };
  const guarded = columns < h.count || reaches(rounded, input.shape[3]!);
  return stretch({ input, horizontal: { ...h, count: columns }, positions: 4, guarded }).part;
}

/**
 * `load_gradients(row, q);` loads `g0`, `g1`, …: for each channel, four neighbours of dy from 4 · q; 0 past the row.
 */
export function gradients({ dy, vertical: v, horizontal: h }: WeightGrad, { channels }: WeightTile): Part {
  const ragged = h.positions % 4 > 0;
  const four = (first: string): string => {
    if (!ragged) return widened(dy.dtype, `dy[(${first}) / 4u]`, 4);
    const loads = each(4, (k) => widened(dy.dtype, `dy[${plus(first, `${k}u`)}]`));
    return `select(vec4f(), vec4f(${loads.join(", ")}), inside)`;
  };
  return {
    buffers: [bufferOf("dy", dy, "read", ragged ? 1 : 4)],
    accessors: {
      load_gradients: (row, q) => [
        ...(ragged ? [`let inside = 4u * ${q} + vec4u(0u, 1u, 2u, 3u) < vec4u(COLS);`] : []),
        ...each(channels, (r) => `let g${r} = ${four(plus(row!, `${r * v.positions * h.positions}u`, `4u * ${q}`))};`),
      ],
    },
  };
}

/**
 * What a quad loads for some pixels of a row of dy. Each invocation loads every fourth input element and gets the
 * others from its neighbours.
 * - `load_gradients(row, first, pixels);` loads pixels of each channel from pixel `first`, as a vec4 if row lengths are
 *   divisible by 4.
 * - `load_stretch(plane, row, pixels);` loads the input elements for their taps. The first tap of the first pixel is at
 *   column `left`.
 * - `products(r, t, pixels)` is the sum of products for channel r and tap t.
 */
export function quadOperands(p: WeightGrad, tile: WeightTile): Part {
  const { vertical: v, horizontal: h, input, dy } = p;
  const { across, down } = tilesOf(p, tile);
  const vectors = h.positions % 4 === 0;
  const guardsRow = reaches({ ...v, count: down * tile.rows }, input.shape[2]!);
  const guardsColumn = reaches({ ...h, count: across * tile.columns }, input.shape[3]!);
  const own = (row: string, k: number): string => {
    const value = widened(input.dtype, `input[${plus("line", `${4 * k}u`)}]`);
    const inside = [
      ...(guardsRow ? [`${row} < HEIGHT`] : []),
      ...(guardsColumn ? [`${plus("left", "lane", `${4 * k}u`)} < WIDTH`] : []),
    ].join(" && ");
    return inside ? `select(0.0, ${value}, ${inside})` : value;
  };
  const gradient = (row: string, r: number, first: string, d = 0): string =>
    plus(row, `${r * v.positions * h.positions}u`, first, `${d}u`);
  /** Names of the input elements for tap t of each pixel. */
  const taken = (t: string, pixels: string) => each(Number(pixels), (d) => `x${d * h.stride + Number(t) * h.shift}`);
  return {
    buffers: [bufferOf("input", input, "read"), bufferOf("dy", dy, "read", vectors ? 4 : 1)],
    accessors: {
      load_gradients: (row, first, pixels) =>
        each(tile.channels, (r) =>
          vectors
            ? `let g${r} = ${widened(dy.dtype, `dy[(${gradient(row!, r, first!)}) / 4u]`, 4)};`
            : each(
                Number(pixels),
                (d) => `let g${r}_${d} = ${widened(dy.dtype, `dy[${gradient(row!, r, first!, d)}]`)};`,
              ),
        ),
      load_stretch(plane, row, pixels) {
        const span = (Number(pixels) - 1) * h.stride + (tile.columns - 1) * h.shift + 1;
        return [
          `let line = ${plane} + ${row} * WIDTH + left + lane;`,
          ...each(Math.ceil(span / 4), (k) => `let own${k} = ${own(row!, k)};`),
          ...each(span, (d) => `let x${d} = quadBroadcast(own${d >> 2}, ${d & 3}u);`),
          ...(vectors ? each(tile.columns, (t) => `let p${t} = vec4f(${taken(`${t}`, pixels!).join(", ")});`) : []),
        ];
      },
      products: (r, t, pixels) =>
        vectors
          ? `dot(g${r}, p${t})`
          : taken(t!, pixels!)
              .map((x, d) => `g${r}_${d} * ${x}`)
              .join(" + "),
    },
  };
}

/**
 * `keep(r, i, t, sum);` stores the element at channel r, kernel row i and column t, relative to `at`. Elements outside
 * the weight are dropped.
 */
export function keeping({ dw, vertical: v, horizontal: h, ...p }: WeightGrad, tile: WeightTile): Part {
  const { accessors, ...part } = result("dw", dw);
  const guardsFirst = tile.quads && p.outChannels % (4 * tile.channels) > 0;
  const guard = (i: string, n: number, share: number, text: string) => (i === "0" || n % share === 0 ? [] : [text]);
  return {
    ...part,
    accessors: {
      ...accessors,
      keep(r, i, t, sum) {
        const index = plus("at", `${(Number(r) * p.inChannels * v.count + Number(i)) * h.count + Number(t)}u`);
        const guards = [
          ...(guardsFirst
            ? [`${plus("channel", `${r}u`)} < OUT_CHANNELS`]
            : guard(r!, p.outChannels, tile.channels, `channel + ${r}u < OUT_CHANNELS`)),
          ...guard(i!, v.count, tile.rows, `i + ${i}u < KERNEL_H`),
          ...guard(t!, h.count, tile.columns, `j + ${t}u < KERNEL_W`),
        ];
        const store = `dw_put(${index}, ${sum});`;
        return [guards.length > 0 ? `if (${guards.join(" && ")}) { ${store} }` : store];
      },
    },
  };
}
