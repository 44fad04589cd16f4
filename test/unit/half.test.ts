import { expect, test } from "vitest";
import { halfBits, halfValue, packHalves, unpackHalves } from "../../src/graph/half.ts";

const all = Array.from({ length: 65536 }, (_, bits) => bits);
const isNaN16 = (bits: number) => (bits & 0x7fff) > 0x7c00;

test("every one of the 65,536 bit patterns survives a round trip", () => {
  const wrong = all.filter((bits) => !isNaN16(bits) && halfBits(halfValue(bits)) !== bits);
  expect(wrong).toEqual([]);
  const lost = all.filter((bits) => isNaN16(bits) && !isNaN16(halfBits(halfValue(bits))));
  expect(lost).toEqual([]);
});

test("the values are those of IEEE 754", () => {
  const of = (bits: number) => halfValue(bits);
  expect([0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x3555].map(of)).toEqual([
    1,
    -2,
    65504,
    2 ** -24,
    2 ** -14,
    0.333251953125,
  ]);
  expect([0x7c00, 0xfc00].map(of)).toEqual([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
  expect(Object.is(of(0x8000), -0)).toBe(true);
});

test("rounds to the nearer of two neighbours, in the middle to the even one", () => {
  for (let bits = 0; bits < 0x7bff; bits++) {
    const [low, high] = [halfValue(bits), halfValue(bits + 1)];
    const middle = (low + high) / 2; // exact in f32
    const even = bits % 2 === 0 ? bits : bits + 1;
    const eighth = (high - low) / 8;
    if (halfBits(middle) !== even || halfBits(middle - eighth) !== bits || halfBits(middle + eighth) !== bits + 1) {
      expect.fail(`between ${low} and ${high}`);
    }
    if (halfBits(-middle) !== (even | 0x8000)) expect.fail(`between ${-low} and ${-high}`);
  }
});

test("numbers become infinity from half a step beyond the largest", () => {
  expect(halfBits(65519.99609375)).toBe(0x7bff);
  expect(halfBits(65520)).toBe(0x7c00);
  expect(halfBits(-1e30)).toBe(0xfc00);
  expect(halfBits(Number.POSITIVE_INFINITY)).toBe(0x7c00);
  expect(halfBits(2 ** -25)).toBe(0); // half of the smallest number: rounds to even, which is 0
  expect(halfBits(2 ** -25 * 1.01)).toBe(1);
});

test("lists are padded to whole words", () => {
  expect([...packHalves([1, 2, 3])]).toEqual([0x3c00, 0x4000, 0x4200, 0]);
  expect([...unpackHalves(new Uint16Array([0x3c00, 0x4000]))]).toEqual([1, 2]);
});
