import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { kernel } from "../../shaders/lib/compose.ts";
import { expand } from "../../shaders/lib/expand.ts";
import type { Declaration, Kernel } from "../../shaders/lib/kernel.ts";
import { builtinsOf, featuresOf, print, printTogether } from "../../shaders/lib/print.ts";
import { sequence } from "../mutants.ts";

describe("accessors", () => {
  const accessors = {
    a: (i: string) => `a[${i}]`,
    twice: (x: string) => `(2.0 * ${x})`,
    load: (i: string) => [`let x = a(${i});`, "let y = twice(x);"],
  };

  test.each([
    ["a(i) + a(i + 1u)", "a[i] + a[i + 1u]"],
    ["twice(a(f(i, 2u)))", "(2.0 * a[f(i, 2u)])"],
    ["b.a(i) + aa(i)", "b.a(i) + aa(i)"],
    ["max(twice(x[a(0u)]), 1.0)", "max((2.0 * x[a[0u]]), 1.0)"],
    ["  load(k);\n  z();", "  let x = a[k];\n  let y = (2.0 * x);\n  z();"],
  ])("%s", (text, wanted) => {
    expect(expand(text, accessors)).toBe(wanted);
  });

  test("a call without an end is an error", () => {
    expect(() => expand("a(i + (1u)", accessors)).toThrow('no end of the call at "a(i + (1u)');
  });
});

const buffer = (name: string, access: "read" | "read_write" = "read", type = "f32", length = 8) =>
  ({ name, access, type, length, note: `${name} of the test` }) as const;
const made = (declaration: Partial<Declaration> & Pick<Declaration, "body">): Kernel =>
  kernel({ workgroup: 64, parts: [{ buffers: [buffer("x"), buffer("y", "read_write")] }], ...declaration });
const scale = made({
  constants: { N: [8, "elements"], UNUSED: [3, "unused"], HALF: ["0.5", "a factor"] },
  body: "let i = id.x;\nif (i >= N) { return; }\ny_store(i, HALF * x[i]);",
});

describe("the printer", () => {
  test("declares only what a body names, with comments on request", () => {
    expect(print(scale, { notes: true })).toBe(`const N = 8u; // elements
const HALF = 0.5; // a factor
@group(0) @binding(0) var<storage, read> x: array<f32, 8>; // x of the test
@group(0) @binding(1) var<storage, read_write> y: array<f32, 8>; // y of the test

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= N) { return; }
  y[i] = HALF * x[i];
}
`);
    expect(print(scale)).not.toContain("//");
  });

  test("omits additions of zero and parentheses around names", () => {
    const { body } = made({
      body: "let from = 0u;\nlet base = 0u;\ny_store((i), x[from + i * 4u] + x[base]);\nif (i) { }",
    });
    expect(body).toBe("y_store(i, x[i * 4u] + x[0u]);\nif (i) { }");
  });

  test("omits whole terms only: every expression keeps its value", () => {
    const drawn = sequence(5);
    const draw = (): number => drawn(1000) / 1000;
    const pick = <T>(list: readonly T[]): T => list[Math.floor(draw() * list.length)]!;
    let depth = 0;
    const factor = (): string =>
      depth > 3 || draw() < 0.8
        ? pick(["z", "z", "i", "j", "4u", "5u", "0u", "1u"])
        : pick([`(${sum()})`, `x[${sum()}]`, `max(${sum()}, ${sum()})`]);
    const product = (): string => (draw() < 0.4 ? factor() : `${factor()} ${pick(["*", "*", "/", "%"])} ${factor()}`);
    const sum = (): string => {
      depth++;
      const text = draw() < 0.5 ? product() : `${product()} ${pick(["+", "+", "-"])} ${product()}`;
      depth--;
      return text;
    };
    const x = new Proxy({}, { get: (_, at) => 10 * Number(at) + 1 });
    const meaning = (text: string): unknown =>
      new Function("x", "i", "j", "z", "max", `return ${text.replace(/(\d)u\b/g, "$1")}`)(x, 7, 3, 0, Math.max);
    let shorter = 0;
    for (let k = 0; k < 2000; k++) {
      const whole = sum();
      const { body } = made({ body: `let z = 0u;\nlet y = ${whole};` });
      const [, left] = body.match(/^let y = (.*);$/)!;
      expect(meaning(left!), `${whole} → ${left}`).toBe(meaning(whole));
      if (left!.split(/ [-+] /).length < whole.split(/ [-+] /).length) shorter++;
    }
    expect(shorter).toBeGreaterThan(200);
  });

  test("finds the built-in values and features that a kernel uses", () => {
    expect(builtinsOf(made({ body: "let i = group.x + lane;" }))).toEqual(["group", "lane"]);
    expect(builtinsOf(made({ body: "let lane = id.x % 4u;\nlet i = lane;" }))).toEqual(["id"]);
    expect(featuresOf(made({ body: "let h = H(1.0);", features: ["subgroups"] }))).toEqual(["f16", "subgroups"]);
    expect(featuresOf(made({ functions: ["alias T = vec4h;"], body: "let t = T();" }))).toEqual(["f16"]);
    expect(featuresOf(made({ body: "let f = F(1.0);" }))).toEqual([]);
  });

  test("checks stored values if watched", () => {
    const watch = {
      stored: (name: string, value: string) => `seen_${name}(${value})`,
      buffers: [buffer("flag", "read_write", "u32", 4)],
      functions: ["fn seen_y(value: f32) -> f32 {\n  return value;\n}"],
      report: ["  flag[0] = 1u;"],
    };
    const text = print(scale, { watch });
    expect(text).toContain("y[i] = seen_y(HALF * x[i]);");
    expect(text).toContain("@binding(2) var<storage, read_write> flag: array<u32, 4>;");
    expect(text).toContain("fn unwatched(id: vec3u) {");
    expect(text).toContain("  unwatched(id);\n  flag[0] = 1u;\n}");
  });
});

describe("several kernels in one dispatch", () => {
  const places = (...buffers: number[]) => buffers.map((buffer) => ({ buffer, at: 0 }));

  test("share equal declarations, and number conflicting ones", () => {
    const twice = "fn twice(v: F) -> F {\n  return v + v;\n}";
    const first = made({
      functions: [twice],
      constants: { N: [8, "elements"] },
      body: "if (id.x < N) { y_store(id.x, twice(x[id.x])); }",
    });
    const same = { ...first };
    const other = made({
      functions: [twice],
      width: 4,
      constants: { N: [9, "elements"] },
      body: "let v = twice(F(N));\ny_store(id.x, v.x);",
    });
    const text = printTogether(
      [
        { kernel: first, first: 0, end: 64, places: places(0, 1) },
        { kernel: same, first: 64, end: 128, places: places(0, 2) },
        { kernel: other, first: 128, end: 192, places: places(0, 3) },
      ],
      [buffer("x"), buffer("y", "read_write"), buffer("y", "read_write"), buffer("y", "read_write")],
      64,
      false,
    );
    expect(text.match(/fn twice\(/g)).toHaveLength(1);
    expect(text).toContain("const N = 8u;\nalias F_1 = vec4f;\nconst N_1 = 9u;");
    expect(text).toContain("fn twice_1(v: F_1) -> F_1 {");
    expect(text).toContain("let v = twice_1(F_1(N_1));\n  y_2[id.x] = v.x;");
    expect(text).toContain("else if (id.x < 128u) { kernel1(vec3u(id.x - 64u, 0u, 0u)); }");
  });

  test("keep structs, their own workgroup memory, and local names that equal another kernel's buffer", () => {
    const struct = "struct Pair { x: f32, y: f32 }";
    const memory = [{ name: "partial", type: "f32", length: 64, note: "sums" }];
    const a = made({
      functions: [struct],
      memory,
      body: "partial[lane] = Pair(1.0, 2.0).x;\ny_store(group.x, partial[lane]);",
    });
    const b = kernel({
      workgroup: 64,
      parts: [{ buffers: [buffer("in0"), buffer("out", "read_write")] }],
      memory,
      body: "let x = in0[lane];\npartial[lane] = x;\nout_store(group.x, x);",
    });
    const text = printTogether(
      [
        { kernel: a, first: 0, end: 64, places: places(0, 1) },
        {
          kernel: b,
          first: 64,
          end: 128,
          places: [
            { buffer: 0, at: 4 },
            { buffer: 2, at: 0 },
          ],
        },
      ],
      [buffer("x"), buffer("y", "read_write"), buffer("out", "read_write")],
      64,
      true,
    );
    expect(text).toContain("var<workgroup> partial: array<f32, 64>;\nvar<workgroup> partial_1: array<f32, 64>;");
    // Kernel b has a value x of its own, so the buffer x of kernel a has another name.
    expect(text).toContain("var<storage, read> x_1: array<f32, 8>;");
    expect(text).toContain("let x = x_1[4u + lane];\n  partial_1[lane] = x;");
    expect(text).toContain("Pair(1.0, 2.0).x");
  });
});

const root = resolve(import.meta.dirname, "../..");
const sources = ["shaders", "src"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))
    .map((name) => ({ name: `${folder}/${name}`, text: readFileSync(join(root, folder, name), "utf8") })),
);

test("only the printer reads WGSL", () => {
  const readers = sources
    .filter(({ text }) =>
      /\b(wgsl|kernel\.body|functions)\b[^\n;]*\.(match|matchAll|replace|replaceAll|search)\(/.test(text),
    )
    .map(({ name }) => name);
  expect(readers.filter((name) => !/^shaders\/(wgsl|lib\/(print|expand|compose))\.ts$/.test(name))).toEqual([]);
});

test("kernels store only through accessors, so that stores can be watched", () => {
  for (const { name, text } of sources.filter(({ name }) => name.endsWith(".wgsl.ts"))) {
    const bound = new Set(
      [...text.matchAll(/(?:result|bufferOf)\("(\w+)"[^)]*"read_write"|result\("(\w+)"/g)].flatMap(
        ([, a, b]) => a ?? b ?? [],
      ),
    );
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
    for (const buffer of bound) expect(code, name).not.toMatch(new RegExp(`(?<![.\\w])${buffer}\\[[^\\]]*\\] = `));
  }
});
