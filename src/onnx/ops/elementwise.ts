import { DTypeError } from "../../errors.ts";
import type { Tensor } from "../../graph/tensor.ts";
import {
  abs,
  add,
  cast,
  ceil,
  clamp,
  cos,
  div,
  elu,
  erf,
  exp,
  floor,
  gelu,
  gt,
  leakyRelu,
  log,
  lt,
  maximum,
  minimum,
  mish,
  mod,
  mul,
  neg,
  pow,
  reciprocal,
  relu,
  reshape,
  round,
  sigmoid,
  sign,
  sin,
  softplus,
  softsign,
  sqrt,
  sub,
  tanh,
  where,
  zerosLike,
} from "../../ops/index.ts";
import { acos, acosh, asin, asinh, atan, atanh, cosh, sinh, tan } from "../../ops/pointwise/trigonometry.ts";
import { isFloat } from "../elements.ts";
import type { Built, OpNode, OpRow } from "../node.ts";
import { wrapped } from "./casts.ts";

const unary = (op: string, since: readonly number[], f: (x: Tensor, node: OpNode) => Tensor): OpRow => ({
  op,
  since,
  build: (node) => f(node.tensor(0), node),
});

/** Operands as they broadcast: before opset 7, attribute `axis` says where the second one begins. */
export function operands(node: OpNode): [Tensor, Tensor] {
  const [a, b] = [node.tensor(0), node.tensor(1)];
  if (node.opset >= 7 || !node.has("axis")) return [a, b];
  const axis = node.int("axis", 0) + (node.int("axis", 0) < 0 ? a.shape.length : 0);
  const behind = Math.max(0, a.shape.length - axis - b.shape.length);
  return [a, reshape(b, [...b.shape, ...new Array<number>(behind).fill(1)])];
}

const binary = (op: string, since: readonly number[], f: (a: Tensor, b: Tensor) => Tensor): OpRow => ({
  op,
  since,
  build: (node) => node.typed(node.value(0).type, wrapped(node.value(0).type, f(...operands(node)))),
});

const variadic = (op: string, since: readonly number[], f: (a: Tensor, b: Tensor) => Tensor): OpRow => ({
  op,
  since,
  build: (node) => node.inputs.map((_, i) => node.tensor(i)).reduce(f),
});

/** Limits that are attributes, or, from opset 11 on, inputs. */
function clip(node: OpNode): Built {
  const x = node.tensor(0);
  const isAttribute = node.opset < 11;
  const low = isAttribute ? undefined : node.inputs[1];
  const high = isAttribute ? undefined : node.inputs[2];
  const bound = (value: typeof low, name: string): number | Tensor | undefined => {
    if (isAttribute) return node.has(name) ? node.float(name, 0) : undefined;
    return value?.host ? value.host[0]! : value?.tensor;
  };
  const [min, max] = [bound(low, "min"), bound(high, "max")].map((value) =>
    typeof value === "number" && !Number.isFinite(value) ? undefined : value,
  );
  if (isFloat(node.value(0).type) && typeof (min ?? 0) === "number" && typeof (max ?? 0) === "number") {
    return min === undefined && max === undefined ? x : clamp(x, { min: min as number, max: max as number });
  }
  const above = min === undefined ? x : maximum(x, min);
  return max === undefined ? above : minimum(above, max);
}

/** The remainder with the sign of the dividend. */
const fmod = (a: Tensor, b: Tensor): Tensor => mul(sign(a), mod(abs(a), abs(b)));

function power(node: OpNode): Built {
  const [a, b] = operands(node);
  const [base, exponent] = [node.value(0), node.value(1)];
  if (isFloat(base.type)) {
    const n = exponent.size === 1 && exponent.isKnown ? exponent.host![0]! : undefined;
    return n !== undefined && exponent.rank === 0 ? pow(a, n) : pow(a, cast(b, "f32"));
  }
  const y = pow(cast(a, "f32"), cast(b, "f32"));
  return node.typed(base.type, cast(isFloat(exponent.type) ? y : round(y), a.dtype));
}

function prelu(node: OpNode): Built {
  const [x, slope] = [node.tensor(0), node.tensor(1)];
  // Before opset 7, one slope for each channel.
  const perChannel = node.opset < 7 && slope.shape.length === 1 && slope.size > 1;
  const factor = perChannel ? reshape(slope, [slope.size, ...x.shape.slice(2).map(() => 1)]) : slope;
  return where(lt(x, 0), mul(x, factor), x);
}

function shrink(node: OpNode): Built {
  const x = node.tensor(0);
  const [lambda, bias] = [node.float("lambd", 0.5), node.float("bias", 0)];
  const zero = zerosLike(x);
  return where(lt(x, -lambda), add(x, bias), where(gt(x, lambda), sub(x, bias), zero));
}

/** max(0, min(1, alpha · x + beta)). */
const hardSigmoid = (x: Tensor, alpha: number, beta: number): Tensor =>
  clamp(add(mul(x, alpha), beta), { min: 0, max: 1 });

/** The sign of unsigned numbers is 0 or 1. */
const signOf = (x: Tensor): Tensor => (x.dtype === "u32" ? minimum(x, 1) : sign(x));

function negated(x: Tensor): Tensor {
  if (x.dtype === "u32") throw new DTypeError("unsigned integers have no negative");
  return neg(x);
}

export const elementwise: readonly OpRow[] = [
  binary("Add", [1, 6, 7, 13, 14], add),
  binary("Sub", [1, 6, 7, 13, 14], sub),
  binary("Mul", [1, 6, 7, 13, 14], mul),
  binary("Div", [1, 6, 7, 13, 14], div),
  {
    op: "Mod",
    since: [10, 13],
    build: (node) => (node.int("fmod", 0) ? fmod : mod)(...operands(node)),
  },
  { op: "Pow", since: [1, 7, 12, 13, 15], build: power },
  variadic("Sum", [1, 6, 8, 13], add),
  variadic("Max", [1, 6, 8, 12, 13], maximum),
  variadic("Min", [1, 6, 8, 12, 13], minimum),
  {
    op: "Mean",
    since: [1, 6, 8, 13],
    build: (node) =>
      mul(
        node.inputs.map((_, i) => node.tensor(i)).reduce((a, b) => add(a, b)),
        1 / node.inputs.length,
      ),
  },
  unary("Abs", [1, 6, 13], abs),
  unary("Neg", [1, 6, 13], negated),
  unary("Sign", [9, 13], signOf),
  unary("Exp", [1, 6, 13], exp),
  unary("Log", [1, 6, 13], log),
  unary("Sqrt", [1, 6, 13], sqrt),
  unary("Reciprocal", [1, 6, 13], reciprocal),
  unary("Floor", [1, 6, 13], floor),
  unary("Ceil", [1, 6, 13], ceil),
  unary("Round", [11, 22], round),
  unary("Erf", [9, 13], erf),
  unary("Sin", [7, 22], sin),
  unary("Cos", [7, 22], cos),
  unary("Tan", [7, 22], tan),
  unary("Asin", [7, 22], asin),
  unary("Acos", [7, 22], acos),
  unary("Atan", [7, 22], atan),
  unary("Sinh", [9, 22], sinh),
  unary("Cosh", [9, 22], cosh),
  unary("Asinh", [9, 22], asinh),
  unary("Acosh", [9, 22], acosh),
  unary("Atanh", [9, 22], atanh),
  { op: "Clip", since: [1, 6, 11, 12, 13], build: clip },
  unary("Relu", [1, 6, 13, 14], (x) => (x.dtype === "f32" ? relu(x) : maximum(x, 0))),
  unary("LeakyRelu", [1, 6, 16], (x, node) => leakyRelu(x, node.float("alpha", 0.01))),
  { op: "PRelu", since: [1, 6, 7, 9, 16], build: prelu },
  unary("Elu", [1, 6, 22], (x, node) => elu(x, node.float("alpha", 1))),
  unary("Celu", [12], (x, node) => {
    const alpha = node.float("alpha", 1);
    return mul(elu(mul(x, 1 / alpha)), alpha);
  }),
  unary("Selu", [1, 6, 22], (x, node) =>
    mul(elu(x, node.float("alpha", 1.6732632423543772)), node.float("gamma", 1.0507009873554805)),
  ),
  unary("ThresholdedRelu", [10, 22], (x, node) => where(gt(x, node.float("alpha", 1)), x, zerosLike(x))),
  { op: "Shrink", since: [9], build: shrink },
  unary("Sigmoid", [1, 6, 13], sigmoid),
  unary("HardSigmoid", [1, 6, 22], (x, node) => hardSigmoid(x, node.float("alpha", 0.2), node.float("beta", 0.5))),
  unary("HardSwish", [14, 22], (x) => mul(x, hardSigmoid(x, 1 / 6, 0.5))),
  unary("Swish", [24], (x, node) => mul(x, sigmoid(mul(x, node.float("alpha", 1))))),
  unary("Tanh", [1, 6, 13], tanh),
  unary("Softplus", [1, 22], (x) => softplus(x)),
  unary("Softsign", [1, 22], softsign),
  unary("Mish", [18, 22], mish),
  unary("Gelu", [20], (x, node) => gelu(x, node.text("approximate", "none") as "none" | "tanh")),
];
