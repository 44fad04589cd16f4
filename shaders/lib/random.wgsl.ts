/*
 * Random bits without state: number i of the stream that a few words name (a seed, a step, a place) is a hash of all of them. The
 * words go into a key of 64 bits one after the other, each by a step that loses nothing, so that streams which differ in any bit of
 * any word have different keys; number i is then hashed between both halves of the key. GPU and host do the same.
 */

/**
 * A bijection of 32-bit integers whose output bits each depend on every input bit: "lowbias32" by C. Wellons
 * (github.com/skeeto/hash-prospector), with the better constants that T. Ironborn found.
 */
const hashText = (name: string, type: string): string => `
fn ${name}(v: ${type}) -> ${type} {
  var x = (v ^ (v >> ${type}(16u))) * 0x21f0aaadu;
  x = (x ^ (x >> ${type}(15u))) * 0xd35a2d97u;
  return x ^ (x >> ${type}(15u));
}`;

/** Number i of the stream (a, b, c). U is u32 or a vec4 of it; a and b are the same for all four, so that the key is computed once. */
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

/** The stream that words name, on the host: from i to its number i. */
export function randomBits(...words: number[]): (i: number) => number {
  let [left, right] = [0x9e3779b9, 0];
  for (const word of words) [left, right] = [(hash32(left ^ word) + right) >>> 0, left];
  return (i) => hash32(hash32(i ^ left) + right);
}
