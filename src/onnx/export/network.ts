import { type Shape, sameShape } from "../../graph/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { stripped, togetherOf } from "../../ops/idioms.ts";
import { convolution } from "./convolutions.ts";
import { normalizedRows } from "./normalization.ts";
import type { Row } from "./target.ts";

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

/** A product of matrices, whose leading axes broadcast by themselves. */
const product: Row = (to, { inputs, results: [y] }) => {
  const stacks = inputs.map(stackOf);
  const isWhole = sameShape(togetherOf(stacks.map(leading)), leading(y!));
  return to.emit(
    "MatMul",
    stacks.map((each, i) => to.value(isWhole || i > 0 ? each : inputs[i]!)),
  );
};

const leading = ({ shape }: Tensor): Shape => shape.slice(0, -2);

/** What a stack of matrices repeats, if that is matrices of the same size. */
function stackOf(stack: Tensor): Tensor {
  const bare = stripped(stack);
  return sameShape(bare.shape.slice(-2), stack.shape.slice(-2)) ? bare : stack;
}

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
