import { type DType, type Shape, sameShape, sizeOf } from "../../graph/shape.ts";
import type { Node, Tensor } from "../../graph/tensor.ts";
import { numberOf } from "../../ops/idioms.ts";
import { named, ofChannels, unshaped } from "./linear.ts";
import type { Form, Row, Target } from "./target.ts";

/** A weight or bias that a layer does without. */
const repeated = (to: Target, value: number, shape: Shape, dtype: DType): string =>
  to.constant(new Float32Array(sizeOf(shape)).fill(value), shape, dtype);

/** A value without what only programs need to know. */
function bare(tensor: Tensor): Tensor {
  return named(tensor, "detach") || named(tensor, "evaluated") ? bare(tensor.node.inputs[0]!) : tensor;
}

/** (x − mean) · rsqrt(variance + ε) · weight + bias, as `batchNorm` builds it for evaluation. */
export function batchNormForm({ results: [y] }: Node, to: Target): Form | undefined {
  const channels = y!.shape[1];
  const hasBias = named(y, "add");
  const scaled = hasBias ? y.node.inputs[0]! : y!;
  if (channels === undefined || !named(scaled, "mul") || !named(scaled.node.inputs[0], "sub")) return undefined;
  const [x, spreadMean] = scaled.node.inputs[0].node.inputs as [Tensor, Tensor];
  const [mean, scale] = [ofChannels(spreadMean), ofChannels(scaled.node.inputs[1]!)];
  const bias = hasBias ? ofChannels(y.node.inputs[1]!) : undefined;
  if (!mean || !scale || (hasBias && !bias)) return undefined;
  const [root, weight] = named(scale, "mul") ? (scale.node.inputs as [Tensor, Tensor]) : [scale, undefined];
  if (!named(root, "rsqrt") || !named(root.node.inputs[0], "add")) return undefined;
  const [variance, added] = root.node.inputs[0].node.inputs as [Tensor, Tensor];
  const eps = numberOf(added);
  if (eps === undefined || eps < 0 || !sameShape(variance.shape, [channels])) return undefined;
  const each = [x, weight, bias, bare(mean), bare(variance)];
  return {
    reads: each.filter((tensor) => tensor !== undefined),
    write: () =>
      to.emit(
        "BatchNormalization",
        each.map((tensor, i) => (tensor ? to.value(tensor) : repeated(to, i === 1 ? 1 : 0, [channels], y!.dtype))),
        { epsilon: { float: eps } },
      ),
  };
}

/** Normalisation of rows, between two reshapes or without them. */
export function normalizationForm({ results: [y] }: Node, to: Target): Form | undefined {
  const inner = unshaped(y!);
  if (!named(inner, "layerNorm") || inner.index !== 0) return undefined;
  const { node } = inner;
  const [rows, weight, bias] = node.inputs as [Tensor, Tensor | undefined, Tensor | undefined];
  const x = inner === y ? rows : unshaped(rows);
  const { kind, groups, spread } = node.attrs;
  if (!sameShape(x.shape, y!.shape)) return undefined;
  const write =
    groups === 1 && spread === 1
      ? overLastAxes(to, node, x, weight?.shape ?? tailOf(x.shape, rows.shape[1]!))
      : kind === "layer" && x.shape.length >= 3 && spread === sizeOf(x.shape.slice(2))
        ? overChannels(to, node, x)
        : undefined;
  return (
    write && { reads: [x, ...(weight ? [weight] : []), ...(bias ? [bias] : [])], write: onlyFirst(to, node, write) }
  );
}

/** What gradients read of a normalisation, its statistics, is not written. */
const onlyFirst =
  (to: Target, { op, results }: Node, write: () => string) =>
  (index: number): string =>
    index === 0 ? write() : to.problem(`result ${index + 1} of ${results.length} of op ${op.name}`);

function overLastAxes(to: Target, node: Node, x: Tensor, over: Shape | undefined): (() => string) | undefined {
  if (!over || !sameShape(x.shape.slice(-over.length), over)) return undefined;
  const affine = node.inputs.slice(1);
  return () =>
    normalized(
      to,
      node,
      to.value(x),
      x.shape,
      over.length,
      affine.map((each) => to.value(each)),
    );
}

/** The last axes whose sizes multiply to this number. */
function tailOf(shape: Shape, length: number): Shape | undefined {
  for (let axis = shape.length - 1; axis >= 0; axis--)
    if (sizeOf(shape.slice(axis)) === length) return shape.slice(axis);
  return undefined;
}

/** Of all positions of one channel, or of several in a group. */
function overChannels(to: Target, { inputs: [, weight, bias], attrs }: Node, x: Tensor): () => string {
  const { eps, groups, spread } = attrs;
  const [n, channels, ...positions] = x.shape as [number, number, ...number[]];
  const epsilon = { float: eps };
  const each = () => [
    weight ? to.value(weight) : repeated(to, 1, [channels], x.dtype),
    bias ? to.value(bias) : repeated(to, 0, [channels], x.dtype),
  ];
  if (groups === channels) return () => to.emit("InstanceNormalization", [to.value(x), ...each()], { epsilon });
  if (to.opset >= 21)
    return () => to.emit("GroupNormalization", [to.value(x), ...each()], { num_groups: groups, epsilon });
  return () => {
    // As one channel a group; earlier versions have a weight for each group alone.
    const grouped = to.reshape(to.value(x), [n, groups, (channels / groups) * spread]);
    const own = [repeated(to, 1, [groups], x.dtype), repeated(to, 0, [groups], x.dtype)];
    const normal = to.reshape(to.emit("InstanceNormalization", [grouped, ...own], { epsilon }), x.shape);
    const along = (value: Tensor) => to.reshape(to.value(value), [channels, ...positions.map(() => 1)]);
    const scaled = weight ? to.emit("Mul", [normal, along(weight)]) : normal;
    return bias ? to.emit("Add", [scaled, along(bias)]) : scaled;
  };
}

/** Rows `[rows, length]` alone; weights repeat after `groups` rows, and each serves `spread` neighbours. */
export const normalizedRows: Row = (to, node) => {
  const [x, weight, bias] = node.inputs as [Tensor, Tensor | undefined, Tensor | undefined];
  const [rows, length] = x.shape as [number, number];
  const { groups, spread } = node.attrs;
  const normal = normalized(to, node, to.value(x), x.shape, 1, []);
  if (!weight) return normal;
  const parted = (value: Tensor) => to.reshape(to.value(value), [1, groups, length / spread, 1]);
  const scaled = to.emit("Mul", [to.reshape(normal, [rows / groups, groups, length / spread, spread]), parted(weight)]);
  return to.reshape(bias ? to.emit("Add", [scaled, parted(bias)]) : scaled, x.shape);
};

/** Over the last `count` axes. @param affine names of weight and bias, if there are. */
function normalized(
  to: Target,
  { attrs: { kind, eps }, results: [y] }: Node,
  x: string,
  shape: Shape,
  count: number,
  [weight, bias]: readonly string[],
): string {
  const axis = shape.length - count;
  if (kind === "layer")
    return to.emit("LayerNormalization", [x, weight ?? repeated(to, 1, shape.slice(axis), y!.dtype), bias ?? ""], {
      axis,
      epsilon: { float: eps },
    });
  const normal = rootMeanSquare(
    to,
    x,
    shape.slice(axis).map((_, i) => axis + i),
    to.number(eps, y!.dtype),
  );
  return weight ? to.emit("Mul", [normal, weight]) : normal;
}

/** x / √(mean(x²) + ε) along axes. */
function rootMeanSquare(to: Target, x: string, axes: readonly number[], eps: string): string {
  const square = to.reduced("ReduceMean", to.emit("Mul", [x, x]), axes, true);
  return to.emit("Div", [x, to.emit("Sqrt", [to.emit("Add", [square, eps])])]);
}
