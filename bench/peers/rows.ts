/** A task that every library performs. */
export interface Row {
  /** The key of each library's implementation. */
  readonly key: string;
  readonly title: string;
  /** Compares results for a kernel, losses for a training step. */
  readonly kind: "kernel" | "step";
  /** Runs per wait for the GPU: enough to hide the wait, the same for every library. */
  readonly perAwait: number;
  /**
   * Whether it repeats the row before it with other sizes or another cell; a quick run compares fewer of its losses.
   */
  readonly varied?: boolean;
}

const kernel = (key: string, title: string, perAwait: number): Row => ({ key, title, kind: "kernel", perAwait });
const step = (key: string, title: string, perAwait: number): Row => ({ key, title, kind: "step", perAwait });

export const rows: readonly Row[] = [
  kernel("matmul256", "matmul 256", 8),
  kernel("matmul512", "matmul 512", 2),
  kernel("matmul1024", "matmul 1024", 1),
  kernel("matmulTN512", "AᵀB 512", 2),
  kernel("matmulOdd", "matmul 501×303×777", 2),
  kernel("matmulDeep", "matmul 64×64×8192", 4),
  kernel("matmulVector", "matmul 2048×1×2048", 4),
  kernel("matmulBatch", "32 matmuls 96×96×96", 4),
  kernel("conv", "conv 3×3 forward", 4),
  kernel("convGrads", "conv 3×3 with both gradients", 2),
  kernel("convPointwise", "conv 1×1, 64 → 128 channels", 4),
  kernel("convStride", "conv 3×3, stride 2 over 33×33, with both gradients", 2),
  // So many, because one wait takes as long as ten steps.
  step("tiny", "2-16-16-1 step", 64),
  step("mlp", "784-128-10 step", 8),
  { ...step("mlpWide", "784-128-10 step, batch 1024", 1), varied: true },
  { ...step("autoencoder", "784-128-32-128-784 step", 4), varied: true },
  step("lenet", "LeNet step", 1),
  step("lstm", "char-LSTM step", 1),
  { ...step("gru", "char-GRU step", 1), varied: true },
  step("transformer", "transformer block step", 2),
  kernel("pointwise", "tanh(x·a+b)·sigmoid(x) − x/2, 2²⁰", 4),
  kernel("softmax", "softmax 1024×1024", 4),
  kernel("layerNorm", "layer norm 1024×1024", 4),
  kernel("sum", "sum of 2²⁰", 16),
  kernel("readback", "scalar readback", 16),
];
