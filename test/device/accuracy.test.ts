import { afterAll, describe, expect, test } from "vitest";
import { grad } from "../../src/compile/grad.ts";
import * as t from "../../src/index.ts";
import { Engine, input, type Tensor } from "../../src/index.ts";
import activations from "../../src/ops/pointwise/activations.ts?raw";
import arithmetic from "../../src/ops/pointwise/arithmetic.ts?raw";
import elementary from "../../src/ops/pointwise/elementary.ts?raw";
import mod from "../../src/ops/pointwise/mod.ts?raw";
import trigonometry from "../../src/ops/pointwise/trigonometry.ts?raw";
import { evaluate } from "../../src/reference/index.ts";

/*
 * Elementary functions and activations, with their first two derivatives, over all of f32: device results must keep to
 * the errors stated in the docstrings, compared with float64. A bound follows from what WGSL guarantees for the
 * operations in a function, so it is wider than the error of any one adapter.
 */

/** Distance from 1 to the next f32 number. */
const ulp = 2 ** -23;
const smallest = 2 ** -126;
const largest = 3.4e38;

interface Row {
  readonly name: string;
  readonly op: (x: Tensor) => Tensor;
  /** The exported function whose docstring states the errors. */
  readonly of: string;
  /** Which of its statements applies: the text between "Error" and ":". */
  readonly which: string;
  /** Where it is tested; default where the statement says. */
  readonly at?: (x: number) => boolean;
  /** The operand of a power that is not x. */
  readonly a?: number;
  readonly b?: number;
}

const row = (of: string, op: Row["op"], more: Partial<Row> = {}): Row => ({ name: of, op, of, which: "", ...more });
const power = (b: number, at?: Row["at"]): Row =>
  row("pow", (x) => t.pow(x, b), {
    name: `pow ${b}`,
    which: " along a, for |a| from 1e-15 to 1e15",
    b,
    ...(at && { at }),
  });
const alongB = " along b, for a not between ½ and 2";
const toPower = (a: number): Row =>
  row("pow", (x) => t.pow(a, x), { name: `${a} to a power`, which: alongB, a, at: (x) => x * Math.log2(a) < 128 });

const rows: readonly Row[] = [
  row("add", (x) => t.add(x, 7)),
  row("sub", (x) => t.sub(x, 7)),
  row("sub", (x) => t.sub(7, x), { name: "sub from a constant" }),
  row("mul", (x) => t.mul(x, 7), { which: " along either" }),
  row("div", (x) => t.div(x, 7), { name: "div by a constant", which: " along a" }),
  row("div", (x) => t.div(7, x), { name: "div of a constant", which: " along b, for |b| up to 2¹²⁶" }),
  row("maximum", (x) => t.maximum(x, 1)),
  row("minimum", (x) => t.minimum(x, 1)),
  row("where", (x) => t.where(t.gt(x, 0), x, 1)),
  row("neg", t.neg),
  row("abs", t.abs),
  row("sign", t.sign),
  row("clamp", (x) => t.clamp(x, { min: -1, max: 1 })),
  row("exp", t.exp),
  row("log", t.log, { which: " for x up to 2¹²⁶" }),
  row("sqrt", t.sqrt, { which: " for x up to 2¹²⁶" }),
  row("rsqrt", t.rsqrt),
  row("reciprocal", t.reciprocal, { which: " for |x| up to 2¹²⁶" }),
  row("sin", t.sin, { which: " for |x| up to 1e5" }),
  row("sin", t.sin, { name: "sin near 0", which: " for |x| up to 1" }),
  row("cos", t.cos, { which: " for |x| up to 1e5" }),
  row("tan", t.tan, { which: " for |x| up to 1" }),
  row("asin", t.asin),
  row("acos", t.acos),
  row("atan", t.atan, { which: " for |x| up to 1e9" }),
  row("sinh", t.sinh),
  row("cosh", t.cosh),
  row("asinh", t.asinh, { which: " for |x| up to 1e12" }),
  row("acosh", t.acosh, { which: " for x up to 1e12" }),
  row("atanh", t.atanh, { which: " for |x| up to 0.999" }),
  row("erf", t.erf),
  row("floor", t.floor),
  row("ceil", t.ceil),
  row("round", t.round),
  row("mod", (x) => t.mod(x, 7), { name: "mod 7", which: " along a" }),
  row("mod", (x) => t.mod(x, -0.375), { name: "mod −0.375", which: " along a" }),
  row("mod", (x) => t.mod(x, smallest), { name: "mod the smallest number", which: " along a" }),
  row("mod", (x) => t.mod(1000, x), { name: "1000 mod x", which: " along b, for |b| from 2⁻¹²⁶ to 2¹²⁶" }),
  power(2.5, (x) => x > -largest),
  power(0.1, (x) => x === 0 || (Math.abs(x) > 1e-15 && x > -largest)),
  power(-3),
  power(4),
  power(-1),
  power(0),
  power(2),
  power(3),
  toPower(2.5),
  toPower(0.3),
  row("pow", (x) => t.pow(-2, t.round(x)), { name: "−2 to a whole power", which: alongB, a: -2 }),
  row("relu", t.relu),
  row("leakyRelu", t.leakyRelu),
  row("hardswish", t.hardswish),
  row("softsign", t.softsign),
  row("sigmoid", t.sigmoid),
  row("tanh", t.tanh),
  row("silu", t.silu),
  row("elu", t.elu),
  row("selu", t.selu),
  row("gelu", t.gelu),
  row("gelu", (x) => t.gelu(x, "tanh"), { name: "gelu by tanh", which: " of the tanh form" }),
  row("softplus", t.softplus, { which: " with the defaults" }),
  row("mish", t.mish),
];

const sources = [activations, arithmetic, elementary, mod, trigonometry];

/** Bounds of the value and its first two derivatives, as stated in the docstring. */
function stated({ of, which }: Row): readonly [string, string, string] {
  const found = sources.map((text) =>
    text.match(new RegExp(`/\\*\\*((?:(?!\\*/)[^])*)\\*/\\s*export (?:const|function) ${of}\\b`)),
  );
  const text = found.find(Boolean)?.[1]?.replace(/\s*\n \* ?/g, " ") ?? "";
  if (!which && /Exact(, as are both gradients|; it has no gradient)/.test(text)) return ["none", "none", "none"];
  for (const [, label, errors] of text.matchAll(/Error( [^:]*)?: (.*?)\.(?=\s|$)/g)) {
    if ((label ?? "") !== which) continue;
    const all = errors!.match(/^(.*), of both gradients, too$/)?.[1];
    if (all) return [all, all, all];
    const each = errors!.match(/^(.*); of the gradient: (.*); of the second: (.*)$/);
    if (each) return each.slice(1) as [string, string, string];
  }
  throw new Error(`the docstring of ${of} states no error${which}: ${text}`);
}

/** A number in the notation of docstrings: "12", "2e-7", "½", "2⁻²¹". */
function numberOf(text: string): number {
  if (text === "½") return 0.5;
  const [, base, raised] = text.match(/^([\d.]+(?:e-?\d+)?)([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]*)$/) ?? expect.fail(`no number: ${text}`);
  const exponent = [...raised!].map((c) => (c === "⁻" ? "-" : "⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(c))).join("");
  return Number(base) ** Number(exponent || 1);
}

/** The factor after a number in a bound: "|x|", "x²", "|(b − 1) log₂ a|". */
function sizeAt(text: string, x: number, { a = x, b = x }: Row): number {
  const powers: Record<string, number> = { "|x|": 1, "x²": 2, "|x|³": 3 };
  if (text in powers) return Math.min(Math.abs(x) ** powers[text]!, 200);
  const [, less, log] = text.match(/^\|\(?b(?: − (\d)\)?)?( log₂ a)?\|$/) ?? expect.fail(`no size: ${text}`);
  return Math.abs((b - Number(less ?? 0)) * (log ? Math.log2(Math.abs(a) || 1) : 1));
}

/**
 * Allowed distance from the true value at x, by a text such as "(8 + 2|x|) u + 3e-7 in all" or "3 u, at least 2⁻²¹ in
 * all".
 */
function allowed(bound: string, x: number, want: number, row: Row): number {
  const [, sum, single, all, least] =
    bound.match(/^(?:(?:\((.+)\)|(\S+)) u)?(?:(?: \+ |^)(\S+) in all)?(?:, at least (\S+) in all)?$/) ??
    expect.fail(`no bound: ${bound}`);
  let units = single ? numberOf(single) : 0;
  for (const term of sum?.split(" + ") ?? []) {
    const [, count, size] = term.match(/^([\d.]+)(.*)$/) ?? expect.fail(`no term: ${term}`);
    units += Number(count) * (size ? sizeAt(size, x, row) : 1);
  }
  return Math.max((want && units * ulp * Math.abs(want)) + (all ? numberOf(all) : 0), least ? numberOf(least) : 0);
}

/** Whether a statement covers x. */
function covers(which: string, x: number): boolean {
  const [, from, to] = which.match(/(?: from (\S+) to| up to) (\S+)$/) ?? [];
  return !(Math.abs(x) > (to ? numberOf(to) : Infinity)) && !(Math.abs(x) < (from ? numberOf(from) : 0));
}

/**
 * Both signs: two points per octave of f32, even steps where curves bend and end, and the points between and beyond.
 */
const points: readonly number[] = (() => {
  const sizes = Array.from({ length: 508 }, (_, i) => 1.0371 * 2 ** (-126 + i / 2)).filter((x) => x < largest);
  const steps = [1 / 64, 1 / 5].flatMap((step) => Array.from({ length: 600 }, (_, i) => (i + 1) * step));
  const ends = [0, 1e-45, 1e-40, 88, 89, 103.9, 104, 1e4, 99_999, 3.4028234663852886e38, Number.POSITIVE_INFINITY];
  const all = [...sizes, ...steps, ...ends].map(Math.fround);
  return [...all, ...all.map((x) => -x)];
})();

/** Whether a result at x is acceptable for the true value `want`; subnormal numbers may be flushed to 0. */
function holds(x: number, got: number, want: number, bound: number): boolean {
  if (Number.isNaN(want)) return Number.isNaN(got);
  // Too large for f32: infinite, or as large as f32 can be. The same is allowed for values almost as large.
  if (Math.abs(got) >= largest) return Math.sign(got) === Math.sign(want) && Math.abs(want) * (1 + 1e-4) >= largest;
  return Math.abs(got - want) <= bound + 4 * smallest * Math.min(Math.max(Math.abs(x), 1), 200);
}

const engine = await Engine.create();
afterAll(() => engine.destroy());

test("every function of these files has a row, except comparisons and moves", () => {
  const without = ["cast", "eq", "ge", "gt", "le", "lt", "maxout", "ne"];
  const names = sources.flatMap((text) =>
    [...text.matchAll(/^export (?:const|function) (\w+)/gm)].map(([, name]) => name!),
  );
  const lacking = new Set(names.filter((name) => name in t && rows.every(({ of }) => of !== name)));
  expect([...lacking].sort()).toEqual(without);
});

describe("functions and their first two derivatives keep to their bounds", () => {
  for (const each of rows) {
    const { name, op, which, at = (x) => covers(which, x) } = each;
    test(name, async () => {
      const bounds = stated(each);
      const values = Float32Array.from(points.filter(at));
      const x = input("x", [values.length]);
      const y = op(x);
      const [first] = grad(t.sum(y), [x]);
      const [second] = grad(t.sum(first!), [x]);
      const outputs = { value: y, derivative: first!, "second derivative": second! };
      // Where a subnormal x may be flushed to 0, either result is accepted.
      const [wanted, flushed] = [values, values.map((v) => (Math.abs(v) < smallest ? Math.sign(v) * 0 : v))].map((v) =>
        evaluate(outputs, { inputs: { x: v } }),
      );
      const program = await engine.compile({ outputs });
      await program.run({ x: values });
      const faults: string[] = [];
      for (const [i, [part, output]] of Object.entries(program.outputs).entries()) {
        const got = await output.data();
        values.forEach((v, k) => {
          const wants = [wanted, flushed].map((all) => all![part as "value"].data[k]!);
          // Nothing is guaranteed for arithmetic on infinities, only for functions of them.
          if (!Number.isFinite(v) && (i > 0 || wants.some(Number.isNaN))) return;
          if (
            wants.some((want) => holds(v, got[k]!, want, bounds[i] === "none" ? 0 : allowed(bounds[i]!, v, want, each)))
          )
            return;
          faults.push(`${part} at ${v}: ${got[k]}, expected ${wants[0]}`);
        });
      }
      program.destroy();
      expect(faults.slice(0, 10)).toEqual([]);
    });
  }
});

test("inverse functions at the ends of their ranges, and beyond", async () => {
  const x = Float32Array.of(-1, 1, -1.5, 1.5, 0.5);
  const y = input("x", [x.length]);
  const outputs = { asin: t.asin(y), acos: t.acos(y), atanh: t.atanh(y), acosh: t.acosh(y) };
  const program = await engine.compile({ outputs });
  const { asin, acos, atanh, acosh } = await program.compute({ x });
  program.destroy();
  const near = (got: Float32Array, wanted: readonly number[]): void =>
    wanted.forEach((value, i) => {
      if (Number.isNaN(value)) expect(got[i]).toBeNaN();
      else expect(got[i]).toBeCloseTo(value, 6);
    });
  near(asin, [-Math.PI / 2, Math.PI / 2, Number.NaN, Number.NaN, Math.PI / 6]);
  near(acos, [Math.PI, 0, Number.NaN, Number.NaN, Math.PI / 3]);
  expect(atanh[0]).toBeLessThan(-largest);
  expect(atanh[1]).toBeGreaterThan(largest);
  near(atanh.subarray(2), [Number.NaN, Number.NaN, Math.atanh(0.5)]);
  near(acosh, [Number.NaN, 0, Number.NaN, Math.acosh(1.5), Number.NaN]);
});

test("NaN and infinities are told by their bits", async () => {
  const x = Float32Array.of(Number.NaN, Infinity, -Infinity, 0, -3.4e38, 1e-45);
  const y = input("x", [x.length]);
  const program = await engine.compile({ outputs: { nan: t.isNan(y), inf: t.isInf(y) } });
  const { nan, inf } = await program.compute({ x });
  program.destroy();
  expect([...nan]).toEqual([1, 0, 0, 0, 0, 0]);
  expect([...inf]).toEqual([0, 1, 1, 0, 0, 0]);
  const twin = evaluate({ nan: t.isNan(y), inf: t.isInf(y) }, { inputs: { x } });
  expect([...twin.nan.data, ...twin.inf.data]).toEqual([...nan, ...inf]);
});

test("rounding and remainders match PyTorch at their edges", async () => {
  const largest = 3.4028234663852886e38;
  const [third, seven] = [largest % Math.fround(1 / 3), largest % 7];
  const pairs: readonly (readonly [a: number, b: number, want: number])[] = [
    ...([
      [5, 3, 2],
      [-5, 3, 1],
      [5, -3, -1],
      [-5, -3, -2],
      [6, -3, 0],
      [0, 3, 0],
    ] as const),
    ...([
      [-1e-10, 1, 1],
      [1e-10, -1, -1],
      [-1.5, 0.5, 0],
      [5.5, 2, 1.5],
    ] as const),
    // Quotients too large for f32 to count.
    ...([
      [2 ** 100, 3, 1],
      [-(2 ** 100), 3, 2],
      [largest, smallest, 0],
      [largest, 1 / 3, third],
      [largest, 7, seven],
    ] as const),
    ...([
      [0.5, largest, 0.5],
      [-0.5, largest, largest],
      [3, 0, Number.NaN],
      [0, 0, Number.NaN],
    ] as const),
  ];
  const [a, b, wanted] = [0, 1, 2].map((k) => Float32Array.from(pairs, (pair) => pair[k]!)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const h = Float32Array.of(-0.5, 0.5, -1.5, -0, 1e-30, -1e-30, 8388607.5, 1e30);
  const [x, y, z] = [input("a", [a.length]), input("b", [b.length]), input("h", [h.length])];
  const program = await engine.compile({ outputs: { rest: t.mod(x, y), up: t.ceil(z) } });
  const { rest, up } = await program.compute({ a, b, h });
  program.destroy();
  expect([...rest].map((value) => value + 0)).toEqual([...wanted]);
  expect([...up].map((value) => value + 0)).toEqual([0, 1, -1, 0, 1, 0, 8388608, Math.fround(1e30)]);
});

test("a remainder of 0 has the sign of its dividend, as in PyTorch and the float64 twin", async () => {
  const a = [-0, 0, -6, 6, -0, 0, -6, 6];
  const b = [3, 3, 3, 3, -3, -3, -3, -3];
  const outputs = { rest: t.mod(input("a", [8]), input("b", [8])) };
  const feeds = { a: Float32Array.from(a), b: Float32Array.from(b) };
  const program = await engine.compile({ outputs });
  const { rest } = await program.compute(feeds);
  program.destroy();
  expect([...rest]).toEqual([-0, 0, -0, 0, -0, 0, -0, 0]);
  expect([...evaluate(outputs, { inputs: feeds }).rest.data]).toEqual([...rest]);
});
