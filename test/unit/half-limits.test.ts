import { expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { LimitError } from "../../src/errors.ts";
import { add, cast } from "../../src/ops/pointwise/arithmetic.ts";
import { constant, input, variable } from "../../src/ops/sources/constants.ts";
import { software } from "../adapters.ts";

const able = { ...software, features: new Set(["shader-f16"]) };
const x = input("x", [3, 5]);

test("an adapter without f16 refuses it, naming the tensor", () => {
  const w = variable(new Float32Array(5), [5], { name: "w", dtype: "f16" });
  expect(() => compile({ outputs: { y: input("h", [2], "f16") } }, software)).toThrow(
    new LimitError(
      'compile: input "h" is f16[2], but this adapter lacks the feature shader-f16: use f32 here, the model itself instead of nn.mixedPrecision(model)',
    ),
  );
  expect(() => compile({ outputs: { w } }, software)).toThrow(/variable "w" is f16\[5\]/);
  expect(() => compile({ outputs: { y: cast(cast(x, "f16"), "f32") } }, software)).toThrow(
    /the result of cast is f16\[3, 5\]/,
  );
  expect(() => compile({ outputs: { y: add(x, 1) } }, software)).not.toThrow();
});

test("kernels that name f16 enable it first, others do not", () => {
  const half = cast(x, "f16");
  const { calls } = compile({ outputs: { half, plain: add(input("z", [4]), 1) } }, able, new Map(), {
    merge: false,
  });
  expect(calls.map(({ wgsl }) => wgsl.startsWith("enable f16;\n"))).toEqual([true, false]);
  expect(calls.map(({ wgsl }) => /f16|vec4h/.test(wgsl))).toEqual([true, false]);
});

test("f16 takes half the memory", () => {
  const { slots, homes } = compile(
    { outputs: { y: add(variable(new Float32Array(64), [64], { dtype: "f16" }), input("x", [64], "f16")) } },
    able,
  );
  expect(slots.map(({ bytes }) => bytes)).toEqual([128]);
  expect([...homes.values()].map(({ buffer }) => buffer.bytes)).toEqual([128]);
});

test("numbers too large for f16 are refused as data, and clamped as literals", () => {
  expect(() => constant(new Int32Array(2), [2], "i", "f16")).toThrow("an Int32Array does not hold f16");
  const { calls } = compile({ outputs: { y: add(input("x", [4], "f16"), 1e9) } }, able);
  expect(calls[0]!.wgsl).toContain("H(65504.0)");
});
