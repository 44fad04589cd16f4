/** A number of each invocation that is watched. */
export type Lanes = Float64Array<ArrayBuffer>;

/** Kinds of numbers. `int` and `float` are numbers in the text, which take the kind of what they meet. */
export type Kind = "u32" | "i32" | "f32" | "bool" | "int" | "float";

/** A value, as far as it is known before the kernel runs. */
export interface Value {
  readonly kind: Kind;
  /** One number for all invocations, or one for each; absent where memory decides. */
  readonly v?: number | Lanes;
  /** Whether `v` is computed when it is first asked for: few numbers decide what is loaded. */
  readonly isLate?: true;
  /** Of vectors, arrays and structs, where something in them is known. */
  readonly parts?: readonly Value[];
  /** The outermost loop, by its depth, that is counted as a whole and whose rounds have different values: this is the first. */
  readonly varies?: number;
}

/** What only memory knows. */
export const unknown: Value = { kind: "f32" };

const round: Readonly<Record<Kind, (x: number) => number>> = {
  u32: (x) => x >>> 0,
  i32: (x) => x | 0,
  f32: (x) => x,
  bool: (x) => (x ? 1 : 0),
  int: Math.trunc,
  float: (x) => x,
};

const isWhole = (kind: Kind): boolean => kind === "u32" || kind === "i32" || kind === "int";

type Pair = (a: number, b: number) => number;

const operators: Readonly<Record<string, Pair>> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "%": (a, b) => (b === 0 ? 0 : a % b),
  "&": (a, b) => a & b,
  "|": (a, b) => a | b,
  "^": (a, b) => a ^ b,
  "<<": (a, b) => a << b,
  "==": (a, b) => Number(a === b),
  "!=": (a, b) => Number(a !== b),
  "<": (a, b) => Number(a < b),
  ">": (a, b) => Number(a > b),
  "<=": (a, b) => Number(a <= b),
  ">=": (a, b) => Number(a >= b),
};

/** Operators on whole numbers that differ from those on others. Products may have more than 53 bits. */
const wholes: Readonly<Record<string, Pair>> = {
  "*": Math.imul,
  "/": (a, b) => (b === 0 ? a : Math.trunc(a / b)),
};

const isTest = (sign: string): boolean => /^([=!<>]=|[<>])$/.test(sign);

/** The outermost loop that any of the values depends on. */
const variesWith = (...values: readonly Value[]): Pick<Value, "varies"> => {
  const depths = values.flatMap(({ varies }) => (varies === undefined ? [] : [varies]));
  return depths.length > 0 ? { varies: Math.min(...depths) } : {};
};

/** The kind of a result: numbers in the text take the kind of the other. */
function together(a: Kind, b: Kind): Kind {
  if (a === "int") return b;
  if (b === "int" || b === "float") return a;
  return b;
}

/** A function of numbers on values, for each invocation and component. */
export function mapped(kind: Kind, compute: (...numbers: number[]) => number, ...values: readonly Value[]): Value {
  const width = values.find(({ parts }) => parts)?.parts?.length;
  if (width !== undefined) {
    const partOf = (value: Value, i: number): Value => (value.parts ? (value.parts[i] ?? unknown) : value);
    const parts = Array.from({ length: width }, (_, i) => mapped(kind, compute, ...values.map((x) => partOf(x, i))));
    return { kind, parts, ...variesWith(...parts) };
  }
  if (!values.every(isKnown)) return { kind };
  const varies = variesWith(...values);
  const now = (): number | Lanes =>
    computed(
      kind,
      compute,
      values.map(({ v }) => v!),
    );
  if (values.every((value) => !value.isLate && typeof value.v === "number")) return { kind, v: now(), ...varies };
  return late(kind, now, varies);
}

/** Whether memory has no say in a value. */
export const isKnown = (value: Value): boolean => "v" in value;

/** A value that is computed when it is needed. */
function late(kind: Kind, compute: () => number | Lanes, varies: Pick<Value, "varies">): Value {
  let known: number | Lanes | undefined;
  return {
    kind,
    isLate: true,
    ...varies,
    get v() {
      known ??= compute();
      return known;
    },
  };
}

function computed(
  kind: Kind,
  compute: (...numbers: number[]) => number,
  given: readonly (number | Lanes)[],
): number | Lanes {
  const some = given.find((v) => typeof v !== "number");
  if (some === undefined) return round[kind](compute(...(given as number[])));
  const v = new Float64Array(some.length);
  const [a, b] = given;
  if (given.length !== 2)
    for (let i = 0; i < v.length; i++) v[i] = compute(...given.map((x) => (typeof x === "number" ? x : x[i]!)));
  else if (typeof a === "number") for (let i = 0; i < v.length; i++) v[i] = compute(a, (b as Lanes)[i]!);
  else if (typeof b === "number") for (let i = 0; i < v.length; i++) v[i] = compute(a![i]!, b);
  else for (let i = 0; i < v.length; i++) v[i] = compute(a![i]!, b![i]!);
  if (kind === "u32") for (let i = 0; i < v.length; i++) v[i] = v[i]! >>> 0;
  else if (kind === "i32") for (let i = 0; i < v.length; i++) v[i] = v[i]! | 0;
  return v;
}

/** The result of an operator. */
export function binary(sign: string, a: Value, b: Value): Value {
  if (sign === ">>") return mapped(a.kind, a.kind === "u32" ? (x, y) => x >>> y : (x, y) => x >> y, a, b);
  const kind = sign === "<<" ? a.kind : together(a.kind, b.kind);
  const own = isWhole(kind) && kind !== "int" ? wholes[sign] : kind === "int" && sign === "/" ? wholes["/"] : undefined;
  return mapped(isTest(sign) ? "bool" : kind, own ?? operators[sign]!, a, b);
}

/** A number as one of another kind: `u32(x)`. */
export const converted = (value: Value, kind: Kind): Value =>
  value.kind === kind ? value : mapped(kind, isWhole(kind) ? Math.trunc : (x) => x, value);

type Built = (args: readonly Value[]) => Value;

const ofAlike =
  (compute: (...numbers: number[]) => number): Built =>
  (args) =>
    mapped(args.map(({ kind }) => kind).reduce(together), compute, ...args);

const folded =
  (sign: "&" | "|"): Built =>
  ([x]) =>
    x!.parts ? x!.parts.reduce((a, b) => binary(sign, a, b)) : x!;

/** Functions of WGSL by which kernels decide what to load. Others give what is unknown. */
export const builtins: Readonly<Record<string, Built>> = {
  min: ofAlike(Math.min),
  max: ofAlike(Math.max),
  clamp: ofAlike((x, low, high) => Math.min(Math.max(x!, low!), high!)),
  abs: ofAlike(Math.abs),
  select: ([no, yes, takes]) => mapped(together(no!.kind, yes!.kind), (a, b, c) => (c ? b! : a!), no!, yes!, takes!),
  all: folded("&"),
  any: folded("|"),
};

/** An element of a vector or array, by its index. */
export function elementOf(value: Value, at: Value): Value {
  const { parts } = value;
  if (!parts || !isKnown(at)) return { kind: value.kind };
  if (!at.isLate && typeof at.v === "number") {
    const part = parts[at.v] ?? { kind: value.kind };
    return at.varies === undefined ? part : { ...part, ...variesWith(part, at) };
  }
  if (!parts.every(isKnown)) return { kind: value.kind };
  const ofLane = (i: number, lane: number): number => {
    const part = parts[Math.min(Math.max(i, 0), parts.length - 1)]!.v!;
    return typeof part === "number" ? part : part[lane]!;
  };
  const now = (): number | Lanes => {
    const index = at.v!;
    if (typeof index === "number") return parts[Math.min(index, parts.length - 1)]!.v!;
    return index.map(ofLane);
  };
  return late(parts[0]!.kind, now, variesWith(at, ...parts));
}

/** A value that is computed now, so that no chain of variables becomes too long. */
function settled(value: Value): Value {
  if (!value.isLate) return value;
  const { kind, v, varies } = value;
  return { kind, v: v!, ...(varies !== undefined && { varies }) };
}

/** A value where the weight of an invocation is above 0, else another. */
export function merged(before: Value, after: Value, weights: number | Lanes): Value {
  if (typeof weights === "number" || before === after) return settled(after);
  if (before.parts && before.parts.length === after.parts?.length) {
    const parts = after.parts.map((part, i) => merged(before.parts![i]!, part, weights));
    return { kind: after.kind, parts, ...variesWith(...parts) };
  }
  if (!isKnown(before) || !isKnown(after)) return { kind: after.kind };
  const [a, b] = [before.v!, after.v!];
  const v = weights.map((weight, i) => {
    const from = weight > 0 ? b : a;
    return typeof from === "number" ? from : from[i]!;
  });
  return { kind: after.kind, v, ...variesWith(before, after) };
}
