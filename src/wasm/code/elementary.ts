import { called, type FunctionWriter } from "./function.ts";
import type { Callable, ModuleWriter } from "./module.ts";
import {
  add,
  and,
  bits,
  choose,
  eq,
  f32x4,
  fromSigned,
  ge,
  i32,
  i32x4,
  lt,
  mul,
  nearest,
  or,
  pseudoMax,
  pseudoMin,
  shiftLeft,
  shiftRight,
  sub,
  toSigned,
  type Value,
  xor,
} from "./values.ts";

/*
 * Elementary functions of four floats at a time, which WebAssembly lacks. Polynomials are those of Cephes
 * (S. Moshier, netlib.org/cephes, single precision).
 */

/** A number in all lanes, before all loops: to make one takes several instructions. */
const all = (f: FunctionWriter, value: number): Value<"f32x4"> => f.hoisted(f32x4(value));

/** A polynomial, by Horner's rule: the coefficient of the highest power first. */
const polynomial = (f: FunctionWriter, x: Value<"f32x4">, coefficients: readonly number[]): Value<"f32x4"> =>
  coefficients.map((coefficient) => all(f, coefficient)).reduce((sum, coefficient) => add(mul(sum, x), coefficient));

/** 2ⁿ for whole n from −126 to 127, as the bits of a float. */
const powerOfTwo = (f: FunctionWriter, n: Value<"i32x4">): Value<"f32x4"> =>
  bits("f32x4", shiftLeft(add(n, f.hoisted(i32x4(127))), i32(23)));

/** A float in whose last bits a small whole number stands, once it is added: 1.5 · 2²³. */
const shifter = 12582912;

/** eˣ: 2ⁿ times a polynomial of the rest, |rest| ≤ ln 2 / 2. Error: 1 unit in the last place or two. */
export function exp(f: FunctionWriter, x: Value<"f32x4">): Value<"f32x4"> {
  // Beyond these, the result is 0 or infinite. NaN stays NaN.
  const bound = f.keep(pseudoMin(pseudoMax(x, all(f, -104)), all(f, 89)));
  const shift = all(f, shifter);
  const moved = f.keep(add(mul(bound, all(f, Math.LOG2E)), shift));
  const n = f.keep(sub(moved, shift));
  const r = f.keep(sub(sub(bound, mul(n, all(f, 0.693359375))), mul(n, all(f, -2.1219444e-4))));
  // By pairs: half as many steps wait for one another as with Horner's rule.
  const square = f.keep(mul(r, r));
  const [high, middle, low] = [
    [1.98756915e-4, 1.3981999507e-3],
    [8.3334519073e-3, 4.1665795894e-2],
    [1.6666665459e-1, 5.0000001201e-1],
  ].map(([first, second]) => add(mul(all(f, first!), r), all(f, second!))) as [
    Value<"f32x4">,
    Value<"f32x4">,
    Value<"f32x4">,
  ];
  const series = add(mul(add(mul(high, square), middle), square), low);
  const near = add(add(mul(square, series), r), all(f, 1));
  // In two steps: 2ⁿ alone may be no float.
  const whole = f.keep(sub(bits("i32x4", moved), bits("i32x4", shift)));
  const half = f.keep(shiftRight(whole, i32(1)));
  return mul(mul(near, powerOfTwo(f, half)), powerOfTwo(f, sub(whole, half)));
}

/** The natural logarithm: NaN below 0, −∞ at 0. */
export const log = (to: ModuleWriter): Callable<"f32x4"> =>
  to.shared("log", ["f32x4"], "f32x4", (f, x) => {
    // Subnormal numbers are made normal first.
    const isTiny = f.local("i32x4", lt(x, f32x4(2 ** -126)));
    const normal = f.local("f32x4", choose(isTiny, mul(x, f32x4(2 ** 23)), x));
    const word = f.local("i32x4", bits("i32x4", normal));
    const exponent = sub(shiftRight(word, i32(23)), choose(isTiny, i32x4(126 + 23), i32x4(126)));
    const m = f.local("f32x4", bits("f32x4", or(and(word, i32x4(0x007fffff)), i32x4(0x3f000000))));
    const isLow = f.local("i32x4", lt(m, f32x4(Math.SQRT1_2)));
    const e = f.local("f32x4", sub(fromSigned(exponent), bits("f32x4", and(isLow, bits("i32x4", f32x4(1))))));
    const r = f.local("f32x4", sub(add(m, bits("f32x4", and(isLow, bits("i32x4", m)))), f32x4(1)));
    const q = f.local("f32x4", mul(r, r));
    const series = polynomial(
      f,
      r,
      [
        7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
        2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
      ],
    );
    const y = add(add(mul(mul(series, r), q), mul(e, f32x4(-2.1219444e-4))), mul(q, f32x4(-0.5)));
    const value = f.local("f32x4", add(add(r, y), mul(e, f32x4(0.693359375))));
    const atEnd = choose(eq(x, f32x4(Number.POSITIVE_INFINITY)), x, value);
    const atZero = choose(eq(x, f32x4(0)), f32x4(Number.NEGATIVE_INFINITY), atEnd);
    return choose(ge(x, f32x4(0)), atZero, f32x4(Number.NaN));
  });

/** xʸ for x from 0 on. */
export const pow = (to: ModuleWriter): Callable<"f32x4"> => {
  const logarithm = log(to);
  return to.shared("pow", ["f32x4", "f32x4"], "f32x4", (f, x, y) => {
    const power = exp(f, mul(y, called("f32x4", logarithm.index, x)));
    const isOne = or(eq(x, f32x4(1)), eq(y, f32x4(0)));
    return choose(isOne, f32x4(1), f.keep(power));
  });
};

/** sin x, or cos x: the same, a quarter of a turn later. Within 1e-7 up to |x| of some thousands. */
export const sine = (to: ModuleWriter, name: "sin" | "cos"): Callable<"f32x4"> =>
  to.shared(name, ["f32x4"], "f32x4", (f, x) => {
    // Quarters of a turn, and the rest: |rest| ≤ π / 4.
    const n = f.keep(nearest(mul(x, f32x4(2 / Math.PI))));
    const parts = [1.5703125, 4.837512969970703e-4, 7.54978995489e-8];
    const r = f.keep(parts.reduce<Value<"f32x4">>((rest, part) => sub(rest, mul(n, f32x4(part))), x));
    const square = f.keep(mul(r, r));
    const ofSine = polynomial(f, square, [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1]);
    const ofCosine = polynomial(f, square, [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2]);
    const near = add(r, mul(mul(ofSine, square), r));
    const far = add(sub(f32x4(1), mul(square, f32x4(0.5))), mul(mul(ofCosine, square), square));
    const quarter = f.keep(name === "sin" ? toSigned(n) : add(toSigned(n), i32x4(1)));
    const isOdd = eq(and(quarter, i32x4(1)), i32x4(1));
    const flipped = shiftLeft(and(quarter, i32x4(2)), i32(30));
    return bits("f32x4", xor(bits("i32x4", choose(isOdd, far, near)), flipped));
  });
