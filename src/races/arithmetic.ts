import { FormatError } from "../errors.ts";
import { halfBits, halfValue } from "../graph/half.ts";
import { kindOf, type Scalar, showType, type Type, vector, widthOf, withKind } from "../wgsl/types.ts";
import type { Instruction, Machine, Register } from "./machine.ts";

/** A value: a register for each of its numbers. Truth values are 0 and 1. */
export interface Val {
  readonly type: Type;
  readonly parts: readonly Register[];
  /** Of a value that is known before the kernel runs. */
  readonly constants?: readonly number[];
  /** Whether its registers are its own, so that a variable may keep them. */
  readonly isFresh?: boolean;
  /** Whether its registers are those of a variable, which changes. */
  readonly isVariable?: boolean;
}

/** What a number becomes in each kind. */
export const rounders: Readonly<Record<Scalar, (value: number) => number>> = {
  f32: Math.fround,
  f16: (value) => halfValue(halfBits(value)),
  i32: (value) => value | 0,
  u32: (value) => value >>> 0,
  bool: Number,
  int: (value) => value,
  float: (value) => value,
};

export const isFloat = (kind: Scalar): boolean => kind === "f32" || kind === "f16" || kind === "float";
const isAbstract = (kind: Scalar): boolean => kind === "int" || kind === "float";

/** A number of one kind as one of another: `u32(x)`. */
function convertedNumber(value: number, from: Scalar, to: Scalar): number {
  if (to === "bool") return Number(value !== 0);
  if ((to === "i32" || to === "u32") && isFloat(from)) {
    // The largest float within the range is the largest result.
    const [least, most] = to === "i32" ? [-(2 ** 31), 2 ** 31 - 128] : [0, 2 ** 32 - 256];
    return Number.isNaN(value) ? 0 : Math.max(least, Math.min(most, Math.trunc(value)));
  }
  return rounders[to](value);
}

type Pair = (a: number, b: number) => number;

/** Division of whole numbers, which WGSL defines where it has no result. */
const quotient: Pair = (a, b) => (b === 0 || (a === -(2 ** 31) && b === -1) ? a : Math.trunc(a / b));
const remainder: Pair = (a, b) => (b === 0 || (a === -(2 ** 31) && b === -1) ? 0 : a % b);

/** Operators on numbers; the result is rounded to its kind. */
const operators: Readonly<Record<string, { readonly float?: Pair; readonly whole?: Pair; readonly isTest?: true }>> = {
  "+": { float: (a, b) => a + b, whole: (a, b) => a + b },
  "-": { float: (a, b) => a - b, whole: (a, b) => a - b },
  "*": { float: (a, b) => a * b, whole: Math.imul },
  "/": { float: (a, b) => a / b, whole: quotient },
  "%": { float: (a, b) => a % b, whole: remainder },
  "&": { whole: (a, b) => a & b },
  "|": { whole: (a, b) => a | b },
  "^": { whole: (a, b) => a ^ b },
  "==": { float: (a, b) => Number(a === b), whole: (a, b) => Number(a === b), isTest: true },
  "!=": { float: (a, b) => Number(a !== b), whole: (a, b) => Number(a !== b), isTest: true },
  "<": { float: (a, b) => Number(a < b), whole: (a, b) => Number(a < b), isTest: true },
  ">": { float: (a, b) => Number(a > b), whole: (a, b) => Number(a > b), isTest: true },
  "<=": { float: (a, b) => Number(a <= b), whole: (a, b) => Number(a <= b), isTest: true },
  ">=": { float: (a, b) => Number(a >= b), whole: (a, b) => Number(a >= b), isTest: true },
};

type Loop = (m: Machine, out: Register, a: Register, b: Register) => Instruction;

/** The operators of inner loops, each with a loop of its own: a call for each number would take most of the time. */
const loops: Readonly<Record<string, Loop>> = {
  "+f32": (m, out, a, b) => () => {
    const { active, n } = m;
    for (let i = 0; i < n; i++) out[active[i]!] = Math.fround(a[active[i]!]! + b[active[i]!]!);
  },
  "-f32": (m, out, a, b) => () => {
    const { active, n } = m;
    for (let i = 0; i < n; i++) out[active[i]!] = Math.fround(a[active[i]!]! - b[active[i]!]!);
  },
  "*f32": (m, out, a, b) => () => {
    const { active, n } = m;
    for (let i = 0; i < n; i++) out[active[i]!] = Math.fround(a[active[i]!]! * b[active[i]!]!);
  },
  "+u32": (m, out, a, b) => () => {
    const { active, n } = m;
    for (let i = 0; i < n; i++) out[active[i]!] = (a[active[i]!]! + b[active[i]!]!) >>> 0;
  },
  "-u32": (m, out, a, b) => () => {
    const { active, n } = m;
    for (let i = 0; i < n; i++) out[active[i]!] = (a[active[i]!]! - b[active[i]!]!) >>> 0;
  },
  "*u32": (m, out, a, b) => () => {
    const { active, n } = m;
    for (let i = 0; i < n; i++) out[active[i]!] = Math.imul(a[active[i]!]!, b[active[i]!]!) >>> 0;
  },
  "<u32": (m, out, a, b) => () => {
    const { active, n } = m;
    for (let i = 0; i < n; i++) out[active[i]!] = a[active[i]!]! < b[active[i]!]! ? 1 : 0;
  },
  ">=u32": (m, out, a, b) => () => {
    const { active, n } = m;
    for (let i = 0; i < n; i++) out[active[i]!] = a[active[i]!]! >= b[active[i]!]! ? 1 : 0;
  },
};

/** Writes instructions that compute. */
export class Arithmetic {
  readonly machine: Machine;
  /** Where instructions go. */
  code: Instruction[] = [];

  constructor(machine: Machine) {
    this.machine = machine;
  }

  emit(instruction: Instruction): void {
    this.machine.countInstruction();
    this.code.push(instruction);
  }

  /** The instructions that something writes, apart from others. */
  captured(write: () => void): Instruction[] {
    const outer = this.code;
    this.code = [];
    write();
    const own = this.code;
    this.code = outer;
    return own;
  }

  known(type: Type, constants: readonly number[]): Val {
    return { type, constants, parts: constants.map((value) => this.machine.constant(value)) };
  }

  zero(type: Type): Val {
    return this.known(type, new Array<number>(widthOf(type)).fill(0));
  }

  /** Copies numbers. */
  move(to: readonly Register[], from: readonly Register[]): void {
    const m = this.machine;
    // A number that is overwritten before it is read, as in `v = v.yx`, is kept aside.
    const isTwisted = from.some((register, i) => to.indexOf(register) >= 0 && to.indexOf(register) !== i);
    const source = isTwisted ? m.take(from.length) : from;
    if (isTwisted) this.move(source, from);
    to.forEach((out, k) => {
      const a = source[k]!;
      if (a === out) return;
      this.emit(() => {
        const { active, n } = m;
        for (let i = 0; i < n; i++) out[active[i]!] = a[active[i]!]!;
      });
    });
  }

  /** The value as it is now, whatever becomes of its variable. */
  held(value: Val): Val {
    if (!value.isVariable) return value;
    const parts = this.machine.take(value.parts.length);
    this.move(parts, value.parts);
    return { type: value.type, parts, isFresh: true };
  }

  /** A value under a name: nobody else may keep its registers. */
  settled(value: Val): Val {
    return { ...this.held(value), isFresh: false };
  }

  /** Numbers of each part of some values, by a function of numbers. All values have the same width. */
  map(type: Type, compute: (...numbers: number[]) => number, ...values: readonly Val[]): Val {
    const m = this.machine;
    const odd = values.find((value) => value.parts.length !== values[0]!.parts.length);
    if (odd) throw new FormatError(`${showType(odd.type)} meets ${showType(values[0]!.type)}`);
    const round = rounders[kindOf(type)];
    if (values.every(({ constants }) => constants)) {
      const constants = values[0]!.parts.map((_, k) =>
        round(compute(...values.map(({ constants }) => constants![k]!))),
      );
      return this.known(type, constants);
    }
    const parts = m.take(values[0]!.parts.length);
    parts.forEach((out, k) => {
      const [a, b, c] = values.map(({ parts }) => parts[k]!) as [Register, Register?, Register?];
      this.emit(
        b === undefined
          ? () => {
              const { active, n } = m;
              for (let i = 0; i < n; i++) out[active[i]!] = round(compute(a[active[i]!]!));
            }
          : c === undefined
            ? () => {
                const { active, n } = m;
                for (let i = 0; i < n; i++) out[active[i]!] = round(compute(a[active[i]!]!, b[active[i]!]!));
              }
            : () => {
                const { active, n } = m;
                for (let i = 0; i < n; i++)
                  out[active[i]!] = round(compute(a[active[i]!]!, b[active[i]!]!, c[active[i]!]!));
              },
      );
    });
    return { type, parts, isFresh: true };
  }

  /** A value in another kind of numbers. */
  converted(value: Val, to: Scalar): Val {
    const from = kindOf(value.type);
    const type = withKind(value.type, to);
    if (from === to) return value;
    const keeps = (from === "f16" && to === "f32") || (from === "bool" && to !== "f16");
    if (keeps && !value.constants) return { ...value, type };
    return this.map(type, (x) => convertedNumber(x, from, to), value);
  }

  /** A value as one of a type: numbers in the text take its kind. @throws FormatError if it is another type. */
  fitted(value: Val, type: Type): Val {
    const isNumber = type.kind !== "array" && type.kind !== "struct";
    const { kind } = value.type;
    if (isNumber && kind !== "array" && kind !== "struct" && isAbstract(kindOf(value.type))) {
      const to = kindOf(type);
      if (kindOf(value.type) === "int" || isFloat(to)) {
        const made = this.converted(value, to);
        if (showType(made.type) === showType(type)) return made;
      }
    }
    if (type.kind === "array" && value.type.kind === "array" && widthOf(type) === widthOf(value.type))
      return { ...value, type };
    if (showType(value.type) !== showType(type))
      throw new FormatError(`${showType(value.type)} stands where ${showType(type)} should be`);
    return value;
  }

  /** A value whose numbers have a kind with a size: those in the text become i32 and f32. */
  concrete(value: Val): Val {
    if (value.type.kind === "array" || value.type.kind === "struct") return value;
    const kind = kindOf(value.type);
    return isAbstract(kind) ? this.converted(value, kind === "int" ? "i32" : "f32") : value;
  }

  /** A number as a vector of that many. */
  spread(value: Val, count: number): Val {
    if (value.type.kind !== "scalar" || count === 1) return value;
    const all = <T>(of: T): T[] => new Array<T>(count).fill(of);
    return {
      type: vector(value.type.of, count),
      parts: all(value.parts[0]!),
      ...(value.constants && { constants: all(value.constants[0]!) }),
      ...(value.isVariable && { isVariable: true }),
    };
  }

  /** Values in one type: numbers in the text take the kind of the others, numbers the width of vectors. */
  alike(...values: readonly Val[]): Val[] {
    const kinds = values.map(({ type }) => kindOf(type));
    const kind = kinds.find((each) => !isAbstract(each)) ?? (kinds.includes("float") ? "float" : "int");
    const count = Math.max(...values.map(({ type }) => (type.kind === "vector" ? type.count : 1)));
    return values.map((value) => {
      const of = kindOf(value.type);
      if (of !== kind && !(isAbstract(of) && (of === "int" || isFloat(kind))))
        throw new FormatError(`${showType(value.type)} meets ${kind}`);
      const made = this.spread(this.converted(value, kind), count);
      if (made.parts.length !== count) throw new FormatError(`${showType(value.type)} meets a vector of ${count}`);
      return made;
    });
  }

  /** The result of an operator on two values. */
  combined(sign: string, left: Val, right: Val): Val {
    if (left.type.kind === "matrix" || right.type.kind === "matrix") return this.#withMatrix(sign, left, right);
    if (sign === "<<" || sign === ">>") return this.#shifted(sign, left, right);
    const [a, b] = this.alike(left, right) as [Val, Val];
    const kind = kindOf(a.type);
    const { float, whole, isTest } = operators[sign] ?? {};
    // Products of numbers in the text may be longer than 32 bits.
    const compute = isFloat(kind) ? float : kind === "int" && sign === "*" ? float : whole;
    if (!compute) throw new FormatError(`${sign} takes no ${showType(a.type)}`);
    const type = isTest ? withKind(a.type, "bool") : a.type;
    const loop = loops[`${sign}${kind}`];
    if (!loop || (a.constants && b.constants)) return this.map(type, compute, a, b);
    const parts = this.machine.take(a.parts.length);
    parts.forEach((out, k) => {
      this.emit(loop(this.machine, out, a.parts[k]!, b.parts[k]!));
    });
    return { type, parts, isFresh: true };
  }

  #shifted(sign: string, left: Val, right: Val): Val {
    const count = left.type.kind === "vector" ? left.type.count : 1;
    const kind = kindOf(left.type);
    const by = this.spread(this.converted(right, "u32"), count);
    if (sign === "<<") return this.map(left.type, kind === "int" ? (a, b) => a * 2 ** b : (a, b) => a << b, left, by);
    return this.map(left.type, kind === "u32" ? (a, b) => a >>> b : (a, b) => a >> b, left, by);
  }

  /** A sum of products of numbers. */
  sumOfProducts(kind: Scalar, pairs: readonly (readonly [Register, Register])[]): Register {
    const m = this.machine;
    const [out] = m.take(1) as [Register];
    const round = rounders[kind];
    const [as, bs] = [pairs.map(([a]) => a), pairs.map(([, b]) => b)];
    if (kind === "f32" && pairs.length === 4) {
      const [a0, a1, a2, a3] = as as [Register, Register, Register, Register];
      const [b0, b1, b2, b3] = bs as [Register, Register, Register, Register];
      this.emit(() => {
        const { active, n } = m;
        for (let i = 0; i < n; i++) {
          const l = active[i]!;
          const low = Math.fround(Math.fround(a0[l]! * b0[l]!) + Math.fround(a1[l]! * b1[l]!));
          out[l] = Math.fround(Math.fround(low + Math.fround(a2[l]! * b2[l]!)) + Math.fround(a3[l]! * b3[l]!));
        }
      });
      return out;
    }
    const times = kind === "i32" || kind === "u32" ? Math.imul : (a: number, b: number) => a * b;
    this.emit(() => {
      const { active, n } = m;
      for (let i = 0; i < n; i++) {
        const lane = active[i]!;
        let sum = 0;
        for (let k = 0; k < as.length; k++) sum = round(sum + round(times(as[k]![lane]!, bs[k]![lane]!)));
        out[lane] = sum;
      }
    });
    return out;
  }

  #withMatrix(sign: string, a: Val, b: Val): Val {
    const [left, right] = [a.type, b.type];
    const of = left.kind === "matrix" ? left.of : kindOf(right);
    const isProduct = sign === "*" && left.kind !== "scalar" && right.kind !== "scalar";
    if (!isProduct) {
      // Number by number: a number meets each of the matrix.
      const matrix = left.kind === "matrix" ? left : right;
      const wide = (value: Val): Val =>
        value.type.kind === "matrix"
          ? { ...value, type: vector(of, value.parts.length) }
          : this.spread(this.fitted(value, { kind: "scalar", of }), widthOf(matrix));
      return { ...this.combined(sign, wide(a), wide(b)), type: matrix };
    }
    const [columns, inner] = right.kind === "matrix" ? [right.columns, right.rows] : [1, widthOf(right)];
    const [rows, depth] = left.kind === "matrix" ? [left.rows, left.columns] : [1, widthOf(left)];
    if (inner !== depth) throw new FormatError(`${showType(left)} * ${showType(right)}: sizes differ`);
    const parts = Array.from({ length: columns * rows }, (_, i) => {
      const [column, row] = [Math.floor(i / rows), i % rows];
      return this.sumOfProducts(
        of,
        Array.from({ length: depth }, (_, k) => [a.parts[k * rows + row]!, b.parts[column * inner + k]!] as const),
      );
    });
    const type: Type =
      left.kind === "matrix" && right.kind === "matrix"
        ? { kind: "matrix", of, columns, rows }
        : vector(of, Math.max(columns, rows));
    return { type, parts, isFresh: true };
  }
}
