import { FormatError } from "../../errors.ts";
import { exp, log, pow, sine } from "../code/elementary.ts";
import { called, type FunctionWriter } from "../code/function.ts";
import type { Callable, ModuleWriter } from "../code/module.ts";
import type { Value } from "../code/values.ts";
import * as w from "../code/values.ts";
import {
  alike,
  combined,
  componentOf,
  converted,
  copied,
  kindOf,
  known,
  spread,
  type Val,
  val,
  zero,
} from "./arithmetic.ts";
import { scalar, vector } from "./types.ts";

/** Where a builtin may put code: functions of the module, and variables. */
export interface Place {
  readonly module: ModuleWriter;
  readonly to: FunctionWriter;
}

type Builtin = (place: Place, ...args: Val[]) => Val;

/** Keeps a value, so that it is computed once. */
export const kept = (to: FunctionWriter, x: Val): Val =>
  x.constant !== undefined ? x : copied(x, (part) => to.keep(part));

const float = (x: Val): Val => (x.isAbstract ? converted(x, "f32") : x);

/** An instruction on each part. */
const each =
  (instruction: (part: Value<"f32x4">) => Value): Builtin =>
  (_, x) => {
    const y = float(x);
    return { type: y.type, parts: y.parts.map((part) => instruction(part as Value<"f32x4">)) };
  };

/** A function of four floats, for one float as well. */
const elementary =
  (make: (place: Place, ...args: Value<"f32x4">[]) => Value<"f32x4">): Builtin =>
  (place, ...given) => {
    const args = given.map(float);
    const type = args[0]!.type;
    if (type.kind === "vector" && type.count === 4)
      return val(type, make(place, ...args.map(({ parts }) => parts[0] as Value<"f32x4">)));
    const parts = args[0]!.parts.map((_, i) =>
      w.lane(make(place, ...args.map(({ parts }) => w.splat(parts[i] as Value<"f32">))), 0),
    );
    return { type, parts };
  };

/** A function of the module is called. */
const calls =
  (make: (module: ModuleWriter) => Callable<"f32x4">) =>
  ({ module }: Place, ...args: Value<"f32x4">[]): Value<"f32x4"> =>
    called("f32x4", make(module).index, ...args);

type Instruction = (a: Value<"f32x4">, b: Value<"f32x4">) => Value;

/** The smaller or larger of two. Where one is NaN, WGSL leaves it open what comes out. */
const extreme =
  (sign: "<" | ">", ofFloats: Instruction, ofNumbers: Instruction, unsigned: typeof w.minUnsigned): Builtin =>
  ({ to }, ...given) => {
    const [a, b] = alike(given[0]!, given[1]!) as [Val, Val];
    const kind = kindOf(a.type);
    if (a.constant !== undefined && b.constant !== undefined) {
      const most = (sign === "<" ? Math.min : Math.max)(a.constant, b.constant);
      return known(kind, most, a.isAbstract && b.isAbstract);
    }
    const isWide = a.parts[0]!.type.endsWith("x4");
    if (kind === "f32" || isWide) {
      const parts = a.parts.map((part, i) =>
        kind === "u32"
          ? unsigned(part as Value<"i32x4">, b.parts[i] as Value<"i32x4">)
          : (kind === "f32" && isWide ? ofFloats : ofNumbers)(part as Value<"f32x4">, b.parts[i] as Value<"f32x4">),
      );
      return { type: a.type, parts };
    }
    const [x, y] = [kept(to, a), kept(to, b)];
    return chosen(y, x, combined(sign, x, y));
  };

/** `select(no, yes, condition)`: both are computed. */
export function chosen(no: Val, yes: Val, condition: Val): Val {
  const [a, b] = alike(no, yes);
  if (condition.constant !== undefined) return condition.constant ? b : a;
  const isWide = condition.type.kind === "vector";
  const [x, y] = isWide && condition.parts.length === 1 ? [spread(a, 4), spread(b, 4)] : [a, b];
  const parts = x.parts.map((part, i) =>
    isWide && condition.parts.length === 1
      ? w.choose(condition.parts[0] as Value<"i32x4">, y.parts[i] as Value<"f32x4">, part as Value<"f32x4">)
      : w.either(condition.parts[isWide ? i : 0] as Value<"i32">, y.parts[i]!, part),
  );
  return { type: x.type, parts };
}

/** −1, 0 or 1; NaN gives 0, as no comparison with it holds. */
function sign({ to }: Place, given: Val): Val {
  const x = kept(to, float(given));
  const kind = kindOf(x.type);
  const one = (value: number) => known(kind, value);
  const negative = chosen(one(0), one(-1), combined("<", x, zeroOf(x)));
  return chosen(spread(negative, widthOf(x)), spread(one(1), widthOf(x)), combined(">", x, zeroOf(x)));
}

const one = /* @__PURE__ */ known("f32", 1);
const zeroOf = (x: Val): Val => zero(x.type);
const widthOf = ({ type }: Val): number => (type.kind === "vector" ? type.count : 1);

function dot({ to }: Place, a: Val, b: Val): Val {
  const product = kept(to, combined("*", a, b));
  const { count } = product.type as { count: number };
  return Array.from({ length: count }, (_, i) => componentOf(product, i)).reduce((sum, x) => combined("+", sum, x));
}

/** A row times a matrix: its products with the columns. */
export function rowTimes(to: FunctionWriter, row: Val, matrix: Val): Val {
  if ((matrix.type as { rows: number }).rows < 4)
    throw new FormatError("WebAssembly kernels multiply rows with matrices of four rows only");
  const [part] = kept(to, row).parts as [Value<"f32x4">];
  const products = (matrix.parts as Value<"f32x4">[]).map((column) => to.keep(w.mul(part, column)));
  while (products.length < 4) products.push(w.f32x4(0));
  /** Sums of neighbours: of `a` in lanes 0 and 2, of `b` in 1 and 3. */
  const pairs = (a: Value<"f32x4">, b: Value<"f32x4">) =>
    to.keep(w.add(w.shuffle(a, b, [0, 4, 2, 6]), w.shuffle(a, b, [1, 5, 3, 7])));
  const [left, right] = [pairs(products[0]!, products[1]!), pairs(products[2]!, products[3]!)];
  const sums = val(vector("f32", 4), w.add(w.shuffle(left, right, [0, 1, 4, 5]), w.shuffle(left, right, [2, 3, 6, 7])));
  const { columns } = matrix.type as { columns: number };
  if (columns === 4) return sums;
  const all = kept(to, sums);
  return {
    type: vector("f32", columns),
    parts: Array.from({ length: columns }, (_, i) => componentOf(all, i).parts[0]!),
  };
}

/** Four columns as four rows. */
function transpose({ to }: Place, x: Val): Val {
  if (x.type.kind !== "matrix" || x.type.columns !== 4 || x.type.rows !== 4)
    throw new FormatError("WebAssembly kernels transpose matrices of four columns and rows only");
  const [a, b, c, d] = x.parts.map((part) => to.keep(part)) as Value<"f32x4">[];
  const low = to.keep(w.shuffle(a!, b!, [0, 4, 1, 5]));
  const high = to.keep(w.shuffle(a!, b!, [2, 6, 3, 7]));
  const low2 = to.keep(w.shuffle(c!, d!, [0, 4, 1, 5]));
  const high2 = to.keep(w.shuffle(c!, d!, [2, 6, 3, 7]));
  return val(
    x.type,
    w.shuffle(low, low2, [0, 1, 4, 5]),
    w.shuffle(low, low2, [2, 3, 6, 7]),
    w.shuffle(high, high2, [0, 1, 4, 5]),
    w.shuffle(high, high2, [2, 3, 6, 7]),
  );
}

const lanes =
  (all: boolean): Builtin =>
  (_, x) => {
    if (x.type.kind === "scalar") return x;
    if (x.parts.length === 1) return val(scalar("bool"), all ? w.allTrue(x.parts[0]!) : w.anyTrue(x.parts[0]!));
    const join = all ? w.and : w.or;
    return val(
      scalar("bool"),
      (x.parts as Value<"i32">[]).reduce((a, b) => join(a, b)),
    );
  };

function abs(place: Place, x: Val): Val {
  const kind = kindOf(x.type);
  if (kind === "u32") return x;
  if (kind === "f32" || x.parts[0]!.type === "i32x4") return each((part) => w.abs(part))(place, x);
  const y = kept(place.to, x);
  return chosen(y, { type: y.type, parts: [w.sub(w.i32(0), y.parts[0] as Value<"i32">)] }, combined("<", y, zeroOf(y)));
}

const minimum = /* @__PURE__ */ extreme("<", w.pseudoMin, w.min, w.minUnsigned);
const maximum = /* @__PURE__ */ extreme(">", w.pseudoMax, w.max, w.maxUnsigned);

export const builtins: Readonly<Record<string, Builtin>> = {
  abs,
  min: minimum,
  max: maximum,
  clamp: (place, x, low, high) => minimum(place, maximum(place, float2(x, low), low), high),
  sqrt: each(w.sqrt),
  inverseSqrt: (place, x) => combined("/", spread(known("f32", 1), widthOf(x)), each(w.sqrt)(place, x)),
  floor: each(w.floor),
  ceil: each(w.ceil),
  trunc: each(w.trunc),
  round: each(w.nearest),
  // Shorter than a call of it, with all that a call puts aside.
  exp: elementary(({ to }, x) => exp(to, x!)),
  exp2: elementary(({ to }, x) => exp(to, w.mul(x!, w.f32x4(Math.LN2)))),
  log: elementary(calls(log)),
  log2: (place, x) => combined("*", elementary(calls(log))(place, x), known("f32", Math.LOG2E)),
  sin: elementary(calls((module) => sine(module, "sin"))),
  cos: elementary(calls((module) => sine(module, "cos"))),
  tan: (place, x) => {
    const angle = kept(place.to, float(x));
    return combined("/", builtins["sin"]!(place, angle), builtins["cos"]!(place, angle));
  },
  // 1 − 2 / (e²ˣ + 1)
  tanh: (place, x) => {
    const power = builtins["exp"]!(place, combined("*", float(x), known("f32", 2)));
    return combined("-", one, combined("/", known("f32", 2), combined("+", power, one)));
  },
  fract: ({ to }, x) => {
    const y = kept(to, float(x));
    return combined("-", y, each(w.floor)({} as Place, y));
  },
  saturate: (place, x) => builtins["clamp"]!(place, float(x), known("f32", 0), one),
  step: ({ to }, edge, x) => {
    const [low, y] = alike(float(edge), float(x));
    const none = zeroOf(y);
    return chosen(none, spread(one, widthOf(y)), combined("<=", kept(to, low), kept(to, y)));
  },
  smoothstep: (place, low, high, x) => {
    const from = kept(place.to, float(low));
    const share = combined("/", combined("-", float(x), from), combined("-", float(high), from));
    const t = kept(place.to, builtins["saturate"]!(place, share));
    return combined("*", combined("*", t, t), combined("-", known("f32", 3), combined("*", known("f32", 2), t)));
  },
  length: (place, x) => {
    const y = kept(place.to, float(x));
    return y.type.kind === "scalar" ? abs(place, y) : each(w.sqrt)(place, dot(place, y, y));
  },
  distance: (place, a, b) => builtins["length"]!(place, combined("-", a, b)),
  normalize: (place, x) => {
    const y = kept(place.to, x);
    return combined("/", y, builtins["length"]!(place, y));
  },
  pow: elementary(calls(pow)),
  sign,
  dot,
  transpose,
  all: lanes(true),
  any: lanes(false),
  mix: ({ to }, a, b, t) => {
    const share = kept(to, float(t));
    const rest = combined("-", known("f32", 1), share);
    return combined("+", combined("*", a, rest), combined("*", b, share));
  },
  fma: (_, a, b, c) => combined("+", combined("*", a, b), c),
};

/** A whole number in the text among floats. */
const float2 = (x: Val, other: Val): Val => (x.isAbstract ? converted(x, kindOf(other.type)) : x);

/** The same bits as another kind of number. */
export function bitcast(to: "f32" | "i32" | "u32", x: Val): Val {
  const type = x.type.kind === "vector" ? vector(to, x.type.count) : scalar(to);
  const parts = x.parts.map((part) =>
    part.type.endsWith("x4")
      ? w.bits(to === "f32" ? "f32x4" : "i32x4", part as Value<"f32x4">)
      : w.reinterpret(to === "f32" ? "f32" : "i32", part),
  );
  return { type, parts };
}
