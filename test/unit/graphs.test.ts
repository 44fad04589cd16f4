import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { fuse } from "../../src/compile/fuse.ts";
import { lifetimesOf } from "../../src/compile/plan.ts";
import { simplify } from "../../src/compile/simplify.ts";
import { order } from "../../src/graph/print.ts";
import * as t from "../../src/index.ts";
import { evaluate } from "../../src/reference/index.ts";
import { gpu, software } from "../adapters.ts";
import { build, type RandomGraph, recipes } from "../graphs/recipe.ts";

const values = (n: number, seed: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i + seed));

const rootsOf = ({ outputs, updates }: RandomGraph) => [
  ...Object.values(outputs),
  ...updates.map(([, value]) => value),
];

test("simplify and fuse change no value of a random graph", { timeout: 30_000 }, () => {
  fc.assert(
    fc.property(recipes, (recipe) => {
      const graph = build(recipe);
      const built = rootsOf(graph);
      const inputs = graph.feeds(0);
      const simplified = simplify(built);
      for (const after of [simplified, fuse(simplified, 8), fuse(built, 4)]) {
        // Users still feed inputs that a pass removed.
        const [wanted, got] = [evaluate([...built, ...after], { inputs }), evaluate([...after, ...built], { inputs })];
        built.forEach(({ shape, dtype }, i) => {
          expect(got[i]).toMatchObject({ shape, dtype });
          wanted[i]!.data.forEach((value, k) => {
            if (Math.abs(got[i]!.data[k]! - value) <= 1e-9 * (1 + Math.abs(value))) return;
            expect.fail(`result ${i} [${k}] was ${value} and is now ${got[i]!.data[k]}`);
          });
        });
      }
    }),
    { numRuns: 150, seed: 1 },
  );
});

test("products of square matrices compute their prologues, in any order of dependencies", {
  timeout: 30_000,
}, () => {
  const step = fc.tuple(
    fc.constantFrom("product", "product", "turned", "tanh", "add", "mul", "soft"),
    fc.nat(),
    fc.nat(),
  );
  const feeds = { inputs: { a: values(64, 1), b: values(64, 2) } };
  const seen = { prologues: 0, kept: 0 };
  fc.assert(
    fc.property(fc.array(step, { minLength: 4, maxLength: 14 }), fc.nat(), (steps, pick) => {
      const made: t.Tensor[] = [t.input("a", [8, 8]), t.input("b", [8, 8])];
      for (const [op, i, k] of steps) {
        const [x, y] = [made[i % made.length]!, made[k % made.length]!];
        const results: Record<typeof op, () => t.Tensor> = {
          product: () => t.matmul(x, y),
          turned: () => t.matmul(x, t.transpose(y)),
          tanh: () => t.tanh(x),
          add: () => t.add(x, y),
          mul: () => t.mul(x, y),
          soft: () => t.softmax(x),
        };
        made.push(results[op]());
      }
      const roots = [made.at(-1)!, made.at(-2)!, made[pick % made.length]!, made[0]!, made[1]!];
      const after = fuse(simplify(roots), 8);
      for (const { fusion, op, inputs, results } of order(after)) {
        if (op.name !== "matmul") continue;
        expect(inputs.length + results.length).toBeLessThanOrEqual(8);
        if (fusion?.before) seen.prologues++;
        if (fusion?.keeps) seen.kept++;
      }
      const [wanted, got] = [evaluate(roots, feeds), evaluate(after, feeds)];
      wanted.forEach(({ data }, i) => {
        for (const [k, value] of data.entries())
          if (!(Math.abs(got[i]!.data[k]! - value) <= 1e-9 * (1 + Math.abs(value))))
            expect.fail(`result ${i} [${k}] was ${value} and is now ${got[i]!.data[k]}`);
      });
    }),
    { numRuns: 600, seed: 1 },
  );
  expect(seen.kept).toBeGreaterThan(50);
  expect(seen.prologues).toBeGreaterThan(seen.kept);
});

/** Invariants of every plan. */
function checkPlan(graph: t.Description, traits = gpu, passes: t.Passes = {}): void {
  const { calls, outputs, slots } = compile(graph, traits, undefined, passes);
  const written = new Set<object>();
  for (const { label, bindings } of calls) {
    const writes = new Set(bindings.filter(({ access }) => access === "read_write").map(({ buffer }) => buffer));
    for (const { buffer, access } of bindings) {
      if (access === "read_write") continue;
      expect(writes.has(buffer), `${label} reads and writes ${buffer.role}`).toBe(false);
      if (buffer.kind === "scratch") expect(written.has(buffer), `${label} reads ${buffer.role} too early`).toBe(true);
    }
    for (const buffer of writes) written.add(buffer);
    expect(bindings.length).toBeLessThanOrEqual(traits.maxStorageBuffers);
  }
  for (const [name, { buffer }] of Object.entries(outputs)) {
    expect(buffer.pinned, `output ${name} lasts until the next run`).toBe(true);
  }
  const lifetimes = new Map(lifetimesOf(calls).map((lifetime) => [lifetime.buffer, lifetime]));
  for (const { tenants, bytes } of slots) {
    tenants.forEach((tenant, i) => {
      expect(tenant.bytes).toBeLessThanOrEqual(bytes);
      if (i > 0) expect(lifetimes.get(tenants[i - 1]!)!.last).toBeLessThan(lifetimes.get(tenant)!.first);
    });
  }
}

test("random graphs get plans in which nothing is read too early, too late or while it is written", {
  timeout: 30_000,
}, () => {
  fc.assert(
    fc.property(recipes, (recipe) => {
      for (const traits of [gpu, software]) {
        for (const passes of [{}, { simplify: false, fuse: false, merge: false }])
          checkPlan(build(recipe), traits, passes);
      }
    }),
    { numRuns: 40, seed: 2 },
  );
});

describe("found in random graphs", () => {
  const x = t.input("x", [3, 5]);

  test("an output that needed a row-major copy keeps it until the next run", () => {
    const y = t.reshape(t.transpose(x), [-1]);
    checkPlan({ outputs: { y, z: t.tanh(y) } });
    checkPlan({ outputs: { z: t.tanh(t.reshape(t.transpose(x), [-1])), y, w: t.reshape(t.transpose(x), [15, 1]) } });
  });

  test("a variable whose old value goes to another is not overwritten before", () => {
    const a = t.variable(new Float32Array(2), [2], { name: "a" });
    const b = t.variable(new Float32Array(2), [2], { name: "b", group: "others" });
    for (const value of [a, t.flip(a, 0)]) {
      const updates = [[a, t.tanh(t.input("y", [2]))] as const, [b, value] as const];
      const { calls, homes } = compile({ updates }, gpu);
      const home = homes.get(a)!.buffer;
      const read = calls.findLastIndex(({ bindings }) =>
        bindings.some(({ buffer, access }) => buffer === home && access === "read"),
      );
      const write = calls.findIndex(({ bindings }) =>
        bindings.some(({ buffer, access }) => buffer === home && access === "read_write"),
      );
      expect(read).toBeGreaterThanOrEqual(0);
      expect(write).toBeGreaterThan(read);
    }
  });

  test("kernels for positive strides accept a flipped axis of size 1", () => {
    const y = t.matmul(t.flip(t.input("row", [1, 5]), 0), t.transpose(x));
    for (const { wgsl } of compile({ outputs: { y } }, software).calls) expect(wgsl).not.toMatch(/-\d+u/);
  });

  test("a group that has absorbed a producer is not joined with its own part", () => {
    const h = t.tanh(t.matmul(t.input("a", [3, 3]), t.input("b", [3, 3])));
    const [{ node }] = fuse(simplify([t.tanh(t.tanh(t.tril(h, 1))), h]), 8) as [t.Tensor];
    expect(node.op.name).toBe("matmul");
    expect(node.results.length).toBe(2);
  });
});
