import { afterAll, describe, expect, test } from "vitest";
import { grad } from "../../src/compile/grad.ts";
import * as t from "../../src/index.ts";
import { Engine, input, type Tensor } from "../../src/index.ts";
import { evaluate } from "../../src/reference/index.ts";

/*
 * Elementary functions and activations, with their first two derivatives, over all of f32: the bounds that their docstrings state, held
 * on the device to float64. A bound is made of what WGSL promises of the operations that a function consists of, so it is wider than
 * the errors of any one adapter.
 */

/** Distance of 1 from the next f32 number. */
const ulp = 2 ** -23;
const smallest = 2 ** -126;
const largest = 3.4e38;

/** How far a value may be from the true one at x. */
type Bound = (x: number, want: number) => number;
/** A share of the value in units of 2⁻²³, which may grow with |x|, and an absolute part. */
const within =
  (units: number, { slope = 0, absolute = 0 } = {}): Bound =>
  (x, want) =>
    (units + slope * Math.min(Math.abs(x), 150)) * ulp * Math.abs(want) + absolute;

interface Row {
  readonly name: string;
  readonly op: (x: Tensor) => Tensor;
  /** Of the value, its derivative and that one's. */
  readonly bounds: readonly [Bound, Bound, Bound];
  /** Where the bounds hold; default everywhere. */
  readonly at?: (x: number) => boolean;
}

const row = (
  name: string,
  op: Row["op"],
  value: Bound,
  first: Bound = value,
  second: Bound = first,
  at?: Row["at"],
): Row => ({ name, op, bounds: [value, first, second], ...(at && { at }) });

/** The same for x times a function that may be 0 where it would be subnormal. */
const tailed =
  (units: number): Bound =>
  (x, want) =>
    within(units, { slope: 2 })(x, want) + smallest * Math.abs(x);

const exact: Bound = () => 0;
/** Divisions hold their 2.5 ulp up to here. */
const divides = (x: number): boolean => Math.abs(x) <= 2 ** 126;
const power = (p: number) => (x: Tensor) => t.pow(x, p);
/** e^(p · log x): errors of the logarithm are multiplied by p, and the exponential's grow with its argument. */
const ofPower =
  (p: number): Bound =>
  (x, want) =>
    (10 + 8 * Math.abs(p) + 6 * Math.abs(p * Math.log2(Math.abs(x) || 1))) * ulp * Math.abs(want);
/** Second derivatives of powers overflow before their small factors come to them. */
const moderate = (x: number): boolean => Math.abs(x) > 1e-15 && Math.abs(x) < 1e15;

const rows: readonly Row[] = [
  row("exp", t.exp, within(3, { slope: 2 })),
  row(
    "log",
    t.log,
    (x, want) => (x >= 0.5 && x <= 2 ? 2 ** -21 : 3 * ulp * Math.abs(want)),
    within(3),
    within(7),
    divides,
  ),
  row("sqrt", t.sqrt, within(5), within(10), within(20), divides),
  row("rsqrt", t.rsqrt, within(2), within(12), within(30)),
  row("reciprocal", t.reciprocal, within(3), within(8), within(16), divides),
  row("division by a constant", (x) => t.div(x, 7), within(3)),
  row("division of a constant", (x) => t.div(7, x), within(3), within(8), within(16), divides),
  row("sin", t.sin, within(0, { absolute: 2e-7 }), within(0, { absolute: 2e-7 }), undefined, (x) => Math.abs(x) <= 1e5),
  row("sin near 0", t.sin, within(4), within(4), within(4), (x) => Math.abs(x) <= 1),
  row("cos", t.cos, within(0, { absolute: 2e-7 }), within(0, { absolute: 2e-7 }), undefined, (x) => Math.abs(x) <= 1e5),
  row(
    "erf",
    t.erf,
    within(5),
    (x, want) => (8 + 4 * Math.min(x * x, 100)) * ulp * Math.abs(want),
    (x, want) => (12 + 4 * Math.min(x * x, 100)) * ulp * Math.abs(want) + 2 * smallest * Math.abs(x),
  ),
  row("pow 2.5", power(2.5), ofPower(2.5), undefined, undefined, (x) => x > -largest),
  row(
    "pow 0.1",
    power(0.1),
    ofPower(0.1),
    ofPower(1),
    ofPower(2),
    (x) => x === 0 || x > 1e-15 || (x < -1e-15 && x > -largest),
  ),
  row("pow −3", power(-3), ofPower(3), ofPower(4), ofPower(5), moderate),
  row("pow 4", power(4), ofPower(4), ofPower(4), ofPower(4), moderate),
  row("1.7 to a power", (x) => t.pow(1.7, x), within(12, { slope: 6 })),
  row("−2 to a whole power", (x) => t.pow(-2, t.round(x)), within(12, { slope: 6 }), exact),
  row("relu", t.relu, exact),
  row("leakyRelu", t.leakyRelu, within(1)),
  row("clamp", (x) => t.clamp(x, { min: -1, max: 1 }), exact),
  row("abs", t.abs, exact),
  row("floor", t.floor, exact),
  row("ceil", t.ceil, exact),
  row("round", t.round, exact),
  row("sign", t.sign, exact),
  row("mod 7", (x) => t.mod(x, 7), within(0.5), exact),
  row("mod −0.375", (x) => t.mod(x, -0.375), within(0.5), exact),
  row("mod the smallest number", (x) => t.mod(x, smallest), within(0.5), exact),
  row(
    "1000 mod x",
    (x) => t.mod(1000, x),
    within(0.5),
    within(4),
    exact,
    (x) => Math.abs(x) >= smallest && divides(x),
  ),
  row("hardswish", t.hardswish, within(4), within(4, { absolute: 2e-7 })),
  row("softsign", t.softsign, within(4), within(0, { absolute: 4e-7 })),
  row("sigmoid", t.sigmoid, within(6, { slope: 2 }), within(8, { slope: 2, absolute: 2e-7 })),
  row("tanh", t.tanh, within(6), within(0, { absolute: 1e-6 }), within(0, { absolute: 2e-6 })),
  row("silu", t.silu, tailed(8), within(8, { slope: 2, absolute: 4e-6 })),
  row("elu", t.elu, within(14, { slope: 2 })),
  row("selu", t.selu, within(14, { slope: 2 })),
  row(
    "gelu",
    t.gelu,
    (x, want) => (8 + 4 * Math.min(x * x, 200)) * ulp * Math.abs(want) + smallest * Math.abs(x),
    within(4, { absolute: 1e-6 }),
  ),
  row(
    "gelu by tanh",
    (x) => t.gelu(x, "tanh"),
    (x, want) => (8 + 8 * Math.min(Math.abs(x) ** 3, 200)) * ulp * Math.abs(want) + smallest * Math.abs(x),
    within(4, { absolute: 5e-6 }),
    within(4, { absolute: 3e-5 }),
  ),
  row("softplus", t.softplus, within(8, { slope: 2 }), within(8, { slope: 2, absolute: 3e-7 })),
  row("mish", t.mish, tailed(12), within(8, { slope: 2, absolute: 2e-6 }), within(8, { absolute: 4e-6 })),
];

/** Both signs: two in each octave of f32, even steps where curves bend and where they end, the points between and beyond. */
const points: readonly number[] = (() => {
  const sizes = Array.from({ length: 508 }, (_, i) => 1.0371 * 2 ** (-126 + i / 2)).filter((x) => x < largest);
  const steps = [1 / 64, 1 / 5].flatMap((step) => Array.from({ length: 600 }, (_, i) => (i + 1) * step));
  const ends = [0, 1e-45, 1e-40, 88, 89, 103.9, 104, 1e4, 99_999, 3.4028234663852886e38, Number.POSITIVE_INFINITY];
  const all = [...sizes, ...steps, ...ends].map(Math.fround);
  return [...all, ...all.map((x) => -x)];
})();

/** Whether a result is what is promised where the true value is `want`; subnormal numbers may be taken for 0. */
function holds(got: number, want: number, bound: number): boolean {
  if (Number.isNaN(want)) return Number.isNaN(got);
  // Too large for f32: infinite, or as large as f32 can be. So may be what is almost as large.
  if (Math.abs(got) >= largest) return Math.sign(got) === Math.sign(want) && Math.abs(want) * (1 + 1e-4) >= largest;
  return Math.abs(got - want) <= bound + 4 * smallest;
}

const engine = await Engine.create();
afterAll(() => engine.destroy());

describe("functions and their first two derivatives keep to their bounds", () => {
  for (const { name, op, bounds, at = () => true } of rows) {
    test(name, async () => {
      const values = Float32Array.from(points.filter(at));
      const x = input("x", [values.length]);
      const y = op(x);
      const [first] = grad(t.sum(y), [x]);
      const [second] = grad(t.sum(first!), [x]);
      const outputs = { value: y, derivative: first!, "second derivative": second! };
      // Where a subnormal x may be 0, either value will do.
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
          // Of arithmetic on infinities nothing is promised but what functions make of them.
          if (!Number.isFinite(v) && (i > 0 || wants.some(Number.isNaN))) return;
          if (wants.some((want) => holds(got[k]!, want, bounds[i]!(v, want)))) return;
          faults.push(`${part} at ${v}: ${got[k]}, expected ${wants[0]}`);
        });
      }
      program.destroy();
      expect(faults.slice(0, 10)).toEqual([]);
    });
  }
});

test("rounding and remainders at their edges are PyTorch's", async () => {
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
    // Quotients far beyond what f32 counts.
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
