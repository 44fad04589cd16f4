import { composed } from "../graph/rewrite.ts";
import type { Shape } from "../graph/shape.ts";
import type { Attrs, Node, Op, Tensor } from "../graph/tensor.ts";

/** A graph of n samples: what it reads, and what it gives for each of them. */
export interface Sampled {
  readonly n: number;
  readonly inputs: readonly Tensor[];
  readonly results: readonly Tensor[];
}

/**
 * What must hold of a tensor: with a stride, that its element f depends on sample ⌊f / stride⌋ mod n alone, wherever the
 * sample is in the batch; without, that it depends on no sample, nor on their number.
 */
type Stride = number | undefined;

/** The same for an input of a node, by its position. */
type Demand = readonly [input: number, stride: Stride];

/**
 * Whether samples of a batch may influence each other's results, as in batch normalisation: then a batch cannot be
 * padded. Walks from the results to the inputs, with a rule for each op; an op without one counts as a mixture, which
 * costs a program for the size of the partial batch. Two graphs of one model, for different numbers of samples, show
 * what depends on that number.
 */
export function mixes(a: Sampled, b: Sampled): boolean {
  const [own, others] = [composed(a.results), composed(b.results)];
  const open: [Tensor, Tensor | undefined, Stride][] = own.map((x, i) => [x, others[i], x.size / a.n]);
  const seen = new Set<string>();
  while (open.length > 0) {
    const [x, y, stride] = open.pop()!;
    if (x.index !== y?.index) return true;
    const key = `${x.node.id} ${x.index} ${y.node.id} ${stride}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const demands = stride === undefined ? fixed(x, y) : separate(x, y, stride, a, b);
    if (!demands) return true;
    for (const [i, stride] of demands) open.push([x.node.inputs[i]!, y.node.inputs[i], stride]);
    // Samples change no variable, as they change running statistics: one that only fills a batch would count.
    x.node.effects.forEach(([, value], i) => {
      open.push([value, y.node.effects[i]?.[1], undefined]);
    });
  }
  return false;
}

/** What makes a tensor the same whatever the samples are. */
function fixed(x: Tensor, y: Tensor): readonly Demand[] | undefined {
  if (x === y) return [];
  const { source } = x.node.op;
  if (source === "input" || source === "variable" || !same(x.shape, y.shape) || !alike(x.node, y.node, []))
    return undefined;
  return demand(x, undefined);
}

/** What makes the samples of a tensor independent of each other. */
function separate(x: Tensor, y: Tensor, stride: number, a: Sampled, b: Sampled): readonly Demand[] | undefined {
  const { node } = x;
  const { op, attrs } = node;
  const grows = Number.isInteger(stride) && x.size * b.n === y.size * a.n;
  // Nobody knows what the kernel of a user's op reads.
  if (!grows || (op.define && !op.pointwise)) return undefined;
  if (op.source === "input") return a.inputs.includes(x) && stride === x.size / a.n ? [] : undefined;
  if (op.name === "iota") return isAcross(attrs, stride, a.n) && isAcross(y.node.attrs, stride, b.n) ? [] : undefined;
  if (!alike(node, y.node, growing)) return undefined;
  if (op.name === "full" || noise.has(op.name)) return [];
  if (op.pointwise ? !op.pointwise.usesIndex : flat.has(op.name)) return demand(x, stride);
  const place = placeOf(x.shape, stride, a.n);
  const rule = rules[op.name];
  const other = placeOf(y.shape, stride, b.n);
  if (!place || !rule || place.axis !== other?.axis || place.inner !== other.inner) return undefined;
  return rule(x, place)?.map(([i, axis]) => [
    i,
    axis === undefined ? undefined : strideOf(node.inputs[i]!.shape, axis) * place.inner,
  ]);
}

/** The same demand on all inputs. */
const demand = (x: Tensor, stride: Stride): Demand[] => x.node.inputs.map((_, i) => [i, stride]);

/** Attributes that may grow with the number of samples: shapes, of which the axis of the samples is looked at. */
const growing = ["shape", "sizes"];

/** Whether two nodes do the same. Of random numbers, each has its own. */
function alike(a: Node, b: Node, except: readonly string[]): boolean {
  if (a.op.name !== b.op.name || a.inputs.length !== b.inputs.length) return false;
  const names = new Set([...Object.keys(a.attrs), ...Object.keys(b.attrs)]);
  return [...names].every((name) => name === "salt" || except.includes(name) || same(a.attrs[name], b.attrs[name]));
}

function same(a: unknown, b: unknown): boolean {
  if (!ArrayBuffer.isView(a) || !ArrayBuffer.isView(b)) return JSON.stringify(a) === JSON.stringify(b);
  const [one, other] = [a, b] as unknown as [Float32Array, Float32Array];
  return one.length === other.length && one.every((value, i) => Object.is(value, other[i]));
}

/** Ops whose results differ from element to element at random, so that no place is special. */
const noise = /* @__PURE__ */ new Set(["uniform", "normal", "randint"]);

/** Ops that keep the order of all elements. */
const flat = /* @__PURE__ */ new Set(["reshape", "detach", "evaluated"]);

/** Whether positions along an axis are the same for all samples. */
const isAcross = ({ stride, size }: Attrs, samples: number, n: number): boolean =>
  stride % (samples * n) === 0 || samples % (stride * size) === 0;

const strideOf = (shape: Shape, axis: number): number => shape.slice(axis + 1).reduce((size, n) => size * n, 1);

/** Where samples are: in blocks of `inner` positions of an axis, which may hold several batches one after the other. */
interface Place {
  readonly axis: number;
  readonly inner: number;
}

/** The place of samples with this stride; `undefined` if they are in no single axis. */
function placeOf(shape: Shape, stride: number, n: number): Place | undefined {
  const axis = shape.findIndex((size, k) => size > 1 && strideOf(shape, k) <= stride);
  const inner = stride / strideOf(shape, axis);
  return axis >= 0 && Number.isInteger(inner) && shape[axis]! % (inner * n) === 0 ? { axis, inner } : undefined;
}

/** Inputs, each with its axis of samples; without one if it must be fixed. `undefined` if samples meet. */
type Rule = (x: Tensor, place: Place) => readonly (readonly [input: number, axis: number | undefined])[] | undefined;

const only = (axis: number): ReturnType<Rule> => [[0, axis]];
const all = ({ node }: Tensor, axis: number): ReturnType<Rule> => node.inputs.map((_, i) => [i, axis]);

/** The first input has samples along this axis, the others are fixed. */
const first = ({ node }: Tensor, axis: number): ReturnType<Rule> =>
  node.inputs.map((_, i) => [i, i === 0 ? axis : undefined]);

/** Reductions. */
const reduced: Rule = ({ node: { inputs, attrs } }, { axis }) =>
  only([...inputs[0]!.shape.keys()].filter((k) => !attrs["axes"].includes(k))[axis]!);

/** Ops that work along one axis, of inputs that agree in the others. */
const along: Rule = (x, { axis }) => {
  const { inputs, attrs } = x.node;
  const agree = inputs.every(({ shape }) => shape[axis] === x.shape[axis]);
  return attrs["axis"] !== axis && agree ? all(x, axis) : undefined;
};

/** Ranges of each axis. */
const range: Rule = ({ shape, node: { inputs, attrs } }, { axis }) =>
  attrs["steps"][axis] === 1 && shape[axis] === inputs[0]!.shape[axis] ? only(axis) : undefined;

/** Convolutions: images are independent. */
const convolved: Rule = (x, { axis }) => (axis === 0 ? first(x, 0) : undefined);

/** Recurrent layers: rows are independent, steps are not. */
const sequence: Rule = ({ node: { attrs } }, { axis }) =>
  axis !== (attrs["batchFirst"] ? 0 : 1)
    ? undefined
    : (attrs["roles"] as string[]).map((role, i) => [
        i,
        role === "gates" ? axis : role.startsWith("start") ? 0 : undefined,
      ]);

/** Ops that models have only where they compute gradients themselves: nobody looks into those. */
const mixed: Rule = () => undefined;

/** By op. A test asks for a rule for each op: without one, batches of models that use it are not padded. */
const rules: Readonly<Record<string, Rule>> = {
  permute: ({ node: { attrs } }, { axis }) => only(attrs["axes"][axis]),
  expand({ shape, node: { inputs } }, { axis }) {
    const own = axis - shape.length + inputs[0]!.shape.length;
    return [[0, own < 0 || inputs[0]!.shape[own] === 1 ? undefined : own]];
  },
  slice: range,
  part: range,
  pad: ({ node: { attrs } }, { axis }) =>
    ["low", "high", "interior"].every((side) => attrs[side][axis] === 0) ? only(axis) : undefined,
  concat: along,
  sum: reduced,
  max: reduced,
  min: reduced,
  prod: reduced,
  argmax: reduced,
  argmin: reduced,
  softmax: along,
  logSoftmax: along,
  cumsum: along,
  cumprod: along,
  argsort: along,
  reorder: along,
  scatterAdd: along,
  gather: (x, place) =>
    x.node.attrs["axis"] === place.axis
      ? [
          [0, undefined],
          [1, place.axis],
        ]
      : along(x, place),
  crossEntropy: (_, { axis }) => [
    [0, axis === 0 ? 0 : axis + 1],
    [1, axis],
  ],
  // Weights differ from group to group, and repeat for each image.
  layerNorm: (x, { axis, inner }) => (axis === 0 && inner % x.node.attrs["groups"] === 0 ? first(x, 0) : undefined),
  matmul(x, { axis }) {
    const rank = x.shape.length;
    if (axis < rank - 2) return all(x, axis);
    return [
      [0, axis === rank - 2 ? axis : undefined],
      [1, axis === rank - 1 ? axis : undefined],
    ];
  },
  embedding: (_, { axis }) =>
    axis === 0
      ? [
          [0, undefined],
          [1, 0],
        ]
      : undefined,
  conv2d: convolved,
  conv2dInputGrad: convolved,
  // Its second result, packed positions, has no axis of images.
  maxPool2d: (x, { axis }) => (x.index === 0 && axis < 2 ? only(axis) : undefined),
  rnnSequence: sequence,
  gruSequence: sequence,
  lstmSequence: sequence,
  softmaxGrad: mixed,
  crossEntropyGrad: mixed,
  conv2dWeightGrad: mixed,
  maxPool2dGrad: mixed,
  maxPool2dPick: mixed,
  embeddingGrad: mixed,
  layerNormGrad: mixed,
  rnnSequenceGrad: mixed,
  gruSequenceGrad: mixed,
  lstmSequenceGrad: mixed,
  squaredNorm: mixed,
  nonFinite: mixed,
  foreach: mixed,
  castAll: mixed,
};

/** Whether the walk knows what an op does to samples. */
export const isRuled = ({ name, source, pointwise, compose }: Op): boolean =>
  source !== undefined ||
  compose !== undefined ||
  (pointwise && !pointwise.usesIndex) ||
  ["iota", ...noise, ...flat, ...Object.keys(rules)].includes(name);
