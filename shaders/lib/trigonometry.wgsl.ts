/**
 * Inverse and hyperbolic functions. WGSL has them, with errors of up to 4096 units in the last place, or none that it
 * bounds near 0. F is f32 or vec4f. Polynomials are from Cephes (S. Moshier): atanf, sinhf, asinhf, acoshf, atanhf.
 */

/** Reduces the angle to ±π/8, where atan(x) = x + x³ · p(x²). */
export const atanText = `
fn arctangent(x: F) -> F {
  let size = abs(x);
  let far = size > F(2.414213562373095);
  let middle = size > F(0.4142135623730950);
  let start = select(select(F(0.0), F(0.7853981633974483), middle), F(1.5707963267948966), far);
  let near = select(size, (size - F(1.0)) / (size + F(1.0)), middle);
  let t = select(near, F(-1.0) / size, far);
  let z = t * t;
  let p = ((F(8.05374449538e-2) * z - F(1.38776856032e-1)) * z + F(1.99777106478e-1)) * z - F(3.33329491539e-1);
  let y = start + (p * z * t + t);
  return select(y, -y, x < F(0.0));
}`;

/** asin(x) = atan(x / √(1 − x²)); NaN beyond ±1. */
export const asinText = `
fn arcsine(x: F) -> F {
  let inside = clamp(x, F(-1.0), F(1.0));
  let end = F(1.5707963267948966) * inside;
  let angle = arctangent(inside * inverseSqrt((F(1.0) - inside) * (F(1.0) + inside)));
  return select(select(angle, end, abs(inside) == F(1.0)), nan(x), abs(x) > F(1.0));
}`;

/** acos(x) = 2 atan(√((1 − x) / (1 + x))), which is as precise near 1 as elsewhere; NaN beyond ±1. */
export const acosText = `
fn arccosine(x: F) -> F {
  let inside = clamp(x, F(-1.0), F(1.0));
  let angle = F(2.0) * arctangent(sqrt((F(1.0) - inside) / (F(1.0) + inside)));
  return select(select(angle, F(3.141592653589793), inside == F(-1.0)), nan(x), abs(x) > F(1.0));
}`;

/** sinh(x), for |x| ≤ 1 by a series; beyond it from e^|x| / 2, which is finite where the result is. */
export const sinhText = `
fn hyperbolicSine(x: F) -> F {
  let z = x * x;
  let near = ((F(2.03721912945e-4) * z + F(8.33028376239e-3)) * z + F(1.66667160211e-1)) * z * x + x;
  let half = exp(abs(x) - F(0.6931471805599453));
  let far = half - F(0.25) / half;
  return select(select(far, -far, x < F(0.0)), near, abs(x) <= F(1.0));
}`;

/** cosh(x), from e^|x| / 2. */
export const coshText = `
fn hyperbolicCosine(x: F) -> F {
  let half = exp(abs(x) - F(0.6931471805599453));
  return half + F(0.25) / half;
}`;

/** asinh(x) = log(|x| + √(x² + 1)) with the sign of x; by a series near 0, and without the square far from it. */
export const asinhText = `
fn areaSine(x: F) -> F {
  let size = abs(x);
  let z = x * x;
  let near = (((F(2.0122003309e-2) * z - F(4.2699340972e-2)) * z + F(7.4847586088e-2)) * z - F(1.6666288134e-1)) * z * x + x;
  let large = size > F(1500.0);
  let root = select(size + sqrt(z + F(1.0)), size, large);
  let far = log(root) + select(F(0.0), F(0.6931471805599453), large);
  return select(select(far, -far, x < F(0.0)), near, size < F(0.5));
}`;

/** acosh(x) = log(x + √((x − 1)(x + 1))); by a series near 1, and without the square far from it; NaN below 1. */
export const acoshText = `
fn areaCosine(x: F) -> F {
  let z = max(x - F(1.0), F(0.0));
  let near = ((((F(1.7596881071e-3) * z - F(7.5272886713e-3)) * z + F(2.6454905019e-2)) * z - F(1.1784741703e-1)) * z + F(1.4142135263)) * sqrt(z);
  let large = x > F(1500.0);
  let root = select(x + sqrt(z * (x + F(1.0))), x, large);
  let far = log(max(root, F(1.0))) + select(F(0.0), F(0.6931471805599453), large);
  return select(select(far, near, z < F(0.5)), nan(x), x < F(1.0));
}`;

/** atanh(x) = ½ log((1 + x) / (1 − x)); by a series near 0; NaN beyond ±1. */
export const atanhText = `
fn areaTangent(x: F) -> F {
  let z = x * x;
  let near = ((((F(1.81740078349e-1) * z + F(8.24370301058e-2)) * z + F(1.46691431730e-1)) * z + F(1.99782164500e-1)) * z + F(3.33337300303e-1)) * z * x + x;
  let size = abs(x);
  let far = F(0.5) * log((F(1.0) + size) / (F(1.0) - size));
  return select(select(select(far, -far, x < F(0.0)), near, size < F(0.5)), nan(x), size > F(1.0));
}`;
