import { type Shape, sameShape, sizeOf } from "../../graph/shape.ts";
import { fullValue, type Node, type Tensor } from "../../graph/tensor.ts";
import type { Geometry } from "../../kernels/conv2d.ts";
import { stripped } from "../../ops/idioms.ts";
import { isFull, named, ofChannels, unshaped } from "./linear.ts";
import { padded } from "./moves.ts";
import type { Form, Target } from "./target.ts";

/** A convolution, or one transposed. Of `line`, the second of both axes. @param names of x, weight and bias. */
export function convolution(to: Target, node: Node, [x, weight, bias]: readonly string[], line = false): string {
  const { geometry, size } = node.attrs as { geometry: Geometry; size: readonly number[] };
  const { top, bottom, left, right, stride, dilation, groups } = geometry;
  const axes = line ? [1] : [0, 1];
  const ofAxes = (pair: readonly number[]) => axes.map((axis) => pair[axis]!);
  const kernel = node.inputs[1]!.shape.slice(2);
  const given = node.inputs[0]!.shape.slice(2);
  const [low, high] = [ofAxes([top, left]), ofAxes([bottom, right])];
  const common = {
    kernel_shape: ofAxes(kernel),
    strides: ofAxes(stride),
    dilations: ofAxes(dilation),
    group: groups,
  };
  if (node.op.name === "conv2d") {
    const isNegative = [...low, ...high].some((n) => n < 0);
    const zero = () => to.number(0, node.results[0]!.dtype);
    const image = isNegative ? padded(to, x!, [0, 0, ...low], [0, 0, ...high], zero()) : x!;
    const natural = given.map((n, axis) => {
      const whole = n + [top, left][axis]! + [bottom, right][axis]!;
      return Math.floor((whole - dilation[axis]! * (kernel[axis]! - 1) - 1) / stride[axis]!) + 1;
    });
    if (natural.some((n, axis) => n !== size[axis]))
      return to.problem(`op conv2d that leaves out positions: ${size.join(" × ")} of ${natural.join(" × ")}`);
    const pads = isNegative ? [...low, ...high].map(() => 0) : [...low, ...high];
    return to.emit("Conv", [image, weight!, bias ?? ""], { ...common, pads });
  }
  const rest = axes.map((axis) => {
    const reach = (given[axis]! - 1) * stride[axis]! + dilation[axis]! * (kernel[axis]! - 1) + 1;
    return size[axis]! - (reach - [top, left][axis]! - [bottom, right][axis]!);
  });
  return to.emit("ConvTranspose", [x!, weight!, bias ?? ""], {
    ...common,
    pads: [...low, ...high],
    output_padding: rest,
  });
}

const convolutions = ["conv2d", "conv2dInputGrad"];

/** A convolution with its bias, and one along a line, which is an image of one row. */
export function convolutionForm({ results: [y] }: Node, to: Target): Form | undefined {
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

/** A convolution with a kernel of one element, which the library computes as a product for each image. */
export function pointwiseForm({ results: [y] }: Node, to: Target): Form | undefined {
  const rank = y!.shape.length;
  if (!named(y, "reshape") || rank < 3) return undefined;
  const sums = shapesOf(y).at(-1)!;
  const [product = sums, added] = named(sums, "add") ? (sums.node.inputs as [Tensor, Tensor]) : [];
  const bias = added && ofChannels(added);
  if (!named(product, "matmul") || sums.shape.length !== 3 || (added && (!bias || to.uses(product) > 1)))
    return undefined;
  const [kernels, columns] = product.node.inputs as [Tensor, Tensor];
  const [n, channels] = columns.shape as [number, number];
  const [, out, ...positions] = y.shape as [number, number, ...number[]];
  const ones = positions.map(() => 1);
  const weight = shapesOf(stripped(kernels)).findLast(({ shape }) => sameShape(shape, [out, channels, ...ones]));
  const met = metBy(columns, [n, channels, ...positions]);
  if (!weight || !met || !sameShape(y.shape.slice(0, 2), sums.shape.slice(0, 2))) return undefined;
  const { x, strides } = met;
  const reads = [x, weight, ...(bias ? [bias] : [])];
  const attributes = { kernel_shape: ones, strides, pads: [...ones, ...ones].map(() => 0), dilations: ones, group: 1 };
  return {
    reads,
    write: () =>
      to.emit(
        "Conv",
        reads.map((each) => to.value(each)),
        attributes,
      ),
  };
}

/** A value, what it reshapes, and so on. */
const shapesOf = (tensor: Tensor): Tensor[] => [
  tensor,
  ...(named(tensor, "reshape") ? shapesOf(unshaped(tensor)) : []),
];

/** What has the columns of a product as its elements, or every few of them: images, or lines. */
function metBy(columns: Tensor, shape: Shape): { x: Tensor; strides: readonly number[] } | undefined {
  const all = shapesOf(columns);
  const whole = all.findLast((tensor) => sameShape(tensor.shape, shape));
  const strided = stridedOf(all.at(-1)!, shape);
  return strided ?? (whole && { x: whole, strides: shape.slice(2).map(() => 1) });
}

function stridedOf(met: Tensor, shape: Shape): { x: Tensor; strides: readonly number[] } | undefined {
  const [n, channels, ...positions] = shape as [number, number, ...number[]];
  const isLine = positions.length === 1;
  if (!named(met, "slice") || !sameShape(met.shape, isLine ? [n, channels, 1, ...positions] : shape)) return undefined;
  const { starts, sizes, steps } = met.node.attrs as Readonly<Record<string, readonly number[]>>;
  const [image] = met.node.inputs as [Tensor];
  const isEvery = image.shape.every((size, axis) => {
    const step = steps![axis]!;
    return starts![axis] === 0 && (axis < 2 ? step === 1 : step >= 1) && sizes![axis] === Math.ceil(size / step);
  });
  const x = isLine ? unshaped(image) : image;
  const isWhole = !isLine || sameShape(image.shape, [n, channels, 1, ...x.shape.slice(2)]);
  return isEvery && isWhole ? { x, strides: steps!.slice(isLine ? 3 : 2) } : undefined;
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
export function averageForm({ op, inputs: [sums, factor] }: Node, to: Target): Form | undefined {
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
