import { ShapeError } from "../../errors.ts";
import { showShape, sizeOf } from "../../graph/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import {
  abs,
  add,
  argmax,
  cast,
  constant,
  conv2d,
  div,
  full,
  iota,
  max,
  maxPool2d,
  mean,
  mod,
  mul,
  pad,
  pow,
  reshape,
  slice,
  sqrt,
  stack,
  sub,
} from "../../ops/index.ts";
import type { Built, OpNode, OpRow } from "../node.ts";
import { reached, type Window, windowOf } from "./windows.ts";

/** Less than every number that is not padding. */
const lowest = -3.4e38;

/** Pads the axes behind batch and channels, so that every window fits. */
function fitted(x: Tensor, window: Window, value: number): Tensor {
  const spatial = x.shape.slice(2);
  return pad(x, { low: [0, 0, ...window.low], high: [0, 0, ...reached(window, spatial)], value });
}

type Plane = readonly [kernel: number, stride: number, dilation: number];

/** Folds windows one axis or two at a time: maxima and sums of boxes are maxima and sums of their sides. */
function sideBySide(x: Tensor, window: Window, fold: (x: Tensor, y: Plane, x2: Plane) => Tensor): Tensor {
  const side = (axis: number): Plane => [window.kernel[axis]!, window.strides[axis]!, window.dilations[axis]!];
  const none: Plane = [1, 1, 1];
  const [n, c, ...spatial] = x.shape as [number, number, ...number[]];
  const { size } = window;
  if (spatial.length === 1) return reshape(fold(reshape(x, [n, c, 1, spatial[0]!]), none, side(0)), [n, c, ...size]);
  if (spatial.length === 2) return fold(x, side(0), side(1));
  if (spatial.length !== 3) throw new ShapeError(`input is ${showShape(x.shape)}, expected three to five axes`);
  const [d, h, w] = spatial as [number, number, number];
  const frames = fold(reshape(x, [n, c * d, h, w]), side(1), side(2));
  const columns = reshape(frames, [n, c, d, size[1]! * size[2]!]);
  return reshape(fold(columns, side(0), none), [n, c, ...size]);
}

const pair = (a: number, b: number) => [a, b] as const;

function maxPool(node: OpNode): Built {
  const given = node.tensor(0);
  const x = cast(given, "f32");
  const window = windowOf(node, x.shape.slice(2), node.ints("kernel_shape")!);
  const padded = fitted(x, window, lowest);
  const y = sideBySide(padded, window, (image, [kh, sh, dh], [kw, sw, dw]) =>
    maxPool2d(image, pair(kh, kw), { stride: pair(sh, sw), dilation: pair(dh, dw) }),
  );
  const result = node.typed(node.value(0).type, cast(y, given.dtype));
  return node.outputs[1] ? [result, node.typed("int64", places(node, padded, window, x.shape))] : [result];
}

/** Coordinates of the numbers below the product of `sizes`. */
const corners = (sizes: readonly number[]): number[][] =>
  sizes.reduce<number[][]>((all, n) => all.flatMap((at) => Array.from({ length: n }, (_, i) => [...at, i])), [[]]);

/** Where in the whole input the maxima are: every element of the windows is a slice, and one of them the largest. */
function places(node: OpNode, padded: Tensor, window: Window, shape: readonly number[]): Tensor {
  const { kernel, strides, dilations, low, size } = window;
  if (sizeOf(kernel) > 255) throw new ShapeError(`a window of ${showShape(kernel)} has more than 255 elements`);
  const offsets = corners(kernel);
  const shifted = offsets.map((at) =>
    slice(padded, [
      [],
      [],
      ...at.map((k, axis) => {
        const start = k * dilations[axis]!;
        return [start, start + (size[axis]! - 1) * strides[axis]! + 1, strides[axis]!] as const;
      }),
    ]),
  );
  const winner = argmax(stack(shifted), 0);
  const rank = size.length;
  // The last axis moves fastest, except in column-major order.
  const order = size.map((_, axis) => axis);
  const slowest = node.int("storage_order", 0) ? order.reverse() : order;
  const spatial = shape.slice(2);
  const image = full(winner.shape, sizeOf(spatial), "i32");
  let at: Tensor = mul(add(mul(iota(winner.shape, 0), shape[1]!), iota(winner.shape, 1)), image);
  let stride = 1;
  for (let i = rank - 1; i >= 0; i--) {
    const axis = slowest[i]!;
    const behind = sizeOf(kernel.slice(axis + 1));
    const k = mod(div(winner, behind), kernel[axis]!);
    const place = add(mul(iota(winner.shape, axis + 2), strides[axis]!), mul(k, dilations[axis]!));
    at = add(at, mul(sub(place, low[axis]!), stride));
    stride *= spatial[axis]!;
  }
  return at;
}

/** How many elements each window of an axis counts. */
function counts(window: Window, axis: number, n: number, countsPads: boolean): number[] {
  const { kernel, strides, dilations, low, high, size } = window;
  if (size[axis]! * kernel[axis]! > 2 ** 26) throw new ShapeError(`windows of ${showShape(kernel)} are too many`);
  return Array.from({ length: size[axis]! }, (_, i) => {
    const from = i * strides[axis]! - low[axis]!;
    const places = Array.from({ length: kernel[axis]! }, (_, k) => from + k * dilations[axis]!);
    return places.filter((at) => (countsPads ? at < n + high[axis]! : at >= 0 && at < n)).length;
  });
}

/** Sums of windows, as a convolution with ones. */
const windowSums = (image: Tensor, [kh, sh, dh]: Plane, [kw, sw, dw]: Plane): Tensor => {
  const [n, c, h, w] = image.shape as [number, number, number, number];
  const y = conv2d(reshape(image, [n * c, 1, h, w]), full([1, 1, kh, kw], 1), undefined, {
    stride: pair(sh, sw),
    dilation: pair(dh, dw),
  });
  return reshape(y, [n, c, ...y.shape.slice(2)]);
};

/** Sums of all windows, in zeros. */
const boxSums = (x: Tensor, window: Window): Tensor => sideBySide(fitted(x, window, 0), window, windowSums);

function averagePool(node: OpNode): Built {
  const x = node.tensor(0);
  const spatial = x.shape.slice(2);
  const window = windowOf(node, spatial, node.ints("kernel_shape")!);
  const countsPads = node.int("count_include_pad", 0) !== 0;
  const sums = boxSums(x, window);
  const rank = spatial.length;
  return spatial.reduce((y, n, axis) => {
    const scale = Float32Array.from(counts(window, axis, n, countsPads), (count) => 1 / count);
    if (scale.every((value) => value === scale[0])) return mul(y, scale[0]!);
    const line = constant(scale, [scale.length, ...new Array<number>(rank - 1 - axis).fill(1)], "1 / elements");
    return mul(y, line);
  }, sums);
}

/** (Σ |x|ᵖ)^(1/p) over windows. */
function lpPool(node: OpNode): Built {
  const x = node.tensor(0);
  const p = node.int("p", 2);
  const window = windowOf(node, x.shape.slice(2), node.ints("kernel_shape")!);
  const sums = boxSums(p === 2 ? mul(x, x) : pow(abs(x), p), window);
  return p === 2 ? sqrt(sums) : pow(sums, 1 / p);
}

const overImage = (op: string, fold: (x: Tensor, axes: number[], keepdim: boolean) => Tensor): OpRow => ({
  op,
  since: [1, 22],
  build(node) {
    const x = node.tensor(0);
    const axes = x.shape.flatMap((_, axis) => (axis < 2 ? [] : [axis]));
    return axes.length === 0 ? x : fold(x, axes, true);
  },
});

export const pooling: readonly OpRow[] = [
  { op: "MaxPool", since: [1, 8, 10, 11, 12, 22], limits: "one to three spatial axes", build: maxPool },
  { op: "AveragePool", since: [1, 7, 10, 11, 19, 22], limits: "one to three spatial axes", build: averagePool },
  { op: "LpPool", since: [2, 11, 18, 22], limits: "one to three spatial axes", build: lpPool },
  overImage("GlobalAveragePool", mean),
  overImage("GlobalMaxPool", max),
];
