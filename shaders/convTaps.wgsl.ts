import { ending, findTile, finishTile, sums, tileSizes } from "./conv2d.wgsl.ts";
import { bufferOf, result } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { type Correlation, moved, sizesOf } from "./lib/convolution.ts";
import { widened } from "./lib/half.wgsl.ts";
import type { Kernel, View } from "./lib/kernel.ts";
import type { ConvTile } from "./lib/patches.ts";
import { components } from "./lib/results.ts";
import { plus, shifted } from "./lib/view.wgsl.ts";
import { each, wgsl } from "./wgsl.ts";

/** The input as `convTaps` reads it: as it is, or with zeros around it and columns sorted by their remainder. */
export interface Spread {
  readonly view: View;
  /** Elements from a channel to the next, and from a row of results to the next. */
  readonly plane: number;
  readonly line: number;
}

/** A copy of the input that has an element for each tap of each result. */
export interface Spreading {
  /** Row and column of the input that come first; negative ones are padding. */
  readonly first: readonly [row: number, column: number];
  /** Rows, remainders of columns divided by the stride, and columns of each. */
  readonly rows: number;
  readonly remainders: number;
  readonly columns: number;
}

/**
 * Copies the input with zeros around it, so that no tap is outside. With a stride of s, the taps of neighbouring results
 * are s columns apart; columns are sorted by their remainder divided by s, so that in the copy they are neighbours.
 * Each invocation copies four columns.
 */
export function convSpread(p: Correlation, s: Spreading, to: View, workgroup: number): Kernel {
  const planes = p.images * p.groups * p.inChannels;
  const at = (i: number) => widened(p.input.dtype, `input[${shifted("at", i * s.remainders)}]`);
  const fours = each(4, at).join(", ");
  return kernel({
    workgroup,
    width: 4,
    parts: [{ buffers: [bufferOf("input", p.input, "read")] }, result("spread", to, 4)],
    constants: {
      HEIGHT: [p.input.shape[2]!, "of input"],
      WIDTH: [p.input.shape[3]!, "of input"],
      PLANES: [planes, "images and channels"],
      ROWS: [s.rows, "of a plane"],
      REMAINDERS: [s.remainders, "of columns"],
      FOURS: [s.columns / 4, "vec4s per row and remainder"],
    },
    body: wgsl`
      let plane = id.x / (FOURS * REMAINDERS * ROWS);
      let row = ${moved("id.x / (FOURS * REMAINDERS) % ROWS", s.first[0])};
      let col = ${moved("id.x % FOURS * 4u * REMAINDERS + id.x / FOURS % REMAINDERS", s.first[1])};
      if (plane >= PLANES) { return; }
      var four = vec4f();
      let at = (plane * HEIGHT + row) * WIDTH + col;
      if (row < HEIGHT && col < WIDTH && col + ${3 * s.remainders}u < WIDTH) {
        four = vec4f(${fours});
      } else if (row < HEIGHT) {
        ${each(4, (i) => `if (${shifted("col", i * s.remainders)} < WIDTH) { four.${components[i]!} = ${at(i)}; }`)}
      }
      spread_put(id.x, four);`,
  });
}

/**
 * The variant for WebAssembly, a product like `matmulPacked`: rows are channels, columns are neighbouring results of a
 * row, and a step is a tap of an input channel. `taps` holds, for each step, where its input and its weight are, from
 * those of the first.
 */
export const convTaps = (p: Correlation, from: Spread, taps: View, tile: ConvTile, workgroup: number): Kernel => {
  const [ofGroup, ofChannel] = p.weightStrides;
  const neighbours = (c: number) =>
    each(4, (i) => widened(from.view.dtype, `input[${shifted("at", 4 * c + i)}]`)).join(", ");
  const weightAt = (r: number) => widened(p.weight.dtype, `weight[${shifted("kernel_at", r * ofChannel)}]`);
  return kernel({
    workgroup,
    width: p.horizontal.spacing === 1 ? 4 : 1,
    parts: [
      {
        buffers: [
          bufferOf("input", from.view, "read"),
          bufferOf("weight", p.weight, "read"),
          bufferOf("taps", taps, "read", 2),
        ],
        accessors: { channel_of: (r) => r! },
      },
      ending(p),
    ],
    constants: { ...sizesOf(p), ...tileSizes(p, tile), TAPS: [taps.shape[0]!, "of all input channels"] },
    body: wgsl`
      ${findTile(tile)}
      let corner = batch * (IN_CHANNELS * ${from.plane}u) + y * ${from.line}u + x;
      let kernel = ${plus(p.groups > 1 ? `id.y % GROUPS * ${ofGroup}u` : "", `channel * ${ofChannel}u`)};
      ${sums(tile, (sum) => `var ${sum} = vec4f();`)}
      for (var k = 0u; k < TAPS; k++) {
        let tap = taps[k];
        let at = corner + tap.x;
        let kernel_at = kernel + tap.y;
        ${each(tile.columns, (c) => `let x${c} = vec4f(${neighbours(c)});`)}
        ${each(tile.channels, (r) => [
          `let w${r} = vec4f(${weightAt(r)});`,
          ...each(tile.columns, (c) => `sum${r}_${c} += x${c} * w${r};`),
        ])}
      }
      ${finishTile(p, tile)}`,
  });
};
