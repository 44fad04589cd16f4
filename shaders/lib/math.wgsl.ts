/**
 * Functions that WGSL lacks or specifies too loosely. F is f32 or vec4f: every text works for both, so branches use
 * `select`.
 */

/** NaN, in the shape of F. It depends on x because WGSL rejects NaN in constant expressions. */
export const nanText = `
fn nan(x: F) -> F {
  return bitcast<F>((bitcast<U>(x) & U(1u)) | U(0x7fc00000u));
}`;

/** log(x), and NaN below 0. WGSL leaves that undefined, and some drivers return log(|x|). */
export const logText = `
fn logarithm(x: F) -> F {
  return select(log(x), nan(x), x < F(0.0));
}`;

/**
 * xʸ in the cases that WGSL's `pow` leaves undefined: 1 for y = 0; 0 or ∞ for x = 0 or subnormal x; for negative x and
 * integer y, |x|ʸ with the right sign; NaN for negative x and other y.
 */
export const powerText = `
fn power(x: F, y: F) -> F {
  let size = abs(x);
  let none = size < F(1.1754943508222875e-38);
  let magnitude = select(pow(size, y), select(F(1.0) / size, F(0.0), y > F(0.0)), none);
  let odd = abs(y - F(2.0) * floor(y * F(0.5))) == F(1.0);
  let signed = select(magnitude, -magnitude, odd & (x < F(0.0)));
  let real = (x >= F(0.0)) | none | (y == floor(y));
  return select(select(nan(x), signed, real), F(1.0), y == F(0.0));
}`;

/**
 * sin(x + quarters · π/2) for integer quarters, with additions and multiplications only: WGSL's `sin` has an error of
 * up to 2⁻¹¹, and only within ±π. The nearest multiple of π/2 is subtracted in four parts, of which the first three
 * have 8 bits, so nothing is rounded for multiples up to about 2¹⁶ (W. Cody & W. Waite, 1980). The polynomials for the
 * rest are from Cephes (S. Moshier).
 */
export const turnText = `
fn turn(x: F, quarters: F) -> F {
  let k = round(x * F(0.6366197723675814));
  let rest = (((x - k * F(1.5703125)) - k * F(0.0004825592041015625)) - k * F(1.2665987014770508e-6)) - k * F(9.92093629470503e-10);
  let r = clamp(rest, F(-0.8), F(0.8));
  let q = r * r;
  let sine = r + r * q * (F(-0.16666654611) + q * (F(0.0083321608736) + q * F(-0.00019515295891)));
  let cosine = (F(1.0) - F(0.5) * q) + q * q * (F(0.04166664568298827) + q * (F(-0.001388731625493765) + q * F(0.00002443315711809948)));
  let turned = k + quarters;
  let side = turned - F(4.0) * floor(turned * F(0.25));
  let value = select(sine, cosine, (side == F(1.0)) | (side == F(3.0)));
  return select(value, -value, side >= F(2.0));
}`;

/** 1 / (1 + e⁻ˣ), computed from e^−|x|: nothing overflows, and both tails keep their precision. */
export const sigmoidText = `
fn sigmoid(x: F) -> F {
  let e = exp(-abs(x));
  return select(F(1.0), e, x < F(0.0)) / (F(1.0) + e);
}`;

/**
 * tanh(x); WGSL's has an error of up to 1e-5. For |x| < 5/8 the odd polynomial of Cephes (S. Moshier), else from
 * e^2|x|. Beyond 9.02 it is ±1, so the argument is clamped to 10, and nothing overflows.
 */
export const tangentText = `
fn tangent(x: F) -> F {
  let q = x * x;
  var series = F(-0.00570498872745);
  series = F(0.0206390887954) + q * series;
  series = F(-0.0537397155531) + q * series;
  series = F(0.133314422036) + q * series;
  series = F(-0.333332819422) + q * series;
  let size = abs(x);
  let far = F(1.0) - F(2.0) / (exp(F(2.0) * min(size, F(10.0))) + F(1.0));
  return select(select(far, -far, x < F(0.0)), x + x * q * series, size < F(0.625));
}`;

/**
 * The error function, and 1 − erf |x| where that is small. For |x| ≤ 1 the Taylor series to x²¹ (DLMF 7.6.1), beyond it
 * the Chebyshev fit of erfc with relative error 1.2e-7 (W. H. Press et al., Numerical Recipes, section 6.2).
 */
const errorText = `
fn erfNear(x: F) -> F {
  let q = x * x;
  var series = F(1.0 / 76204800.0);
  series = F(-1.0 / 6894720.0) + q * series;
  series = F(1.0 / 685440.0) + q * series;
  series = F(-1.0 / 75600.0) + q * series;
  series = F(1.0 / 9360.0) + q * series;
  series = F(-1.0 / 1320.0) + q * series;
  series = F(1.0 / 216.0) + q * series;
  series = F(-1.0 / 42.0) + q * series;
  series = F(0.1) + q * series;
  series = F(-1.0 / 3.0) + q * series;
  return x * F(1.1283791670955126) * (F(1.0) + q * series);
}
fn erfTail(size: F) -> F {
  let z = min(size, F(10.0));
  let t = F(1.0) / (F(1.0) + F(0.5) * z);
  var fit = F(0.17087277);
  fit = F(-0.82215223) + t * fit;
  fit = F(1.48851587) + t * fit;
  fit = F(-1.13520398) + t * fit;
  fit = F(0.27886807) + t * fit;
  fit = F(-0.18628806) + t * fit;
  fit = F(0.09678418) + t * fit;
  fit = F(0.37409196) + t * fit;
  fit = F(1.00002368) + t * fit;
  return t * exp(t * fit - F(1.26551223) - z * z);
}`;

export const erfText = [
  errorText,
  `
fn erf(x: F) -> F {
  return select(sign(x) * (F(1.0) - erfTail(abs(x))), erfNear(x), abs(x) <= F(1.0));
}`,
];

/** The normal distribution function, (1 + erf(x/√2)) / 2. Its lower tail keeps its precision. */
export const shareBelowText = [
  errorText,
  `
fn shareBelow(x: F) -> F {
  let z = x * F(0.7071067811865476);
  let tail = F(0.5) * erfTail(abs(z));
  return select(select(F(1.0) - tail, tail, z < F(0.0)), F(0.5) + F(0.5) * erfNear(z), abs(z) <= F(1.0));
}`,
];

/** e^x − 1 without cancellation near 0: a Taylor series for |x| < ¼. */
export const expm1Text = `
fn expm1(x: F) -> F {
  let near = x * (F(1.0) + x * (F(0.5) + x * (F(1.0 / 6.0) + x * (F(1.0 / 24.0) + x * (F(1.0 / 120.0) + x * F(1.0 / 720.0))))));
  return select(exp(x) - F(1.0), near, abs(x) < F(0.25));
}`;

/** log(1 + x) for x from 0 to 1, as the Taylor series of 2 artanh(x / (2 + x)): WGSL's `log` is inaccurate near 1. */
export const log1pText = `
fn log1p(x: F) -> F {
  let s = x / (x + F(2.0));
  let q = s * s;
  var series = F(1.0 / 13.0);
  series = F(1.0 / 11.0) + q * series;
  series = F(1.0 / 9.0) + q * series;
  series = F(1.0 / 7.0) + q * series;
  series = F(0.2) + q * series;
  series = F(1.0 / 3.0) + q * series;
  return F(2.0) * (s + s * q * series);
}`;

/** 1 − e^−x for x ≥ 0 without cancellation near 0: a Taylor series below ¼. */
export const oneMinusExpText = `
fn oneMinusExp(x: F) -> F {
  let near = x * (F(1.0) - x * (F(0.5) - x * (F(1.0 / 6.0) - x * (F(1.0 / 24.0) - x * (F(1.0 / 120.0) - x * F(1.0 / 720.0))))));
  return select(F(1.0) - exp(-x), near, x < F(0.25));
}`;

/** sin²(π v / 2) for v from 0 to 1: the Taylor series of sine to the eleventh power. */
export const halfWaveText = `
fn halfWave(v: F) -> F {
  let y = v * F(1.5707963267948966);
  let q = y * y;
  var series = F(-1.0 / 39916800.0);
  series = F(1.0 / 362880.0) + q * series;
  series = F(-1.0 / 5040.0) + q * series;
  series = F(1.0 / 120.0) + q * series;
  series = F(-1.0 / 6.0) + q * series;
  let sine = y * (F(1.0) + q * series);
  return sine * sine;
}`;
