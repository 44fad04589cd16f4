import { nanText } from "../../../shaders/lib/math.wgsl.ts";
import { floats } from "../../graph/shape.ts";
import { apply } from "../../graph/tensor.ts";
import { div, mul, neg, sub } from "./arithmetic.ts";
import { round } from "./elementary.ts";
import { type Binary, broadcast, pointwiseOp } from "./pointwise.ts";

/*
 * a − b·⌊a / b⌋ as written loses all its digits where a / b is large, but the remainder of significands is exact. With
 * |a| = m · 2^(p − 150) and |b| = n · 2^(q − 150), the remainder of |a| is m · 2^(p − q) mod n. Long division computes
 * it, here eight bits at a time.
 */
const moduloText = `
fn modulo(a: F, b: F) -> F {
  let x = bitcast<U>(a) & U(0x7fffffffu);
  let y = bitcast<U>(b) & U(0x7fffffffu);
  let p = max(x >> U(23u), U(1u));
  let q = max(y >> U(23u), U(1u));
  let n = (y & U(0x7fffffu)) | select(U(0u), U(0x800000u), y >= U(0x800000u));
  var m = (x & U(0x7fffffu)) | select(U(0u), U(0x800000u), x >= U(0x800000u));
  var shift = p - min(p, q);
  for (var i = 0u; i < 32u; i++) {
    let digits = min(shift, U(8u));
    m = (m << digits) % n;
    shift -= digits;
    if (all(shift == U(0u))) { break; }
  }
  let size = select(F(m) * F(1.1920928955078125e-7) * bitcast<F>(q << U(23u)), abs(a), p < q);
  let rest = select(size, -size, bitcast<U>(a) != x);
  let value = select(rest, rest + b, (rest != F(0.0)) & ((rest < F(0.0)) != (b < F(0.0))));
  // NaN if a is infinite or NaN, or b is NaN or 0 (y − 1 then wraps to the largest u32).
  let none = (x >= U(0x7f800000u)) | (y - U(1u) >= U(0x7f800000u));
  return select(value, nan(a), none);
}`;

const wholeText = `
fn wholeModulo(a: I, b: I) -> I {
  let rest = a % b;
  return select(rest, rest + b, (rest != I(0)) & ((rest ^ b) < I(0)));
}`;

const withSignOf = (rest: number, b: number): number => (rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest);

const ofFloats = /* @__PURE__ */ pointwiseOp("mod", {
  wgsl: (a, b) => `modulo(${a}, ${b})`,
  js: (a, b) => withSignOf(a % b, b),
  lib: [nanText, moduloText],
  flops: 30,
  takes: floats,
  // (a − y) / b is an integer except for rounding.
  vjp: (dy, y, a, b) => [dy, neg(mul(dy, round(div(sub(a!, y), b!))))],
});

const ofWhole = /* @__PURE__ */ pointwiseOp("mod", {
  wgsl: (a, b) => `wholeModulo(${a}, ${b})`,
  js: (a, b) => (b === 0 ? 0 : withSignOf(a % b, b)),
  lib: [wholeText],
  flops: 2,
  takes: ["i32"],
});

const ofUnsigned = /* @__PURE__ */ pointwiseOp("mod", {
  wgsl: (a, b) => `${a} % ${b}`,
  js: (a, b) => (b === 0 ? 0 : a % b),
  takes: ["u32"],
});

/**
 * The remainder of a / b, with the sign of b: a − b·⌊a / b⌋. The same as PyTorch's `remainder`, NumPy's `mod` and
 * Python's `%`. Operands broadcast.
 *
 * For floats it is exact for quotients of any size, or rounded once if f32 cannot represent the result: −1e-10 mod 1 is
 * 1. A result of 0 has the sign of a, as in PyTorch. NaN where b is 0 or a is infinite. The gradient of a is 1, that of
 * b −⌊a / b⌋. For integers the result is 0 where b is 0. Error along a: ½ u; of the gradient: none; of the second:
 * none. Error along b, for |b| from 2⁻¹²⁶ to 2¹²⁶: ½ u; of the gradient: 4 u; of the second: none. Errors are stated
 * and tested as in elementary.ts.
 */
export const mod: Binary = (a, b) => {
  const operands = broadcast("mod", [a, b]);
  const { dtype } = operands[0]!;
  return apply(dtype === "i32" ? ofWhole : dtype === "u32" ? ofUnsigned : ofFloats, operands);
};
