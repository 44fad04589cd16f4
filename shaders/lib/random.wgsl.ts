/**
 * Random bits from four counters: pcg4d of M. Jarzynski and M. Olano, "Hash functions for GPU rendering" (JCGT, 2020). U is
 * u32 or a vec4 of it. Returns the first of its four words.
 */
export const pcgText = `
fn pcg4d(a: U, b: U, c: U, d: U) -> U {
  var x = a * 1664525u + 1013904223u;
  var y = b * 1664525u + 1013904223u;
  var z = c * 1664525u + 1013904223u;
  var w = d * 1664525u + 1013904223u;
  x += y * w; y += z * x; z += x * y; w += y * z;
  x ^= x >> U(16u); y ^= y >> U(16u); z ^= z >> U(16u); w ^= w >> U(16u);
  x += y * w;
  return x;
}`;

/** The same on the host. */
export function pcg4d(a: number, b: number, c: number, d: number): number {
  const next = (v: number) => (Math.imul(v, 1664525) + 1013904223) >>> 0;
  let [x, y, z, w] = [next(a), next(b), next(c), next(d)];
  x = (x + Math.imul(y, w)) >>> 0;
  y = (y + Math.imul(z, x)) >>> 0;
  z = (z + Math.imul(x, y)) >>> 0;
  w = (w + Math.imul(y, z)) >>> 0;
  x ^= x >>> 16;
  y ^= y >>> 16;
  w ^= w >>> 16;
  return (x + Math.imul(y, w)) >>> 0;
}
