import { fromBase64 } from "../bytes/base64.ts";
import type { Digits } from "./mnist.ts";
import { decodedShades } from "./shades.ts";

/** Images of one digit in each set. */
const each = { train: 50, test: 20 } as const;

const side = 28;
const pixels = side * side;

/**
 * 500 images of MNIST to train on and 200 to test with, as many of each digit, in the form of `mnist`. They are part of
 * the library, so they need no package, no server and no network: for a first try, a lesson or a test.
 *
 * ```ts
 * const { train, test } = await mnistSample();
 * ```
 *
 * Taken evenly from all of MNIST, the digits in turn: 0, 1, …, 9, 0, 1, … Pixels have 8 shades instead of 256. 31 KiB,
 * which bundlers put into a file of its own. Data: Y. LeCun and C. Cortes, CC BY-SA 3.0.
 */
export async function mnistSample(): Promise<{ readonly train: Digits; readonly test: Digits }> {
  const { packed } = await import("./mnistSample.packed.ts");
  const middle = 10 * each.train * pixels;
  const shades = decodedShades(fromBase64(packed), middle + 10 * each.test * pixels, side);
  return { train: digits(shades.subarray(0, middle), each.train), test: digits(shades.subarray(middle), each.test) };
}

function digits(shades: Uint8Array, each: number): Digits {
  const n = 10 * each;
  const data = shades.map((shade) => Math.round((shade * 255) / 7));
  const labels = Int32Array.from({ length: n }, (_, i) => i % 10);
  return { x: { data, shape: [n, 1, side, side] }, y: { data: labels, shape: [n] } };
}
