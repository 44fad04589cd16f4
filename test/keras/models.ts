import { nn, type Tensor, transpose } from "../../src/index.ts";

/*
 * The models of make.py, with the names that its layers have. Keras's normalisations have another epsilon.
 */

const eps = 1e-3;

/** What padding="same" is with a stride of 2, kernels of 2 or 3, and these sizes. */
const after = [
  [0, 1],
  [0, 1],
] as const;

/** x is `[N, 2, 9, 8]`. */
export const images = (): nn.Module =>
  nn.sequential({
    first: nn.conv2d(2, 4, [3, 2]),
    relu: nn.relu(),
    batch_normalization: nn.batchNorm2d(4, { eps }),
    depthwise_conv2d: nn.conv2d(4, 8, 3, { groups: 4 }),
    shifted: nn.batchNorm2d(8, { eps }),
    separable_conv2d: nn.sequential({
      depthwise: nn.conv2d(8, 8, 2, { groups: 8, stride: 2, padding: after, bias: false }),
      pointwise: nn.conv2d(8, 5, 1),
    }),
    conv2d_transpose: nn.convTranspose2d(5, 3, 3, { stride: 2, padding: after }),
    flatten: nn.flatten(),
    dense: nn.linear(108, 4),
    softmax: nn.softmax(),
  });

/** x is `[N, 6]`, i32. */
export function sequences(): nn.Module {
  const parts = {
    embedding: nn.embedding(10, 4),
    bidirectional: nn.lstm(4, 3, { batchFirst: true, bidirectional: true }).output,
    layer_normalization: nn.layerNorm(6, { eps }),
    gru: nn.gru(6, 5, { batchFirst: true }).output,
    conv1d: nn.conv1d(5, 4, 2),
    simple_rnn: nn.rnn(4, 2, { batchFirst: true }).output,
    head: nn.sequential({ first: nn.linear(2, 3), tanh: nn.tanh(), second: nn.linear(3, 2, { bias: false }) }),
  };
  const turned = (x: Tensor): Tensor => transpose(x, 1, 2);
  return nn.module((x, mode) => {
    const read = parts.layer_normalization(parts.bidirectional(parts.embedding(x, mode), mode), mode);
    const convolved = turned(parts.conv1d(turned(parts.gru(read, mode)), mode));
    return parts.head(nn.lastStep()(parts.simple_rnn(convolved, mode)), mode);
  }, parts);
}

/** Images with channels last as images with channels first. */
export function channelsFirst(values: readonly number[], shape: readonly number[]): Float32Array {
  const [n, h, w, c] = shape as [number, number, number, number];
  return Float32Array.from({ length: n * c * h * w }, (_, i) => {
    const [image, channel, pixel] = [Math.floor(i / (c * h * w)), Math.floor(i / (h * w)) % c, i % (h * w)];
    return values[(image * h * w + pixel) * c + channel]!;
  });
}

/** What make.py wrote of a model: an input and Keras's result. */
export interface Expected {
  readonly x: readonly number[];
  readonly shape: readonly number[];
  readonly y: readonly number[];
}
