import { describe, expect, test } from "vitest";
import { compile } from "../../../demos/course/cells/compile.ts";
import { load } from "../../../demos/course/cells/modules.ts";
import { messageOf, Notebook } from "../../../demos/course/cells/notebook.ts";
import { withoutTypes } from "../../../demos/course/cells/types.ts";

const notebook = () => new Notebook(async (name) => ({ answer: 42, name, default: "it" }));

/** Runs cells one after the other. @returns the values of their last lines. */
async function run(...cells: string[]): Promise<unknown[]> {
  const book = notebook();
  const values = [];
  for (const [i, cell] of cells.entries()) values.push(await book.run(String(i + 1), compile(cell)));
  return values;
}

describe("types", () => {
  test.each([
    ["let x: number = 1;", "let x         = 1;"],
    ["const f = (a: number, b?: string): void => {};", "const f = (a        , b         )       => {};"],
    ["const a = b as unknown as number;", "const a = b                     ;"],
    ["const a = b!.c!;", "const a = b .c ;"],
    ["const a = b satisfies T;", "const a = b            ;"],
    ["interface A { b: number }\nlet c = 1;", "                         \nlet c = 1;"],
    ["type A = { b: 1 };\nf<number>(2);", "                  \nf        (2);"],
    [
      "function f<T extends object>(x: T): x is T { return true }",
      "function f                  (x   )         { return true }",
    ],
    ['import type { A } from "a";', "                           "],
    ['import { type A, b } from "a";', 'import {         b } from "a";'],
    [
      "class A<T> extends B<T> implements C { private readonly x: number = 1; y!: T; z?: T }",
      "class A    extends B                 {                  x         = 1; y    ; z     }",
    ],
    ["const f = <T,>(x: T) => x;", "const f =     (x   ) => x;"],
    ["for (const x of y as number[]) {}", "for (const x of y            ) {}"],
    [
      "abstract class A { abstract b(): void; protected abstract c: number; d = 1 }",
      "         class A {                                                   d = 1 }",
    ],
    ["const a = abstract; f(abstract);", "const a = abstract; f(abstract);"],
    ["function f(this: Date, b: number) { return this }", "function f(            b        ) { return this }"],
    ["const o = { m(this: A) { return 1 } };", "const o = { m(       ) { return 1 } };"],
  ])("%s", (typed, plain) => {
    expect(withoutTypes(typed)).toBe(plain);
  });

  test.each(["enum A { B }", "class A { constructor(public x: number) {} }", "namespace A { export const b = 1 }"])(
    "refuses what is more than a type: %s",
    (code) => expect(() => withoutTypes(code)).toThrow(/is no type/),
  );
});

describe("cells", () => {
  test("see what earlier ones have defined, and change it", async () => {
    expect(await run("let n = 1; const { a, b: [c = 5] } = { a: 2, b: [] };", "n += a + c", "n")).toEqual([
      undefined,
      8,
      8,
    ]);
  });

  test("share functions and classes, which see later changes of what they use", async () => {
    expect(
      await run(
        "let w = 1; class Neuron { get w() { return w; } static make = () => new Neuron(); }",
        "const early = twice(2); function twice(x) { return 2 * x * w; }\nearly",
        "w = 10;",
        "[twice(2), Neuron.make().w]",
      ),
    ).toEqual([undefined, 4, undefined, [40, 10]]);
  });

  test("keep names of functions, blocks and parameters to themselves", async () => {
    expect(
      await run(
        "const x = 1; let sum = 0;",
        "for (let x = 5; x < 7; x++) sum += x; { const x = 9; sum += x } const f = (x, { y = x } = {}) => x + y; try { throw 3 } catch (x) { sum += x }\n[sum, f(10), x, { x }, { x: 7 }.x]",
      ),
    ).toEqual([undefined, [23, 20, 1, { x: 1 }, 7]]);
  });

  test("know a class by its name inside of it, also before the cell has it", async () => {
    const values = await run(
      "class A { static x = A.name; static y = A.x + 1; static { A.y += 2; } z() { return A.y } }\nnew A().z()",
      "class A extends Array { static x = A.y ?? 5 }\nA.x",
      "class B extends A { static x = A.x + 1 }\nB.x",
      "abstract class C { abstract f(): number; g() { return this.f() } }\nclass D extends C { f() { return 7 } }\nnew D().g()",
    );
    expect(values).toEqual(["A12", 5, 6, 7]);
  });

  test("share what var defines in blocks and loops, but not in functions", async () => {
    expect(
      await run(
        "let s = 0\nif (true) { s\nvar a = 1 }\nfor (var i = 0, n = 3; i < n; i++) var last = i",
        "for (var { length } of ['ab', 'c']) s += length\nfor (var key in { x: 1 });\nif (s < 0) var b = 1; else var b = 2; var b;",
        "switch (s) { case 3: var [c, d = 5] = [4] }\n(() => { var hidden = 1; })(); class K { static { var hidden = 1 } }",
        "[a, i, n, last, s, length, key, b, c, d, typeof hidden]",
      ),
    ).toEqual([undefined, undefined, undefined, [1, 3, 3, 2, 3, 1, "x", 2, 4, 5, "undefined"]]);
  });

  test("show the last line, unless it ends with a semicolon", async () => {
    expect(await run("1 + 1", "1 + 1;", "(2)", "({ a: 1 })", "let y = 3", "if (true) 4")).toEqual([
      2,
      undefined,
      2,
      { a: 1 },
      undefined,
      undefined,
    ]);
  });

  test("import from the table of modules", async () => {
    const cells = [
      'import it, { answer, name as called } from "tilegrad/nn"; import * as all from "a";',
      "[it, answer, called, all.name]",
      '(await import("b")).name',
    ];
    expect(await run(...cells)).toEqual([undefined, ["it", 42, "tilegrad/nn", "a"], "b"]);
    await expect(run('import { question } from "c";')).rejects.toThrow("c exports nothing with the name question");
  });

  test.each(["toString", "constructor", "__proto__", "tilegrad/gpu"])(
    "refuse %s, which is in no table",
    async (name) => {
      await expect(load(name)).rejects.toThrow(`a cell can import tilegrad, tilegrad/augment,`);
    },
  );

  test("await at the top, and define names again", async () => {
    expect(await run("const a = await Promise.resolve(1);", "const a = 2;", "a")).toEqual([undefined, undefined, 2]);
  });

  test("see nothing of what a check defines or sets", async () => {
    const book = notebook();
    await book.run("1", compile("let n = 1;"));
    const check = compile("const twice = 2 * n; function f() { return twice } n = 5; [f(), n]");
    expect(await book.runApart("check", check)).toEqual([2, 5]);
    expect(await book.run("2", compile("n"))).toBe(1);
    for (const name of ["twice", "f"]) await expect(book.run("3", compile(name))).rejects.toThrow(`${name} is not`);
  });

  test("do not run lines together that lack a semicolon", async () => {
    expect(await run("let a = 1\nlet { b } = { b: a }\nclass C {}\nconst [d] = [b]\nd")).toEqual([1]);
  });

  test.each([
    ["let a = ;", 8],
    ["const x;", 7],
    ["export const x = 1;", 0],
    ["return 1", 0],
    ["let a: number = b as;", 20],
    ["const x = 1;\nconst f = ($: number) => $ + x;", 23],
    ["const url = import.meta.url;", 12],
  ])("say where a mistake is: %s", (code, at) => {
    expect(() => compile(code)).toThrow(expect.objectContaining({ at, name: "SyntaxError" }));
  });
});

describe("errors", () => {
  test("name the cell, line and column where they arose, in code as it was written", async () => {
    const book = notebook();
    await book.run(
      "first",
      compile(
        "const ok = 1;\nfunction fail(x: number): never {\n  const { y } = { y: ok };\n  throw new RangeError(String(x + y));\n}",
      ),
    );
    const error = await book
      .run("second", compile('import { answer } from "a";\nfail(answer);'))
      .catch((error) => error);
    expect(messageOf(error)).toBe("RangeError: 43");
    expect(book.placeOf(error)).toEqual({ cell: "first", line: 4, column: 9 });
  });

  test("of names that nothing defines are at the name", async () => {
    const book = notebook();
    const error = await book
      .run("one", compile("const a = 1, b = 2;\nconst c: number = a + (losss as number);"))
      .catch((e) => e);
    expect(messageOf(error)).toBe("ReferenceError: losss is not defined");
    expect(book.placeOf(error)).toEqual({ cell: "one", line: 2, column: 24 });
  });

  test("call things as the cell does", async () => {
    const book = notebook();
    await book.run("one", compile("const model = {};"));
    const error = await book.run("two", compile("model(1)")).catch((error) => error);
    expect(messageOf(error)).toBe("TypeError: model is not a function");
    expect(book.placeOf(error)).toEqual({ cell: "two", line: 1, column: 1 });
  });
});
