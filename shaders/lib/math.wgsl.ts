/**
 * Functions that WGSL lacks or leaves too vague. F is f32 or a vec4 of it: every text works for both, so branches are
 * `select`.
 */

/** xʸ also for negative x with whole y, and 1 for y = 0: WGSL's own `pow` leaves both undefined. */
export const powerText = `
fn power(x: F, y: F) -> F {
  let magnitude = select(pow(abs(x), y), F(1.0), y == F(0.0));
  let odd = abs(y - F(2.0) * floor(y * F(0.5))) == F(1.0);
  return select(magnitude, -magnitude, (x < F(0.0)) & odd);
}`;

/**
 * Error function: Taylor series to x²¹ within |x| ≤ 1 (DLMF 7.6.1), beyond it the Chebyshev fit of erfc with relative
 * error 1.2e-7 (W. H. Press et al., Numerical Recipes, section 6.2).
 */
export const erfText = `
fn erf(x: F) -> F {
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
  let near = x * F(1.1283791670955126) * (F(1.0) + q * series);
  let z = min(abs(x), F(9.0));
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
  let tail = t * exp(t * fit - F(1.26551223) - z * z);
  return select(sign(x) * (F(1.0) - tail), near, abs(x) <= F(1.0));
}`;

/** e^x − 1 without cancellation near 0: a Taylor series within |x| < ¼. */
export const expm1Text = `
fn expm1(x: F) -> F {
  let near = x * (F(1.0) + x * (F(0.5) + x * (F(1.0 / 6.0) + x * (F(1.0 / 24.0) + x * (F(1.0 / 120.0) + x * F(1.0 / 720.0))))));
  return select(exp(x) - F(1.0), near, abs(x) < F(0.25));
}`;

/** log(1 + x) for x ≥ 0 without cancellation near 0: a Taylor series below 1/32. */
export const log1pText = `
fn log1p(x: F) -> F {
  let near = x * (F(1.0) - x * (F(0.5) - x * (F(1.0 / 3.0) - x * (F(0.25) - x * F(0.2)))));
  return select(log(F(1.0) + x), near, x < F(0.03125));
}`;

/** 1 − e^−x for x ≥ 0 without cancellation near 0: a Taylor series below ¼. */
export const oneMinusExpText = `
fn oneMinusExp(x: F) -> F {
  let near = x * (F(1.0) - x * (F(0.5) - x * (F(1.0 / 6.0) - x * (F(1.0 / 24.0) - x * (F(1.0 / 120.0) - x * F(1.0 / 720.0))))));
  return select(F(1.0) - exp(-x), near, x < F(0.25));
}`;

/** sin²(π v / 2) for v from 0 to 1: the Taylor series of the sine to its eleventh power. */
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
