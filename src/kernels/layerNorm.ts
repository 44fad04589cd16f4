import {
  layerNormGradLines,
  layerNormGradNaive,
  layerNormLines,
  layerNormNaive,
  rmsNormGradLines,
  rmsNormGradNaive,
  rmsNormLines,
  rmsNormNaive,
} from "../../shaders/layerNorm.wgsl.ts";
import { bound, type View } from "./call.ts";
import { chooseWay, keepingLines, lineFamily } from "./lines.ts";
import type { Kernels } from "./lowering.ts";
import { endOf, touched } from "./work.ts";

/** "layer" subtracts the mean and divides by the standard deviation; "rms" only divides by the root mean square. */
export type NormKind = "layer" | "rms";

/**
 * Attributes of the ops. Element `t` of row `i` has weight (i mod groups) · (length / spread) + t / spread. In layer
 * normalisation, groups and spread are 1: a weight for each position of a row. In group normalisation, a row is a group
 * of an image's channels, `groups` is how many an image has, and `spread` the pixels of a channel: a weight for each
 * channel.
 */
export interface NormAttrs {
  readonly kind: NormKind;
  readonly eps: number;
  readonly groups: number;
  readonly spread: number;
}

export interface NormGradAttrs extends NormAttrs {
  /** Whether there is a weight. */
  readonly weighted: boolean;
}

export const normFamily = /* @__PURE__ */ lineFamily("layerNorm", "layerNorm", keepingLines);
const norms = {
  layer: { naive: layerNormNaive, lines: layerNormLines },
  rms: { naive: rmsNormNaive, lines: rmsNormLines },
};
const normGrads = {
  layer: { naive: layerNormGradNaive, lines: layerNormGradLines },
  rms: { naive: rmsNormGradNaive, lines: rmsNormGradLines },
};

/** Normalises rows: x, and optionally weight and bias. */
export const normKernels: Kernels = {
  precision: "operands",
  lower({ node, inputs }, to) {
    const read = inputs.map((tensor) => to.contiguous(tensor)) as [View, View?, View?];
    const [x, weight, bias] = read;
    const { kind, eps, groups, spread } = node.attrs as NormAttrs;
    const [y, rstd, mean] = node.results.map((_, i) => to.result(i));
    const [rows, length] = x.shape as [number, number];
    const { write, chosen } = chooseWay(normFamily, norms[kind], { lines: rows, length }, to.traits);
    return [
      {
        label: labelOf("layerNorm", kind, x),
        ...chosen,
        ...bound(write({ rows, length, groups, spread, eps, x, weight, bias, y, rstd, mean })),
        flops: 8 * rows * length,
        bytes: bytesOf([...read, y, rstd, mean]),
      },
    ];
  },
};

/** Runs the gradient. */
export const normGradKernels: Kernels = {
  after: true,
  lower(work, to) {
    const { kind, groups, spread } = work.node.attrs as NormAttrs;
    const views = gradInputs(
      work.inputs.map((tensor) => to.contiguous(tensor)),
      work.node.attrs as NormGradAttrs,
    );
    const { x } = views;
    const { end, label, flops, bytes } = endOf(work, to, x.dtype);
    const [rows, length] = x.shape as [number, number];
    const { write, chosen } = chooseWay(normFamily, normGrads[kind], { lines: rows, length }, to.traits);
    return [
      {
        label: labelOf("layerNormGrad", kind, x, label),
        ...chosen,
        ...bound(write({ rows, length, groups, spread, ...views, end })),
        flops: (12 + flops) * rows * length,
        bytes: bytesOf(Object.values(views)) + bytes,
      },
    ];
  },
};

/** The gradient's inputs by name. */
export function gradInputs<T>([x, ...rest]: readonly T[], { weighted, kind }: NormGradAttrs) {
  const [weight, dy, rstd, mean] = weighted ? rest : [undefined, ...rest];
  return { x: x!, weight, dy: dy!, rstd: rstd!, mean: kind === "rms" ? undefined : mean };
}

const bytesOf = (views: readonly (View | undefined)[]): number =>
  views.reduce((total, view) => total + (view ? touched(view) : 0), 0);

const labelOf = (name: string, kind: NormKind, { shape, dtype }: View, end = `:${dtype}`): string =>
  `${kind === "rms" ? name.replace("layer", "rms") : name}[${shape.join("x")}]${end}`;
