import { sizeOf } from "../../graph/shape.ts";
import type { Node, Tensor } from "../../graph/tensor.ts";
import type { Geometry } from "../../kernels/conv2d.ts";
import { padded } from "./moves.ts";
import type { Row, Target } from "./target.ts";

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

const maxPool: Row = (to, { inputs: [x], attrs: { windows } }) => {
  const { kernel, stride, padding, dilation, size } = windows;
  const floor = x!.shape
    .slice(2)
    .map((n, i) => Math.floor((n + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i]) + 1);
  return to.emit("MaxPool", [to.value(x!)], {
    kernel_shape: kernel,
    strides: stride,
    pads: [...padding, ...padding],
    dilations: dilation,
    ceil_mode: floor.some((n, i) => n !== size[i]) ? 1 : 0,
  });
};

/** Rows `[rows, length]`, normalised; weights repeat after `groups` rows, and each serves `spread` neighbours. */
const normalizedRows: Row = (to, { inputs: [x, weight, bias], attrs: { kind, eps, groups, spread } }) => {
  const { shape, dtype } = x!;
  const length = shape[1]!;
  const isPlain = groups === 1 && spread === 1;
  const flat = (of: Tensor | undefined) => (of ? to.reshape(to.value(of), [sizeOf(of.shape)]) : "");
  const ones = () => to.constant(new Float32Array(length).fill(1), [length], dtype);
  if (kind === "layer" && isPlain)
    return to.emit("LayerNormalization", [to.value(x!), weight ? flat(weight) : ones(), flat(bias)], {
      axis: 1,
      epsilon: { float: eps },
    });
  const normal =
    kind === "layer"
      ? to.emit("LayerNormalization", [to.value(x!), ones()], { axis: 1, epsilon: { float: eps } })
      : rootMeanSquare(to, to.value(x!), [1], to.number(eps, dtype));
  if (!weight) return normal;
  const parted = (of: Tensor) => to.reshape(to.value(of), [1, groups, length / spread, 1]);
  const rows = to.reshape(normal, [shape[0]! / groups, groups, length / spread, spread]);
  const scaled = to.emit("Mul", [rows, parted(weight)]);
  return to.reshape(bias ? to.emit("Add", [scaled, parted(bias)]) : scaled, shape);
};

/** x / √(mean(x²) + ε) along axes. */
export function rootMeanSquare(to: Target, x: string, axes: readonly number[], eps: string): string {
  const square = to.reduced("ReduceMean", to.emit("Mul", [x, x]), axes, true);
  return to.emit("Div", [x, to.emit("Sqrt", [to.emit("Add", [square, eps])])]);
}

/** A product of matrices, whose leading axes broadcast. */
const product: Row = (to, node) => {
  const [a, b] = node.inputs as [Tensor, Tensor];
  return to.emit("MatMul", [to.value(a), to.value(b)]);
};

const convolved: Row = (to, node) =>
  convolution(
    to,
    node,
    node.inputs.map((x) => to.value(x)),
  );

export const networkRows: Readonly<Record<string, Row>> = {
  matmul: product,
  conv2d: convolved,
  conv2dInputGrad: convolved,
  maxPool2d: maxPool,
  layerNorm: normalizedRows,
  embedding: (to, { inputs: [weight, index] }) => to.emit("Gather", [to.value(weight!), to.value(index!)], { axis: 0 }),
};
