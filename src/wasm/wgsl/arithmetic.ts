import { FormatError } from "../../errors.ts";
import type { Value } from "../code/values.ts";
import * as w from "../code/values.ts";
import { partsOf, type Scalar, scalar, showType, vector, type WgslType } from "./types.ts";

/** A value of WGSL: its type, and the values that hold it. */
export interface Val {
  readonly type: WgslType;
  readonly parts: readonly Value[];
  /** Of a number that is known now. */
  readonly constant?: number;
  /** Of a vector whose components are one number: this number. */
  readonly uniform?: Value<"i32">;
  /** Whether it is a whole number in the text, which takes the type of what it meets. */
  readonly isAbstract?: boolean;
  /** Of a whole number: what it is the sum of. */
  readonly sum?: Sum;
}

/** A sum of multiples of values, and a number. */
interface Sum {
  readonly of: readonly { readonly value: Value<"i32">; readonly factor: number }[];
  readonly more: number;
}

export const val = (type: WgslType, ...parts: readonly Value[]): Val => ({ type, parts });

/** A number that is known now. Truth values are 0 and 1. Whole numbers in the text may be larger than those of 32 bits. */
export function known(of: Scalar, value: number, isAbstract = false): Val {
  const fitted = of === "f32" ? Math.fround(value) : of === "u32" ? value >>> 0 : value | 0;
  const number = isAbstract ? value : fitted;
  return {
    type: scalar(of),
    parts: [of === "f32" ? w.f32(number) : w.i32(number | 0)],
    constant: number,
    ...(isAbstract && { isAbstract }),
  };
}

/** The kind of numbers in a type. */
export function kindOf(type: WgslType): Scalar {
  if (type.kind === "scalar" || type.kind === "vector") return type.of;
  if (type.kind === "matrix") return "f32";
  throw new FormatError(`WebAssembly kernels do not compute with ${showType(type)}`);
}

const isVector = ({ type }: Val): boolean => type.kind === "vector";

/** Zero of a type. */
export const zero = (type: WgslType): Val => ({
  type,
  parts: partsOf(type).map((part) => ({ i32: w.i32(0), f32: w.f32(0), i32x4: w.i32x4(0), f32x4: w.f32x4(0) })[part]),
  ...(type.kind === "scalar" && { constant: 0 }),
});

/** A number of another kind. */
export function converted(x: Val, to: Scalar): Val {
  const from = kindOf(x.type);
  if (from === to) return x;
  if (x.constant !== undefined) return known(to, convertedNumber(x.constant, from, to));
  const type: WgslType = x.type.kind === "vector" ? vector(to, x.type.count) : scalar(to);
  return { type, parts: x.parts.map((part) => convertedPart(part, from, to)) };
}

function convertedNumber(value: number, from: Scalar, to: Scalar): number {
  if (to === "bool") return Number(value !== 0);
  if (from !== "f32" || to === "f32") return value;
  return Math.max(to === "i32" ? -(2 ** 31) : 0, Math.min(largestFloats[to], Math.trunc(value)));
}

const largestFloats = { i32: 2 ** 31 - 128, u32: 2 ** 32 - 256 };

function convertedPart(part: Value, from: Scalar, to: Scalar): Value {
  const isWide = part.type.endsWith("x4");
  if (from === "bool") {
    // A lane that holds has all bits set.
    const whole = isWide ? w.neg(part as Value<"i32x4">) : part;
    if (to !== "f32") return whole;
    return isWide ? w.fromSigned(whole as Value<"i32x4">) : w.floatOf(false, whole);
  }
  if (to === "bool") {
    if (isWide) return w.ne(part as Value<"i32x4">, zeroLike(part) as Value<"i32x4">);
    return w.ne(part, zeroLike(part)) as Value;
  }
  if (to === "f32") {
    if (isWide) return (from === "u32" ? w.fromUnsigned : w.fromSigned)(part as Value<"i32x4">);
    return w.floatOf(from === "u32", part);
  }
  if (from !== "f32") return part;
  // The largest float within the range is the largest result.
  const largest = largestFloats[to];
  if (isWide) return (to === "u32" ? w.toUnsigned : w.toSigned)(w.min(part as Value<"f32x4">, w.f32x4(largest)));
  return w.wholeOf(to === "u32", w.min(part as Value<"f32">, w.f32(largest)));
}

const zeroLike = ({ type }: Value): Value =>
  ({ i32: w.i32(0), f32: w.f32(0), i32x4: w.i32x4(0), f32x4: w.f32x4(0) })[type];

/** A number as a vector of that many components; one stays a number. */
export function spread(x: Val, count: number): Val {
  if (x.type.kind !== "scalar" || count === 1) return x;
  const { of } = x.type;
  if (count < 4) return { type: vector(of, count), parts: new Array(count).fill(x.parts[0]) };
  const [part] = x.parts as [Value<"f32"> | Value<"i32">];
  if (x.constant !== undefined) {
    const number = of === "bool" ? -x.constant : x.constant;
    if (of === "f32") return val(vector(of, 4), w.f32x4(number));
    return { ...val(vector(of, 4), w.i32x4(number | 0)), uniform: w.i32(number | 0) };
  }
  const mask = of === "bool" ? (w.sub(w.i32(0), part as Value<"i32">) as typeof part) : part;
  return val(vector(of, 4), w.splat(mask as Value<"f32">));
}

/** Both operands in one type: an abstract number takes the kind of the other, a number the width of the other. */
export function alike(a: Val, b: Val): [Val, Val] {
  const kind = a.isAbstract ? kindOf(b.type) : kindOf(a.type);
  const [x, y] = [a.isAbstract ? converted(a, kind) : a, b.isAbstract ? converted(b, kind) : b];
  if (kindOf(x.type) !== kindOf(y.type) || (isVector(x) && isVector(y) && showType(x.type) !== showType(y.type)))
    throw new FormatError(`${showType(x.type)} and ${showType(y.type)} do not go together`);
  if (isVector(x) && !isVector(y)) return [x, spread(y, (x.type as { count: number }).count)];
  if (isVector(y) && !isVector(x)) return [spread(x, (y.type as { count: number }).count), y];
  return [x, y];
}

/** What an operator does with numbers that are known now. */
const onNumbers: Readonly<Record<string, (a: number, b: number, kind: Scalar) => number>> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b, kind) => (kind === "f32" ? a * b : Math.imul(a, b)),
  "/": (a, b, kind) => (kind === "f32" ? a / b : Math.trunc(a / b)),
  "%": (a, b) => a % b,
  "&": (a, b) => a & b,
  "|": (a, b) => a | b,
  "^": (a, b) => a ^ b,
  "<<": (a, b) => a << b,
  ">>": (a, b, kind) => (kind === "u32" ? a >>> b : a >> b),
};

const onPairs: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  "==": (a, b) => a === b,
  "!=": (a, b) => a !== b,
  "<": (a, b) => a < b,
  ">": (a, b) => a > b,
  "<=": (a, b) => a <= b,
  ">=": (a, b) => a >= b,
};

type Operation = (a: Value<"i32">, b: Value<"i32">) => Value;

/** Instructions of each operator, where integers have another for unsigned numbers. */
const operations: Readonly<Record<string, readonly [any: Operation, unsigned?: Operation]>> = {
  "+": [w.add],
  "-": [w.sub],
  "*": [w.mul],
  "/": [w.div, w.divUnsigned],
  "%": [w.rem, w.remUnsigned],
  "&": [w.and],
  "|": [w.or],
  "^": [w.xor],
  "==": [w.eq],
  "!=": [w.ne],
  "<": [w.lt, w.ltUnsigned],
  ">": [w.gt, w.gtUnsigned],
  "<=": [w.le, w.leUnsigned],
  ">=": [w.ge, w.geUnsigned],
};

/** The result of an operator on two values. */
export function combined(sign: string, a: Val, b: Val): Val {
  if (a.type.kind === "matrix" || b.type.kind === "matrix") return withMatrix(sign, a, b);
  if (sign === "<<" || sign === ">>") return shifted(sign, a, b);
  const [x, y] = alike(a, b);
  const kind = kindOf(x.type);
  const isTest = sign in onPairs;
  if (x.constant !== undefined && y.constant !== undefined) {
    if (isTest) return known("bool", Number(onPairs[sign]!(x.constant, y.constant)));
    const isAbstract = a.isAbstract && b.isAbstract;
    if (isAbstract && sign === "*") return known(kind, x.constant * y.constant, true);
    return known(kind, onNumbers[sign]!(x.constant, y.constant, kind), isAbstract);
  }
  const [any, unsigned] = operations[sign]!;
  const operation = divides(sign, kind) ? guarded(sign, kind, y) : kind === "u32" && unsigned ? unsigned : any;
  const isWide = x.parts[0]!.type.endsWith("x4");
  if (divides(sign, kind) && isWide) return byLanes(operation, x, y);
  if (sign === "%" && kind === "f32") throw new FormatError("WebAssembly kernels have no remainder of floats");
  const parts = x.parts.map((part, i) => operation(part as Value<"i32">, y.parts[i] as Value<"i32">));
  const of = isTest ? "bool" : kind;
  if (x.type.kind === "vector") return { type: vector(of, x.type.count), parts };
  const sum = of === "u32" || of === "i32" ? asSum(sign, x, y) : undefined;
  return { type: scalar(of), parts, ...(sum && { sum }) };
}

/** The same value, with its parts in variables of its own. It stays a sum only of what nothing changes after it. */
export function copied({ sum, ...value }: Val, copy: (part: Value) => Value): Val {
  const lasts = sum?.of.every(({ value: { loop } }) => loop < Number.POSITIVE_INFINITY);
  return { ...value, parts: value.parts.map(copy), ...(sum && lasts && { sum }) };
}

/** What a whole number is the sum of. */
export function sumOf({ parts, constant, sum }: Val): Sum {
  if (constant !== undefined) return { of: [], more: constant | 0 };
  return sum ?? { of: [{ value: parts[0] as Value<"i32">, factor: 1 }], more: 0 };
}

/** The result of an operator as a sum, if it is easily seen as one. */
function asSum(sign: string, a: Val, b: Val): Sum | undefined {
  const [x, y] = [sumOf(a), sumOf(b)];
  if (sign === "+") return { of: [...x.of, ...y.of], more: (x.more + y.more) | 0 };
  if (sign === "-" && y.of.length === 0) return { of: x.of, more: (x.more - y.more) | 0 };
  if (sign !== "*") return undefined;
  if (x.of.length > 0 && y.of.length > 0) return undefined;
  const [sum, times] = y.of.length === 0 ? [x, y.more] : [y, x.more];
  const of = sum.of.map(({ value, factor }) => ({ value, factor: Math.imul(factor, times) }));
  return { of, more: Math.imul(sum.more, times) };
}

/** Whether an operator divides whole numbers. */
const divides = (sign: string, kind: Scalar): boolean => (sign === "/" || sign === "%") && kind !== "f32";

/**
 * A quotient or remainder of whole numbers. WGSL divides by 1 where the divisor is 0 or the quotient has no room;
 * WebAssembly ends the program there.
 */
function guarded(sign: string, kind: Scalar, { constant }: Val): Operation {
  const isSigned = kind === "i32";
  const operation = sign === "/" ? (isSigned ? w.div : w.divUnsigned) : isSigned ? w.rem : w.remUnsigned;
  if (constant !== undefined && constant !== 0 && constant !== -1) return operation;
  return (a, b) => {
    if (!isSigned) return operation(a, w.or(b, w.isZero(b)));
    // The remainder of the smallest number by −1 is 0; its quotient is itself.
    const isSafe = w.ne(b, w.i32(0));
    const overflows = w.and(w.eq(a, w.i32(-(2 ** 31))), w.eq(b, w.i32(-1)));
    return operation(a, w.either(w.and(isSafe, w.isZero(overflows)), b, w.i32(1)));
  };
}

const unknown = (sign: string, a: Val, b: Val): never => {
  throw new FormatError(`WebAssembly kernels do not know ${showType(a.type)} ${sign} ${showType(b.type)}`);
};

/** Quotients of whole numbers, which no instruction gives for four at a time. */
function byLanes(operation: Operation, x: Val, y: Val): Val {
  const [a, b] = [x.parts[0], y.parts[0]] as Value<"i32x4">[];
  const lanes = [0, 1, 2, 3].map((i) => operation(w.lane(a!, i), w.lane(b!, i)));
  return val(
    x.type,
    lanes.reduce<Value<"i32x4">>((all, each, i) => w.withLane(all, i, each), w.i32x4(0)),
  );
}

function shifted(sign: string, a: Val, b: Val): Val {
  const kind = kindOf(a.type);
  if (a.constant !== undefined && b.constant !== undefined)
    return known(kind, onNumbers[sign]!(a.constant, b.constant, kind), a.isAbstract);
  const [part, by] = [a.parts[0]!, b.parts[0] as Value<"i32">];
  if (!isVector(a)) {
    const operation = sign === "<<" ? w.shl : kind === "u32" ? w.shrUnsigned : w.shr;
    return val(a.type, operation(part as Value<"i32">, by));
  }
  if (isVector(b) && b.uniform === undefined) {
    const one = sign === "<<" ? w.shl : kind === "u32" ? w.shrUnsigned : w.shr;
    return byLanes(one, a, b);
  }
  const operation = sign === "<<" ? w.shiftLeft : kind === "u32" ? w.shiftRightUnsigned : w.shiftRight;
  return val(a.type, operation(part as Value<"i32x4">, b.uniform ?? by));
}

/** Sums of matrices, and products with columns and numbers. */
function withMatrix(sign: string, a: Val, b: Val): Val {
  if (a.type.kind === "matrix" && b.type.kind === "vector") return matrixTimes(a, b, sign);
  const [matrix, other] = a.type.kind === "matrix" ? [a, b] : [b, a];
  const { kind } = other.type;
  const isScaled = sign === "*" && kind === "scalar";
  if (!isScaled && !(kind === "matrix" && (sign === "+" || sign === "-"))) return unknown(sign, a, b);
  const [operation] = operations[sign]!;
  const number = isScaled ? (converted(other, "f32").parts[0] as Value<"f32">) : undefined;
  const parts = matrix.parts.map((part, i) => {
    const second = number ? (part.type === "f32" ? number : w.splat(number)) : other.parts[i]!;
    return operation(part as Value<"i32">, second as Value<"i32">);
  });
  return { type: matrix.type, parts };
}

/** A matrix times a column: its columns, each times a component. */
function matrixTimes(a: Val, b: Val, sign: string): Val {
  if (sign !== "*" || b.type.kind !== "vector" || a.type.kind !== "matrix") return unknown(sign, a, b);
  const { columns, rows } = a.type;
  if (rows < 4) {
    const products = (row: number) =>
      Array.from({ length: columns }, (_, column) =>
        w.mul(a.parts[column * rows + row] as Value<"f32">, componentOf(b, column).parts[0] as Value<"f32">),
      );
    const sums = Array.from({ length: rows }, (_, row) => products(row).reduce((sum, each) => w.add(sum, each)));
    return { type: vector("f32", rows), parts: sums };
  }
  const products = (a.parts as readonly Value<"f32x4">[]).map((column, i) => w.mul(column, component(b, i)));
  return val(
    vector("f32", 4),
    products.reduce((sum, each) => w.add(sum, each)),
  );
}

/** One component of a vector, in all lanes. */
const component = (x: Val, i: number): Value<"f32x4"> =>
  x.parts.length === 1
    ? w.shuffle(x.parts[0] as Value<"f32x4">, x.parts[0] as Value<"f32x4">, [i, i, i, i])
    : w.splat(x.parts[i] as Value<"f32">);

/** One component of a vector, as a number. */
export function componentOf(x: Val, i: number): Val {
  if (x.type.kind !== "vector") throw new FormatError(`WebAssembly kernels have no component of ${showType(x.type)}`);
  const { of } = x.type;
  if (x.parts.length > 1) return val(scalar(of), x.parts[i]!);
  const number = w.lane(x.parts[0] as Value<"f32x4">, i) as Value;
  return val(scalar(of), of === "bool" ? w.ne(number as Value<"i32">, w.i32(0)) : number);
}

/** A vector of four of numbers. */
export function gathered(of: Scalar, numbers: readonly Val[]): Val {
  const row =
    of !== "bool" &&
    w.together(
      `${of === "f32" ? "f32" : "i32"}x4`,
      numbers.map(({ parts }) => parts[0]!),
    );
  if (row) return val(vector(of, 4), row);
  const constants = numbers.map(({ constant }) => constant ?? 0);
  const masks = of === "bool" ? constants.map((value) => -value) : constants;
  const base: Value<w.Vector> = of === "f32" ? w.f32x4(...masks) : w.i32x4(...masks.map((value) => value | 0));
  const open = numbers.flatMap(({ constant }, i) => (constant === undefined ? [i] : []));
  const asLane = ([part]: readonly Value[]): Value => (of === "bool" ? w.sub(w.i32(0), part as Value<"i32">) : part!);
  return val(
    vector(of, 4),
    open.reduce((all, i) => w.withLane(all, i, asLane(numbers[i]!.parts)), base),
  );
}
