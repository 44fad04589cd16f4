import { FormatError } from "../errors.ts";
import { halfBits, halfValue } from "../graph/half.ts";
import { kindOf, type Scalar, scalar, showType, type Type, vector, withKind } from "../wgsl/types.ts";
import { type Arithmetic, isFloat, type Val } from "./arithmetic.ts";

type Numbers = (...numbers: number[]) => number;

/** The nearest whole number, halves to the even one. */
const nearest = (x: number): number => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));

/** Functions of floats, number by number. */
const ofFloats: Readonly<Record<string, Numbers>> = {
  acos: Math.acos,
  acosh: Math.acosh,
  asin: Math.asin,
  asinh: Math.asinh,
  atan: Math.atan,
  atan2: Math.atan2,
  atanh: Math.atanh,
  ceil: Math.ceil,
  cos: Math.cos,
  cosh: Math.cosh,
  degrees: (x) => (x! * 180) / Math.PI,
  exp: Math.exp,
  exp2: (x) => 2 ** x!,
  floor: Math.floor,
  fma: (a, b, c) => a! * b! + c!,
  fract: (x) => x! - Math.floor(x!),
  inverseSqrt: (x) => 1 / Math.sqrt(x!),
  ldexp: (x, exponent) => x! * 2 ** exponent!,
  log: Math.log,
  log2: Math.log2,
  mix: (a, b, t) => a! * (1 - t!) + b! * t!,
  pow: Math.pow,
  radians: (x) => (x! * Math.PI) / 180,
  round: (x) => nearest(x!),
  saturate: (x) => Math.min(1, Math.max(0, x!)),
  sin: Math.sin,
  sinh: Math.sinh,
  smoothstep: (low, high, x) => {
    const t = Math.min(1, Math.max(0, (x! - low!) / (high! - low!)));
    return t * t * (3 - 2 * t);
  },
  sqrt: Math.sqrt,
  step: (edge, x) => Number(edge! <= x!),
  tan: Math.tan,
  tanh: Math.tanh,
  trunc: Math.trunc,
};

/** One of two numbers, where NaN is not the answer if the other is a number. */
const lesser: Numbers = (a, b) => (b! < a! || Number.isNaN(a) ? b! : a!);
const greater: Numbers = (a, b) => (b! > a! || Number.isNaN(a) ? b! : a!);

/** Functions of all numbers, number by number. */
const ofNumbers: Readonly<Record<string, Numbers>> = {
  abs: Math.abs,
  clamp: (x, low, high) => lesser(greater(x!, low!), high!),
  max: greater,
  min: lesser,
  sign: (x) => Math.sign(x!) || 0,
};

const bitsSet = (x: number): number => {
  let count = 0;
  for (let rest = x >>> 0; rest > 0; rest = (rest & (rest - 1)) >>> 0) count++;
  return count;
};

const turned = (x: number): number => {
  let out = 0;
  for (let i = 0; i < 32; i++) out |= ((x >>> i) & 1) << (31 - i);
  return out;
};

/** Functions of whole numbers, number by number. */
const ofWholes: Readonly<Record<string, Numbers>> = {
  countLeadingZeros: (x) => Math.clz32(x!),
  countOneBits: (x) => bitsSet(x!),
  countTrailingZeros: (x) => (x === 0 ? 32 : 31 - Math.clz32(x! & -x!)),
  firstTrailingBit: (x) => (x === 0 ? -1 : 31 - Math.clz32(x! & -x!)),
  reverseBits: (x) => turned(x!),
};

const scratch = new DataView(new ArrayBuffer(4));

/** The bits of a number of 32 bits. */
function bitsOf(value: number, kind: Scalar): number {
  if (kind !== "f32" && kind !== "float") return value >>> 0;
  scratch.setFloat32(0, value);
  return scratch.getUint32(0);
}

function fromBits(bits: number, kind: Scalar): number {
  scratch.setUint32(0, bits);
  return kind === "f32" ? scratch.getFloat32(0) : kind === "i32" ? scratch.getInt32(0) : scratch.getUint32(0);
}

/** `bitcast<T>(x)` between numbers of 32 bits. */
export function bitcast(to: Arithmetic, type: Type, given: Val): Val {
  const value = to.concrete(given);
  const [from, into] = [kindOf(value.type), kindOf(type)];
  if (from === "f16" || into === "f16")
    throw new FormatError("the race finder casts the bits of numbers of 32 bits only");
  return to.map(withKind(value.type, into), (x) => fromBits(bitsOf(x, from), into), value);
}

type Special = (to: Arithmetic, args: readonly Val[]) => Val;

/** The components of a vector, each as a value. */
export const componentsOf = ({ type, parts, constants, isVariable }: Val): Val[] =>
  parts.map((part, i) => ({
    type: scalar(kindOf(type)),
    parts: [part],
    ...(constants && { constants: [constants[i]!] }),
    ...(isVariable && { isVariable }),
  }));

const dot: Special = (to, args) => {
  const [a, b] = to.alike(...args) as [Val, Val];
  const kind = kindOf(to.concrete(a).type);
  const pairs = a.parts.map((part, i) => [part, b.parts[i]!] as const);
  return { type: scalar(kind), parts: [to.sumOfProducts(kind, pairs)], isFresh: true };
};

const length: Special = (to, [x]) => to.map(scalar(kindOf(x!.type)), Math.sqrt, dot(to, [x!, x!]));

/** All or any of some truth values. */
const folded =
  (sign: "&" | "|"): Special =>
  (to, [x]) =>
    componentsOf(x!).reduce((a, b) => to.combined(sign, a, b));

/** Functions whose result has another shape or kind than their arguments. */
const special: Readonly<Record<string, Special>> = {
  all: folded("&"),
  any: folded("|"),
  cross: (to, [a, b]) => {
    const turned = (x: Val, by: number): Val => ({ ...x, parts: [0, 1, 2].map((i) => x.parts[(i + by) % 3]!) });
    const product = (i: number, j: number) => to.combined("*", turned(a!, i), turned(b!, j));
    return to.combined("-", product(1, 2), product(2, 1));
  },
  distance: (to, [a, b]) => length(to, [to.combined("-", a!, b!)]),
  dot,
  length,
  normalize: (to, [x]) => to.combined("/", x!, length(to, [x!])),
  // Both values are computed, as in WGSL.
  select: (to, [no, yes, condition]) => {
    const [a, b] =
      no!.type.kind === "scalar" && yes!.type.kind === "scalar" ? to.alike(no!, yes!) : sameType(to, no!, yes!);
    const test = to.spread(condition!, a!.parts.length);
    return to.map(a!.type, (x, y, takes) => (takes ? y! : x!), a!, b!, test);
  },
  transpose: (_, [x]) => {
    if (x!.type.kind !== "matrix") throw new FormatError(`transpose takes no ${showType(x!.type)}`);
    const { of, columns, rows } = x!.type;
    const parts = x!.parts.map((_, i) => x!.parts[(i % columns) * rows + Math.floor(i / columns)]!);
    return {
      type: { kind: "matrix", of, columns: rows, rows: columns },
      parts,
      ...(x!.isVariable && { isVariable: true }),
    };
  },
  pack2x16float: (to, [x]) => {
    const [low, high] = componentsOf(x!);
    return to.map(scalar("u32"), (a, b) => halfBits(a!) | (halfBits(b!) << 16), low!, high!);
  },
  unpack2x16float: (to, [x]) => {
    const half = (shift: number) => to.map(scalar("f32"), (bits) => halfValue((bits! >>> shift) & 0xffff), x!);
    return { type: vector("f32", 2), parts: [half(0).parts[0]!, half(16).parts[0]!], isFresh: true };
  },
  quantizeToF16: (to, [x]) => to.map(x!.type, (value) => halfValue(halfBits(value!)), x!),
  extractBits: (to, [x, offset, count]) => {
    const isSigned = kindOf(x!.type) === "i32";
    const wide = (value: Val): Val => to.spread(to.converted(value, "u32"), x!.parts.length);
    const compute = (value: number, from: number, given: number): number => {
      const start = Math.min(from, 32);
      const bits = Math.min(given, 32 - start);
      if (bits === 0) return 0;
      const shifted = value << (32 - start - bits);
      return isSigned ? shifted >> (32 - bits) : shifted >>> (32 - bits);
    };
    return to.map(x!.type, compute as Numbers, x!, wide(offset!), wide(count!));
  },
};

function sameType(to: Arithmetic, a: Val, b: Val): Val[] {
  if (a.type.kind === "vector" || b.type.kind === "vector") return to.alike(a, b);
  return [a, to.fitted(b, a.type)];
}

/** The result of a function that is part of WGSL; `undefined` if there is none of this name. */
export function builtin(to: Arithmetic, name: string, args: readonly Val[]): Val | undefined {
  const own = special[name];
  if (own) return own(to, args);
  const compute = ofFloats[name] ?? ofNumbers[name] ?? ofWholes[name];
  if (!compute) return undefined;
  if (name === "ldexp") return to.map(args[0]!.type, compute, args[0]!, to.spread(args[1]!, args[0]!.parts.length));
  const alike = to.alike(...args);
  const kind = kindOf(alike[0]!.type);
  // Numbers in the text become floats where floats are expected.
  const given = kind === "int" && name in ofFloats ? alike.map((value) => to.converted(value, "float")) : alike;
  const isFitting = name in ofNumbers || (name in ofFloats ? kind === "int" || isFloat(kind) : !isFloat(kind));
  if (!isFitting) throw new FormatError(`${name} takes no ${showType(alike[0]!.type)}`);
  return to.map(given[0]!.type, compute, ...given);
}
