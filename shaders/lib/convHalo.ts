import { each, wgsl } from "../wgsl.ts";
import { bufferOf } from "./array.ts";
import type { ConvSizes, Correlation } from "./convolution.ts";
import { widened } from "./half.wgsl.ts";
import { haloSize, type PositionTile, swizzled } from "./halo.ts";
import type { Memory, Part } from "./kernel.ts";
import { plus, times, vec4Of } from "./view.wgsl.ts";

/** What a workgroup computes of a convolution, and the input channels that it walks over at a time. */
export interface ConvHaloTile extends PositionTile {
  /** vec4s of output channels: per invocation, and per workgroup, a power of two. */
  readonly fours: number;
  readonly outFours: number;
  /** Groups of four columns per invocation. */
  readonly wide: number;
}

/** vec4s of workgroup memory. */
export const convHaloMemory = (p: ConvSizes, tile: ConvHaloTile): number =>
  haloSize(p, tile) + tile.inChannels * p.vertical.count * p.horizontal.count * tile.outFours;

/** Invocations of a workgroup. */
export const convHaloLanes = ({ fours, outFours, wide, height, columns }: ConvHaloTile): number =>
  (outFours / fours) * height * (columns / wide);

/**
 * Kernels in workgroup memory.
 * - `load_kernels(group, first_out, first_in);` loads those of a tile's input channels.
 * - `begin_kernels(c, i);` finds kernel row i of input channel c; `kernels_at(j, four)` are its elements at column j, of
 *   four output channels.
 *
 * Workgroup memory: output channels 4i to 4i + 3 at step k, which counts input channels and taps, are vec4 i of line k,
 * see `swizzled`.
 */
export function kernelsOf(p: Correlation, tile: ConvHaloTile): Part & { readonly memory: readonly Memory[] } {
  const { weight, vertical: v, horizontal: h, groups } = p;
  const [ofGroup, ofChannel, ofInput, ofRow] = p.weightStrides;
  const four = vec4Of[weight.dtype];
  const steps = tile.inChannels * v.count * h.count;
  const channels = each(4, (k) => `weight[${plus("at", `${k * ofChannel}u`)}]`);
  const row = plus(v.first > 0 ? `${v.first}u` : "", times("k / KERNEL_W % KERNEL_H", v.step));
  const column = plus(h.first > 0 ? `${h.first}u` : "", times("k % KERNEL_W", h.step));
  return {
    buffers: [bufferOf("weight", weight, "read")],
    memory: [
      { name: "kernels", type: four, length: steps * tile.outFours, note: "vec4 of output channels [step][OUT_FOURS]" },
    ],
    constants: {
      OUT_FOURS: [tile.outFours, "vec4s of output channels per workgroup"],
      STEPS: [steps, "input channels and taps that are loaded at once"],
    },
    accessors: {
      load_kernels: (group, firstOut, firstIn) =>
        wgsl`
        for (var u = lane; u < STEPS * OUT_FOURS; u += LANES) {
          let k = u % STEPS;
          let i = u / STEPS;
          let kernel = ${plus(groups > 1 ? times(group!, ofGroup) : "", times(`(${firstOut} + 4u * i)`, ofChannel), times(`(${firstIn} + k / (KERNEL_H * KERNEL_W))`, ofInput))};
          let at = ${plus("kernel", times(row, ofRow), column)};
          kernels[k * OUT_FOURS + ${swizzled("i", "k", tile.outFours)}] = ${four}(${channels.join(", ")});
        }`
          .trim()
          .split("\n"),
      begin_kernels: (c, i) => [`let step = (${c} * KERNEL_H + ${i}) * KERNEL_W;`],
      kernels_at: (j, i) =>
        widened(
          weight.dtype,
          `kernels[(step + ${j}u) * OUT_FOURS + ${swizzled(i!, `(step + ${j}u)`, tile.outFours)}]`,
          4,
        ),
    },
  };
}
