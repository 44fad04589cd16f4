import { alongX } from "../../shaders/lib/grid.wgsl.ts";
import type { Kernel } from "../../shaders/lib/kernel.ts";
import {
  isSmall,
  maxPool,
  maxPoolGrad,
  maxPoolGradBlocks,
  maxPoolPick,
  maxPoolUnrolled,
  type PoolGrad,
  type Pooling,
  type Windows,
} from "../../shaders/pool2d.wgsl.ts";
import { labelShape, type Shape, sizeOf } from "../graph/shape.ts";
import type { Node } from "../graph/tensor.ts";
import { bound, type View } from "./call.ts";
import { choose, family, named, only, unless, type Variant } from "./choose.ts";
import type { Kernels } from "./lowering.ts";
import { endOf, touched } from "./work.ts";

export type { Windows };

interface Problem {
  readonly windows: Windows;
  readonly image: Shape;
}

interface PoolVariant extends Variant<Problem> {
  readonly write: (p: Pooling) => Kernel;
}

interface PoolGradVariant extends Variant<Problem> {
  readonly write: (p: PoolGrad) => Kernel;
  /** Number of invocations. */
  readonly count: (problem: Problem) => number;
}

export const maxPoolFamily = /* @__PURE__ */ family<PoolVariant>("maxPool2d", "pool2d", [
  { name: "naive", score: () => 1, write: maxPool },
  {
    name: "unrolled",
    needs: ({ windows: { kernel } }) => unless(isSmall(kernel), "windows of at most 16 elements"),
    score: () => 2,
    write: maxPoolUnrolled,
  },
]);
export const maxPoolPickFamily = /* @__PURE__ */ only("maxPool2dPick", "pool2d");
export const maxPoolGradFamily = /* @__PURE__ */ family<PoolGradVariant>("maxPool2dGrad", "pool2d", [
  { name: "naive", score: () => 1, write: maxPoolGrad, count: ({ image }) => sizeOf(image) },
  {
    name: "blocks",
    needs: ({ windows: { kernel, stride, padding, dilation } }) =>
      unless(
        [0, 1].every((k) => stride[k]! >= kernel[k]! && padding[k] === 0 && (dilation[k] === 1 || kernel[k] === 1)),
        "windows without padding or dilation that do not overlap",
      ),
    score: () => 2,
    write: maxPoolGradBlocks,
    count: ({ image: [n, c, h, w], windows: { stride } }) =>
      n! * c! * Math.ceil(h! / stride[0]) * Math.ceil(w! / stride[1]),
  },
]);

/** Runs max pooling: the maxima, and their packed indices as second result. */
export const maxPoolKernels: Kernels = {
  precision: "operands",
  lower({ node, inputs: [x] }, to) {
    const windows: Windows = node.attrs["windows"];
    const image = to.contiguous(x!);
    const [pooled, index] = node.results.map(
      // The kernel always writes both.
      ({ shape, dtype }, i) =>
        to.result(i) ?? to.scratch(`${["maxima", "positions of the maxima"][i]!}, not read here`, shape, dtype),
    ) as [View, View];
    const variant = choose<PoolVariant, Problem>(maxPoolFamily, { windows, image: image.shape }, to.traits);
    const kernel = variant.write({ windows, image, pooled, index });
    const count = sizeOf(pooled.shape);
    const call = pooling({ node, image, kernel, count });
    return [{ ...named(maxPoolFamily, variant), ...call, workgroups: alongX(count / 4) }];
  },
};

/** Runs the gradient of the image. */
export const maxPoolGradKernels: Kernels = {
  precision: "operands",
  after: true,
  lower(work, to) {
    const { node, inputs } = work;
    const windows: Windows = node.attrs["windows"];
    const problem = { windows, image: node.results[0]!.shape };
    const variant = choose<PoolGradVariant, Problem>(maxPoolGradFamily, problem, to.traits);
    const [pooled, index] = inputs.map((tensor) => to.contiguous(tensor)) as [View, View];
    const { end, chain, flops } = endOf(work, to, pooled.dtype);
    const kernel = variant.write({ windows, pooled, index, end });
    const call = pooling({ node, image: end.places[0]!, kernel, count: variant.count(problem), chain });
    return [{ ...named(maxPoolGradFamily, variant), ...call, flops: call.flops + flops * sizeOf(problem.image) }];
  },
};

/** Gathers the elements of an image that were maxima. */
export const maxPoolPickKernels: Kernels = {
  precision: "operands",
  lower({ node, inputs }, to) {
    const [image, index] = inputs.map((tensor) => to.contiguous(tensor)) as [View, View];
    const pooled = to.result(0)!;
    const kernel = maxPoolPick({ windows: node.attrs["windows"], image, pooled, index });
    return [{ ...named(maxPoolPickFamily, "naive"), ...pooling({ node, image, kernel, count: sizeOf(pooled.shape) }) }];
  },
};

interface PoolCall {
  readonly node: Node;
  readonly image: View;
  readonly kernel: Kernel;
  /** Number of invocations. */
  readonly count: number;
  /** Names of the epilogue's ops. */
  readonly chain?: string;
}

/** The fields common to all three calls. */
function pooling({ node, image, kernel, count, chain = "" }: PoolCall) {
  const windows: Windows = node.attrs["windows"];
  return {
    label: `${node.op.name}${labelShape(image.shape)}/${windows.kernel.join("x")}${chain}:${kernel.buffers[0]!.view!.dtype}`,
    ...bound(kernel),
    workgroups: alongX(count),
    flops: count * windows.kernel[0] * windows.kernel[1],
    bytes: kernel.buffers.reduce((sum, { view }) => sum + touched(view!), 0),
  };
}
