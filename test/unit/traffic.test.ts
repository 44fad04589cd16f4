import { describe, expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { AttributeError } from "../../src/errors.ts";
import { conv2d, input, matmul, relu, sum } from "../../src/index.ts";
import { countTraffic, countTrafficIn } from "../../src/selfcheck/index.ts";
import { gpu, software } from "../adapters.ts";

/* That counts are those of the interpreter in every variant is in interpreted.test.ts. */

const features = new Set(["shader-f16", "subgroups"]);
const adapters = [
  { ...gpu, features, subgroupSize: 32 },
  { ...software, features, subgroupSize: 4 },
];

describe("counts by hand", () => {
  const n = 256;
  const bytes = 4 * n * n;
  const productOf = (variant: string, k = n) => {
    const y = matmul(input("a", [n, k]), input("b", [k, n]));
    const [product] = countTrafficIn({ outputs: { y } }, {}, { traits: { ...gpu, forced: { matmul: variant } } });
    const [a, b, out] = product!.operands;
    return { product: product!, a: a!, b: b!, y: out! };
  };

  test("the definition of a product asks for both factors once for each result", () => {
    const { a, b, y } = productOf("naive");
    expect([a.read / bytes, b.read / bytes, y.written / bytes]).toEqual([n, n, 1]);
    // Workgroups have 8 × 8 results: eight rows, eight columns.
    expect([a.shared / a.read, b.shared / b.read]).toEqual([1 / 8, 1 / 8]);
  });

  test.each([
    ["tiled", 64, 1],
    // Four tiles are too few for a GPU: K is divided into four parts, whose sums are added up later.
    ["tiled128", 128, 4],
  ])("a product of %s asks for them once for each tile", (variant, side, parts) => {
    const { product, a, b, y } = productOf(variant);
    expect([a.read / bytes, b.read / bytes, y.written / bytes]).toEqual([n / side, n / side, parts]);
    expect([a.shared, b.shared]).toEqual([a.read, b.read]);
    expect(product.workgroupBytes).toBe(2 * 16 * side * 4);
    expect(product.invocations).toBe(256 * (n / side) ** 2 * parts);
    expect(product.flopsPerByte).toBeCloseTo((2 * n ** 3) / (bytes * (2 * (n / side) + parts)), 9);
  });

  test("an element-wise op asks once", () => {
    const y = relu(input("x", [1000, 1000]));
    const [kernel] = countTrafficIn({ outputs: { y } }, {}, { traits: gpu });
    const [x, out] = kernel!.operands;
    expect(x!.read / 4e6).toBeCloseTo(1, 3);
    expect(out!.written / 4e6).toBeCloseTo(1, 3);
    expect([x!.isExact, kernel!.bytes]).toEqual([false, 8e6]);
  });
});

describe("samples of large grids", () => {
  const cases = {
    product: matmul(input("a", [1000, 300]), input("b", [300, 700])),
    convolution: conv2d(input("x", [4, 16, 30, 30]), input("w", [24, 16, 3, 3]), undefined, { padding: 1 }),
    sum: sum(input("x", [3000, 500]), 1),
  };

  test.each(Object.entries(cases))("are near the whole: %s", (_, y) => {
    for (const traits of adapters) {
      for (const { wgsl, workgroups } of compile({ outputs: { y } }, traits).calls) {
        const whole = countTraffic(wgsl, { workgroups, mostInvocations: 2 ** 24 });
        const sample = countTraffic(wgsl, { workgroups, mostInvocations: 2 ** 11 });
        for (const [name, { read, written, isExact }] of Object.entries(sample.buffers)) {
          const known = whole.buffers[name]!;
          expect(known.isExact).toBe(true);
          if (whole.invocations > 2 ** 12) expect(isExact).toBe(false);
          expect(Math.abs(read - known.read)).toBeLessThanOrEqual(0.05 * known.read);
          expect(Math.abs(written - known.written)).toBeLessThanOrEqual(0.05 * known.written);
        }
      }
    }
  });
});

describe("what memory decides", () => {
  /** Each invocation loads `x` where `at` says so. */
  const wgsl = `
    @group(0) @binding(0) var<storage, read> at: array<u32, 64>;
    @group(0) @binding(1) var<storage, read> x: array<f32, 64>;
    @group(0) @binding(2) var<storage, read_write> y: array<f32, 64>;
    @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
      if (at[id.x] == 3u) { y[id.x] = x[id.x]; }
    }`;

  test("counts in full, unless it is given", () => {
    const { buffers } = countTraffic(wgsl, { workgroups: [1, 1, 1] });
    expect(buffers["at"]).toEqual({ read: 256, written: 0, shared: 256, isExact: true });
    expect(buffers["x"]).toEqual({ read: 256, written: 0, shared: 256, isExact: false });
    const data = { at: Uint32Array.from({ length: 64 }, (_, i) => i % 4) };
    const known = countTraffic(wgsl, { workgroups: [1, 1, 1], data }).buffers;
    expect(known["x"]).toEqual({ read: 64, written: 0, shared: 64, isExact: true });
    expect(known["y"]).toEqual({ read: 0, written: 64, shared: 0, isExact: true });
  });

  test("rounds that differ are counted one by one, others at once", () => {
    const loop = (body: string) => `
      @group(0) @binding(0) var<storage, read> x: array<vec4f>;
      @group(0) @binding(1) var<storage, read_write> y: array<f32>;
      @compute @workgroup_size(32) fn main(@builtin(global_invocation_id) id: vec3u) {
        var sum = 0.0;
        for (var i = id.x; i < 100u; i += 3u) { ${body} }
        y[id.x] = sum;
      }`;
    const rounds = Array.from({ length: 32 }, (_, i) => Math.ceil((100 - i) / 3)).reduce((a, b) => a + b);
    const readOf = (body: string) => countTraffic(loop(body), { workgroups: [1, 1, 1] }).buffers["x"]!.read;
    expect(readOf("sum += x[i].y;")).toBe(4 * rounds);
    expect(readOf("let v = x[i]; sum += v.x + v.y;")).toBe(16 * rounds);
    const even = Array.from({ length: 32 }, (_, i) => i).flatMap((from) =>
      Array.from({ length: 100 }, (_, i) => i).filter((i) => i >= from && (i - from) % 3 === 0 && i % 2 === 0),
    );
    expect(readOf("if (i % 2u == 1u) { continue; } sum += x[i].y;")).toBe(4 * even.length);
    expect(readOf("if (i >= 50u) { break; } sum += x[i].y;")).toBe(
      4 * Array.from({ length: 32 }, (_, i) => Math.ceil((50 - i) / 3)).reduce((a, b) => a + b),
    );
  });

  test("faults are named", () => {
    expect(() => countTraffic(wgsl, { workgroups: [0, 1, 1] })).toThrow(AttributeError);
    expect(() => countTraffic("fn f() {}", { workgroups: [1, 1, 1] })).toThrow("countTraffic: the kernel has no entry");
    expect(() => countTraffic(wgsl.replace("at[id.x]", "at[index]"), { workgroups: [1, 1, 1] })).toThrow(
      'countTraffic: line 6: there is no "index"',
    );
  });
});
