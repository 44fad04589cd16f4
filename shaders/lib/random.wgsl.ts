/*
 * Stateless random bits. A few words (a seed, a step, a call site) name a stream; number i of the stream is a hash of
 * them and i. The words are mixed one by one into a 64-bit key, each by a bijective step, so streams that differ in any
 * bit have different keys; i is then hashed with both halves of the key. GPU and host compute the same.
 */

/**
 * A bijection of 32-bit integers in which every output bit depends on every input bit: "lowbias32" by C. Wellons
 * (github.com/skeeto/hash-prospector), with better constants by T. Ironborn.
 */
const hashText = (name: string, type: string): string => `
fn ${name}(v: ${type}) -> ${type} {
  var x = (v ^ (v >> ${type}(16u))) * 0x21f0aaadu;
  x = (x ^ (x >> ${type}(15u))) * 0xd35a2d97u;
  return x ^ (x >> ${type}(15u));
}`;

/**
 * Number i of the stream (a, b, c). U is u32 or vec4u; a and b are equal in all components, so the key is computed
 * once.
 */
export const randomText = [
  /* @__PURE__ */ hashText("hash32", "U"),
  /* @__PURE__ */ hashText("keyHash32", "u32"),
  `
fn randomBits(a: U, b: U, c: u32, i: U) -> U {
  let first = keyHash32(vec4u(a).x ^ 0x9e3779b9u);
  let second = keyHash32(first ^ vec4u(b).x) + 0x9e3779b9u;
  let third = keyHash32(second ^ c) + first;
  return hash32(hash32(i ^ U(third)) + U(second));
}`,
];

/**
 * A standard normal number from 64 random bits, by the Box–Muller transform. The radius takes all 32 bits of a where
 * they make a small fraction, so that the tails reach ±6.66. Every integer becomes a float without rounding: WGSL
 * leaves its direction open. Calls `turn` of math.wgsl.ts.
 */
export const normalText = `
fn normalOf(a: U, b: U) -> F {
  let rare = F(max(a, U(1u))) * F(2.3283064365386963e-10);
  let fraction = select(F(a >> U(8u)) * F(5.9604644775390625e-8), rare, a < U(16777216u));
  let angle = F(b >> U(8u)) * F(3.7450702829239286e-7);
  return sqrt(max(F(-2.0) * log(fraction), F(0.0))) * turn(angle, F(1.0));
}`;

/** `normalOf` on the host, in float64. */
export function normalOf(a: number, b: number): number {
  const fraction = a < 2 ** 24 ? Math.max(a, 1) * 2 ** -32 : (a >>> 8) * 2 ** -24;
  return Math.sqrt(-2 * Math.log(fraction)) * Math.cos(2 * Math.PI * (b >>> 8) * 2 ** -24);
}

/** The upper half of the product a · b of 32-bit integers, which WGSL lacks: school multiplication in 16-bit digits. */
export const upperHalfText = `
fn upperHalf(a: U, b: u32) -> U {
  let low = a & U(0xffffu);
  let high = a >> U(16u);
  let carry = (low * U(b & 0xffffu)) >> U(16u);
  let middle = high * U(b & 0xffffu) + carry;
  let rest = low * U(b >> 16u) + (middle & U(0xffffu));
  return high * U(b >> 16u) + (middle >> U(16u)) + (rest >> U(16u));
}`;

/** `upperHalf` on the host. */
export const upperHalf = (a: number, b: number): number => Number((BigInt(a) * BigInt(b)) >> 32n);

/** `hash32` on the host. */
export function hash32(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0xd35a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}

/** The stream named by some words, on the host: a function from i to its number i. */
export function randomBits(...words: number[]): (i: number) => number {
  let [left, right] = [0x9e3779b9, 0];
  for (const word of words) [left, right] = [(hash32(left ^ word) + right) >>> 0, left];
  return (i) => hash32(hash32(i ^ left) + right);
}
