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
