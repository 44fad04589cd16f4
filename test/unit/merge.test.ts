import { describe, expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import * as t from "../../src/index.ts";
import { input, nn, optim } from "../../src/index.ts";
import { gpu, software } from "../adapters.ts";

const x = input("x", [8, 8]);
const sums = (n: number) =>
  Object.fromEntries(Array.from({ length: n }, (_, i) => [`y${i}`, t.sum(t.mul(x, i + 2), 1)]));
const dispatches = (outputs: Record<string, t.Tensor>, traits = gpu) =>
  compile({ outputs }, traits).calls.map(({ label }) => label);

describe("small calls become one dispatch", () => {
  test("if they are independent", () => {
    expect(dispatches({ a: t.sum(x, 0), b: t.max(x, 0) })).toEqual(["sum[8x8][0]:f32 | max[8x8][0]:f32"]);
    expect(dispatches({ a: t.max(t.sum(x, [0], true), 1) })).toEqual(["sum[8x8][0]:f32", "max[1x8][1]:f32"]);
  });

  test("a later call joins across unrelated ones", () => {
    const large = t.matmul(input("l", [2048, 64]), input("r", [64, 64]));
    expect(dispatches({ a: t.sum(x, 0), large, b: t.max(x, 0) })).toEqual([
      "sum[8x8][0]:f32 | max[8x8][0]:f32",
      "matmul[2048x64x64]:f32",
    ]);
  });

  test("shared buffers are bound once, and no dispatch binds more than the adapter allows", () => {
    const { calls } = compile({ outputs: sums(12) }, gpu);
    for (const { bindings } of calls) {
      expect(bindings.length).toBeLessThanOrEqual(8);
      expect(bindings.filter(({ buffer }) => buffer.role === "input x").length).toBeLessThanOrEqual(1);
    }
    const merged = calls.find(({ family, wgsl }) => family === "merged" && /\| reduce/.test(wgsl) === false)!;
    const bound = [...merged.wgsl.matchAll(/@binding\((\d+)\)/g)].map(([, n]) => Number(n));
    expect(bound).toEqual(merged.bindings.map((_, i) => i));
  });

  test("up to the limit of bindings, and at most sixteen", () => {
    const counts = compile({ outputs: sums(40) }, { ...gpu, maxStorageBuffers: 64 }).calls.map(
      ({ label }) => label.split(" | ").length,
    );
    expect(counts).toEqual([16, 16, 8]);
  });

  test("no dispatch binds a buffer both read-only and writable, nor overlapping writable ranges", () => {
    nn.seed(1);
    const net = nn.sequential(nn.linear(2, 16), nn.tanh(), nn.linear(16, 16), nn.tanh(), nn.linear(16, 1));
    const loss = t.losses.mse(net(input("p", [32, 2])), input("q", [32, 1]));
    const updates = optim.sgd({ lr: 0.1 }).minimize(loss);
    const { calls } = compile({ outputs: { loss }, updates }, { ...gpu, maxStorageBuffers: 10 });
    expect(calls).toHaveLength(4);
    // Six parameters; neighbours of one type share a binding.
    expect(calls.at(-1)!.bindings.filter(({ buffer }) => buffer.role === "parameters").length).toBeLessThan(6);
    for (const { bindings, wgsl } of calls) {
      const accesses = [...wgsl.matchAll(/var<storage, (\w+)>/g)].map(([, access]) => access);
      expect(bindings.map(({ access }) => access)).toEqual(accesses);
      const written = new Set(bindings.filter(({ access }) => access !== "read").map(({ buffer }) => buffer));
      expect(bindings.filter(({ access, buffer }) => access === "read" && written.has(buffer))).toEqual([]);
      const writable = bindings.filter(({ buffer }) => written.has(buffer));
      for (const one of writable)
        for (const other of writable.filter(({ buffer }) => one.buffer === buffer))
          if (one !== other && one.offset <= other.offset)
            expect(one.offset + one.size).toBeLessThanOrEqual(other.offset);
    }
  });

  test("on a GPU also those with barriers, up to the limit of workgroup memory", () => {
    const wide = input("w", [40, 256]);
    const folds = { a: t.sum(wide, 1), b: t.max(wide, 1), c: t.exp(wide) };
    const { calls } = compile({ outputs: folds }, gpu);
    expect(calls.map(({ variant }) => variant)).toEqual(["reduce/tree | reduce/tree | elementwise/vec4"]);
    expect(calls[0]!.workgroups).toEqual([40 + 40 + 40, 1, 1]);
    expect(calls[0]!.wgsl).toContain("if (group.x < 40u) { kernel0(group, lane); }");
    expect(calls[0]!.wgsl).toContain("else if (group.x < 80u) { kernel1(vec3u(group.x - 40u, 0u, 0u), lane); }");
    expect(calls[0]!.wgsl).toContain("else if (group.x < 120u) { kernel2(vec3u(id.x - 5120u, 0u, 0u)); }");
    // Each of these takes 8 KiB.
    const products = Object.fromEntries(
      [0, 1, 2].map((i) => [`y${i}`, t.matmul(input("l", [16, 128]), input(`r${i}`, [128, 16]))]),
    );
    const tuned = new Map([["matmul m=16 n=16 k=128 batches=1 type=f32 layout=kn", "groupK4x8"]]);
    const sizes = (maxWorkgroupBytes: number) =>
      compile({ outputs: products }, { ...gpu, maxStorageBuffers: 16, maxWorkgroupBytes, tuned })
        .calls.filter(({ variant }) => variant.includes("groupK"))
        .map(({ label }) => label.split(" | ").length);
    expect(sizes(16384)).toEqual([2, 1]);
    expect(sizes(24576)).toEqual([3]);
  });

  test("not large ones, on a CPU none with barriers, and none with forced variants", () => {
    const two = (n: number) => ({ a: t.exp(input("a", [n, n])), b: t.log(input("b", [n, n])) });
    expect(dispatches(two(32), software)).toHaveLength(1);
    expect(dispatches(two(256), software)).toHaveLength(2);
    expect(dispatches(two(256))).toHaveLength(1);
    expect(dispatches(two(512))).toHaveLength(2);
    const tuned = new Map([
      ["reduce kind=sum outputs=8 length=8 layout=columns", "tree"],
      ["reduce kind=max outputs=8 length=8 layout=columns", "tree"],
    ]);
    expect(dispatches({ a: t.sum(x, 0), b: t.max(x, 0) }, { ...software, tuned })).toHaveLength(2);
    expect(dispatches({ a: t.sum(x, 0), b: t.max(x, 0) }, { ...gpu, forced: { reduce: "tree" } })).toHaveLength(2);
    expect(dispatches({ a: t.sum(x, 0), b: t.max(x, 0) }, { ...gpu, forced: {} })).toHaveLength(1);
  });
});

test("aliases of types share bindings", () => {
  const table = input("table", [5, 4]);
  const names = input("names", [6], "i32");
  const y = t.embedding(names, table);
  const { calls } = compile({ outputs: { y, dy: t.grad(t.sum(t.mul(y, y)), [table])[0]!, z: t.sum(y) } }, gpu);
  const merged = calls.filter(({ family }) => family === "merged");
  expect(merged.length).toBeGreaterThan(0);
  for (const { wgsl } of merged)
    for (const [, type] of wgsl.matchAll(/array<(\w+),/g)) expect(["f32", "vec4f", "i32", "vec4i"]).toContain(type);
});

test("renaming leaves local names and vector members alone", () => {
  const wide = input("w", [16, 64]);
  const { calls } = compile({ outputs: { a: t.softmax(wide), b: t.sum(wide, 1) } }, { ...gpu, cpu: true });
  const { wgsl } = calls[0]!;
  expect(calls).toHaveLength(1);
  expect(wgsl).toContain("const LENGTH = 16u;");
  expect(wgsl).toContain("let top = max(max(max(tops.x, tops.y), tops.z), tops.w);");
  expect(wgsl.match(/@compute/g)).toHaveLength(1);
});
