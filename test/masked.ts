import { reachable } from "../src/graph/print.ts";
import { type DType, type Shape, sizeOf } from "../src/graph/shape.ts";
import * as t from "../src/index.ts";
import { grad, input, losses, type Tensor } from "../src/index.ts";

/*
 * Masked, ignored or dropped elements must not affect the result, whatever their values. Each row says which elements
 * of its inputs are masked, and what must not change with them.
 */

interface Fed {
  readonly shape: Shape;
  readonly dtype?: DType;
  /** Values; default noise between −1 and 1. */
  readonly data?: readonly number[];
  /** Whether the element at a position is masked; default none. */
  readonly masked?: (place: readonly number[]) => boolean;
}

export interface MaskedRow {
  readonly name: string;
  readonly fed: Readonly<Record<string, Fed>>;
  /**
   * The result that must stay the same. So must the gradients of its sum for each float input except those of
   * `constant`.
   */
  readonly result: (fed: Record<string, Tensor>) => Tensor;
  readonly constant?: readonly string[];
  /** Values of masked elements, the first as the baseline; default 0.5 and `fillings`. */
  readonly fillings?: readonly number[];
}

const { NaN: nan, POSITIVE_INFINITY: inf, NEGATIVE_INFINITY: minus } = Number;
const noise = (n: number, seed: number): number[] =>
  Array.from({ length: n }, (_, i) => Math.sin(12.9898 * (i + 1) + 7 * seed));

/** Values of masked elements, tried in turn. */
const fillings = [nan, inf, minus, 3e38];

const labels = [1, -100, 2, 0, -100, 2];
const ignored = ([line]: readonly number[]): boolean => labels[line!] === -100;
const options = { ignoreIndex: -100 };
const ofLabels = (
  name: string,
  loss: (x: Tensor, y: Tensor, w: Tensor) => Tensor,
  more: Partial<MaskedRow> = {},
): MaskedRow => ({
  name,
  fed: {
    x: { shape: [6, 3], masked: ignored },
    y: { shape: [6], dtype: "i32", data: labels },
    w: { shape: [3], data: [0.5, 2, 1.5] },
  },
  result: ({ x, y, w }) => loss(x!, y!, w!),
  ...more,
});

const [queries, keys] = [4, 5];
/** Keys 1 and 4 of the first sample, 0 of the second. */
const hidden = (sample: number, key: number): boolean => (sample === 0 ? key === 1 || key === 4 : key === 0);
const keyMask = Array.from({ length: 2 * keys }, (_, i) => Number(!hidden(Math.floor(i / keys), i % keys)));
const attention = (
  name: string,
  mask: Fed | undefined,
  { causal = false, blind = () => false, unseen = hidden, rows = queries, ...more } = {} as {
    causal?: boolean;
    /** Queries with all keys masked. */
    blind?: (sample: number, query: number) => boolean;
    /** Keys masked for all queries. */
    unseen?: (sample: number, key: number) => boolean;
    rows?: number;
  } & Partial<MaskedRow>,
): MaskedRow => ({
  name: `attention, ${name}`,
  fed: {
    q: { shape: [2, 2, rows, 3], masked: ([sample, , query]) => blind(sample!, query!) },
    k: { shape: [2, 2, keys, 3], masked: ([sample, , key]) => unseen(sample!, key!) },
    v: { shape: [2, 2, keys, 2], masked: ([sample, , key]) => unseen(sample!, key!) },
    ...(mask && { mask }),
  },
  result: ({ q, k, v, mask }) => t.scaledDotProductAttention(q!, k!, v!, { causal, ...(mask && { mask }) }),
  ...more,
});

/** 1 where a query of a sample attends to a key. Query 2 attends to none. */
const pairs = Array.from({ length: 2 * queries * keys }, (_, i) => {
  const [sample, query, key] = [Math.floor(i / (queries * keys)), Math.floor(i / keys) % queries, i % keys];
  return Number(query !== 2 && !hidden(sample, key) && (query + key) % 4 !== 0);
});

/** A row for an op whose gradient goes to the winners: the losers' gradient is masked. */
const winners = (name: string, op: (a: Tensor) => Tensor, lost: (a: number) => boolean): MaskedRow => {
  const a = noise(12, 3);
  return {
    name: `gradient of ${name}`,
    fed: { a: { shape: [12], data: a }, c: { shape: [12], masked: ([i]) => lost(a[i!]!) } },
    result: ({ a, c }) => grad(t.sum(t.mul(op(a!), c!)), [a!])[0]!,
    constant: ["a", "c"],
  };
};

/** A row for an op whose inputs are slices of larger tensors: everything around them is masked. */
const surrounded = (name: string, shapes: readonly Shape[], op: (...inputs: Tensor[]) => Tensor): MaskedRow => ({
  name: `around the operands of ${name}`,
  fed: Object.fromEntries(
    shapes.map((shape, i) => [
      `x${i}`,
      { shape: shape.map((n) => n + 2), masked: (place) => place.some((at, axis) => at === 0 || at > shape[axis]!) },
    ]),
  ),
  result: (fed) =>
    op(
      ...shapes.map((shape, i) =>
        t.slice(
          fed[`x${i}`]!,
          shape.map((n) => [1, n + 1] as const),
        ),
      ),
    ),
});

export const rows: readonly MaskedRow[] = [
  ...[
    [5, 7, 3],
    [33, 66, 65],
    [1, 300, 5],
    [64, 17, 64],
  ].map(([m, k, n]) =>
    surrounded(
      `a product ${m}×${k}×${n}`,
      [
        [m!, k!],
        [k!, n!],
      ],
      t.matmul,
    ),
  ),
  surrounded("sums", [[5, 13]], (x) => t.add(t.sum(x), t.sum(t.mul(x, x)))),
  surrounded("softmax and max", [[5, 13]], (x) => t.mul(t.softmax(x), t.max(x, 1, true))),
  surrounded("a layer norm", [[5, 13], [13]], (x, weight) => t.layerNorm(x, 13, { weight })),
  surrounded(
    "a convolution",
    [
      [2, 3, 6, 7],
      [4, 3, 3, 3],
    ],
    (x, w) => t.conv2d(x, w, undefined, { padding: 1 }),
  ),
  ofLabels("nll", (x, y) => losses.nll(x, y, options)),
  ofLabels("nll, weights", (x, y, weight) => losses.nll(x, y, { ...options, weight })),
  ofLabels("nll, sum", (x, y) => losses.nll(x, y, { ...options, reduction: "sum" })),
  ofLabels("nll, none", (x, y) => losses.nll(x, y, { ...options, reduction: "none" })),
  ofLabels("crossEntropy", (x, y) => losses.crossEntropy(x, y, options)),
  ofLabels("crossEntropy, weights", (x, y, weight) => losses.crossEntropy(x, y, { ...options, weight })),
  ofLabels("crossEntropy, none", (x, y) => losses.crossEntropy(x, y, { ...options, reduction: "none" })),
  ofLabels("crossEntropy, smoothing", (x, y) => losses.crossEntropy(x, y, { ...options, labelSmoothing: 0.1 })),
  ofLabels("crossEntropy, all options", (x, y, weight) =>
    losses.crossEntropy(x, y, { ...options, weight, labelSmoothing: 0.1, reduction: "sum" }),
  ),
  ofLabels("crossEntropy, a penalty on its gradient", (x, y) => {
    const [dx] = grad(losses.crossEntropy(x, y, options), [x]);
    return t.sum(t.mul(dx!, dx!));
  }),
  {
    name: "crossEntropy of images",
    fed: {
      x: { shape: [2, 3, 3], masked: ([sample, , pixel]) => labels[3 * sample! + pixel!] === -100 },
      y: { shape: [2, 3], dtype: "i32", data: labels },
    },
    result: ({ x, y }) => losses.crossEntropy(x!, y!, options),
  },
  {
    name: "a class weight that no label picks",
    fed: {
      x: { shape: [2, 3] },
      y: { shape: [2], dtype: "i32", data: [1, 1] },
      w: { shape: [3], data: [0.5, 2, 1.5], masked: ([c]) => c !== 1 },
    },
    result: ({ x, y, w }) => t.add(losses.nll(x!, y!, { weight: w! }), losses.crossEntropy(x!, y!, { weight: w! })),
    constant: ["w"],
  },
  {
    name: "crossEntropy of probabilities: an impossible class of share 0",
    fed: {
      x: { shape: [2, 3], masked: ([, c]) => c === 2 },
      p: { shape: [2, 3], data: [0.25, 0.75, 0, 0.5, 0.5, 0] },
    },
    result: ({ x, p }) => losses.crossEntropy(x!, p!),
    constant: ["p"],
    fillings: [-1000, -1e30, minus],
  },
  {
    name: "klDiv: classes of share 0",
    fed: {
      x: { shape: [2, 3], masked: ([, c]) => c === 2 },
      p: { shape: [2, 3], data: [0.25, 0.75, 0, 0.5, 0.5, 0] },
    },
    result: ({ x, p }) => losses.klDiv(x!, p!),
  },
  {
    name: "klDiv of logarithms: classes of share 0",
    fed: {
      x: { shape: [2, 3], masked: ([, c]) => c === 2 },
      p: { shape: [2, 3], data: [-1, -0.5, -800, -0.25, -2, minus] },
    },
    result: ({ x, p }) => losses.klDiv(x!, p!, { logTarget: true }),
  },
  {
    name: "where, either side",
    fed: {
      c: { shape: [6], dtype: "i32", data: [1, 0, 0, 1, 0, 1] },
      a: { shape: [6], masked: ([i]) => [0, 1, 1, 0, 1, 0][i!] === 1 },
      b: { shape: [6], masked: ([i]) => [1, 0, 0, 1, 0, 1][i!] === 1 },
    },
    result: ({ c, a, b }) => t.where(c!, a!, b!),
  },
  {
    name: "a mean over unmasked elements",
    fed: {
      kept: { shape: [6], dtype: "i32", data: [1, 0, 1, 1, 0, 0] },
      x: { shape: [6, 4], masked: ([i]) => [0, 1, 0, 0, 1, 1][i!] === 1 },
    },
    result: ({ kept, x }) => t.div(t.sum(t.where(t.unsqueeze(kept!, -1), x!, 0), 0), t.sum(t.cast(kept!, "f32"))),
  },
  attention("padded keys", { shape: [2, 1, 1, keys], dtype: "i32", data: keyMask }),
  attention("padded keys, added", {
    shape: [2, 1, 1, keys],
    data: keyMask.map((seen) => (seen ? 0 : minus)),
  }),
  attention("padded keys, added, finite", {
    shape: [2, 1, 1, keys],
    data: keyMask.map((seen) => (seen ? 0.25 : -1e30)),
  }),
  attention(
    "pairs, some queries with all keys masked",
    { shape: [2, 1, queries, keys], dtype: "i32", data: pairs },
    {
      blind: (_, query) => query === 2,
    },
  ),
  attention(
    "pairs, added",
    { shape: [2, 1, queries, keys], data: pairs.map((seen) => (seen ? 0.5 : minus)) },
    {
      blind: (_, query) => query === 2,
    },
  ),
  attention(
    "one list of keys",
    { shape: [keys], dtype: "i32", data: [1, 0, 1, 1, 0] },
    {
      unseen: (_, key) => key === 1 || key === 4,
    },
  ),
  attention("causal, more keys than queries", undefined, { causal: true, unseen: (_, key) => key >= queries }),
  attention(
    "causal, and padded in front",
    { shape: [1, 1, 1, keys], dtype: "i32", data: [0, 0, 1, 1, 1] },
    {
      causal: true,
      blind: (_, query) => query < 2,
      unseen: (_, key) => key < 2 || key >= queries,
    },
  ),
  attention(
    "a sample with all keys masked",
    { shape: [2, 1, 1, 1], dtype: "i32", data: [1, 0] },
    {
      blind: (sample) => sample === 1,
      unseen: (sample) => sample === 1,
    },
  ),
  {
    name: "gradient of an embedding's padding",
    fed: {
      i: { shape: [5], dtype: "i32", data: [2, 0, 1, 0, 2] },
      w: { shape: [4, 3] },
      c: { shape: [5, 3], masked: ([at]) => at === 1 || at === 3 },
    },
    result: ({ i, w, c }) => grad(t.sum(t.mul(t.embedding(i!, w!, { paddingIdx: 0 }), c!)), [w!])[0]!,
    constant: ["w", "c"],
  },
  {
    name: "windows of adaptive pooling",
    fed: { x: { shape: [2, 2, 5, 7], masked: ([, , row, column]) => row! >= 4 || column! >= 6 } },
    result: ({ x }) => t.slice(t.adaptiveAvgPool2d(x!, [3, 4]), [undefined, undefined, [0, 2], [0, 3]]),
  },
  {
    name: "windows of average pooling, padded",
    fed: { x: { shape: [2, 2, 4, 4], masked: ([, , row, column]) => row! >= 3 || column! >= 3 } },
    result: ({ x }) =>
      t.slice(t.avgPool2d(x!, 2, { padding: 1, countIncludePad: false }), [undefined, undefined, [0, 2], [0, 2]]),
  },
  {
    name: "windows of max pooling, padded",
    fed: { x: { shape: [2, 2, 4, 4], masked: ([, , row, column]) => row! >= 3 || column! >= 3 } },
    result: ({ x }) => t.slice(t.maxPool2d(x!, 2, { padding: 1 }), [undefined, undefined, [0, 2], [0, 2]]),
  },
  {
    name: "elements that a convolution does not reach",
    fed: {
      x: { shape: [1, 4, 5, 5], masked: ([, , row, column]) => row! >= 3 || column! >= 3 },
      w: { shape: [3, 4, 3, 3] },
    },
    result: ({ x, w }) => t.slice(t.conv2d(x!, w!, undefined, { padding: 1 }), [undefined, undefined, [0, 2], [0, 2]]),
    constant: ["w", "x"],
  },
  {
    name: "dropout of everything",
    fed: { x: { shape: [7], masked: () => true } },
    result: ({ x }) => t.nn.dropout(1)(x!, { training: true }),
  },
  {
    name: "a triangle",
    fed: { x: { shape: [4, 4], masked: ([row, column]) => column! > row! } },
    result: ({ x }) => t.tril(x!),
  },
  winners(
    "maximum",
    (a) => t.maximum(a, 0),
    (a) => a < 0,
  ),
  winners(
    "minimum",
    (a) => t.minimum(a, 0),
    (a) => a > 0,
  ),
  winners("relu", t.relu, (a) => a < 0),
  winners(
    "clamp",
    (a) => t.clamp(a, { min: -0.5, max: 0.5 }),
    (a) => Math.abs(a) > 0.5,
  ),
  {
    name: "gradient of max over lines",
    fed: { a: { shape: [3, 4] }, c: { shape: [3], masked: () => true } },
    result: ({ a, c }) => {
      const top = t.max(a!, 1);
      return t.where(t.lt(a!, t.unsqueeze(top, 1)), grad(t.sum(t.mul(top, c!)), [a!])[0]!, 0);
    },
    constant: ["a", "c"],
  },
];

/** The tensors of a row: those that must stay the same, by name, and gradients that must be 0 at masked positions. */
export function outputsOf({ fed, result, constant = [] }: MaskedRow) {
  const inputs = Object.fromEntries(
    Object.entries(fed).map(([name, { shape, dtype = "f32" }]) => [name, input(name, shape, dtype)]),
  );
  const y = result(inputs);
  const wrt = Object.keys(fed).filter((name) => !constant.includes(name) && (fed[name]!.dtype ?? "f32") === "f32");
  const gradients = grad(
    t.sum(y),
    Object.values(wrt).map((name) => inputs[name]!),
  );
  return { y, ...Object.fromEntries(wrt.map((name, i) => [`d${name}`, gradients[i]!])) } as Record<string, Tensor>;
}

/** The feeds of a row, with `filling` at masked positions. */
const feedsOf = ({ fed }: MaskedRow, filling: number): Record<string, Float32Array | Int32Array> =>
  Object.fromEntries(
    Object.entries(fed).map(([name, { shape, dtype, data, masked }], k) => {
      const all = data ?? noise(sizeOf(shape), k);
      const values = all.map((value, i) => (masked?.(placeOf(i, shape)) ? filling : value));
      return [name, dtype === "i32" ? Int32Array.from(values) : Float32Array.from(values)];
    }),
  );

function placeOf(i: number, shape: Shape): number[] {
  const place = new Array<number>(shape.length);
  for (let axis = shape.length - 1, rest = i; axis >= 0; axis--) {
    place[axis] = rest % shape[axis]!;
    rest = Math.floor(rest / shape[axis]!);
  }
  return place;
}

/** What is wrong with the results of a row, if anything. @param run computes its outputs. */
export async function maskedFault(
  row: MaskedRow,
  outputs: Record<string, Tensor>,
  run: (feeds: Record<string, Float32Array | Int32Array>) => Promise<Record<string, ArrayLike<number>>>,
): Promise<string | undefined> {
  const used = new Set(reachable(Object.values(outputs)).map(({ attrs }) => attrs["name"] as string | undefined));
  const feeds = (filling: number) =>
    Object.fromEntries(Object.entries(feedsOf(row, filling)).filter(([name]) => used.has(name)));
  const wanted = await run(feeds(row.fillings?.[0] ?? 0.5));
  for (const filling of row.fillings ?? fillings) {
    const got = await run(feeds(filling));
    for (const name of Object.keys(outputs)) {
      for (let i = 0; i < wanted[name]!.length; i++) {
        const [want, have] = [wanted[name]![i]!, got[name]![i]!];
        const masked = row.fed[name.slice(1)]?.masked?.(placeOf(i, outputs[name]!.shape));
        if (!Number.isFinite(want)) return `${name}[${i}] is ${want} without anything masked`;
        if (have !== want) return `${name}[${i}] is ${have} with ${filling} in masked elements, ${want} without`;
        if (name !== "y" && masked && have !== 0) return `${name}[${i}], a masked element, has a gradient of ${have}`;
      }
    }
  }
  return undefined;
}
