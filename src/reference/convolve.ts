import { sizeOf } from "../graph/shape.ts";
import type { Node } from "../graph/tensor.ts";
import type { Kernel, Value } from "./value.ts";

/**
 * Visits every product of a convolution, as row-major positions: the elements of image and kernel, and the element of
 * the result they add to.
 */
function eachProduct(
  { attrs: { geometry } }: Node,
  [, c, height, width]: readonly number[],
  [out, perGroup, kh, kw]: readonly number[],
  [n, , rows, cols]: readonly number[],
  visit: (image: number, kernel: number, result: number) => void,
): void {
  const { stride, dilation, top, left, groups } = geometry;
  for (let image = 0; image < n!; image++)
    for (let o = 0; o < out!; o++)
      for (let k = 0; k < perGroup!; k++) {
        const channel = Math.floor(o / (out! / groups)) * perGroup! + k;
        for (let row = 0; row < rows!; row++)
          for (let col = 0; col < cols!; col++)
            for (let i = 0; i < kh!; i++)
              for (let j = 0; j < kw!; j++) {
                const y = row * stride[0] - top + i * dilation[0];
                const x = col * stride[1] - left + j * dilation[1];
                if (y < 0 || y >= height! || x < 0 || x >= width!) continue;
                visit(
                  ((image * c! + channel) * height! + y) * width! + x,
                  ((o * perGroup! + k) * kh! + i) * kw! + j,
                  ((image * out! + o) * rows! + row) * cols! + col,
                );
              }
      }
}

const zeros = (node: Node): Float64Array => new Float64Array(sizeOf(node.results[0]!.shape));

const conv2d: Kernel = (node, [x, weight]) => {
  const y = zeros(node);
  eachProduct(node, x!.shape, weight!.shape, node.results[0]!.shape, (image, kernel, result) => {
    y[result]! += x!.data[image]! * weight!.data[kernel]!;
  });
  return [y];
};

const conv2dInputGrad: Kernel = (node, [dy, weight]) => {
  const dx = zeros(node);
  eachProduct(node, node.results[0]!.shape, weight!.shape, dy!.shape, (image, kernel, result) => {
    dx[image]! += dy!.data[result]! * weight!.data[kernel]!;
  });
  return [dx];
};

const conv2dWeightGrad: Kernel = (node, [x, dy]: readonly Value[]) => {
  const dw = zeros(node);
  eachProduct(node, x!.shape, node.results[0]!.shape, dy!.shape, (image, kernel, result) => {
    dw[kernel]! += x!.data[image]! * dy!.data[result]!;
  });
  return [dw];
};

/**
 * Calls `visit` for every window element inside the image, with its position in the image and its number in the window.
 */
function eachElementOfWindows(
  { attrs: { windows } }: Node,
  [n, c, height, width]: readonly number[],
  visit: (result: number, image: number, element: number) => void,
): void {
  const { kernel, stride, padding, dilation, size } = windows;
  for (let plane = 0; plane < n! * c!; plane++)
    for (let row = 0; row < size[0]; row++)
      for (let col = 0; col < size[1]; col++)
        for (let i = 0; i < kernel[0]; i++)
          for (let j = 0; j < kernel[1]; j++) {
            const y = row * stride[0] - padding[0] + i * dilation[0];
            const x = col * stride[1] - padding[1] + j * dilation[1];
            if (y < 0 || y >= height! || x < 0 || x >= width!) continue;
            visit((plane * size[0] + row) * size[1] + col, (plane * height! + y) * width! + x, i * kernel[1] + j);
          }
}

/** Index of the winner of result `o`, stored as one byte of a word. */
const winner = (index: Value, o: number): number => Math.floor(index.data[o >> 2]! / 2 ** (8 * (o % 4))) % 256;

const maxPool2d: Kernel = (node, [x]) => {
  const [y, index] = node.results.map(({ shape }) => new Float64Array(sizeOf(shape))) as [Float64Array, Float64Array];
  y.fill(Number.NEGATIVE_INFINITY);
  const won = new Float64Array(y.length).fill(255);
  eachElementOfWindows(node, x!.shape, (result, image, element) => {
    if (won[result] !== 255 && !(x!.data[image]! > y[result]!)) return;
    y[result] = x!.data[image]!;
    won[result] = element;
  });
  won.forEach((element, o) => {
    index[o >> 2]! += element * 2 ** (8 * (o % 4));
  });
  return [y, index];
};

const maxPool2dGrad: Kernel = (node, [dy, index]) => {
  const dx = zeros(node);
  eachElementOfWindows(node, node.results[0]!.shape, (result, image, element) => {
    if (winner(index!, result) === element) dx[image]! += dy!.data[result]!;
  });
  return [dx];
};

const maxPool2dPick: Kernel = (node, [x, index]) => {
  const y = zeros(node);
  eachElementOfWindows(node, x!.shape, (result, image, element) => {
    if (winner(index!, result) === element) y[result] = x!.data[image]!;
  });
  return [y];
};

export const pools = { maxPool2d, maxPool2dGrad, maxPool2dPick } satisfies Record<string, Kernel>;

export const convolutions = { conv2d, conv2dInputGrad, conv2dWeightGrad } satisfies Record<string, Kernel>;
