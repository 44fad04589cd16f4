import { listed, quoted } from "../errors.ts";
import type { SafetensorsTensor } from "../io/dtypes.ts";
import { strided } from "../io/strided.ts";
import { type SavedLayer, snakeCase } from "./saved.ts";

/** Tensors by the names that tilegrad's layer gives them. */
export type Tensors = ReadonlyMap<string, SafetensorsTensor>;

/** A layer's variables by Keras's names, and what else a conversion may need. */
interface Given {
  readonly layer: SavedLayer;
  readonly of: (variable: string) => SafetensorsTensor | undefined;
  /** @throws FormatError if it is not there. */
  readonly need: (variable: string) => SafetensorsTensor;
  /** The shape of the image that a Dense reads flattened. */
  readonly image: readonly number[] | undefined;
  readonly fail: (fault: string) => never;
}

/** How the variables of a class become those of tilegrad's layer. */
interface Conversion {
  /** Names of the variables in the order in which a layer makes them. */
  readonly variables: (config: SavedLayer["config"]) => readonly string[];
  /** What Keras 2 called the first of them. */
  readonly former?: string;
  readonly convert: (given: Given) => Record<string, SafetensorsTensor | undefined>;
}

/** The axes in another order. */
function permuted(tensor: SafetensorsTensor, axes: readonly number[]): SafetensorsTensor {
  const strides = tensor.shape.map((_, axis) => tensor.shape.slice(axis + 1).reduce((product, n) => product * n, 1));
  return strided(
    tensor,
    axes.map((axis) => tensor.shape[axis]!),
    axes.map((axis) => strides[axis]!),
  );
}

const reshaped = (tensor: SafetensorsTensor, shape: readonly number[]): SafetensorsTensor =>
  ({ ...tensor, shape }) as SafetensorsTensor;

const filled = (shape: readonly number[], value: number): SafetensorsTensor => ({
  dtype: "F32",
  shape,
  data: new Float32Array(shape.reduce((product, n) => product * n, 1)).fill(value),
});

/** The axes of a kernel before its last two. */
const spatial = (rank: number): number[] => Array.from({ length: rank - 2 }, (_, axis) => axis);

/** `[…, in, out]` → `[out, in, …]`; that of a transposed convolution, `[…, out, in]`, becomes `[in, out, …]`. */
function kernelFirst(kernel: SafetensorsTensor): SafetensorsTensor {
  const rank = kernel.shape.length;
  return permuted(kernel, [rank - 1, rank - 2, ...spatial(rank)]);
}

/** `[…, in, multiplier]` → `[in · multiplier, 1, …]`. */
function depthwise(kernel: SafetensorsTensor): SafetensorsTensor {
  const rank = kernel.shape.length;
  const first = permuted(kernel, [rank - 2, rank - 1, ...spatial(rank)]);
  return reshaped(first, [first.shape[0]! * first.shape[1]!, 1, ...first.shape.slice(2)]);
}

/** Checks the rank, so that a kernel of another layer cannot pass for this one. */
function ranked({ layer, need, fail }: Given, variable: string, least: number, most = least): SafetensorsTensor {
  const tensor = need(variable);
  const rank = tensor.shape.length;
  if (rank >= least && rank <= most) return tensor;
  return fail(
    `${variable} of layer ${quoted(layer.name)} is ${quoted(tensor.shape)}, expected ${least === most ? least : `${least} to ${most}`} axes`,
  );
}

/** The kernel of a Dense or of a convolution; the inputs of a Dense that reads an image are put channels first. */
function product(given: Given): SafetensorsTensor {
  const { image, layer, fail } = given;
  const kernel = ranked(given, "kernel", 2, image ? 2 : 5);
  if (!image) return kernelFirst(kernel);
  const [inputs, outputs] = kernel.shape as [number, number];
  if (image.reduce((count, n) => count * n, 1) !== inputs)
    return fail(`layer ${quoted(layer.name)} has ${inputs} inputs, but flatten says that it reads ${quoted(image)}`);
  // As if it were a convolution with a kernel of the image's size.
  return reshaped(kernelFirst(reshaped(kernel, [...image, outputs])), [outputs, inputs]);
}

/** Weight and bias, and a weight of ones where only the bias is there: tilegrad's layers have no bias alone. */
function scaleAndShift({ of }: Given): Record<string, SafetensorsTensor | undefined> {
  const [gamma, beta] = [of("gamma"), of("beta")];
  return { weight: gamma ?? (beta && filled(beta.shape, 1)), bias: beta };
}

/** Rows of update and reset gate in PyTorch's order: z, r, h → r, z, n. */
function resetFirst(tensor: SafetensorsTensor): SafetensorsTensor {
  const source = tensor.data as Float32Array;
  const size = source.length / 3;
  const data = source.slice();
  data.set(source.subarray(size, 2 * size), 0);
  data.set(source.subarray(0, size), size);
  return { ...tensor, data } as SafetensorsTensor;
}

/** What the activations of a layer must be, so that tilegrad's computes the same. */
const activations: readonly (readonly [argument: string, expected: string])[] = [
  ["activation", "tanh"],
  ["recurrent_activation", "sigmoid"],
];

/** LSTM, GRU and SimpleRNN, told apart by the columns of their kernels, and cells alone. */
function recurrent(given: Given): Record<string, SafetensorsTensor | undefined> {
  const { layer, of, fail } = given;
  const { name, config, reverse } = layer;
  const [kernel, state] = [ranked(given, "kernel", 2), ranked(given, "recurrent_kernel", 2)];
  const [hidden, columns] = state.shape as [number, number];
  const gates = columns / hidden;
  if (![1, 3, 4].includes(gates) || kernel.shape[1] !== columns)
    return fail(
      `layer ${quoted(name)} has kernels ${quoted(kernel.shape)} and ${quoted(state.shape)}, of no known layer`,
    );
  for (const [argument, expected] of activations) {
    const value = config[argument];
    if (value !== undefined && value !== expected)
      return fail(`layer ${quoted(name)} has ${argument} ${quoted(value)}, expected ${quoted(expected)}`);
  }
  const bias = of("bias");
  if (gates === 3 && (config.reset_after === false || (bias && bias.shape.length === 1)))
    return fail(`layer ${quoted(name)} is a GRU with reset_after=False, which computes something else than nn.gru`);
  const ordered = gates === 3 ? resetFirst : (tensor: SafetensorsTensor) => tensor;
  const biases = bias && biasesOf(bias, columns, gates === 3, given);
  const isCell = layer.className !== undefined && snakeCase(layer.className).endsWith("_cell");
  const suffix = isCell ? "" : `_l0${reverse ? "_reverse" : ""}`;
  return {
    [`weight_ih${suffix}`]: ordered(kernelFirst(kernel)),
    [`weight_hh${suffix}`]: ordered(kernelFirst(state)),
    [`bias_ih${suffix}`]: biases && ordered(biases[0]),
    [`bias_hh${suffix}`]: biases && ordered(biases[1]),
  };
}

/** Keras's one bias, and zeros; a GRU has two, as here. */
function biasesOf(
  bias: SafetensorsTensor,
  columns: number,
  isPair: boolean,
  { layer, fail }: Given,
): [input: SafetensorsTensor, state: SafetensorsTensor] {
  const expected = isPair ? [2, columns] : [columns];
  if (String(bias.shape) !== String(expected))
    return fail(`bias of layer ${quoted(layer.name)} is ${quoted(bias.shape)}, expected ${quoted(expected)}`);
  if (!isPair) return [bias, filled([columns], 0)];
  const [input, state] = [0, 1].map((row) => strided(bias, [columns], [1], row * columns));
  return [input!, state!];
}

const always =
  (...names: string[]): Conversion["variables"] =>
  () =>
    names;
const normalised = (config: SavedLayer["config"]): string[] => [
  ...(config.scale === false ? [] : ["gamma"]),
  ...(config.center === false ? [] : ["beta"]),
];

const conversions = {
  product: {
    variables: always("kernel", "bias"),
    convert: (given) => ({ weight: product(given), bias: given.of("bias") }),
  },
  depthwise: {
    variables: always("kernel", "bias"),
    former: "depthwise_kernel",
    convert: (given) => ({
      weight: depthwise(ranked(given, given.of("depthwise_kernel") ? "depthwise_kernel" : "kernel", 3, 4)),
      bias: given.of("bias"),
    }),
  },
  separable: {
    variables: always("depthwise_kernel", "pointwise_kernel", "bias"),
    convert: (given) => ({
      "depthwise.weight": depthwise(ranked(given, "depthwise_kernel", 3, 4)),
      "pointwise.weight": kernelFirst(ranked(given, "pointwise_kernel", 3, 4)),
      "pointwise.bias": given.of("bias"),
    }),
  },
  embedding: {
    variables: always("embeddings"),
    convert: ({ need }) => ({ weight: need("embeddings") }),
  },
  batchNorm: {
    variables: (config) => [...normalised(config), "moving_mean", "moving_variance"],
    convert: (given) => ({
      ...scaleAndShift(given),
      running_mean: given.need("moving_mean"),
      running_var: given.need("moving_variance"),
      num_batches_tracked: { dtype: "I64", shape: [], data: new BigInt64Array(1) },
    }),
  },
  norm: { variables: normalised, convert: scaleAndShift },
  recurrent: { variables: always("kernel", "recurrent_kernel", "bias"), convert: recurrent },
} satisfies Record<string, Conversion>;

type Kind = keyof typeof conversions;

/** Keras's classes, written as it writes names. */
const classes: Readonly<Record<string, Kind>> = {
  dense: "product",
  conv1d: "product",
  conv2d: "product",
  conv1d_transpose: "product",
  conv2d_transpose: "product",
  depthwise_conv1d: "depthwise",
  depthwise_conv2d: "depthwise",
  separable_conv1d: "separable",
  separable_conv2d: "separable",
  embedding: "embedding",
  batch_normalization: "batchNorm",
  batch_normalization_v1: "batchNorm",
  layer_normalization: "norm",
  group_normalization: "norm",
  lstm: "recurrent",
  gru: "recurrent",
  simple_rnn: "recurrent",
  rnn: "recurrent",
  lstm_cell: "recurrent",
  gru_cell: "recurrent",
  simple_rnn_cell: "recurrent",
};

/** The kind of a layer whose class the file does not tell, by the names of its variables. */
function kindByVariables({ name, variables }: SavedLayer): Kind | undefined {
  if (variables.has("recurrent_kernel")) return "recurrent";
  if (variables.has("pointwise_kernel")) return "separable";
  if (variables.has("depthwise_kernel")) return "depthwise";
  if (variables.has("embeddings")) return "embedding";
  if (variables.has("moving_mean")) return "batchNorm";
  if (variables.has("gamma") || variables.has("beta")) return "norm";
  if (!variables.has("kernel") || /einsum|attention/.test(name)) return undefined;
  return "product";
}

/** The variables of a layer under tilegrad's names and in its layouts; those of unknown layers as they are. */
export function converted(
  layer: SavedLayer,
  image: readonly number[] | undefined,
  fail: (fault: string) => never,
): Tensors {
  const { className } = layer;
  const kind = className === undefined ? kindByVariables(layer) : classes[snakeCase(className)];
  const read = new Map([...layer.variables].map(([name, dataset]) => [name, dataset.read()]));
  return kind ? convertedBy(kind, layer, read, image, fail) : read;
}

function convertedBy(
  kind: Kind,
  layer: SavedLayer,
  read: Tensors,
  image: readonly number[] | undefined,
  fail: (fault: string) => never,
): Tensors {
  const { variables, former, convert }: Conversion = conversions[kind];
  const names = variables(layer.config);
  const all = read.has("0") ? numbered(layer, read, names, fail) : read;
  const unknown = [...all.keys()].filter((variable) => !names.includes(variable) && variable !== former);
  if (unknown.length > 0)
    return fail(`layer ${quoted(layer.name)} has ${listed(unknown)}, expected no more than ${names.join(", ")}`);
  const of = (variable: string) => all.get(variable);
  const need = (variable: string) => of(variable) ?? fail(`layer ${quoted(layer.name)} lacks ${quoted(variable)}`);
  const made = convert({ layer, of, need, image, fail });
  return new Map(Object.entries(made).flatMap(([name, tensor]) => (tensor ? [[name, tensor] as const] : [])));
}

/** Variables by names in place of numbers. A bias, the last one, may be missing. */
function numbered(layer: SavedLayer, read: Tensors, names: readonly string[], fail: (fault: string) => never): Tensors {
  const isComplete = read.size === names.length || (read.size === names.length - 1 && names.at(-1) === "bias");
  if (!isComplete) return fail(`layer ${quoted(layer.name)} has ${read.size} variables, expected ${names.join(", ")}`);
  return new Map(
    names
      .slice(0, read.size)
      .map((name, i) => [name, read.get(`${i}`) ?? fail(`layer ${quoted(layer.name)} lacks variable ${i}`)]),
  );
}

/** Whether `flatten` may name a layer. */
export const isDense = ({ className, variables }: SavedLayer): boolean =>
  className === undefined ? variables.has("kernel") : snakeCase(className) === "dense";
