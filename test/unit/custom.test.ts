import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { AttributeError, DTypeError, LimitError, ShapeError, TilegradError } from "../../src/errors.ts";
import * as t from "../../src/index.ts";
import { customOp, elementwise, input, nn } from "../../src/index.ts";
import { hintOf } from "../../src/kernels/slips.ts";
import { checkOp, evaluate } from "../../src/reference/index.ts";
import { gpu } from "../adapters.ts";
import { counts, near, root, rowMax, scaled, swish } from "../custom.ts";

const x = input("x", [3, 4]);
const whole = input("i", [3, 4], "i32");

/** A sound definition with some parts replaced. */
const pointwise = (parts: object = {}, name = "sound") =>
  elementwise(name, { inputs: ["x"], wgsl: "x + 1", reference: (x: number) => x + 1, ...parts } as never);
const kernel = (parts: object = {}, name = "sound") =>
  customOp(name, {
    inputs: ["x"],
    outputs: { y: ({ x }: { x: t.Tensor }) => x.shape },
    wgsl: "y_store(id.x, x(id.x));",
    ...parts,
  } as never) as (...args: unknown[]) => t.Tensor;
const y = (rule: unknown) => ({ outputs: { y: rule } });

type Row = readonly [what: string, make: () => unknown, message: string, kind?: new (message: string) => Error];

const rows: readonly Row[] = [
  // Names.
  ["an invalid name", () => pointwise({}, "soft sign"), 'elementwise: name is "soft sign", expected a WGSL name'],
  ["no name", () => customOp(undefined as never, {} as never), "customOp: name is missing, expected a WGSL name"],
  ["the name of a built-in op", () => kernel({}, "expand"), 'customOp: name "expand" is taken: a built-in op'],
  ["the name of a property of every object", () => kernel({}, "toString"), 'customOp: name "toString" is taken'],
  [
    "an input that is not an identifier",
    () => kernel({ inputs: ["2x"] }),
    'customOp sound: input is "2x", expected a WGSL name',
  ],
  [
    "an input called id",
    () => kernel({ inputs: ["id"] }),
    'customOp sound: input "id" is taken: it is the number of an invocation',
  ],
  [
    "a keyword",
    () => pointwise({ inputs: ["loop"] }),
    'elementwise sound: input "loop" is taken: it is a keyword of WGSL',
  ],
  ["a reserved word", () => kernel({ inputs: ["target"] }), 'input "target" is taken: it is a word that WGSL reserves'],
  ["a built-in function", () => kernel({ inputs: ["max"] }), 'input "max" is taken: it is a function of WGSL'],
  [
    "a type of kernels",
    () => kernel({ constants: { F: 1 } }),
    'constant "F" is taken: it is a type in tilegrad\'s kernels',
  ],
  [
    "two inputs with the same name",
    () => kernel({ inputs: ["x", "x"] }),
    'customOp sound: input "x" is taken: it is an input',
  ],
  [
    "an output with the name of an input",
    () => kernel({ outputs: { x: () => [1] } }),
    'output "x" is taken: it is an input',
  ],
  [
    "a constant with the name of an output",
    () => kernel({ constants: { y: 1 } }),
    'constant "y" is taken: it is an output',
  ],
  [
    "a function with the name of a store",
    () => kernel({ functions: "fn y_store() {}" }),
    'function "y_store" is taken: it is a function',
  ],
  [
    "an input with the name of a gradient",
    () => kernel({ inputs: ["x", "dy"] }),
    'input "dy" is taken: it is the gradient of output "y"',
  ],
  [
    "a helper with the name of an operand",
    () => pointwise({ functions: "fn x() -> f32 { return 1; }" }),
    'elementwise sound: function "x" is taken: it is an input',
  ],
  // Missing and unknown parts.
  ["no inputs", () => pointwise({ inputs: [] }), "elementwise sound: inputs is [], expected the names of its operands"],
  ["inputs that are not a list", () => kernel({ inputs: "x" }), 'customOp sound: inputs is "x", expected an array'],
  ["no expression", () => pointwise({ wgsl: " " }), 'elementwise sound: wgsl is " ", expected WGSL'],
  [
    "no reference",
    () => pointwise({ reference: undefined }),
    "elementwise sound: reference is missing, expected a function",
  ],
  ["an option that does not exist", () => pointwise({ lib: [] }), 'elementwise sound: there is no option "lib"'],
  ["a misspelt option", () => kernel({ workgroup: 1 }), 'did you mean "workgroups"?'],
  ["unknown dtypes", () => pointwise({ dtypes: ["f64"] }), 'elementwise sound: dtype is "f64"', DTypeError],
  [
    "no outputs",
    () => kernel({ outputs: {} }),
    "customOp sound: outputs is an object, expected an object with a function for each output",
  ],
  ["an output without a rule", () => kernel(y([3, 4])), "customOp sound: outputs.y is [3, 4], expected a function"],
  [
    "an output that is never stored",
    () => kernel({ wgsl: "// y_store(0, 1)\nlet z = x(0);" }),
    'customOp sound: wgsl never stores output "y", expected y_store(i, value);',
  ],
  [
    "a gradient of an unknown input",
    () => kernel({ gradient: { z: () => x } }),
    'customOp sound: gradient: there is no input "z", only "x"',
  ],
  [
    "a gradient that is not a function",
    () => kernel({ gradient: { x } }),
    "customOp sound: gradient.x is tensor f32[3, 4], expected a function",
  ],
  [
    "dtypes of an unknown input",
    () => kernel({ dtypes: { y: "f32" } }),
    'customOp sound: dtypes: there is no input "y", only "x"',
  ],
  [
    "unknown dtypes of an input",
    () => kernel({ dtypes: { x: "int" } }),
    'customOp sound: dtypes.x: dtype is "int"',
    DTypeError,
  ],
  [
    "invocations and workgroups",
    () => kernel({ invocations: 1, workgroups: 1 }),
    "invocations and workgroups are both given",
  ],
  [
    "memory without workgroups",
    () => kernel({ memory: { m: { type: "f32", length: 1 } } }),
    "memory is given, expected workgroups as well",
  ],
  [
    "memory of a type without a size",
    () => kernel({ workgroups: 1, memory: { m: { type: "mat2", length: 1 } } }),
    'memory.m.type is "mat2", expected "f32"',
  ],
  [
    "memory without a length",
    () => kernel({ workgroups: 1, memory: { m: { type: "f32" } } }),
    "memory.m.length is missing, expected a whole number from 1",
  ],
  [
    "half an invocation",
    () => kernel({ invocations: 0.5 }),
    "customOp sound: invocations is 0.5, expected a whole number from 1",
  ],
  [
    "four axes",
    () => kernel({ workgroupSize: [1, 1, 1, 1] }),
    "workgroupSize is [1, 1, 1, 1], expected a whole number, or up to three",
  ],
  [
    "an infinite constant",
    () => kernel({ constants: { C: Number.POSITIVE_INFINITY } }),
    "customOp sound: constants.C is Infinity, expected a finite number or a boolean",
  ],
  [
    "an option that is not plain data",
    () => kernel({ options: { f: () => 1 } }),
    "customOp sound: options.f is a function, expected a finite number, a boolean",
  ],
  // WGSL.
  [
    "a bracket that closes nothing",
    () => pointwise({ wgsl: "x + 1) * (2" }),
    'elementwise sound: wgsl, line 1, column 6: ")" closes nothing',
  ],
  [
    "a bracket that closes another",
    () => kernel({ wgsl: "y_store(0,\n x[0));" }),
    'customOp sound: wgsl, line 2, column 5: ")" closes "[" of line 2, column 3',
  ],
  [
    "a bracket that is left open",
    () => pointwise({ wgsl: "x /* ) */ + (1" }),
    'wgsl, line 1, column 13: "(" is never closed',
  ],
  [
    "functions that are not declarations",
    () => kernel({ functions: "fn f() {}\n override g = 1;" }),
    'customOp sound: functions, line 2, column 2: "override" is not fn, struct, alias, const or var<private>',
  ],
  [
    "a binding among functions",
    () => kernel({ functions: "@group(0) @binding(0) var<storage> z: u32;" }),
    'line 1, column 1: "@" is not fn',
  ],
  [
    "a constant without an end",
    () => kernel({ functions: "const A = 1" }),
    "functions, line 1, column 1: A has no end",
  ],
  // Where it is applied.
  ["too few operands", () => (pointwise() as () => t.Tensor)(), "sound: got 0 operands, expected 1: x"],
  ["too many operands", () => kernel()(x, {}, x), "sound: got 3 operands, expected 1: x"],
  ["an operand that is not a tensor", () => kernel()(1), "sound: x is 1, expected a tensor"],
  [
    "operands of another dtype",
    () => (swish as (a: t.Tensor, b: number) => t.Tensor)(whole, 1),
    "swish: operand 0 is i32, expected f32 or f16",
    DTypeError,
  ],
  ["an input of another dtype", () => rowMax(whole), "rowMax: x is i32, expected f32 or f16", DTypeError],
  ["labels that are floats", () => counts(x), "counts: labels is f32, expected i32 or u32", DTypeError],
  [
    "shapes that do not broadcast",
    () => swish(x, input("b", [3])),
    "swish: shapes do not broadcast: [3, 4] and [3]",
    ShapeError,
  ],
  ["an unknown option", () => scaled(x, x, { b: 1 } as never), 'scaled: there is no option "b", only "a"'],
  ["an option of another kind", () => scaled(x, x, { a: "2" as never }), 'scaled: a is "2", expected a number'],
  [
    "an option that is infinite",
    () => scaled(x, x, { a: Number.POSITIVE_INFINITY }),
    "scaled: a is Infinity, expected a finite number",
  ],
  ["a shape with a fraction", () => kernel(y(() => [1.5]))(x), "sound: output y: axis 0 of [1.5] is 1.5", ShapeError],
  ["no shape", () => kernel(y(() => undefined))(x), "sound: output y: shape is missing, expected an array"],
  [
    "an unknown dtype",
    () => kernel(y(() => ({ shape: [1], dtype: "f64" })))(x),
    'sound: output y: dtype is "f64"',
    DTypeError,
  ],
  [
    "invalid invocations for these shapes",
    () => kernel({ invocations: () => 0 })(x),
    "sound: invocations is 0, expected a whole number from 1",
  ],
  [
    "invalid constants for these shapes",
    () => kernel({ constants: () => ({ x: 1 }) })(x),
    'customOp sound: constant "x" is taken: it is an input',
  ],
  [
    "invalid constants",
    () => kernel({ constants: () => ({ N: undefined }) })(x),
    "sound: the function for constants gave undefined for N",
  ],
];

describe("refuses", () => {
  test.each(rows)("%s", (_, make, message, kind = AttributeError) => {
    expect(make).toThrow(message);
    expect(make).toThrow(kind);
  });
});

test("grad refuses an op without a gradient, and gradients that do not fit", () => {
  const gradient = (y: unknown) => () => t.grad(t.sum(y as t.Tensor), [x]);
  const one = pointwise as (parts?: object) => (x: t.Tensor) => t.Tensor;
  expect(gradient(one()(x))).toThrow("grad: sound has no gradient: define one, or detach its result");
  expect(gradient(kernel()(x))).toThrow(AttributeError);
  expect(gradient(t.mul(x, t.detach(kernel()(x))))).not.toThrow();
  expect(gradient(one({ gradient: () => [] })(x))).toThrow("the gradient of sound gives 0 tensors, expected 1: x");
  expect(gradient(one({ gradient: () => 1 })(x))).toThrow(
    "grad: the gradient of sound: the result is 1, expected an array",
  );
  expect(gradient(one({ gradient: () => t.full([3], 1) })(x))).toThrow(
    "grad: sound: the gradient of x has shape [3], expected [3, 4]",
  );
  const wrong = (rule: () => unknown) => gradient(kernel({ gradient: { x: rule } })(x));
  expect(wrong(() => t.full([3, 1], 1))).toThrow(ShapeError);
  expect(wrong(() => t.full([3, 4], 1, "f16"))).toThrow("the gradient of x is f16, expected f32");
  expect(wrong(() => undefined)).toThrow("grad: sound: the gradient of x is missing, expected a tensor");
  // Inputs without a gradient are constants, and whole numbers have none.
  expect(gradient(kernel({ gradient: {} })(x))).not.toThrow();
  expect(gradient(t.mul(x, t.cast(t.sum(near(x, 0, 1)), "f32")))).not.toThrow();
});

test("compile refuses kernels that exceed the limits of the adapter", () => {
  const large = kernel({ workgroups: 1, workgroupSize: 512 })(x);
  expect(() => compile({ outputs: { y: large } }, gpu)).toThrow(LimitError);
  expect(() => compile({ outputs: { y: large } }, gpu)).toThrow("compile: sound needs 512 invocations per workgroup");
  const memory = { m: { type: "vec4f", length: 1025 } };
  expect(() => compile({ outputs: { y: kernel({ workgroups: 1, memory })(x) } }, gpu)).toThrow(
    "16400 bytes of workgroup memory",
  );
  const inputs = Array.from({ length: 8 }, (_, i) => `a${i}`);
  const wide = kernel({ inputs, outputs: { y: () => [1] }, wgsl: "y_store(0, 1);" });
  const outputs = { y: wide(...inputs.map((name) => input(name, [1]))) };
  expect(() => compile({ outputs }, gpu)).toThrow("compile: sound binds 9 buffers; this adapter allows 8");
});

describe("names the function of a definition that throws, and what it receives", () => {
  const lost = (...[first]: unknown[]) => (first as { absent: number[] }).absent[0];
  const through = (made: unknown) => () => t.grad(t.sum(made as t.Tensor), [x]);
  test.each([
    ["constants", () => kernel({ constants: lost })(x), "customOp sound: constants", "({ x, y }, options)"],
    ["invocations", () => kernel({ invocations: lost })(x), "customOp sound: invocations", "({ x, y }, options)"],
    ["outputs", () => kernel(y(lost))(x), "customOp sound: outputs.y", "({ x }, options)"],
    [
      "gradient",
      through(kernel({ gradient: { x: lost } })(x)),
      "customOp sound: gradient.x",
      "({ x, y, dy }, options)",
    ],
    [
      "reference",
      () => evaluate([kernel({ reference: lost })(x)], { inputs: { x: new Float32Array(12) } }),
      "customOp sound: reference",
      "({ x }, options)",
    ],
    ["elementwise", through(pointwise({ gradient: lost })(x)), "elementwise sound: gradient", "(dy, y, x)"],
  ])("%s", (_, make, what, receives) => {
    const error = caught(make);
    expect(error).toBeInstanceOf(AttributeError);
    expect(error.cause).toBeInstanceOf(TypeError);
    expect(error.message).toBe(`${what} threw ${error.cause}; it is called with ${receives}`);
  });

  function caught(make: () => unknown): Error {
    try {
      make();
    } catch (error) {
      return error as Error;
    }
    throw new Error("nothing was thrown");
  }
});

test("checkOp asks for constants instead of inputs", async () => {
  const none = { compile: () => Promise.reject(new Error("compiled")) };
  await expect(checkOp(none, kernel(), [t.mul(x, 2)])).rejects.toThrow(
    'checkOp: args[0] depends on the input "x", which has no value here: pass a constant',
  );
});

test("a missing or wrong reference is reported", () => {
  expect(() => evaluate([kernel()(x)], { inputs: { x: new Float32Array(12) } })).toThrow(TilegradError);
  const short = kernel({ reference: () => [1] })(x);
  expect(() => evaluate([short], { inputs: { x: new Float32Array(12) } })).toThrow(
    "reference: sound gives 1 element for output y, expected 12: [3, 4]",
  );
  const none = kernel({ reference: () => ({}) })(x);
  expect(() => evaluate([none], { inputs: { x: new Float32Array(12) } })).toThrow("gives no elements for output y");
});

test("in mixed precision they follow their operands, except wide ones", () => {
  const wide = elementwise("wide", { inputs: ["x"], wgsl: "x * 1e6", reference: (x) => x * 1e6, wide: true });
  const only = customOp("only", {
    inputs: ["x"],
    dtypes: { x: "f32" },
    outputs: { y: ({ x }) => x.shape },
    wgsl: "y_store(id.x, x(id.x));",
  });
  const dtypesOf = (layer: (x: t.Tensor) => t.Tensor) => {
    const model = nn.sequential(
      nn.linear(4, 4),
      nn.stateless(layer),
      nn.stateless((x) => t.add(x, 1)),
    );
    const text = t.print({ y: nn.mixedPrecision(model)(x) });
    return /(swish|wide|rowMax|only)\(.*: (\w+)\[/.exec(text)?.[2];
  };
  expect(dtypesOf((x) => swish(x, 2))).toBe("f16");
  expect(dtypesOf((x) => rowMax(x))).toBe("f16");
  expect(dtypesOf((x) => wide(x))).toBe("f32");
  expect(dtypesOf((x) => only(x))).toBe("f32");
});

test("equal nodes are computed once, and dtypes choose between the two texts of an op", () => {
  const a = compile({ outputs: { a: rowMax(x), b: rowMax(x) } }, gpu).calls;
  expect(a).toHaveLength(1);
  const texts = (y: t.Tensor) => compile({ outputs: { y } }, gpu).calls[0]!.wgsl;
  expect(texts(root(x))).toContain("(x: f32) -> f32 {");
  expect(texts(root(whole))).toContain("(x: i32) -> i32 {");
});

test("ops with special rules in passes have reserved names", () => {
  const folder = resolve(import.meta.dirname, "../../src");
  const all = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  // The writer of ONNX models refuses users' ops before it looks at names.
  const files = all.filter((name) => !name.startsWith("onnx/export/"));
  const known = files.flatMap((file) => {
    const text = readFileSync(join(folder, file), "utf8");
    const compared = [...text.matchAll(/op\.name [!=]== "(\w+)"/g)].map(([, name]) => name!);
    const table = file === "compile/simplify.ts" ? text.slice(text.indexOf("const rules")).split("\n};")[0]! : "";
    return [...compared, ...[...table.matchAll(/^ {2}(\w+)(?:: |\()/gm)].map(([, name]) => name!)];
  });
  expect(known).toEqual(expect.arrayContaining(["foreach", "expand", "matmul", "permute", "detach"]));
  for (const name of known) expect(() => pointwise({}, name), name).toThrow("is taken");
});

test.each([
  ["y_store(0, x[0]);", "cannot use function 'x' as value", "element i of x is x(i)"],
  ["let v = a > 0 ? 1 : 2;", "invalid character found", "WGSL has no ?:, write select(otherwise, value, condition)"],
  ["a ** 2", "cannot dereference expression of type 'abstract-int'", "WGSL has no **, write pow(x, y)"],
  ["a === 0", "unable to parse right side of == expression", "WGSL compares with == and !="],
  [
    "select(a > 0, a, 0)",
    "no matching call to 'select(bool, f32, abstract-int)'",
    "the condition of select comes last",
  ],
  ["a + i", "no matching overload for 'operator + (f32, u32)'", "write f32(…) around the u32"],
  ["i * a", "no matching overload for 'operator * (u32, f32)'", "write f32(…) around the u32"],
  [
    "let i: i32 = id.x;",
    "cannot initialize 'let' of type 'i32' with value of type 'u32'",
    "write i32(…) around the u32",
  ],
  ["a + foo", "unresolved value 'foo'", undefined],
  ["m[0] + a", "no matching overload for 'operator + (f32, f32)'", undefined],
])("the hint for %s", (line, said, hint) => {
  const given = hintOf({ line, said, tensors: new Map([["x", "element i of x is x(i)"]]) });
  if (hint === undefined) expect(given).toBeUndefined();
  else expect(given).toContain(hint);
});
