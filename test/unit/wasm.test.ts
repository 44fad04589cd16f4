import { describe, expect, test } from "vitest";
import { createWasm } from "../../src/wasm/index.ts";

const device = await (await createWasm().requestAdapter())!.requestDevice();

type Numbers = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** Runs a kernel on some buffers. @returns what they hold then. */
async function run<B extends readonly Numbers[]>(code: string, buffers: B, x = 1, y = 1): Promise<B> {
  const module = device.createShaderModule({ code });
  const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute: { module } });
  const own = buffers.map((data) => device.createBuffer({ size: data.byteLength, usage: 0 }));
  own.forEach((buffer, i) => device.queue.writeBuffer(buffer, 0, buffers[i]!));
  const entries = own.map((buffer, binding) => ({ binding, resource: { buffer } }));
  const group = device.createBindGroup({ layout: {} as GPUBindGroupLayout, entries });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(x, y);
  pass.end();
  device.queue.submit([encoder.finish()]);
  const results: Numbers[] = [];
  for (const [i, buffer] of own.entries()) {
    await buffer.mapAsync(1);
    const Kind = buffers[i]!.constructor as new (data: ArrayBuffer) => Numbers;
    results.push(new Kind(buffer.getMappedRange().slice(0)));
    buffer.destroy();
  }
  return results as unknown as B;
}

/** A kernel of one invocation: `body` reads x and writes y. */
const single = (body: string, type = "f32", functions = "") => `
@group(0) @binding(0) var<storage, read> x: array<${type}>;
@group(0) @binding(1) var<storage, read_write> y: array<${type}>;
${functions}
@compute @workgroup_size(1) fn main() { ${body} }`;

const floats = (...values: number[]) => Float32Array.from(values);
const wholes = (...values: number[]) => Int32Array.from(values);

describe("statements", () => {
  test("loops with break, continue and an early return", async () => {
    const body = `
      var sum = 0;
      for (var i = 0; i < 10; i++) {
        if (i == 2) { continue; }
        if (i == 6) { break; }
        sum += x[i];
      }
      y[0] = sum;
      var n = 0;
      while (true) { n += 3; if (n > 10) { break; } }
      y[1] = n;
      if (n > 5) { return; }
      y[2] = 1;`;
    const [, y] = await run(single(body, "i32"), [wholes(1, 2, 4, 8, 16, 32, 64, 0, 0, 0), wholes(0, 0, 0)]);
    expect([...y]).toEqual([1 + 2 + 8 + 16 + 32, 12, 0]);
  });

  test("functions return from anywhere, structs and arrays hold values", async () => {
    const functions = `
      struct Pair { low: f32, high: vec4f }
      fn sign_of(v: f32) -> f32 { if (v < 0.0) { return -1.0; } else if (v == 0.0) { return 0.0; } return 1.0; }
      fn pair(v: f32) -> Pair { return Pair(v, vec4f(v, v + 1.0, v + 2.0, v + 3.0)); }`;
    const body = `
      let p = pair(x[0]);
      var all = array<f32, 4>(p.low, p.high.y, p.high.w, sign_of(x[1]));
      for (var i = 0u; i < 4u; i++) { y[i] = all[i]; }
      var v = p.high;
      v.z = 10.0;
      y[4] = v.z + v.x;
      y[5] = p.high[3];`;
    const [, y] = await run(single(body, "f32", functions), [floats(5, -3), floats(0, 0, 0, 0, 0, 0)]);
    expect([...y]).toEqual([5, 6, 8, -1, 15, 8]);
  });

  test.each(["f32", "vec2f", "vec3f", "vec4f"])(
    "arrays hold arrays of %s, by positions that are known late",
    async (type) => {
      const functions = `
      alias Three = array<${type}, 3>;
      fn three(v: f32) -> Three { return Three(${type}(v), ${type}(v + 1.0), ${type}(v + 2.0)); }
      fn last(of: Three) -> f32 { return dot(vec4f(of[2] * ${type}(1.0)${{ f32: ", 0.0, 0.0, 0.0", vec2f: ", 0.0, 0.0", vec3f: ", 0.0", vec4f: "" }[type]}), vec4f(1.0, 0.0, 0.0, 0.0)); }`;
      const body = `
      var all = array<Three, 4>(three(x[0]), three(x[1]), three(x[2]), three(x[3]));
      for (var i = 1u; i < 4u; i++) { all[i][1] = all[i - 1u][i % 3u]; }
      for (var i = 0u; i < 4u; i++) {
        y[2u * i] = last(all[i]);
        y[2u * i + 1u] = last(Three(${type}(), ${type}(), all[i][1]));
      }`;
      const [, y] = await run(single(body, "f32", functions), [floats(10, 20, 30, 40), new Float32Array(8)]);
      // The second of each comes from the array before: its own second, third and first.
      expect([...y]).toEqual([12, 11, 22, 11, 32, 22, 42, 30]);
    },
  );

  test("each invocation has its place", async () => {
    const code = `
      const WIDTH = 3u;
      @group(0) @binding(0) var<storage, read_write> y: array<u32, 24>;
      @compute @workgroup_size(3, 2) fn main(@builtin(global_invocation_id) id: vec3u, @builtin(local_invocation_id) own: vec3u, @builtin(workgroup_id) group: vec3u) {
        y[id.y * 2u * WIDTH + id.x] = 100u * group.x + 10u * group.y + own.x + 3u * own.y;
      }`;
    const [y] = await run(code, [new Uint32Array(24)], 2, 2);
    expect([...y.slice(0, 6)]).toEqual([0, 1, 2, 100, 101, 102]);
    expect([...y.slice(18)]).toEqual([13, 14, 15, 113, 114, 115]);
  });
});

describe("values stay what they were", () => {
  test("a sum, while what it is the sum of goes on", async () => {
    const functions = `
      var<private> n: u32;
      fn later(at: u32) -> f32 { n = 9u; return x[at]; }`;
    const body = `
      var i = 0u;
      for (var k = 0u; k < 3u; k++) {
        let at = 2u * i + 1u;
        i += 1u;
        y[k] = x[at];
      }
      n = 1u;
      y[3] = later(n + 1u);
      let beside = u32(y[4]) + 1u;
      y[4] = 0.0;
      y[5] = x[beside];`;
    const given = floats(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
    const [, y] = await run(single(body, "f32", functions), [given, floats(0, 0, 0, 0, 5, 0)]);
    expect([...y]).toEqual([1, 3, 5, 2, 0, 6]);
  });

  test("operands, while functions change what they read", async () => {
    const functions = `
      var<private> v: f32;
      fn next() -> f32 { v = v + 1.0; y[0] = v; return v; }
      fn pair(a: f32, b: f32) -> f32 { return 10.0 * a + b; }`;
    const body = `
      v = 1.0;
      y[1] = v * 10.0 + next();
      y[2] = y[0] * 10.0 + next();
      y[3] = pair(v, next());
      v += next();
      y[4] = v;
      v = 5.0;
      y[u32(next())] += 70.0;
      y[7] = v;
      y[u32(y[0]) + 2u] = next() + v;`;
    const [, y] = await run(single(body, "f32", functions), [floats(0), new Float32Array(9)]);
    expect([...y]).toEqual([7, 12, 23, 34, 4 + 5, 0, 70, 6, 7 + 7]);
  });

  test.each(["y", "own"])("components of an element of %s, while others are stored", async (at) => {
    const body = `
      var own = array<vec3f, 2>(vec3f(0.0), y[1]);
      ${at}[1] = vec3f(${at}[1].z, ${at}[1].x, ${at}[1].y);
      ${at}[1] = mat3x3f(0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0) * ${at}[1];
      ${at}[1] = ${at}[1].yxz;
      y[0] = ${at}[1];`;
    const [, y] = await run(single(body, "vec3f"), [floats(0, 0, 0, 0), floats(0, 0, 0, 0, 1, 2, 3, 0)]);
    // Turned right, turned again, and two of them swapped.
    expect([...y.slice(0, 3)]).toEqual([3, 2, 1]);
  });
});

describe("numbers", () => {
  test("whole numbers divide as WGSL says, by 0 as well", async () => {
    const body =
      "for (var i = 0; i < 4; i++) { y[2 * i] = x[2 * i] / x[2 * i + 1]; y[2 * i + 1] = x[2 * i] % x[2 * i + 1]; }";
    const given = wholes(-7, 2, 7, 0, -(2 ** 31), -1, 9, -4);
    const [, y] = await run(single(body, "i32"), [given, new Int32Array(8)]);
    expect([...y]).toEqual([-3, -1, 7, 0, -(2 ** 31), 0, -2, 1]);
  });

  test("lanes shift by counts of their own", async () => {
    const body =
      "let v = vec4u(x[0], x[1], x[2], x[3]); let s = (v << v) >> vec4u(1u); y[0] = s.x; y[1] = s.y; y[2] = s.z; y[3] = s.w;";
    const [, y] = await run(single(body, "u32"), [Uint32Array.of(1, 2, 3, 31), new Uint32Array(4)]);
    expect([...y]).toEqual([1, 4, 12, 2 ** 30]);
  });

  test("conversions stop at the bounds, and bits stay bits", async () => {
    const body = `y[0] = f32(i32(x[0])); y[1] = f32(u32(x[1])); y[2] = bitcast<f32>(bitcast<u32>(x[2]) | 0x80000000u);
      y[3] = f32(i32(x[3])); y[4] = select(1.0, 2.0, bool(i32(x[2])));`;
    const [, y] = await run(single(body), [floats(3e9, -5, 2.5, -2.9), new Float32Array(5)]);
    expect([...y]).toEqual([2 ** 31 - 128, 0, -2.5, -2, 2]);
  });

  test("a condition guards what reads memory behind it", async () => {
    const body = "let i = u32(x[0]); y[0] = select(7.0, x[i], i < 2u); if (i < 2u && x[i] > 0.0) { y[1] = 1.0; }";
    const [, y] = await run(single(body), [floats(4e9, 2), new Float32Array(2)]);
    expect([...y]).toEqual([7, 0]);
  });

  test("whole numbers in the text may be larger than those of 32 bits, until they take a type", async () => {
    const body = `
      y[0] = x[0] / 4294967296; y[1] = f32(4294967295); let a: f32 = 3000000000; y[2] = a;
      y[3] = 65536 * 65536 * x[0]; y[4] = f32(u32(4294967295) >> 1u); y[5] = x[0] * max(2, 3);
      let b: u32 = 0xffffffff; y[6] = f32(b % 10u); let c: i32 = -2147483648; y[7] = f32(c);`;
    const [, y] = await run(single(body), [floats(2), new Float32Array(8)]);
    expect([...y]).toEqual([2 ** -31, 2 ** 32, 3e9, 2 ** 33, 2 ** 31, 6, 5, -(2 ** 31)]);
  });

  test("components have names as colors, too", async () => {
    const body =
      "var v = vec4f(x[0], x[1], x[2], x[3]); v.b += 10.0; let w = v.abg; y[0] = w.r; y[1] = w.g; y[2] = v.g;";
    const [, y] = await run(single(body), [floats(1, 2, 3, 4), floats(0, 0, 0)]);
    expect([...y]).toEqual([4, 13, 2]);
  });

  test("a number in the text takes the type of what memory holds", async () => {
    const body =
      "for (var i = 0u; i < 2u; i++) { y[2u * i] = select(x[i], 0, i < 1u); y[2u * i + 1u] = select(0, x[i], i < 1u); }";
    const [, y] = await run(single(body), [floats(5, 6), new Float32Array(4)]);
    expect([...y]).toEqual([0, 5, 6, 0]);
  });

  test("a constant position before the first is where a kernel never goes", async () => {
    const at = "fn at(c: u32) -> f32 { if (c - 1u >= 2u) { return 9; } return x[c - 1u]; }";
    const body = "y[0] = at(0u); y[1] = at(1u); y[2] = at(2u); y[3] = at(3u);";
    const [, y] = await run(single(body, "f32", at), [floats(5, 6), floats(0, 0, 0, 0)]);
    expect([...y]).toEqual([9, 5, 6, 9]);
  });

  test("positions far from the first are found", async () => {
    const x = Float32Array.from({ length: 40_000 }, (_, i) => i);
    const body = "y[0] = x[39999]; y[1] = x[u32(x[2]) + 39990u]; y[2] = x[u32(x[9]) - 9u];";
    const [, y] = await run(single(body), [x, floats(0, 0, 0)]);
    expect([...y]).toEqual([39_999, 39_992, 0]);
  });

  test("matrices times columns, rows times matrices", async () => {
    const body = `
      let m = mat4x4f(vec4f(1.0, 2.0, 3.0, 4.0), vec4f(0.0, 1.0, 0.0, 0.0), vec4f(0.0, 0.0, 1.0, 0.0), vec4f(5.0, 0.0, 0.0, 1.0));
      let v = vec4f(x[0], x[1], x[2], x[3]);
      let a = m * v; let b = v * m; let c = transpose(m) * v;
      y[0] = a.x; y[1] = a.w; y[2] = b.x; y[3] = b.w; y[4] = c.x; y[5] = dot(v, vec4f(1.0));`;
    const [, y] = await run(single(body), [floats(1, 2, 3, 4), new Float32Array(6)]);
    expect([...y]).toEqual([21, 8, 30, 9, 30, 10]);
  });
});

/** Distance of floats in units in the last place of the greater one. */
const units = (a: number, b: number) =>
  Math.abs(a - b) / 2 ** (Math.floor(Math.log2(Math.max(Math.abs(b), 2 ** -126))) - 23);

describe("elementary functions", () => {
  const at = Float32Array.from({ length: 4096 }, (_, i) => (i - 2048) / 23.7);
  const each = (expression: string) =>
    single(`for (var i = 0u; i < ${at.length / 4}u; i++) { let v = x[i]; y[i] = ${expression}; }`, "vec4f");

  test.each([
    ["exp(v)", Math.exp, at, 2],
    ["log(v)", Math.log, at.map((v) => 2 ** (v / 2)), 3],
    ["sqrt(abs(v))", (v: number) => Math.sqrt(Math.abs(v)), at, 1],
    ["pow(abs(v), vec4f(1.5))", (v: number) => Math.abs(v) ** 1.5, at, 12],
    ["round(v)", (v: number) => (Math.abs(v % 1) === 0.5 ? 2 * Math.round(v / 2) : Math.round(v)), at, 0],
  ] as const)("%s", async (expression, wanted, given, most) => {
    const [, y] = await run(each(expression), [Float32Array.from(given), new Float32Array(at.length)]);
    let worst = 0;
    y.forEach((value, i) => {
      const exact = wanted(given[i]!);
      if (Math.abs(exact) > 2 ** -126 && Number.isFinite(Math.fround(exact)))
        worst = Math.max(worst, units(value, exact));
    });
    expect(worst).toBeLessThanOrEqual(most);
  });

  test("at the ends", async () => {
    const body =
      "y[0] = exp(x[0]); y[1] = exp(x[1]); y[2] = log(x[2]); y[3] = log(x[3]); y[4] = log(x[0]); y[5] = exp(x[4]); y[6] = log(x[5]);";
    const given = floats(Infinity, -Infinity, 0, -1, Number.NaN, 1e-42);
    const [, y] = await run(single(body), [given, new Float32Array(7)]);
    expect([...y.slice(0, 6)]).toEqual([Infinity, 0, -Infinity, Number.NaN, Infinity, Number.NaN]);
    expect(y[6]).toBeCloseTo(Math.log(Math.fround(1e-42)), 4);
  });
});

describe("what kernels of WebAssembly do not know is named", () => {
  test.each([
    ["var<workgroup> shared: array<f32, 4>;", "var<workgroup>"],
    ["@group(0) @binding(0) var source: texture_2d<f32>;", "textures"],
    ["fn main( {", 'in place of ":"'],
    [single("var<function"), '"" in place of ">"'],
    [single("switch x[0] { default { } }", "u32"), "switch"],
    [single("loop { break; continuing { } }"), "continuing"],
    [single("var a = x[0]; let p = &a; y[0] = *p;"), "pointers"],
    ["@compute @workgroup_size(1) fn main() { let a = cosh(1.0); }", "the type or function cosh"],
    ["@compute @workgroup_size(1) fn main() { let a = b + 1; }", "the name b"],
    [single("let v = vec2f(x[0], x[1]); y[0] = v.z;"), "find no z in vec2<f32>"],
    [single("let v = vec2f(x[0], x[1]); y[0] = v.size;"), "find no size in vec2<f32>"],
    ["@compute @workgroup_size(1) fn main(@builtin(subgroup_size) n: u32) { }", "@builtin(subgroup_size)"],
    ["fn main() { }", "no entry point"],
    [
      "@compute @workgroup_size(1) fn main() { var a = array<vec4f, 5000>(); }",
      "80000 bytes, WebAssembly kernels have room for 65536",
    ],
    [
      single(
        "var all = array<Pair, 2>(Pair(1.0, 2.0), Pair(3.0, 4.0)); y[0] = all[0].a;",
        "f32",
        "struct Pair { a: f32, b: f32 }",
      ),
      "keep no struct in memory",
    ],
  ])("%s", async (code, message) => {
    const module = device.createShaderModule({ code });
    await expect(device.createComputePipelineAsync({ layout: "auto", compute: { module } })).rejects.toThrow(message);
    const { messages } = await module.getCompilationInfo();
    expect(messages[0]!.message).toContain(message);
  });
});

describe("mistakes have their line, and say what is wrong", () => {
  test.each([
    ["let a: i32 = x[0];", "", "f32 stands where i32 is expected"],
    ["y[0] = x[0] + 2i;", "", "f32 and i32 do not go together"],
    ["y[0] = x[0];\n  y[1] = nothing;", "", "do not know the name nothing"],
    ["y[0] = sqroot(x[0]);", "", "do not know the type or function sqroot"],
    ["let a = x[0]; a = 2.0;", "", "a cannot be assigned to"],
    ["x[0] = 1.0;", "", "can only be read"],
    ["y[0] = max(x[0]);", "", "max does not take (f32)"],
    ["y[0] = twice();", "fn twice(a: f32) -> f32 { return 2.0 * a; }", "twice takes 1 values, there are 0"],
    ["y[0] = again(x[0]);", "fn again(a: f32) -> f32 { return again(a); }", "again calls itself"],
    ["if (x[0]) { y[0] = 1.0; }", "", "f32 stands where bool is expected"],
    ["workgroupBarrier();", "", "workgroupBarrier needs WebGPU"],
    ["y[0] = subgroupAdd(x[0]);", "", "subgroupAdd needs WebGPU"],
  ])("%s", async (body, functions, message) => {
    const code = single(`\n  ${body}\n`, "f32", functions);
    const lines = code.split("\n");
    const { messages } = await device.createShaderModule({ code }).getCompilationInfo();
    expect(messages[0]!.message).toContain(message);
    const at = functions.includes("again(a);") ? functions : body.split("\n").at(-1)!;
    expect(lines[messages[0]!.lineNum - 1]).toContain(at.trim());
  });

  test("break outside of a loop, and too many calls", async () => {
    const fault = async (code: string) => (await device.createShaderModule({ code }).getCompilationInfo()).messages[0];
    expect((await fault(single("break;")))?.message).toContain("break stands outside of a loop");
    const doubling = Array.from(
      { length: 15 },
      (_, i) => `fn f${i + 1}(a: f32) -> f32 { return f${i}(a) + f${i}(a); }`,
    );
    const chain = single("y[0] = f15(x[0]);", "f32", ["fn f0(a: f32) -> f32 { return a; }", ...doubling].join("\n"));
    expect((await fault(chain))?.message).toContain("more than");
  });
});

test("positions outside of an array become the last one, so that no other memory is touched", async () => {
  const code = `
@group(0) @binding(0) var<storage, read> x: array<f32, 4>;
@group(0) @binding(1) var<storage, read_write> y: array<f32, 4>;
@compute @workgroup_size(1) fn main() {
  var own = array<f32, 2>(1.0, 2.0);
  let far = u32(x[3]);
  y[far - 64u] = 7.0;
  own[far] = 5.0;
  y[0] = x[far] + own[0];
  y[1] = own[1];
}`;
  const [, y] = await run(code, [floats(1, 2, 3, 40), floats(0, 0, 0, 0)]);
  expect([...y]).toEqual([40 + 1, 5, 0, 7]);
});

test("both arms of select are computed where functions change something, in their order", async () => {
  const next = "var<private> count: f32; fn next() -> f32 { count += 1.0; return count; }";
  const body = "y[0] = select(next(), 10.0 * next(), x[0] > 0.0); y[1] = count;";
  const [, y] = await run(single(body, "f32", next), [floats(1, 0), floats(0, 0)]);
  expect([...y]).toEqual([20, 2]);
});

test("a counter that is a component, and floats beyond whole numbers", async () => {
  const body = `
    var sum = 0u;
    for (var v = vec2u(0u, 5u); v.x < 3u; v.x++) { sum += v.y; }
    y[0] = f32(sum);
    y[1] = f32(u32(5e9f) / 2u);`;
  const [, y] = await run(single(body), [floats(0), floats(0, 0)]);
  expect([...y]).toEqual([15, 2147483520]);
});

test.each<[string, (x: number) => number]>([
  ["sin(x)", Math.sin],
  ["cos(x)", Math.cos],
  ["tan(x)", Math.tan],
  ["tanh(x)", Math.tanh],
  ["exp2(x)", (x) => 2 ** x],
  ["log2(abs(x))", (x) => Math.log2(Math.abs(x))],
  ["fract(x)", (x) => x - Math.floor(x)],
  ["saturate(x)", (x) => Math.min(1, Math.max(0, x))],
  ["step(0.5, x)", (x) => (x >= 0.5 ? 1 : 0)],
  ["smoothstep(-1.0, 3.0, x)", (x) => ((t) => t * t * (3 - 2 * t))(Math.min(1, Math.max(0, (x + 1) / 4)))],
  ["length(x)", Math.abs],
  ["distance(x, 2.0)", (x) => Math.abs(x - 2)],
])("%s of one number and of four", async (text, wanted) => {
  const numbers = [-20.3, -3.2, -1.6, -0.7, -0.01, 0.3, 0.5, 0.79, 1.5, 2.4, 9.1, 31.5];
  const own = text.startsWith("length") || text.startsWith("distance") ? undefined : "vec4f";
  const body = (i: number) => `{ let x = x[${i}]; y[${i}] = ${text}; }`;
  const [, y] = await run(single(numbers.map((_, i) => body(i)).join("\n")), [
    Float32Array.from(numbers),
    new Float32Array(numbers.length),
  ]);
  const near = (got: Numbers) =>
    numbers.forEach((x, i) => {
      const value = wanted(Math.fround(x));
      expect(Math.abs(got[i]! - value), `of ${x}`).toBeLessThan(2e-6 * (1 + Math.abs(value)));
    });
  near(y);
  if (!own) return;
  const fours = numbers.length / 4;
  const all = Array.from({ length: fours }, (_, i) => body(i)).join("\n");
  const [, z] = await run(single(all, own), [Float32Array.from(numbers), new Float32Array(numbers.length)]);
  near(z);
});
