import {
  convolution,
  convolutionLayer,
  convolutionShapes,
  heads,
  plane,
  pooling,
  products,
  recurrence,
  rows,
  type Shape,
  type Size,
  shape,
  size,
  tables,
  withNaN,
} from "./shapes.ts";

/*
 * What the kernels of each family can be given to do. The graphs are in graphs.ts, which only the worker loads.
 */

/** Something to compute. */
export interface Work {
  readonly id: string;
  /** The kernel family whose variants are its ladder. */
  readonly family: string;
  readonly title: string;
  /** What it computes, in one sentence. */
  readonly what: string;
  readonly sizes: readonly Size[];
  /** The first is shown first. */
  readonly shapes: readonly Shape[];
  /** Operations and elements, about: how long the float64 reference takes. */
  cost(...sizes: number[]): number;
  /** The feature of the adapter that it needs. */
  readonly needs?: GPUFeatureName;
}

export const works: readonly Work[] = [
  {
    id: "matmul",
    family: "matmul",
    title: "Matrix product",
    what: "y = a · b, of a [m, k] and b [k, n].",
    sizes: [size("m"), size("k", 16384), size("n")],
    shapes: withNaN(products),
    cost: (m, k, n) => 2 * m * k * n,
  },
  {
    id: "linear",
    family: "matmul",
    title: "Linear layer with ReLU",
    what: "y = relu(x · wᵀ + bias), of x [batch, inputs] and w [outputs, inputs], in one kernel.",
    sizes: [size("batch"), size("inputs", 16384), size("outputs")],
    shapes: withNaN(products),
    cost: (m, k, n) => 2 * m * k * n,
  },
  {
    id: "conv2d",
    family: "conv2d",
    title: "Convolution",
    what: "Square images and kernels, padded so that the result has the size of the image.",
    ...convolution,
    shapes: withNaN(convolutionShapes),
  },
  {
    id: "conv2d-layer",
    family: "conv2d",
    title: "Convolution layer with ReLU",
    what: "y = relu(x ∗ w + bias), in one kernel, with as much padding as you choose.",
    ...convolutionLayer,
    shapes: withNaN(convolutionLayer.shapes),
  },
  {
    id: "conv2d-image",
    family: "conv2d",
    title: "Convolution: gradient of the image",
    what: "What the image gets from the gradient of the result, as in the backward pass.",
    ...convolution,
    shapes: convolutionShapes,
  },
  {
    id: "conv2d-weight",
    family: "conv2dWeightGrad",
    title: "Convolution: gradient of the weight",
    what: "What each kernel gets from the gradient of the result, summed over images and positions.",
    ...convolution,
    shapes: convolutionShapes,
  },
  {
    id: "elementwise",
    family: "elementwise",
    title: "Pointwise chain",
    what: "y = tanh(x · a + b) · σ(x) − x / 2, six ops in one kernel; a and b are rows.",
    ...plane,
    shapes: withNaN(plane.shapes),
    cost: (count, columns) => 20 * count * columns,
  },
  {
    id: "sum-rows",
    family: "reduce",
    title: "Sum of each row",
    what: "y[r] = Σ x[r, c]: what is added lies side by side.",
    ...rows,
    shapes: withNaN(rows.shapes),
  },
  {
    id: "sum-columns",
    family: "reduce",
    title: "Sum of each column",
    what: "y[c] = Σ x[r, c]: what is added lies a row apart, as in the gradient of a bias.",
    ...rows,
    shapes: withNaN(rows.shapes),
  },
  {
    id: "argmax",
    family: "pick",
    title: "Position of the largest",
    what: "The column of each row's largest element, the first one at a tie.",
    ...rows,
  },
  {
    id: "softmax",
    family: "softmax",
    title: "Softmax",
    what: "y = eˣ / Σ eˣ along each row.",
    ...rows,
    shapes: withNaN(rows.shapes),
  },
  {
    id: "cross-entropy",
    family: "softmax",
    title: "Cross-entropy",
    what: "log Σ eˣ − x[label] for each row: the loss of a classifier.",
    ...rows,
  },
  {
    id: "softmax-gradient",
    family: "softmaxGrad",
    title: "Softmax: gradient",
    what: "dx = y · (dy − Σ y · dy) along each row.",
    ...rows,
  },
  {
    id: "attention",
    family: "attention",
    title: "Attention",
    what: "y = softmax(q · kᵀ / √columns) · v, in each head. The scores are never stored.",
    ...heads,
  },
  {
    id: "attention-gradient",
    family: "attentionGrad",
    title: "Attention: gradient",
    what: "The gradient of the keys. Scores are computed again, from what the result has kept of each query.",
    ...heads,
  },
  {
    id: "layer-norm",
    family: "layerNorm",
    title: "Layer normalisation",
    what: "Each row minus its mean, divided by its standard deviation, times a weight, plus a bias.",
    ...rows,
    shapes: withNaN(rows.shapes),
  },
  {
    id: "squared-norm",
    family: "squaredNorm",
    title: "Squared norm",
    what: "Σ x² over all elements, as gradient clipping needs it.",
    ...rows,
  },
  {
    id: "max-pool",
    family: "maxPool2d",
    title: "Max pooling",
    what: "The largest element of each window, and where it was. Windows do not overlap.",
    ...pooling,
  },
  {
    id: "max-pool-gradient",
    family: "maxPool2dGrad",
    title: "Max pooling: gradient",
    what: "Each window's gradient goes to the element that was the largest.",
    ...pooling,
  },
  {
    id: "max-pool-second",
    family: "maxPool2dPick",
    title: "Max pooling: gradient of the gradient",
    what: "Picks the elements of an image that were the largest of their windows.",
    ...pooling,
  },
  {
    id: "lstm",
    family: "lstm",
    title: "LSTM",
    what: "A layer over a whole sequence, from zero states.",
    ...recurrence(4),
  },
  {
    id: "gru",
    family: "gru",
    title: "GRU",
    what: "A layer over a whole sequence, from a zero state.",
    ...recurrence(3),
  },
  {
    id: "rnn",
    family: "rnn",
    title: "Plain RNN",
    what: "h = tanh(W · x + U · h + b) over a sequence.",
    ...recurrence(1),
  },
  {
    id: "embedding",
    family: "embedding",
    title: "Embedding",
    what: "The rows of a table that a list of indices names.",
    ...tables,
  },
  {
    id: "embedding-gradient",
    family: "embeddingGrad",
    title: "Embedding: gradient",
    what: "Each row of the table sums the gradients of the positions that name it.",
    ...tables,
  },
  {
    id: "gather",
    family: "gather",
    title: "Gather",
    what: "y[r, j] = x[r, index[r, j]]: elements picked from each row.",
    ...plane,
    shapes: withNaN(plane.shapes),
  },
  {
    id: "scatter-add",
    family: "scatterAdd",
    title: "Scatter-add",
    what: "Adds elements to the places that an index names, some of them twice.",
    ...plane,
  },
  {
    id: "sort",
    family: "sort",
    title: "Sort",
    what: "The positions of each row's elements in rising order.",
    ...rows,
    shapes: [...rows.shapes.filter(({ name }) => name !== "One long row"), shape("One long row", 1, 3000)],
    cost: (count, length) => 20 * count * length,
  },
  {
    id: "cumsum",
    family: "cumsum",
    title: "Running sum",
    what: "y[r, c] = x[r, 0] + … + x[r, c].",
    ...rows,
    shapes: withNaN(rows.shapes),
  },
  {
    id: "cumprod",
    family: "cumprod",
    title: "Running product",
    what: "y[r, c] = x[r, 0] · … · x[r, c], of elements near 1.",
    ...rows,
  },
  {
    id: "pad",
    family: "pad",
    title: "Padding",
    what: "A frame of 3s around a matrix: one row above, two columns left and right.",
    ...plane,
    shapes: withNaN(plane.shapes),
  },
  {
    id: "concat",
    family: "concat",
    title: "Concatenation",
    what: "Two matrices side by side, the second one mirrored.",
    ...plane,
    shapes: withNaN(plane.shapes),
  },
  {
    id: "cast-all",
    family: "castAll",
    title: "Rounding to f16",
    what: "Rounds several tensors to f16 in one dispatch, as mixed precision does with all parameters.",
    ...plane,
    needs: "shader-f16",
  },
];

export const workOf = (id: string): Work => works.find((work) => work.id === id)!;

/** Most operations that the float64 reference computes again: a few seconds' worth. */
const mostCost = 2e8;

/** Why sizes cannot be measured; undefined if they can. */
export function refusal({ sizes, cost }: Work, given: readonly number[]): string | undefined {
  const bad = sizes.find(
    ({ least, most }, i) => !(Number.isInteger(given[i]) && given[i]! >= least && given[i]! <= most),
  );
  if (bad) return `${bad.name} must be a whole number from ${bad.least} to ${bad.most}`;
  const work = cost(...given);
  if (work <= mostCost) return undefined;
  return `about ${work.toExponential(0)} operations; the float64 reference takes at most ${mostCost.toExponential(0)}`;
}
