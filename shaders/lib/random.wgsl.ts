/*
 * Random bits without state: number i of the stream that a few words name (a seed, a step, a place) is a hash of all of them. The
 * words go into a key of 64 bits one after the other, each by a step that loses nothing, so that streams which differ in any bit of
 * any word have different keys; number i is then hashed between both halves of the key. GPU and host do the same.
 */

/**
 * A bijection of 32-bit integers whose output bits each depend on every input bit: "lowbias32" by C. Wellons
 * (github.com/skeeto/hash-prospector), with the better constants that T. Ironborn found. U is u32 or a vec4 of it.
 */
const hashText = `
fn hash32(v: U) -> U {
  var x = (v ^ (v >> U(16u))) * 0x21f0aaadu;
  x = (x ^ (x >> U(15u))) * 0xd35a2d97u;
  return x ^ (x >> U(15u));
}`;

/** Number i of the stream (a, b, c). */
export const randomText = [
  hashText,
  `
fn randomBits(a: U, b: U, c: U, i: U) -> U {
  let first = hash32(a ^ U(0x9e3779b9u));
  let second = hash32(first ^ b) + 0x9e3779b9u;
  let third = hash32(second ^ c) + first;
  return hash32(hash32(i ^ third) + second);
}`,
];

/** `hash32` on the host. */
export function hash32(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0xd35a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}

/** The stream that words name, on the host: from i to its number i. */
export function randomBits(...words: number[]): (i: number) => number {
  let [left, right] = [0x9e3779b9, 0];
  for (const word of words) [left, right] = [(hash32(left ^ word) + right) >>> 0, left];
  return (i) => hash32(hash32(i ^ left) + right);
}
