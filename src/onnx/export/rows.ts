import { floats } from "../../graph/shape.ts";
import type { Node } from "../../graph/tensor.ts";
import { moveRows } from "./moves.ts";
import { networkRows } from "./network.ts";
import { type Attributes, typeNumbers } from "./proto.ts";
import type { Row, Target } from "./target.ts";

/** An op on single elements that ONNX has under this name. */
const same =
  (op: string, attributes: (attrs: Node["attrs"]) => Attributes = () => ({})): Row =>
  (to, node) =>
    to.emit(op, to.operands(node), attributes(node.attrs));

const comparison =
  (op: string): Row =>
  (to, node) =>
    to.bool(op, to.operands(node));

const infinity =
  (attributes: Attributes): Row =>
  (to, node) =>
    to.bool("IsInf", to.operands(node), attributes);

/** An op on one element, from others. */
const composed =
  (write: (to: Target, x: string, number: (value: number) => string, attrs: Node["attrs"]) => string): Row =>
  (to, node) =>
    write(to, to.operands(node)[0]!, (value) => to.number(value, node.results[0]!.dtype), node.attrs);

/** An op that came with a version, and what it is before. */
const since =
  (version: number, row: Row, before: Row): Row =>
  (to, node) =>
    (to.opset >= version ? row : before)(to, node);

const reduction =
  (op: string): Row =>
  (to, { inputs: [x], attrs }) =>
    to.reduced(op, to.value(x!), attrs["axes"]);

const alongAxis =
  (op: string): Row =>
  (to, { inputs: [x], attrs }) =>
    to.emit(op, [to.value(x!)], { axis: attrs["axis"] });

/** Positions of extremes along one axis, or among all elements. */
const position =
  (op: string): Row =>
  (to, { inputs: [x], attrs }) => {
    const axes: number[] = attrs["axes"];
    const isOne = axes.length === 1;
    const name = isOne ? to.value(x!) : to.reshape(to.value(x!), [x!.size]);
    const index = to.emit(op, [name], { axis: isOne ? axes[0] : 0, keepdims: 0 });
    return to.emit("Cast", [index], { to: typeNumbers.i32 });
  };

/** Products from the first element on: each round multiplies by what lies 1, 2, 4, … before. */
const cumulativeProduct: Row = (to, { inputs: [x], attrs }) => {
  const axis: number = attrs["axis"];
  const { shape, dtype } = x!;
  if (to.isOpen(shape[axis]!)) return to.problem("op cumprod along the batch");
  let y = to.value(x!);
  for (let step = 1; step < shape[axis]!; step *= 2) {
    const low = to.ints([
      ...shape.map((_, i) => (i === axis ? step : 0)),
      ...shape.map((_, i) => (i === axis ? -step : 0)),
    ]);
    y = to.emit("Mul", [y, to.emit("Pad", [y, low, to.number(1, dtype)])]);
  }
  return y;
};

const crossEntropy: Row = (to, { inputs: [scores, labels], attrs }) =>
  to.emitAll(
    "SoftmaxCrossEntropyLoss",
    [to.value(scores!), to.emit("Cast", [to.value(labels!)], { to: typeNumbers.i64 })],
    { reduction: "none", ignore_index: attrs["ignore"] },
    1,
  )[0]!;

const pointwiseRows: Readonly<Record<string, Row>> = {
  add: same("Add"),
  sub: same("Sub"),
  mul: same("Mul"),
  div: same("Div"),
  mod(to, node) {
    const [a, b] = to.operands(node) as [string, string];
    const { dtype } = node.results[0]!;
    if (!floats.includes(dtype)) return to.emit("Mod", [a, b]);
    // Of floats, ONNX has the remainder with the sign of a.
    const rest = to.emit("Mod", [a, b], { fmod: 1 });
    const signs = to.emit("Mul", [to.emit("Sign", [rest]), to.emit("Sign", [b])]);
    const isOther = to.bool("Less", [signs, to.number(0, dtype)]);
    return to.emit("Where", [isOther, to.emit("Add", [rest, b]), rest]);
  },
  pow: same("Pow"),
  maximum: same("Max"),
  minimum: same("Min"),
  eq: comparison("Equal"),
  ne: (to, node) => to.bool("Not", [to.emit("Equal", to.operands(node))]),
  lt: comparison("Less"),
  le: comparison("LessOrEqual"),
  gt: comparison("Greater"),
  ge: comparison("GreaterOrEqual"),
  where(to, node) {
    const [a, b] = to.operands(node, 1) as [string, string];
    return to.emit("Where", [to.truth(node.inputs[0]!), a, b]);
  },
  cast: (to, { inputs: [x], attrs }) =>
    to.emit("Cast", [to.raw(x!)], { to: typeNumbers[attrs["to"] as keyof typeof typeNumbers] }),
  clamp: composed((to, x, number, { min, max }) =>
    to.emit("Clip", [x, min === undefined ? "" : number(min), max === undefined ? "" : number(max)]),
  ),
  neg: same("Neg"),
  abs: same("Abs"),
  sign: same("Sign"),
  exp: same("Exp"),
  log: same("Log"),
  sqrt: same("Sqrt"),
  rsqrt: composed((to, x) => to.emit("Reciprocal", [to.emit("Sqrt", [x])])),
  reciprocal: same("Reciprocal"),
  sin: same("Sin"),
  cos: same("Cos"),
  oneMinusSquare: composed((to, x, number) =>
    to.emit("Mul", [to.emit("Sub", [number(1), x]), to.emit("Add", [number(1), x])]),
  ),
  tan: same("Tan"),
  asin: same("Asin"),
  acos: same("Acos"),
  atan: same("Atan"),
  sinh: same("Sinh"),
  cosh: same("Cosh"),
  asinh: same("Asinh"),
  acosh: same("Acosh"),
  atanh: same("Atanh"),
  erf: same("Erf"),
  floor: same("Floor"),
  ceil: same("Ceil"),
  round: same("Round"),
  isNan: comparison("IsNaN"),
  isInf: comparison("IsInf"),
  isPositiveInfinity: infinity({ detect_negative: 0 }),
  isNegativeInfinity: infinity({ detect_positive: 0 }),
  relu: same("Relu"),
  sigmoid: same("Sigmoid"),
  tanh: same("Tanh"),
  softsign: same("Softsign"),
  hardswish: same("HardSwish"),
  silu: composed((to, x) => to.emit("Mul", [x, to.emit("Sigmoid", [x])])),
  mish: since(
    18,
    same("Mish"),
    composed((to, x) => to.emit("Mul", [x, to.emit("Tanh", [to.emit("Softplus", [x])])])),
  ),
  // x · (1 + erf(x / √2)) / 2, in the order in which PyTorch's exporter writes it.
  gelu: since(
    20,
    same("Gelu"),
    composed((to, x, number) => {
      const erf = to.emit("Erf", [to.emit("Div", [x, number(Math.SQRT2)])]);
      return to.emit("Mul", [to.emit("Mul", [x, to.emit("Add", [erf, number(1)])]), number(0.5)]);
    }),
  ),
  geluTanh: since(
    20,
    same("Gelu", () => ({ approximate: "tanh" })),
    composed((to, x, number) => {
      const cubed = to.emit("Mul", [to.emit("Pow", [x, number(3)]), number(0.044715)]);
      const inner = to.emit("Mul", [to.emit("Add", [x, cubed]), number(Math.sqrt(2 / Math.PI))]);
      return to.emit("Mul", [to.emit("Mul", [x, to.emit("Add", [to.emit("Tanh", [inner]), number(1)])]), number(0.5)]);
    }),
  ),
  leakyRelu: same("LeakyRelu", ({ slope }) => ({ alpha: { float: slope } })),
  elu: (to, node) => {
    const { alpha, scale } = node.attrs;
    if (scale === 1) return same("Elu", () => ({ alpha: { float: alpha } }))(to, node);
    return same("Selu", () => ({ alpha: { float: alpha }, gamma: { float: scale } }))(to, node);
  },
  softplus: composed((to, x, number, { beta, threshold }) => {
    const steep = beta === 1 ? x : to.emit("Mul", [x, number(beta)]);
    const soft = to.emit("Softplus", [steep]);
    const y = beta === 1 ? soft : to.emit("Div", [soft, number(beta)]);
    // From 17 on, log(1 + eˣ) and x are the same float.
    return threshold >= 17 ? y : to.emit("Where", [to.bool("Greater", [steep, number(threshold)]), x, y]);
  }),
  // −(y · log x + (1 − y) · log(1 − x)), with logarithms from −100.
  binaryCrossEntropy(to, node) {
    const [x, y] = to.operands(node) as [string, string];
    const number = (value: number) => to.number(value, node.results[0]!.dtype);
    const log = (of: string) => to.emit("Max", [to.emit("Log", [of]), number(-100)]);
    const rest = (of: string) => to.emit("Sub", [number(1), of]);
    const sum = to.emit("Add", [to.emit("Mul", [y, log(x)]), to.emit("Mul", [rest(y), log(rest(x))])]);
    return to.emit("Neg", [sum]);
  },
  // Of a batch's own statistics.
  batchNorm(to, node) {
    const [x, mean, rstd, weight, bias] = to.operands(node) as [string, string, string, string, string];
    const normal = to.emit("Mul", [to.emit("Sub", [x, mean]), rstd]);
    return to.emit("Add", [to.emit("Mul", [normal, weight]), bias]);
  },
};

const lineRows: Readonly<Record<string, Row>> = {
  sum: reduction("ReduceSum"),
  max: reduction("ReduceMax"),
  min: reduction("ReduceMin"),
  prod: reduction("ReduceProd"),
  squaredNorm: (to, { inputs }) => {
    const parts = inputs.map((x) =>
      to.reduced(
        "ReduceSumSquare",
        to.value(x),
        x.shape.map((_, axis) => axis),
      ),
    );
    return parts.reduce((a, b) => to.emit("Add", [a, b]));
  },
  argmax: position("ArgMax"),
  argmin: position("ArgMin"),
  cumsum: (to, { inputs: [x], attrs }) => to.emit("CumSum", [to.value(x!), to.number(attrs["axis"], "i32")]),
  cumprod: cumulativeProduct,
  softmax: alongAxis("Softmax"),
  logSoftmax: alongAxis("LogSoftmax"),
  crossEntropy,
  argsort(to, { inputs: [x], attrs: { axis, kept, descending } }) {
    const [, index] = to.emitAll(
      "TopK",
      [to.value(x!), to.ints([kept])],
      { axis, largest: descending ? 1 : 0, sorted: 1 },
      2,
    );
    return to.emit("Cast", [index!], { to: typeNumbers.i32 });
  },
  reorder: (to, { inputs: [x, index], attrs: { axis } }) =>
    to.emit("GatherElements", [to.value(x!), to.value(index!)], { axis }),
};

const rows: Readonly<Record<string, Row>> = { ...pointwiseRows, ...moveRows, ...lineRows, ...networkRows };

/** How an op is written; `undefined` where ONNX lacks it. */
export const rowOf = ({ op }: Node): Row | undefined => rows[op.name];
