import { afterAll, expect, test } from "vitest";
import * as t from "../../src/index.ts";
import { Engine, input, type Tensor, variable } from "../../src/index.ts";
import { evaluate } from "../../src/reference/index.ts";

/* Integers at the ends of 32 bits and beyond, where the float64 twin must behave like the GPU. */

const engine = await Engine.create();
afterAll(() => engine.destroy());

const numbers = [0, 1, -1, 2, 3, -7, 2147483647, -2147483648, 65536, -65537, 123456789, -1000003];
const pairs = numbers.flatMap((a) => numbers.map((b) => [a, b] as const));
const [lefts, rights] = [0, 1].map((side) => Int32Array.from(pairs, (pair) => pair[side as 0]));
const bits = (values: Int32Array) => variable(Uint32Array.from(values), [pairs.length]);
// Odd numbers, since a product of many even ones is 0 in 32 bits.
const odd = Int32Array.from({ length: 60 }, (_, i) => 2 * ((i * 7919 * 104729) % 2 ** 30) + 1);

const { add, sub, mul, div, mod, maximum, minimum, eq, lt, ge, sum, prod, max, min, any, all } = t;
const binary = Object.entries({ add, sub, mul, div, mod, maximum, minimum, eq, lt, ge });
const folds = Object.entries({ sum, prod, max, min, any, all });

test.each([
  ["i32", input("a", [pairs.length], "i32"), input("b", [pairs.length], "i32")],
  ["u32", bits(lefts!), bits(rights!)],
] as [string, Tensor, Tensor][])("%s", async (dtype, a, b) => {
  const factors = dtype === "i32" ? variable(odd, [3, 20]) : variable(Uint32Array.from(odd), [3, 20]);
  const outputs: Record<string, Tensor> = {
    ...Object.fromEntries(binary.map(([name, op]) => [name, op(a, b)])),
    ...Object.fromEntries(folds.map(([name, op]) => [name, op(a)])),
    "product of lines": t.prod(factors, 1),
    abs: t.abs(a),
    cumsum: t.cumsum(a, 0),
    "other sign": t.cast(a, dtype === "i32" ? "u32" : "i32"),
    "division by 0": t.div(a, 0),
    "division by 7": t.div(a, 7),
    "modulo 0": t.mod(a, 0),
    "modulo 7": t.mod(a, 7),
    ...(dtype === "i32" && {
      neg: t.neg(a),
      sign: t.sign(a),
      "division by −1": t.div(a, -1),
      "modulo −7": t.mod(a, -7),
    }),
  };
  const feeds: Record<string, Int32Array> = dtype === "i32" ? { a: lefts!, b: rights! } : {};
  const wanted = evaluate(outputs, { inputs: feeds });
  const program = await engine.compile({ outputs });
  await program.run(feeds);
  for (const [name, { data }] of Object.entries(wanted)) {
    expect([...(await program.outputs[name]!.data())], name).toEqual([...data].map((value) => value + 0));
  }
  program.destroy();
});

test("floats beyond 32 bits are clamped", async () => {
  const values = [
    0.5, -0.5, 1.9, -1.9, 2147483520, 2147483648, 3e9, 4294967040, 4294967296, 1e30, -2147483648, -3e9, -1e30,
  ];
  const x = input("x", [values.length]);
  const outputs = { i32: t.cast(x, "i32"), u32: t.cast(x, "u32") };
  const feeds = { x: Float32Array.from(values) };
  const program = await engine.compile({ outputs });
  await program.run(feeds);
  const wanted = evaluate(outputs, { inputs: feeds });
  for (const name of ["i32", "u32"] as const) {
    expect([...(await program.outputs[name].data())], name).toEqual([...wanted[name].data].map((value) => value + 0));
  }
  const constants = { i32: t.cast(t.full([2], 3e9), "i32"), u32: t.cast(t.full([2], -5), "u32") };
  const folded = await engine.compile({ outputs: constants });
  await folded.run({});
  expect([...(await folded.outputs.i32.data())]).toEqual([2147483520, 2147483520]);
  expect([...(await folded.outputs.u32.data())]).toEqual([0, 0]);
});
