/** Custom properties with the colours of kernels: products, convolutions, folds along axes, moves, all others. */
const groups: Readonly<Record<string, RegExp>> = {
  product: /^(matmul|conv|recurrent|lstm|gru|rnn)/i,
  fold: /^(reduce|softmax|layerNorm|squaredNorm|pick|pool|cumsum|sort|batchNorm)/i,
  move: /^(copy|concat|pad|gather|embedding|castAll)/i,
  merged: /^merged/,
};

/** The class with the colour of a kernel's family. */
export const familyClass = (family: string): string =>
  `family-${Object.keys(groups).find((name) => groups[name]!.test(family)) ?? "pointwise"}`;
