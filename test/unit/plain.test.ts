import fc from "fast-check";
import { expect, test } from "vitest";
import { AttributeError } from "../../src/errors.ts";
import { plainText, plainValue } from "../../src/io/plain.ts";

const numbers = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0];

test("plain data comes back as it was, also where it looks like an encoded number", () => {
  const key = fc.constantFrom("$number", "$$number", "$$$number", "number", "a");
  const leaf = fc.oneof(fc.constantFrom<unknown>("NaN", "-0", "12 abc", null, true, ...numbers), fc.double());
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(leaf, fc.array(tie("value"), { maxLength: 3 }), fc.dictionary(key, tie("value"), { maxKeys: 3 })),
  }));
  fc.assert(
    fc.property(value, (data) => {
      expect(plainValue(plainText("save", "data", data))).toEqual(structuredClone(data));
    }),
  );
});

test("a text of another maker keeps what is no number", () => {
  expect(plainValue('{"a": {"$number": "12 abc"}, "b": {"$number": "Infinity"}}')).toEqual({
    a: { $number: "12 abc" },
    b: Number.POSITIVE_INFINITY,
  });
});

test("other data is refused by its place", () => {
  expect(() => plainText("save", "data", { a: [new Map()] })).toThrow(AttributeError);
  expect(() => plainText("save", "data", { a: [new Map()] })).toThrow("save: data.a[0] is a Map");
});
