import type { Shape } from "../graph/shape.ts";
import type { Attrs, Tensor } from "../graph/tensor.ts";
import { atom, call, type Expression, float, literal, number, operand, sizeArguments, tuple } from "./python.ts";

/** What a row makes its text of. */
export interface OpCall {
  /** Operands. Truth values are made integers, except where `whole` is read. */
  readonly args: readonly Expression[];
  /** Operands as they are: comparisons remain truth values. */
  readonly raw: readonly Expression[];
  readonly inputs: readonly Tensor[];
  readonly result: Tensor;
  readonly attrs: Attrs;
  /** Sizes of a shape as texts; a size that depends on the batch in terms of an input. `-1` in place of a single one. */
  sizes(shape: Shape, inferred?: boolean): string[];
  /** A tensor of the scope, whose device and dtype others take. */
  readonly like: string;
}

/** How an op is written in PyTorch. @throws Error that says what PyTorch lacks. */
export type OpRow = (op: OpCall) => Expression;

const func =
  (name: string, ...options: string[]): OpRow =>
  ({ args }) =>
    atom(`${name}(${[...args.map(({ text }) => text), ...options].join(", ")})`);

const method =
  (text: string | ((op: OpCall) => string)): OpRow =>
  (op) =>
    atom(`${operand(op.args[0]!, 0)}.${typeof text === "string" ? text : text(op)}`);

/** A sum or product; the right operand needs parentheses at the same level. */
const infix =
  (sign: string, level: number, associates = false): OpRow =>
  ({ args: [a, b] }) => {
    const isZero = ({ text }: Expression) => level === 3 && (text === "0.0" || text === "0");
    if (isZero(b!)) return a!;
    if (isZero(a!) && associates) return b!;
    return { text: `${operand(a!, level)} ${sign} ${operand(b!, associates ? level : level - 1)}`, level };
  };

const comparison =
  (sign: string): OpRow =>
  ({ args: [a, b] }) => ({ text: `${operand(a!, 3)} ${sign} ${operand(b!, 3)}`, level: 4, isBool: true });

/** A test of each element. */
const truth =
  (name: string): OpRow =>
  ({ args: [x] }) => ({ ...atom(`${name}(${x!.text})`), isBool: true });

const isNumber = ({ text }: Expression): boolean => /^-?[\d.]+(e-?\d+)?$/.test(text);

/** The larger or smaller of two, of which one may be a number. */
const extreme =
  (name: "maximum" | "minimum", bound: "min" | "max"): OpRow =>
  ({ args: [a, b] }) => {
    if (isNumber(b!)) return atom(`${operand(a!, 0)}.clamp(${bound}=${b!.text})`);
    if (isNumber(a!)) return atom(`${operand(b!, 0)}.clamp(${bound}=${a!.text})`);
    return atom(`torch.${name}(${a!.text}, ${b!.text})`);
  };

/** Axes of a reduction: nothing for all of them. */
export const axesText = (axes: readonly number[], rank: number): string =>
  axes.length === rank ? "" : axes.length === 1 ? `${axes[0]}` : tuple(axes.map(String));

const reduction = (name: string): OpRow =>
  method(({ attrs, inputs: [x] }) => `${name}(${axesText(attrs["axes"], x!.shape.length)})`);

/** Along one axis or, of a whole tensor, along none. */
const alongAxis = (name: string): OpRow => method(({ attrs }) => `${name}(${attrs["axis"]})`);

const position = (name: string): OpRow =>
  method(({ attrs: { axes }, inputs: [x] }) => {
    if (axes.length > 1 && axes.length < x!.shape.length) throw new Error("several axes, but not all");
    return `${name}(${axesText(axes, x!.shape.length)})`;
  });

const wholes = ["i32", "u32"];

/** How each op on elements, each move and each reduction is written. What has no row is refused by name. */
export const opRows: Readonly<Record<string, OpRow>> = {
  // Of one element of each operand.
  add: infix("+", 3, true),
  sub: infix("-", 3),
  mul: infix("*", 2, true),
  div: (op) => (wholes.includes(op.result.dtype) ? func("torch.div", 'rounding_mode="trunc"')(op) : infix("/", 2)(op)),
  mod: infix("%", 2),
  pow: ({ args: [a, b] }) => ({ text: `${operand(a!, 0)} ** ${operand(b!, 0)}`, level: 1 }),
  maximum: extreme("maximum", "min"),
  minimum: extreme("minimum", "max"),
  eq: comparison("=="),
  ne: comparison("!="),
  lt: comparison("<"),
  le: comparison("<="),
  gt: comparison(">"),
  ge: comparison(">="),
  where: ({ raw: [condition], args: [, a, b] }) => {
    const test = condition!.isBool ? condition!.text : `${operand(condition!, 3)} != 0`;
    return atom(`torch.where(${test}, ${a!.text}, ${b!.text})`);
  },
  neg: ({ args: [x] }) => ({ text: `-${operand(x!, 0)}`, level: 1 }),
  cast: ({ raw: [x], attrs: { to } }) => atom(`${operand(x!, 0)}.${castTo(to)}()`),
  clamp: method(({ attrs: { min, max } }) =>
    call(
      "clamp",
      [],
      [
        ["min", min, undefined],
        ["max", max, undefined],
      ],
    ),
  ),
  ...Object.fromEntries(
    "abs sign exp log sqrt rsqrt reciprocal sin cos tan asin acos atan sinh cosh asinh acosh atanh erf floor ceil round"
      .split(" ")
      .map((name) => [name, func(`torch.${name}`)]),
  ),
  oneMinusSquare: ({ args: [x] }) => ({ text: `(1 - ${operand(x!, 1)}) * (1 + ${operand(x!, 1)})`, level: 1 }),
  isNan: truth("torch.isnan"),
  isInf: truth("torch.isinf"),
  isPositiveInfinity: truth("torch.isposinf"),
  isNegativeInfinity: truth("torch.isneginf"),
  relu: func("torch.relu"),
  sigmoid: func("torch.sigmoid"),
  tanh: func("torch.tanh"),
  softsign: func("F.softsign"),
  silu: func("F.silu"),
  hardswish: func("F.hardswish"),
  mish: func("F.mish"),
  gelu: func("F.gelu"),
  geluTanh: func("F.gelu", 'approximate="tanh"'),
  leakyRelu: ({ args: [x], attrs: { slope } }) => atom(`F.leaky_relu(${x!.text}, ${number(slope)})`),
  elu: ({ args: [x], attrs: { alpha, scale } }) =>
    scale === 1 ? atom(`F.elu(${x!.text}, ${number(alpha)})`) : atom(`F.selu(${x!.text})`),
  softplus: ({ args: [x], attrs: { beta, threshold } }) =>
    atom(
      call(
        "F.softplus",
        [{ toString: () => x!.text }],
        [
          ["beta", beta, 1],
          ["threshold", threshold, 20],
        ],
      ),
    ),

  // In schedules alone: sin²(π x / 2), a falling half of a cosine.
  halfWave: ({ args: [x] }) => ({ text: `torch.sin(${operand(x!, 2)} * (torch.pi / 2)) ** 2`, level: 1 }),

  // Moves.
  reshape: method(({ result, sizes }) => `reshape(${sizeArguments(sizes(result.shape, true))})`),
  permute: method(({ attrs: { axes } }) => {
    const n = axes.length;
    const swaps =
      n > 1 && axes.every((axis: number, i: number) => axis === (i === n - 1 ? n - 2 : i === n - 2 ? n - 1 : i));
    return swaps ? "transpose(-2, -1)" : `permute(${axes.join(", ")})`;
  }),
  slice: sliceRow,
  pad({ args: [x], attrs: { low, high, interior, value } }) {
    if (interior.some((n: number) => n > 0)) throw new Error("zeros between elements");
    const pads = low.flatMap((n: number, i: number) => [n, high[i]]);
    const pairs = Array.from({ length: low.length }, (_, i) => pads.slice(2 * i, 2 * i + 2)).reverse();
    while (pairs.length > 1 && pairs.at(-1)!.every((n: number) => n === 0)) pairs.pop();
    return atom(`F.pad(${x!.text}, ${tuple(pairs.flat().map(String))}${value === 0 ? "" : `, value=${float(value)}`})`);
  },
  concat: ({ args, attrs: { axis } }) => atom(`torch.cat(${tuple(args.map(({ text }) => text))}, ${axis})`),
  gather: ({ args: [x, index], attrs: { axis } }) => atom(`torch.gather(${x!.text}, ${axis}, ${index!.text})`),
  // PyTorch's gradient needs a source of the index's shape.
  scatterAdd({ args: [x, index, source], inputs: [, at, from], attrs: { axis } }) {
    const cut = at!.shape.map((n, k) => (n === from!.shape[k] ? ":" : `:${n}`));
    const read = cut.every((range) => range === ":") ? source!.text : `${operand(source!, 0)}[${cut.join(", ")}]`;
    return atom(`${operand(x!, 0)}.scatter_add(${axis}, ${index!.text}, ${read})`);
  },
  detach: method("detach()"),
  // A note for optimizers, in tilegrad alone.
  evaluated: ({ raw: [x] }) => x!,

  // Along axes.
  sum: reduction("sum"),
  max: reduction("amax"),
  min: reduction("amin"),
  prod: method(({ attrs: { axes }, inputs: [x] }) =>
    axes.length === x!.shape.length
      ? "prod()"
      : [...axes]
          .reverse()
          .map((axis) => `prod(${axis})`)
          .join("."),
  ),
  argmax: position("argmax"),
  argmin: position("argmin"),
  cumsum: alongAxis("cumsum"),
  cumprod: alongAxis("cumprod"),
  softmax: alongAxis("softmax"),
  logSoftmax: alongAxis("log_softmax"),
  argsort: ({ args: [x], inputs: [given], attrs: { axis, kept, descending } }) => {
    const order = call(
      "torch.argsort",
      [{ toString: () => x!.text }],
      [
        ["stable", true, false],
        ["dim", axis, undefined],
        ["descending", descending, false],
      ],
    );
    return atom(kept === given!.shape[axis] ? order : `${order}.narrow(${axis}, 0, ${kept})`);
  },
  reorder: ({ args: [x, order], attrs: { axis } }) => atom(`torch.gather(${x!.text}, ${axis}, ${order!.text})`),
  crossEntropy: ({ args: [scores, labels], attrs: { ignore } }) =>
    atom(
      `F.cross_entropy(${scores!.text}, ${labels!.text}${ignore === undefined ? "" : `, ignore_index=${ignore}`}, reduction="none")`,
    ),

  // Products.
  matmul: infix("@", 2),
  embedding: ({ args: [weight, index], attrs: { padding } }) =>
    atom(`F.embedding(${index!.text}, ${weight!.text}${padding === undefined ? "" : `, padding_idx=${padding}`})`),
};

/** A PyTorch method for a dtype. Integers have 64 bits there, as indices must. */
const castTo = (to: string): string => (to === "f32" ? "float" : to === "f16" ? "half" : "long");

function sliceRow({ args: [x], inputs: [given], attrs: { starts, sizes, steps } }: OpCall): Expression {
  const flips: number[] = [];
  const ranges = given!.shape.map((n, axis) => {
    const [start, size, step] = [starts[axis] as number, sizes[axis] as number, steps[axis] as number];
    const last = start + (size - 1) * step;
    if (step < 0) flips.push(axis);
    const [from, to] = step < 0 ? [last, start] : [start, last];
    const stride = Math.abs(step);
    const end = to + 1 === n ? "" : `${to + 1}`;
    return `${from === 0 ? "" : from}:${end}${stride === 1 ? "" : `:${stride}`}`;
  });
  while (ranges.at(-1) === ":") ranges.pop();
  const cut = ranges.length > 0 ? `${operand(x!, 0)}[${ranges.join(", ")}]` : operand(x!, 0);
  return atom(flips.length > 0 ? `${cut}.flip(${literal(flips)})` : cut);
}
