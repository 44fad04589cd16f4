import { AttributeError, ShapeError } from "../errors.ts";

/**
 * A bijection of 32-bit integers whose output bits each depend on every input bit: "lowbias32" by C. Wellons
 * (github.com/skeeto/hash-prospector), with the better constants that T. Ironborn found.
 */
export function hash32(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0xd35a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}

/** An endless source of random numbers. */
export interface RandomStream {
  /** A 32-bit unsigned integer. */
  bits(): number;
  /** A number in [0, 1), a multiple of 2⁻³². */
  uniform(): number;
  /** An integer in [0, bound), each equally likely; `bound` from 1 to 2³². */
  below(bound: number): number;
}

/**
 * Random numbers for work on the host (shuffling, splitting), repeatable on every platform: number i of stream s is a
 * hash of (seed, s, i), so no state but a counter is kept and streams of one seed are independent. Not for secrets.
 *
 * @param seed any safe integer; `Date.now()` will do.
 * @param stream any safe integer, default 0: an epoch, a worker.
 * @throws AttributeError if either is not a safe integer.
 */
export function randomStream(seed: number, stream = 0): RandomStream {
  const key = hash32(fold("seed", seed) ^ hash32(fold("stream", stream) + 0x9e3779b9));
  let counter = 0;
  const bits = (): number => hash32(hash32(counter++) ^ key);
  return {
    bits,
    uniform: () => bits() / 2 ** 32,
    below: (bound) => {
      // The last, incomplete run of `bound` values would favour small results: draw again there.
      const limit = 2 ** 32 - (2 ** 32 % bound);
      let value = bits();
      while (value >= limit) value = bits();
      return value % bound;
    },
  };
}

/**
 * The integers 0 … n−1 in random order (Fisher–Yates; R. Durstenfeld, "Algorithm 235", CACM 7, 1964).
 *
 * @param n how many, from 0 to 2³².
 * @param seed any safe integer. The same seed and stream give the same order, on every platform.
 * @param stream any safe integer, default 0; the epoch, for instance.
 * @throws ShapeError if n is not such a count; AttributeError if seed or stream is not an integer.
 */
export function permutation(n: number, seed: number, stream = 0): Uint32Array {
  if (!Number.isInteger(n) || n < 0 || n > 2 ** 32) {
    throw new ShapeError(`permutation: n is ${n}, expected an integer from 0 to 2^32`);
  }
  const random = randomStream(seed, stream);
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const value = order[i]!;
    order[i] = order[j]!;
    order[j] = value;
  }
  return order;
}

/** 32 bits that depend on all 54 of a safe integer. */
function fold(name: string, value: number): number {
  if (!Number.isSafeInteger(value)) {
    throw new AttributeError(`${name} is ${String(value)}, expected an integer`);
  }
  return hash32(value | 0) ^ Math.floor(value / 2 ** 32);
}
