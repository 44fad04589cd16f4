import { convSpread, convTaps, type Spread, type Spreading } from "../../shaders/convTaps.wgsl.ts";
import { type Correlation, reaches, type Taps } from "../../shaders/lib/convolution.ts";
import type { ConvTile } from "../../shaders/lib/patches.ts";
import { labelShape } from "../graph/shape.ts";
import { bound, type KernelCall, type View } from "./call.ts";
import { named, only, workgroupOf } from "./choose.ts";
import { blocksOf, type ConvVariant, overlaps } from "./conv2d.ts";
import type { Lowering } from "./lowering.ts";
import { touched } from "./work.ts";

/*
 * A convolution as a walk over taps, for WebAssembly: the table of taps, and the copy of the input in which all exist.
 */

/** The variant that walks over taps. */
export const taps: ConvVariant = {
  name: "taps",
  source: "shaders/convTaps.wgsl.ts",
  needs: overlaps,
  score: (_, { cpu, wasm }) => (wasm ? 2 : cpu ? 0.5 : 0),
  write(p, traits, to) {
    const { walk, before } = walkOf(p, to);
    return { before, kernel: convTaps(p, walk.input, walk.taps, tapsTile(p), workgroupOf(traits)) };
  },
  workgroups: (p, traits) => [Math.ceil(blocksOf(p, tapsTile(p)) / workgroupOf(traits)), p.images * p.groups, 1],
};

/** What `convTaps` reads beside the weight. */
interface Walked {
  readonly input: Spread;
  readonly taps: View;
}

/** Results of an invocation of `convTaps`: as many as registers hold, and as few as possible past the end. */
function tapsTile({ outChannels, horizontal: { positions } }: Correlation): ConvTile {
  const columns = positions > 4 ? 2 : 1;
  const cost = (channels: number): number => Math.ceil(outChannels / channels) * (channels * columns + 1.5);
  const channels = [4, 3, 2, 1].reduce((best, n) => (cost(n) < cost(best) ? n : best));
  return { channels, columns };
}

/** The first input element along an axis that a tap uses, and how many there are from it to the last. */
function extentOf({ count, stride, offset, shift, positions }: Taps): readonly [first: number, extent: number] {
  const beyond = (count - 1) * shift;
  return [offset + Math.min(0, beyond), (positions - 1) * stride + Math.abs(beyond) + 1];
}

/** How the input is spread for `convTaps`; undefined if it is read as it is. */
function spreadingOf({ vertical: v, horizontal: h, input }: Correlation): Spreading | undefined {
  if (h.stride === 1 && !reaches(v, input.shape[2]!) && !reaches(h, input.shape[3]!)) return undefined;
  const [[top, rows], [left]] = [extentOf(v), extentOf(h)];
  // The last vec4s of a row begin within it, and read beyond.
  const columns = 8 * Math.ceil(h.positions / 8) + Math.floor(((h.count - 1) * Math.abs(h.shift)) / h.stride);
  return { first: [top, left], rows, remainders: h.stride, columns: 4 * Math.ceil(columns / 4) };
}

/** The call that spreads the input, if it must be, and what `convTaps` reads. */
function walkOf(p: Correlation, to: Lowering): { readonly walk: Walked; readonly before: readonly KernelCall[] } {
  const { vertical: v, horizontal: h, inChannels } = p;
  const s = spreadingOf(p);
  const [, , height, width] = p.input.shape as [number, number, number, number];
  const [row, plane] = s ? [s.remainders * s.columns, s.rows * s.remainders * s.columns] : [width, height * width];
  const [firstRow, firstColumn] = s?.first ?? [0, 0];
  const [, , ofInput, ofRow] = p.weightStrides;
  const steps = Array.from({ length: inChannels * v.count * h.count }, (_, k): readonly [number, number] => {
    const [c, i, j] = [Math.floor(k / (v.count * h.count)), Math.floor(k / h.count) % v.count, k % h.count];
    const column = h.offset + j * h.shift - firstColumn;
    const place = s ? (column % h.stride) * s.columns + Math.floor(column / h.stride) : column;
    return [
      c * plane + (v.offset + i * v.shift - firstRow) * row + place,
      c * ofInput + (v.first + i * v.step) * ofRow + h.first + j * h.step,
    ];
  });
  const key = [
    inChannels,
    plane,
    row,
    firstRow,
    firstColumn,
    ...p.weightStrides.slice(2),
    Object.values(v),
    Object.values(h),
  ];
  const taps = to.constant(`places of taps ${key.flat().join(" ")}`, [steps.length, 2], "u32", (data) =>
    data.set(steps.flat()),
  );
  if (!s) return { walk: { input: { view: p.input, plane, line: row * v.stride }, taps }, before: [] };
  const planes = p.images * p.groups * inChannels;
  const view = to.scratch("the input, spread", [planes, s.rows, s.remainders, s.columns], "f32");
  const invocations = (planes * plane) / 4;
  const call: KernelCall = {
    label: `spread${labelShape(p.input.shape)}:${p.input.dtype}`,
    ...named(spreadFamily, "naive"),
    ...bound(convSpread(p, s, view, workgroupOf(to.traits))),
    workgroups: [Math.ceil(invocations / workgroupOf(to.traits)), 1, 1],
    invocations,
    flops: 0,
    bytes: touched(p.input) + touched(view),
  };
  return { walk: { input: { view, plane, line: row * v.stride }, taps }, before: [call] };
}

/** The kernel before `taps`. */
export const spreadFamily = /* @__PURE__ */ only("conv2dSpread", "convTaps");
