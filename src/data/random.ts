import { randomBits } from "../../shaders/lib/random.wgsl.ts";
import { AttributeError, checkWhole, ShapeError, show } from "../errors.ts";

/** An endless source of random numbers. */
export interface RandomStream {
  /** A 32-bit unsigned integer. */
  bits(): number;
  /** A number in [0, 1), a multiple of 2⁻³². */
  uniform(): number;
  /** A normal number with mean 0 and standard deviation 1, by the Box–Muller transform. */
  normal(): number;
  /** An integer in [0, bound), each equally likely; `bound` from 1 to 2³². */
  below(bound: number): number;
}

/**
 * Random numbers for work on the host (shuffling, splitting), repeatable on every platform. Number i of stream s is a
 * hash of all bits of (seed, s, i), so a counter is the only state, and similar seeds or streams give unrelated
 * numbers. Not for secrets.
 *
 * @param seed any safe integer, such as `Date.now()`.
 * @param stream any safe integer, default 0: an epoch, a worker.
 * @throws AttributeError if either is not a safe integer.
 */
export function randomStream(seed: number, stream = 0): RandomStream {
  const at = randomBits(...wordsOf("randomStream", "seed", seed), ...wordsOf("randomStream", "stream", stream));
  let counter = 0;
  const bits = (): number => at(counter++);
  const uniform = (): number => bits() / 2 ** 32;
  return {
    bits,
    uniform,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    below: (bound) => {
      checkWhole("randomStream.below", "bound", bound, 1, 2 ** 32);
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
 * @param n their number, from 0 to 2³².
 * @param seed any safe integer. The same seed and stream give the same order on every platform.
 * @param stream any safe integer, default 0; for instance the epoch.
 * @throws ShapeError if n is out of range; AttributeError if seed or stream is not an integer.
 */
export function permutation(n: number, seed: number, stream = 0): Uint32Array {
  if (!Number.isInteger(n) || n < 0 || n > 2 ** 32) {
    throw new ShapeError(`permutation: n is ${show(n)}, expected an integer from 0 to 2^32`);
  }
  wordsOf("permutation", "seed", seed);
  wordsOf("permutation", "stream", stream);
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

/** A safe integer as two 32-bit words. */
export function wordsOf(op: string, name: string, value: number): [number, number] {
  if (!Number.isSafeInteger(value)) {
    throw new AttributeError(`${op}: ${name} is ${show(value)}, expected an integer`);
  }
  return [value | 0, Math.floor(value / 2 ** 32)];
}
