import type { Layer } from "../model/layers.ts";
import { call } from "./python.ts";

/** Arguments of a call of a layer, with the texts of expressions in place of tensors. */
// biome-ignore lint/suspicious/noExplicitAny: each row knows the arguments of its own layer
type Args = readonly any[];

/** A layer of nn in PyTorch. */
export interface LayerRow {
  /**
   * What makes it, of the arguments that make the layer.
   * @throws Error that says what PyTorch's layer lacks.
   */
  make(args: Args, layer: Layer): string;
  /** What calls it, by its name and arguments; default `name(x)`. Tuples of several results unpack into `results`. */
  call?(name: string, args: Args, made: Args): string;
  /** Results of a call that returns an object, in PyTorch's order and nesting: "output, (hN, cN)". */
  readonly results?: string;
}

const plain = (name: string): LayerRow => ({ make: () => `${name}()` });

/** A normalisation with a weight but no bias. */
const shifted = (text: string, { affine, bias }: { affine?: boolean; bias?: boolean }): string =>
  affine !== false && bias === false ? `without_bias(${text})` : text;

/** Padding that is the same on both sides, as PyTorch's layers take it. */
function paddingOf(padding: unknown, stride: unknown = 1): unknown {
  if (padding === "same" && [stride].flat().some((n) => n !== 1))
    throw new Error('padding "same" with a stride: state the padding in numbers');
  if (!Array.isArray(padding)) return padding ?? 0;
  return padding.map((side: number | readonly [number, number]) => {
    if (typeof side === "number") return side;
    if (side[0] === side[1]) return side[0];
    throw new Error(`padding [${side}], which differs between both sides: pad the input by itself`);
  });
}

/** [low, high] of a line; PyTorch takes one number. */
function linePadding(padding: unknown, stride: unknown): unknown {
  return Array.isArray(padding) ? (paddingOf([padding], stride) as number[])[0] : paddingOf(padding, stride);
}

const convolution = (name: string, pad: typeof paddingOf = paddingOf): LayerRow => ({
  make: ([inputs, outputs, kernel, o]) =>
    call(
      name,
      [inputs, outputs, kernel],
      [
        ["stride", o.stride ?? 1, 1],
        ["padding", pad(o.padding, o.stride), 0],
        ["output_padding", o.outputPadding ?? 0, 0],
        ["dilation", o.dilation ?? 1, 1],
        ["groups", o.groups, 1],
        ["bias", o.bias, true],
      ],
    ),
});

const batchNorm = (name: string): LayerRow => ({
  make: ([channels, o], layer) => {
    if (layer.variables.get("running_mean")?.frozen)
      throw new Error("frozen running statistics: unfreeze it, and leave it in evaluation mode in PyTorch");
    return shifted(
      call(
        name,
        [channels],
        [
          ["eps", o.eps, 1e-5],
          ["momentum", o.momentum, 0.1],
          ["affine", o.affine, true],
          ["track_running_stats", o.trackRunningStats, true],
        ],
      ),
      o,
    );
  },
});

const recurrentOptions = (o: Args[0]): [string, unknown, unknown][] => [
  ["num_layers", o.layers, 1],
  ["bias", o.bias, true],
  ["batch_first", o.batchFirst, false],
  ["dropout", o.dropout, 0],
  ["bidirectional", o.bidirectional, false],
];

const recurrent = (name: string, results: string): LayerRow => ({
  make: ([inputs, hidden, o]) => call(`nn.${name}`, [inputs, hidden], recurrentOptions(o)),
  call: (layer, [x, { h0, c0 } = {} as Args[0]]) => {
    if (name !== "LSTM") return `${layer}(${x}${h0 ? `, ${h0}` : ""})`;
    if (!h0 && !c0) return `${layer}(${x})`;
    return `${layer}(${x}, (${h0 ?? `torch.zeros_like(${c0})`}, ${c0 ?? `torch.zeros_like(${h0})`}))`;
  },
  results,
});

/** The same layer, of whose results only the outputs go on. */
const outputs = (name: string): LayerRow => ({
  make: ([inputs, hidden, o]) => call(`${name}Output`, [inputs, hidden], recurrentOptions(o)),
});

const cell = (name: string, results?: string): LayerRow => ({
  make: ([inputs, hidden, o]) => call(`nn.${name}`, [inputs, hidden], [["bias", o.bias, true]]),
  call: (layer, [x, state]) => {
    if (!state) return `${layer}(${x})`;
    if (typeof state === "string") return `${layer}(${x}, ${state})`;
    const { h, c } = state;
    return `${layer}(${x}, (${h ?? `torch.zeros_like(${c})`}, ${c ?? `torch.zeros_like(${h})`}))`;
  },
  ...(results && { results }),
});

const attentionMask = (x: string, memory: string, heads: number, { mask, causal }: Args[0]): string | undefined =>
  mask || causal
    ? call(
        "attention_mask",
        [atomic(x), atomic(memory), heads],
        [
          ["mask", mask && atomic(mask), undefined],
          ["causal", causal ?? false, false],
        ],
      )
    : undefined;

/** Text that `literal` leaves as it is. */
const atomic = (text: string): unknown => ({ toString: () => text });

/** How each layer of nn is written in PyTorch. What has no row here is refused by name. */
export const layerRows: Readonly<Record<string, LayerRow>> = {
  linear: { make: ([inputs, size, o]) => call("nn.Linear", [inputs, size], [["bias", o.bias, true]]) },
  // build() gives it the other layer's weight.
  tiedLinear: {
    make([, o], layer) {
      const [size, inputs] = layer.variables.get("weight")!.shape;
      return call("nn.Linear", [inputs, size], [["bias", o.bias, true]]);
    },
  },
  embedding: {
    make: ([count, size, o]) => call("nn.Embedding", [count, size], [["padding_idx", o.paddingIdx, undefined]]),
  },
  conv1d: convolution("nn.Conv1d", linePadding),
  conv2d: convolution("nn.Conv2d"),
  convTranspose2d: convolution("nn.ConvTranspose2d"),
  maxPool2d: {
    make: ([kernel, o = {}]) =>
      call(
        "nn.MaxPool2d",
        [kernel],
        [
          ["stride", o.stride, undefined],
          ["padding", o.padding ?? 0, 0],
          ["dilation", o.dilation ?? 1, 1],
          ["ceil_mode", o.ceilMode ?? false, false],
        ],
      ),
  },
  avgPool2d: {
    make: ([kernel, o = {}]) =>
      call(
        "nn.AvgPool2d",
        [kernel],
        [
          ["stride", o.stride, undefined],
          ["padding", o.padding ?? 0, 0],
          ["ceil_mode", o.ceilMode ?? false, false],
          ["count_include_pad", o.countIncludePad ?? true, true],
          ["divisor_override", o.divisor, undefined],
        ],
      ),
  },
  adaptiveAvgPool2d: { make: ([size = 1]) => call("nn.AdaptiveAvgPool2d", [size]) },
  upsample: {
    make: ([o]) =>
      call(
        "nn.Upsample",
        [],
        [
          ["size", o.size, undefined],
          ["scale_factor", o.scaleFactor, undefined],
          ["mode", o.mode ?? "nearest", "nearest"],
          ["align_corners", o.mode === "bilinear" ? (o.alignCorners ?? false) : undefined, undefined],
        ],
      ),
  },
  batchNorm1d: batchNorm("nn.BatchNorm1d"),
  batchNorm2d: batchNorm("nn.BatchNorm2d"),
  instanceNorm2d: {
    make: ([channels, o]) =>
      shifted(
        call(
          "nn.InstanceNorm2d",
          [channels],
          [
            ["eps", o.eps, 1e-5],
            ["affine", o.affine, false],
          ],
        ),
        o,
      ),
  },
  groupNorm: {
    make: ([groups, channels, o]) =>
      shifted(
        call(
          "nn.GroupNorm",
          [groups, channels],
          [
            ["eps", o.eps, 1e-5],
            ["affine", o.affine, true],
          ],
        ),
        o,
      ),
  },
  layerNorm: {
    make: ([shape, o]) =>
      shifted(
        call(
          "nn.LayerNorm",
          [shape.length === 1 ? shape[0] : shape],
          [
            ["eps", o.eps, 1e-5],
            ["elementwise_affine", o.affine, true],
          ],
        ),
        o,
      ),
  },
  rmsNorm: {
    make: ([shape, o]) =>
      call(
        "RMSNorm",
        [shape],
        [
          ["eps", o.eps, 2 ** -23],
          ["elementwise_affine", o.affine, true],
        ],
      ),
  },
  rnn: recurrent("RNN", "output, hN"),
  gru: recurrent("GRU", "output, hN"),
  lstm: recurrent("LSTM", "output, (hN, cN)"),
  "rnn.output": outputs("RNN"),
  "gru.output": outputs("GRU"),
  "lstm.output": outputs("LSTM"),
  rnnCell: cell("RNNCell"),
  gruCell: cell("GRUCell"),
  lstmCell: cell("LSTMCell", "h, c"),
  lastStep: { make: ([axis]) => call("LastStep", [axis]) },
  multiheadAttention: {
    make: ([size, heads, o]) => call("Attention", [size, heads], [["bias", o.bias, true]]),
    call(layer, [x, , attending = {}], [, heads]) {
      const memory = attending.memory;
      const mask = attentionMask(x, memory ?? x, heads, attending);
      return call(
        layer,
        [atomic(x)],
        [
          ["memory", memory && atomic(memory), undefined],
          ["mask", mask && atomic(mask), undefined],
        ],
      );
    },
  },
  transformerEncoderLayer: {
    make: ([size, heads, o]) =>
      call(
        "EncoderLayer",
        [size, heads],
        [
          ["dim_feedforward", o.feedforward, 2048],
          ["dropout", o.dropout, 0.1],
          ["activation", o.activation, "relu"],
          ["layer_norm_eps", o.eps, 1e-5],
          ["norm_first", o.normFirst, false],
        ],
      ),
    call(layer, [x, , attending = {}], [, heads]) {
      if (attending.memory) throw new Error("a memory, which PyTorch's encoder layer does not take");
      const mask = attentionMask(x, x, heads, attending);
      return call(layer, [atomic(x)], [["src_mask", mask && atomic(mask), undefined]]);
    },
  },
  dropout: { make: ([p]) => call("nn.Dropout", [p]) },
  flatten: { make: ([first]) => call("nn.Flatten", first === 1 ? [] : [first]) },
  relu: plain("nn.ReLU"),
  sigmoid: plain("nn.Sigmoid"),
  tanh: plain("nn.Tanh"),
  softsign: plain("nn.Softsign"),
  silu: plain("nn.SiLU"),
  selu: plain("nn.SELU"),
  hardswish: plain("nn.Hardswish"),
  mish: plain("nn.Mish"),
  leakyRelu: { make: ([slope]) => call("nn.LeakyReLU", slope === 0.01 ? [] : [slope]) },
  elu: { make: ([alpha]) => call("nn.ELU", alpha === 1 ? [] : [alpha]) },
  gelu: { make: ([kind = "none"]) => call("nn.GELU", [], [["approximate", kind, "none"]]) },
  softplus: {
    make: ([o = {}]) =>
      call(
        "nn.Softplus",
        [],
        [
          ["beta", o.beta ?? 1, 1],
          ["threshold", o.threshold ?? 20, 20],
        ],
      ),
  },
  softmax: { make: ([axis]) => call("nn.Softmax", [], [["dim", axis, undefined]]) },
  logSoftmax: { make: ([axis]) => call("nn.LogSoftmax", [], [["dim", axis, undefined]]) },
  maxout: { make: ([pieces, axis = 1]) => call("Maxout", [pieces], [["axis", axis, 1]]) },
};
