import { signed, unsigned } from "./bytes.ts";

/*
 * Expressions of WebAssembly, each with its type. An expression is the code that leaves its value on the stack, so
 * an operation is the code of its operands and one instruction after them (webassembly.github.io/spec/core/binary).
 */

/** A number, or four of them side by side. Unsigned integers are i32 with instructions of their own. */
export type Type = "i32" | "f32" | "i32x4" | "f32x4";

/** Four numbers side by side. */
export type Vector = "i32x4" | "f32x4";

/** An expression: what it leaves on the stack, and how. */
export class Value<T extends Type = Type> {
  readonly type: T;
  readonly code: readonly number[];
  /** The innermost of the loops around it whose rounds may change it, from 1; 0 if none does, infinite if more may. */
  readonly loop: number;

  constructor(type: T, code: readonly number[], loop = 0) {
    this.type = type;
    this.code = code;
    this.loop = loop;
  }
}

/** The result of an instruction: it changes as its operands do. */
const result = <T extends Type>(type: T, operands: readonly Value[], ...instruction: readonly number[]): Value<T> =>
  new Value(
    type,
    [...operands.flatMap(({ code }) => code), ...instruction],
    Math.max(0, ...operands.map(({ loop }) => loop)),
  );

/** An instruction on vectors. */
const simd = (n: number): number[] => [0xfd, ...unsigned(n)];

type Codes = Partial<Record<Type, readonly number[]>>;

/** Instructions by what they do, then by the type of their operands. */
const codes = {
  add: { i32: [0x6a], f32: [0x92], i32x4: simd(0xae), f32x4: simd(0xe4) },
  sub: { i32: [0x6b], f32: [0x93], i32x4: simd(0xb1), f32x4: simd(0xe5) },
  mul: { i32: [0x6c], f32: [0x94], i32x4: simd(0xb5), f32x4: simd(0xe6) },
  div: { i32: [0x6d], f32: [0x95], f32x4: simd(0xe7) },
  rem: { i32: [0x6f] },
  divUnsigned: { i32: [0x6e] },
  remUnsigned: { i32: [0x70] },
  shl: { i32: [0x74] },
  shr: { i32: [0x75] },
  shrUnsigned: { i32: [0x76] },
  // NaN if either is: as the instructions do.
  min: { f32: [0x96], i32x4: simd(0xb6), f32x4: simd(0xe8) },
  max: { f32: [0x97], i32x4: simd(0xb8), f32x4: simd(0xe9) },
  // The second if it is smaller or larger, else the first: one instruction of processors.
  pseudoMin: { f32x4: simd(0xea) },
  pseudoMax: { f32x4: simd(0xeb) },
  minUnsigned: { i32x4: simd(0xb7) },
  maxUnsigned: { i32x4: simd(0xb9) },
  and: { i32: [0x71], i32x4: simd(0x4e), f32x4: simd(0x4e) },
  or: { i32: [0x72], i32x4: simd(0x50), f32x4: simd(0x50) },
  xor: { i32: [0x73], i32x4: simd(0x51), f32x4: simd(0x51) },
  abs: { f32: [0x8b], i32x4: simd(0xa0), f32x4: simd(0xe0) },
  neg: { f32: [0x8c], i32x4: simd(0xa1), f32x4: simd(0xe1) },
  sqrt: { f32: [0x91], f32x4: simd(0xe3) },
  ceil: { f32: [0x8d], f32x4: simd(0x67) },
  floor: { f32: [0x8e], f32x4: simd(0x68) },
  trunc: { f32: [0x8f], f32x4: simd(0x69) },
  // Halves go to the even neighbour.
  nearest: { f32: [0x90], f32x4: simd(0x6a) },
} satisfies Record<string, Codes>;

const comparisons = {
  eq: { i32: [0x46], f32: [0x5b], i32x4: simd(0x37), f32x4: simd(0x41) },
  ne: { i32: [0x47], f32: [0x5c], i32x4: simd(0x38), f32x4: simd(0x42) },
  lt: { i32: [0x48], f32: [0x5d], i32x4: simd(0x39), f32x4: simd(0x43) },
  gt: { i32: [0x4a], f32: [0x5e], i32x4: simd(0x3b), f32x4: simd(0x44) },
  le: { i32: [0x4c], f32: [0x5f], i32x4: simd(0x3d), f32x4: simd(0x45) },
  ge: { i32: [0x4e], f32: [0x60], i32x4: simd(0x3f), f32x4: simd(0x46) },
  ltUnsigned: { i32: [0x49], i32x4: simd(0x3a) },
  gtUnsigned: { i32: [0x4b], i32x4: simd(0x3c) },
  leUnsigned: { i32: [0x4d], i32x4: simd(0x3e) },
  geUnsigned: { i32: [0x4f], i32x4: simd(0x40) },
} satisfies Record<string, Codes>;

const unary =
  (table: Codes) =>
  <T extends Type>(a: Value<T>): Value<T> =>
    result(a.type, [a], ...table[a.type]!);

const binary =
  (table: Codes) =>
  <T extends Type>(a: Value<T>, b: Value<T>): Value<T> =>
    result(a.type, [a, b], ...table[a.type]!);

/** What a comparison gives: 0 or 1 of numbers; of vectors, all bits of a lane where it holds. */
export type Mask<T extends Type> = T extends Vector ? "i32x4" : "i32";

const comparison =
  (table: Codes) =>
  <T extends Type>(a: Value<T>, b: Value<T>): Value<Mask<T>> =>
    result((a.type.endsWith("x4") ? "i32x4" : "i32") as Mask<T>, [a, b], ...table[a.type]!);

export const add = /* @__PURE__ */ binary(codes.add);
export const sub = /* @__PURE__ */ binary(codes.sub);
export const mul = /* @__PURE__ */ binary(codes.mul);
export const div = /* @__PURE__ */ binary(codes.div);
export const rem = /* @__PURE__ */ binary(codes.rem);
export const divUnsigned = /* @__PURE__ */ binary(codes.divUnsigned);
export const remUnsigned = /* @__PURE__ */ binary(codes.remUnsigned);
export const shl = /* @__PURE__ */ binary(codes.shl);
export const shr = /* @__PURE__ */ binary(codes.shr);
export const shrUnsigned = /* @__PURE__ */ binary(codes.shrUnsigned);
export const min = /* @__PURE__ */ binary(codes.min);
export const max = /* @__PURE__ */ binary(codes.max);
export const pseudoMin = /* @__PURE__ */ binary(codes.pseudoMin);
export const pseudoMax = /* @__PURE__ */ binary(codes.pseudoMax);
export const minUnsigned = /* @__PURE__ */ binary(codes.minUnsigned);
export const maxUnsigned = /* @__PURE__ */ binary(codes.maxUnsigned);
export const and = /* @__PURE__ */ binary(codes.and);
export const or = /* @__PURE__ */ binary(codes.or);
export const xor = /* @__PURE__ */ binary(codes.xor);
export const abs = /* @__PURE__ */ unary(codes.abs);
export const neg = /* @__PURE__ */ unary(codes.neg);
export const sqrt = /* @__PURE__ */ unary(codes.sqrt);
export const ceil = /* @__PURE__ */ unary(codes.ceil);
export const floor = /* @__PURE__ */ unary(codes.floor);
export const trunc = /* @__PURE__ */ unary(codes.trunc);
export const nearest = /* @__PURE__ */ unary(codes.nearest);
export const eq = /* @__PURE__ */ comparison(comparisons.eq);
export const ne = /* @__PURE__ */ comparison(comparisons.ne);
export const lt = /* @__PURE__ */ comparison(comparisons.lt);
export const gt = /* @__PURE__ */ comparison(comparisons.gt);
export const le = /* @__PURE__ */ comparison(comparisons.le);
export const ge = /* @__PURE__ */ comparison(comparisons.ge);
export const ltUnsigned = /* @__PURE__ */ comparison(comparisons.ltUnsigned);
export const gtUnsigned = /* @__PURE__ */ comparison(comparisons.gtUnsigned);
export const leUnsigned = /* @__PURE__ */ comparison(comparisons.leUnsigned);
export const geUnsigned = /* @__PURE__ */ comparison(comparisons.geUnsigned);

/** A whole number. */
export const i32 = (value: number): Value<"i32"> => new Value("i32", [0x41, ...signed(value)]);

const bytesOf = (array: ArrayBufferView): number[] => [...new Uint8Array(array.buffer)];

export const f32 = (value: number): Value<"f32"> => new Value("f32", [0x43, ...bytesOf(Float32Array.of(value))]);

/** Four floats: all alike, or one for each lane. */
export const f32x4 = (...values: readonly number[]): Value<"f32x4"> =>
  new Value("f32x4", [...simd(0x0c), ...bytesOf(Float32Array.from({ length: 4 }, (_, i) => values[i] ?? values[0]!))]);

/** Four whole numbers, signed or unsigned: all alike, or one for each lane. */
export const i32x4 = (...values: readonly number[]): Value<"i32x4"> =>
  new Value("i32x4", [...simd(0x0c), ...bytesOf(Int32Array.from({ length: 4 }, (_, i) => values[i] ?? values[0]!))]);

/** A number in all lanes. */
export function splat(value: Value<"f32">): Value<"f32x4">;
export function splat(value: Value<"i32">): Value<"i32x4">;
export function splat(value: Value<"f32"> | Value<"i32">): Value<Vector> {
  const type = value.type === "f32" ? "f32x4" : "i32x4";
  // One instruction reads a number into all lanes.
  if (value instanceof Loaded) return new Loaded(type, value.address, value.offset, value.isConstant, simd(9));
  return result(type, [value], ...simd(value.type === "f32" ? 0x13 : 0x11));
}

/** The type of a lane. */
export type Lane<T extends Vector> = T extends "f32x4" ? "f32" : "i32";

/** One of four numbers. */
export const lane = <T extends Vector>(a: Value<T>, at: number): Value<Lane<T>> => {
  const isFloat = a.type === "f32x4";
  return result((isFloat ? "f32" : "i32") as Lane<T>, [a], ...simd(isFloat ? 0x1f : 0x1b), at);
};

/** A vector with another number in a lane. */
export const withLane = <T extends Vector>(a: Value<T>, at: number, value: Value): Value<T> =>
  value instanceof Loaded
    ? result(a.type, [value.address, a, changing], ...simd(0x56), 2, ...unsigned(value.offset), at)
    : result(a.type, [a, value], ...simd(a.type === "f32x4" ? 0x20 : 0x1c), at);

/** `a` where a condition holds, else `b`. Both are computed. */
export const either = <T extends Type>(condition: Value<"i32">, a: Value<T>, b: Value<T>): Value<T> => {
  const select = a.type.endsWith("x4") ? [0x1c, 1, 0x7b] : [0x1b];
  return result(a.type, [a, b, condition], ...select);
};

/** The same bits as a number of the other type. */
export const reinterpret = <T extends "i32" | "f32">(type: T, a: Value): Value<T> =>
  result(type, [a], ...(a.type === type ? [] : [type === "i32" ? 0xbc : 0xbe]));

/** A float of a whole number, and a whole number of a float: cut towards zero, at the bounds of its range. */
export const floatOf = (isUnsigned: boolean, a: Value): Value<"f32"> => result("f32", [a], isUnsigned ? 0xb3 : 0xb2);
export const wholeOf = (isUnsigned: boolean, a: Value): Value<"i32"> => result("i32", [a], 0xfc, isUnsigned ? 1 : 0);

/** 1 where a number is 0. */
export const isZero = (a: Value): Value<"i32"> => result("i32", [a], 0x45);

/** Whether all lanes, or any, have a bit. */
export const allTrue = (a: Value): Value<"i32"> => result("i32", [a], ...simd(0xa3));
export const anyTrue = (a: Value): Value<"i32"> => result("i32", [a], ...simd(0x53));

/** Lanes of two vectors in any order: 0 to 3 of the first, 4 to 7 of the second. */
export const shuffle = <T extends Vector>(a: Value<T>, b: Value<T>, lanes: readonly number[]): Value<T> =>
  result(a.type, [a, b], ...simd(0x0d), ...lanes.flatMap((at) => [0, 1, 2, 3].map((i) => 4 * at + i)));

/** The bits of a vector as lanes of another type. */
export const bits = <T extends Vector>(type: T, a: Value<Vector>): Value<T> => result(type, [a]);

/** Bits of `a` where the mask has ones, of `b` elsewhere. */
export const choose = <T extends Vector>(mask: Value<"i32x4">, a: Value<T>, b: Value<T>): Value<T> =>
  result(a.type, [a, b, mask], ...simd(0x52));

export const not = (a: Value<"i32x4">): Value<"i32x4"> => result("i32x4", [a], ...simd(0x4d));

/** Shifts of all lanes by one count: to the left, to the right, and to the right as unsigned numbers. */
export const shiftLeft = (a: Value<"i32x4">, by: Value<"i32">): Value<"i32x4"> => shifted(a, by, 0xab);
export const shiftRight = (a: Value<"i32x4">, by: Value<"i32">): Value<"i32x4"> => shifted(a, by, 0xac);
export const shiftRightUnsigned = (a: Value<"i32x4">, by: Value<"i32">): Value<"i32x4"> => shifted(a, by, 0xad);
const shifted = (a: Value<"i32x4">, by: Value<"i32">, n: number): Value<"i32x4"> =>
  result("i32x4", [a, by], ...simd(n));

/** Conversions. Floats are cut towards zero; those out of range become the nearest integer, NaN 0. */
export const toSigned = (a: Value<"f32x4">): Value<"i32x4"> => result("i32x4", [a], ...simd(0xf8));
export const toUnsigned = (a: Value<"f32x4">): Value<"i32x4"> => result("i32x4", [a], ...simd(0xf9));
export const fromSigned = (a: Value<"i32x4">): Value<"f32x4"> => result("f32x4", [a], ...simd(0xfa));
export const fromUnsigned = (a: Value<"i32x4">): Value<"f32x4"> => result("f32x4", [a], ...simd(0xfb));

/** What any statement may change. */
const changing = /* @__PURE__ */ new Value("i32", [], Number.POSITIVE_INFINITY);

/** What is read from memory. */
export class Loaded<T extends Type = Type> extends Value<T> {
  readonly address: Value<"i32">;
  readonly offset: number;
  /** Whether nothing writes there, so that it may as well be read later. */
  readonly isConstant: boolean;

  constructor(type: T, address: Value<"i32">, offset: number, isConstant = false, instruction = loads[type]) {
    super(type, [...address.code, ...instruction, 2, ...unsigned(offset)], Number.POSITIVE_INFINITY);
    this.address = address;
    this.offset = offset;
    this.isConstant = isConstant;
  }
}

const loads: Readonly<Record<Type, readonly number[]>> = { i32: [0x28], f32: [0x2a], i32x4: simd(0), f32x4: simd(0) };

/** Reads memory at an address in bytes, `offset` bytes further on. Addresses are multiples of 4. */
export const load = <T extends Type>(type: T, address: Value<"i32">, offset = 0, isConstant = false): Value<T> =>
  new Loaded(type, address, offset, isConstant);

/** Four numbers as one read, if they are neighbours in memory. */
export function together<T extends Vector>(type: T, numbers: readonly Value[]): Value<T> | undefined {
  const [first] = numbers;
  if (!(first instanceof Loaded)) return undefined;
  const key = first.address.code.join();
  const isRow = numbers.every(
    (each, i) => each instanceof Loaded && each.offset === first.offset + 4 * i && each.address.code.join() === key,
  );
  return isRow ? load(type, first.address, first.offset) : undefined;
}
