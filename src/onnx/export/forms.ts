import { sameShape, sizeOf } from "../../graph/shape.ts";
import { fullValue, type Node, type Tensor } from "../../graph/tensor.ts";
import type { Geometry } from "../../kernels/conv2d.ts";
import { meanOf, numberOf, stripped } from "../../ops/idioms.ts";
import { isFull, linearOf, named, unshaped } from "./linear.ts";
import { convolution, rootMeanSquare } from "./network.ts";
import { typeNumbers } from "./proto.ts";
import { recurrentForm } from "./recurrent.ts";
import type { Form, Target } from "./target.ts";

/*
 * Groups of nodes that are one node of ONNX: what `linear`, `batchNorm` and others build. Each is recognised at its last
 * node. The nodes within are written alone where others read them.
 */

/** A value without what only programs need to know. */
function bare(tensor: Tensor): Tensor {
  return named(tensor, "detach") || named(tensor, "evaluated") ? bare(tensor.node.inputs[0]!) : tensor;
}

function linearForm({ results: [y] }: Node, to: Target): Form | undefined {
  const linear = linearOf(y!);
  if (!linear) return undefined;
  const { x, weight, bias } = linear;
  const reads = [x, weight, ...(bias ? [bias] : [])];
  const isMatrix = x.shape.length === 2;
  if (isMatrix)
    return {
      reads,
      write: () =>
        to.emit(
          "Gemm",
          reads.map((each) => to.value(each)),
          { transB: 1 },
        ),
    };
  return {
    reads,
    write() {
      const product = to.emit("MatMul", [to.value(x), to.emit("Transpose", [to.value(weight)], { perm: [1, 0] })]);
      return bias ? to.emit("Add", [product, to.value(bias)]) : product;
    },
  };
}

const convolutions = ["conv2d", "conv2dInputGrad"];

/** A value per channel `[C]` that was spread over images `[N, C, …]`: as `[C, 1, …]` it lies along axis 1. */
function ofChannels(tensor: Tensor): Tensor | undefined {
  const spread = stripped(tensor);
  const value = unshaped(spread);
  const [, channels, ...others] = tensor.shape as [number, number, ...number[]];
  const isAlong = sameShape(spread.shape, [channels, ...others.map(() => 1)]);
  return isAlong && sameShape(value.shape, [channels]) ? value : undefined;
}

/** A convolution with its bias, and one along a line, which is an image of one row. */
function convolutionForm({ results: [y] }: Node, to: Target): Form | undefined {
  const isLine = named(y, "reshape") && y.shape.length === 3;
  const inner = isLine ? unshaped(y) : y!;
  const sum = named(inner, "add") ? inner.node.inputs : undefined;
  const [sums = inner, added] = sum ?? [];
  const { node } = sums;
  if (!convolutions.includes(node.op.name) || isAverage(node)) return undefined;
  const bias = added && ofChannels(added);
  if (added && (!bias || isFull(added) || to.uses(sums) > 1)) return undefined;
  const operands = isLine ? node.inputs.map(unshaped) : node.inputs;
  if (isLine) {
    const { top, bottom } = node.attrs["geometry"] as Geometry;
    if (top !== 0 || bottom !== 0) return undefined;
    const [line, kernel] = operands as [Tensor, Tensor];
    const isRow = ({ shape }: Tensor, whole: Tensor) =>
      sameShape(whole.shape, [...shape.slice(0, 2), 1, ...shape.slice(2)]);
    if (!isRow(line, node.inputs[0]!) || !isRow(kernel, node.inputs[1]!) || !isRow(y, sums)) return undefined;
  } else if (!bias) return undefined;
  const reads = [...operands, ...(bias ? [bias] : [])];
  return {
    reads,
    write: () =>
      convolution(
        to,
        node,
        reads.map((each) => to.value(each)),
        isLine,
      ),
  };
}

/** Whether a convolution sums windows of each channel that ONNX can average. */
function isAverage({ op, inputs: [x, weight], attrs }: Node): boolean {
  if (op.name !== "conv2d" || !named(weight, "constant")) return false;
  const { groups, dilation, top, left, bottom, right } = attrs["geometry"] as Geometry;
  const [, , height, width] = weight.shape as [number, number, number, number];
  const isWithin = [top, bottom].every((n) => n >= 0 && n < height) && [left, right].every((n) => n >= 0 && n < width);
  if (!isWithin || dilation.some((step) => step !== 1)) return false;
  const data: ArrayLike<number> = weight.node.attrs["data"];
  return groups === x!.shape[1] && weight.shape[0] === groups && Array.from(data).every((value) => value === 1);
}

/** Means of windows: sums, each times one by a count. */
function averageForm({ op, inputs: [sums, factor] }: Node, to: Target): Form | undefined {
  if (op.name !== "mul" || !isAverage(sums!.node)) return undefined;
  const [x, weight] = sums!.node.inputs as [Tensor, Tensor];
  const { top, left, bottom, right, stride } = sums!.node.attrs["geometry"] as Geometry;
  const kernel = weight.shape.slice(2);
  const spread = stripped(factor!);
  const scales: ArrayLike<number> | undefined = isFull(spread) ? [fullValue(spread)!] : spread.node.attrs["data"];
  const pads = [top, left, bottom, right];
  const shown = (axis: 0 | 1, at: number) => {
    const start = at * stride[axis] - pads[axis]!;
    return Math.min(start + kernel[axis]!, x.shape[2 + axis]!) - Math.max(start, 0);
  };
  const [, columns] = sums!.shape.slice(2) as [number, number];
  const matches = (count: (at: number) => number) =>
    scales !== undefined && Array.from(scales).every((scale, at) => Math.abs(scale * count(at) - 1) < 1e-6);
  const isWhole = isFull(spread) && matches(() => sizeOf(kernel));
  const isShown =
    !isFull(spread) &&
    sameShape(spread.shape, sums!.shape.slice(2)) &&
    matches((at) => shown(0, Math.floor(at / columns)) * shown(1, at % columns));
  if (!isWhole && !isShown) return undefined;
  const attributes = { kernel_shape: kernel, strides: [...stride], pads, count_include_pad: isWhole ? 1 : 0 };
  return { reads: [x], write: () => to.emit("AveragePool", [to.value(x)], attributes) };
}

/** (x − mean) · rsqrt(variance + ε) · weight + bias, as `batchNorm` builds it for evaluation. */
function batchNormForm({ results: [y] }: Node, to: Target): Form | undefined {
  const channels = y!.shape[1];
  const hasBias = named(y, "add");
  const scaled = hasBias ? y.node.inputs[0]! : y!;
  if (channels === undefined || !named(scaled, "mul") || !named(scaled.node.inputs[0], "sub")) return undefined;
  const [x, spreadMean] = scaled.node.inputs[0].node.inputs as [Tensor, Tensor];
  const [mean, scale] = [ofChannels(spreadMean), ofChannels(scaled.node.inputs[1]!)];
  const bias = hasBias ? ofChannels(y.node.inputs[1]!) : undefined;
  if (!mean || !scale || (hasBias && !bias)) return undefined;
  const [root, weight] = named(scale, "mul") ? (scale.node.inputs as [Tensor, Tensor]) : [scale, undefined];
  if (!named(root, "rsqrt") || !named(root.node.inputs[0], "add")) return undefined;
  const [variance, added] = root.node.inputs[0].node.inputs as [Tensor, Tensor];
  const eps = numberOf(added);
  if (eps === undefined || eps < 0 || !sameShape(variance.shape, [channels])) return undefined;
  const each = [x, weight, bias, bare(mean), bare(variance)];
  const missing = (value: number) => to.constant(new Float32Array(channels).fill(value), [channels], y!.dtype);
  return {
    reads: each.filter((tensor) => tensor !== undefined),
    write: () =>
      to.emit(
        "BatchNormalization",
        each.map((tensor, i) => (tensor ? to.value(tensor) : missing(i === 1 ? 1 : 0))),
        { epsilon: { float: eps } },
      ),
  };
}

/** Normalisation of rows, between two reshapes or without them. */
function normalizationForm({ results: [y] }: Node, to: Target): Form | undefined {
  const inner = unshaped(y!);
  if (!named(inner, "layerNorm") || inner.index !== 0) return undefined;
  const [rows, weight, bias] = inner.node.inputs as [Tensor, Tensor | undefined, Tensor | undefined];
  const x = inner === y ? rows : unshaped(rows);
  if (!sameShape(x.shape, y!.shape)) return undefined;
  const { kind, eps, groups, spread } = inner.node.attrs;
  const reads = [x, ...(weight ? [weight] : []), ...(bias ? [bias] : [])];
  const filled = (value: number, shape: readonly number[]) =>
    to.constant(new Float32Array(sizeOf(shape)).fill(value), shape, x.dtype);
  const epsilon = { float: eps };
  const isPlain = groups === 1 && spread === 1;
  if (isPlain) {
    const over = weight?.shape ?? tailOf(x.shape, rows.shape[1]!);
    if (!over || !sameShape(x.shape.slice(-over.length), over)) return undefined;
    const axis = x.shape.length - over.length;
    if (kind === "rms") {
      const axes = over.map((_, i) => axis + i);
      const write = () => {
        const normal = rootMeanSquare(to, to.value(x), axes, to.number(eps, x.dtype));
        return weight ? to.emit("Mul", [normal, to.value(weight)]) : normal;
      };
      return { reads, write };
    }
    const operands = () => [to.value(x), weight ? to.value(weight) : filled(1, over), bias ? to.value(bias) : ""];
    return { reads, write: () => to.emit("LayerNormalization", operands(), { axis, epsilon }) };
  }
  const channels = x.shape[1]!;
  if (kind !== "layer" || x.shape.length < 3 || spread !== sizeOf(x.shape.slice(2))) return undefined;
  const affine = [weight, bias] as const;
  if (groups === channels) {
    const write = () =>
      to.emit(
        "InstanceNormalization",
        [to.value(x), ...affine.map((each, i) => (each ? to.value(each) : filled(1 - i, [channels])))],
        { epsilon },
      );
    return { reads, write };
  }
  return {
    reads,
    write() {
      if (to.opset >= 21)
        return to.emit(
          "GroupNormalization",
          [to.value(x), ...affine.map((each, i) => (each ? to.value(each) : filled(1 - i, [channels])))],
          { num_groups: groups, epsilon },
        );
      // As one channel a group; earlier versions have a weight for each group alone.
      const grouped = to.reshape(to.value(x), [x.shape[0]!, groups, (channels / groups) * spread]);
      const normal = to.emit("InstanceNormalization", [grouped, filled(1, [groups]), filled(0, [groups])], { epsilon });
      const along = (each: Tensor) => to.reshape(to.value(each), [channels, ...x.shape.slice(2).map(() => 1)]);
      const scaled = to.reshape(normal, x.shape);
      const weighed = weight ? to.emit("Mul", [scaled, along(weight)]) : scaled;
      return bias ? to.emit("Add", [weighed, along(bias)]) : weighed;
    },
  };
}

/** The last axes that have so many elements together. */
function tailOf(shape: readonly number[], length: number): readonly number[] | undefined {
  for (let axis = shape.length - 1; axis >= 0; axis--)
    if (sizeOf(shape.slice(axis)) === length) return shape.slice(axis);
  return undefined;
}

/** Rows of a table for indices of any shape. */
function embeddingForm({ results: [y] }: Node, to: Target): Form | undefined {
  const inner = unshaped(y!);
  if (!named(y, "reshape") || !named(inner, "embedding")) return undefined;
  const [weight, flat] = inner.node.inputs as [Tensor, Tensor];
  const index = unshaped(flat);
  if (!sameShape(y.shape, [...index.shape, weight.shape[1]!])) return undefined;
  return {
    reads: [weight, index],
    write: () => to.emit("Gather", [to.value(weight), to.value(index)], { axis: 0 }),
  };
}

function meanForm(node: Node, to: Target): Form | undefined {
  const mean = meanOf(node);
  return mean && { reads: [mean.x], write: () => to.reduced("ReduceMean", to.value(mean.x), mean.axes, mean.keeps) };
}

/** Casts of several values, one for each result. */
function castForm({ op, inputs, results: [first] }: Node, to: Target): Form | undefined {
  if (op.name !== "castAll") return undefined;
  return {
    reads: inputs,
    write: (index) => to.emit("Cast", [to.value(inputs[index]!)], { to: typeNumbers[first!.dtype] }),
  };
}

const forms = [
  meanForm,
  castForm,
  linearForm,
  convolutionForm,
  averageForm,
  batchNormForm,
  normalizationForm,
  embeddingForm,
  recurrentForm,
];

/** The form that a node is the last of. */
export function formOf(node: Node, to: Target): Form | undefined {
  for (const form of forms) {
    const found = form(node, to);
    if (found) return found;
  }
  return undefined;
}
