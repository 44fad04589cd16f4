import { describe, expect, test } from "vitest";

import { modelled } from "../../bench/modelled/model.ts";
import { namedRows, planRows, planText, stepMs } from "../../bench/modelled/plan.ts";
import { shapes, shapesNamed } from "../../bench/modelled/shapes.ts";
import { parseOptions } from "../../bench/options.ts";
import { compile } from "../../src/compile/compile.ts";
import { type ConvOptions, conv2d, input, matmul } from "../../src/index.ts";
import { demandOnGpu } from "../../src/kernels/conv2d.ts";
import { demandsOf, matmulFamily, partsOf } from "../../src/kernels/matmul.ts";
import { cacheBytesPerFlop, gpus } from "../../src/kernels/model.ts";
import { countTrafficIn, type KernelTraffic } from "../../src/selfcheck/index.ts";
import { gpu as adapter } from "../adapters.ts";

/** 10 TFLOP/s, 100 GB/s: about 26 multiprocessors. */
const gpu = { name: "test", teraflops: 10, gbPerSec: 100, cacheMiB: 1 };

const kernel: KernelTraffic = {
  label: "k",
  family: "k",
  variant: "naive",
  workgroups: [1000, 1, 1],
  flops: 1e9,
  bytes: 1e6,
  operands: [],
  asked: 1e6,
  flopsPerByte: 1000,
  invocations: 256000,
  workgroupBytes: 0,
};

describe("the model of a kernel", () => {
  test("is the longest of arithmetic, memory and cache", () => {
    expect(modelled(kernel, gpu)).toMatchObject({ ms: 0.1, leastMs: 0.1, limit: "arithmetic", occupancy: 1 });
    const wide = modelled({ ...kernel, bytes: 1e8, asked: 1e8 }, gpu);
    expect(wide).toMatchObject({ ms: 1, leastMs: 1, memoryMs: 1, limit: "memory" });
    const asking = modelled({ ...kernel, asked: 1e10 }, gpu);
    expect(asking).toMatchObject({ leastMs: 0.1, limit: "cache" });
    expect(asking.ms).toBeCloseTo(1e10 / (cacheBytesPerFlop * 1e10), 9);
  });

  test("reads operands from memory again if the cache is too small for them", () => {
    const operand = { name: "a", role: "input a", bytes: 2 ** 21, read: 0, written: 0, shared: 2 ** 23, isExact: true };
    const of = (cacheMiB: number) => modelled({ ...kernel, operands: [operand] }, { ...gpu, cacheMiB }).memoryMs;
    expect(of(2)).toBeCloseTo(1e6 / 1e8, 9);
    expect(of(1)).toBeCloseTo((1e6 + 2 ** 23 - 2 ** 21) / 1e8, 9);
  });

  test("divides by the part of the GPU that has work", () => {
    const one = modelled({ ...kernel, workgroups: [1, 1, 1], invocations: 1024 }, gpu);
    expect(one.occupancy).toBeCloseTo((2 * 1.5e9 * 128) / 1e13, 9);
    expect(one.limit).toBe("occupancy");
    expect(one.ms).toBeCloseTo(0.1 / one.occupancy, 9);
    const few = modelled({ ...kernel, invocations: 128 }, gpu);
    expect(few.occupancy).toBeCloseTo(128 / ((1e13 / (2 * 1.5e9 * 128)) * 128 * 4), 9);
  });
});

describe("what products ask for, as their variants declare it", () => {
  const traits = { ...adapter, features: new Set(["subgroups"]), subgroupSize: 32 };
  const sizes = [
    [1, 128, 128, 64],
    [3, 70, 50, 33],
    [2, 9, 300, 21],
    [1, 1, 600, 96],
    [5, 130, 20, 7],
    [1, 300, 9, 130],
    [2, 70, 60, 1000],
  ] as const;
  const variants = matmulFamily.variants.filter((variant) => variant.tiling);

  test.each(variants.map((variant) => [variant.name, variant] as const))("%s", (name, variant) => {
    for (const [batches, m, n, k] of sizes) {
      const y = matmul(input("a", [batches, m, k]), input("b", [batches, k, n]));
      const forced = { ...traits, forced: { matmul: name } };
      const counted = countTrafficIn({ outputs: { y } }, {}, { traits: forced, mostInvocations: 2 ** 20 });
      const problem = { m, n, k, batches, type: "f32", layout: "kn" } as const;
      const declared = demandsOf(variant, problem, traits, partsOf(variant, problem, traits));
      expect([m, n, k, declared.map(({ asked }) => asked)]).toEqual([m, n, k, counted.map(({ asked }) => asked)]);
      declared.forEach(({ operands, bytes, groups, flops }, i) => {
        const known = counted[i]!;
        expect(bytes).toBe(known.bytes);
        expect(groups).toBe(known.workgroups.reduce((a, b) => a * b, 1));
        expect(flops).toBeGreaterThanOrEqual(known.flops);
        // What workgroups share in whole tiles. At edges it depends on which tiles each has.
        if (m % 128 > 0 || n % 128 > 0) return;
        operands.forEach(({ shared }, i) => {
          expect(shared / known.operands[i]!.shared).toBeGreaterThan(0.7);
          expect(shared / known.operands[i]!.shared).toBeLessThan(1.5);
        });
      });
    }
  });

  test("decide for GPUs: more invocations for few results, larger tiles for many", () => {
    const chosen = (m: number, n: number, k: number) => {
      const y = matmul(input("a", [m, k]), input("b", [k, n]));
      return compile({ outputs: { y } }, traits).calls.map(({ variant }) => variant);
    };
    expect(chosen(1, 2048, 2048)).toEqual(["group256K1x4"]);
    expect(chosen(512, 512, 4096)).toEqual(["tiled128", "naive"]);
    expect(chosen(4096, 4096, 4096)).toEqual(["tiled128"]);
  });
});

describe("what convolutions ask for, as their variants declare it", () => {
  const traits = { ...adapter, features: new Set(["subgroups"]), subgroupSize: 32 };
  const shapes: [x: number[], weight: number[], padding: number, stride: number, groups: number][] = [
    [[2, 8, 16, 16], [24, 8, 3, 3], 1, 1, 1],
    [[3, 4, 15, 13], [9, 4, 5, 5], 2, 2, 1],
    [[1, 6, 20, 24], [40, 3, 3, 3], 1, 1, 2],
    [[2, 3, 32, 32], [70, 3, 7, 7], 3, 2, 1],
  ];

  test.each(["direct", "halo", "tiled"] as const)("%s", (name) => {
    for (const [x, weight, padding, stride, groups] of shapes) {
      const y = conv2d(input("x", x), input("w", weight), undefined, { padding, stride, groups });
      const forced = { ...traits, forced: { conv2d: name } };
      const [counted] = countTrafficIn({ outputs: { y } }, {}, { traits: forced, mostInvocations: 2 ** 20 });
      const [, , rows, columns] = y.shape as [number, number, number, number];
      const declared = demandOnGpu(
        name,
        {
          type: "f32",
          images: x[0]!,
          groups,
          inChannels: weight[1]!,
          outChannels: weight[0]! / groups,
          rows,
          columns,
          stride: [stride, stride],
          kernel: [weight[2]!, weight[3]!],
          dilation: [1, 1],
        },
        traits,
      );
      // Padding is not known, nor what columns past the end of the input save.
      expect(Math.abs(declared.asked / counted!.asked - 1)).toBeLessThan(name === "direct" ? 0.15 : 0.01);
      expect(Math.abs(declared.bytes / counted!.bytes - 1)).toBeLessThan(0.1);
      expect(declared.groups).toBe(counted!.workgroups.reduce((a, b) => a * b, 1));
      expect(declared.flops).toBeGreaterThanOrEqual(counted!.flops);
      expect(declared.operands[0]!.shared / counted!.operands[0]!.shared).toBeGreaterThan(0.8);
      expect(declared.operands[0]!.shared / counted!.operands[0]!.shared).toBeLessThan(1.7);
    }
  });

  test("decide for GPUs: tiles with a halo, but not for patches that do not overlap, or for single channels", () => {
    const chosen = (x: number[], weight: number[], options: ConvOptions) =>
      compile({ outputs: { y: conv2d(input("x", x), input("w", weight), undefined, options) } }, traits).calls.map(
        ({ variant }) => variant,
      );
    expect(chosen([32, 64, 56, 56], [64, 64, 3, 3], { padding: 1 })).toEqual(["halo"]);
    expect(chosen([32, 3, 224, 224], [192, 3, 16, 16], { stride: 16 })).toEqual(["tiled"]);
    expect(chosen([32, 128, 28, 28], [128, 1, 3, 3], { padding: 1, groups: 128 })).toEqual(["direct"]);
  });
});

describe("a plan", () => {
  const tiny = shapes[0]!;
  const rows = planRows(tiny);

  test("adds up the kernels of a step", () => {
    gpus.forEach((_, i) => {
      const sum = rows.reduce((total, { times, on }) => total + times * on[i]!.ms, 0);
      expect(stepMs(rows, i, "ms")).toBeCloseTo(sum, 12);
      expect(stepMs(rows, i, "leastMs")).toBeLessThanOrEqual(sum);
    });
  });

  test("names kernels far above their bound, and says that it is modelled", () => {
    const named = namedRows(rows, 2);
    expect(named.length).toBeGreaterThan(0);
    for (const { on } of named) expect(on[2]!.ms).toBeGreaterThan(3 * on[2]!.leastMs);
    const text = planText(tiny, rows, 200);
    expect(text).toContain("(modelled, not timed)");
    expect(text).toContain("data centre: modelled step");
    expect(text).toContain(named[0]!.kernel.label);
  });

  test("fits a narrow terminal: names above rows, a kernel a line, and times in units that show them", () => {
    for (const shape of shapes.slice(0, 2)) {
      const rows = planRows(shape);
      const lines = planText(shape, rows, 80).split("\n");
      expect(lines.filter((line) => line.length > 80)).toEqual([]);
      const first = lines.findIndex((line) => line.startsWith("integrated: modelled step"));
      const named = gpus.reduce((sum, _, i) => sum + namedRows(rows, i).length, 0);
      expect(lines.length - first).toBe(gpus.length + named);
      expect(lines.join("\n")).toMatch(/\d ns, \w+ ×/);
      expect(lines.join("\n")).not.toMatch(/\b0\.0+ /);
    }
  });

  test("is asked for by an option", () => {
    expect(parseOptions(["--plan"])!.plan).toBe(true);
    expect(parseOptions([])!.plan).toBe(false);
    expect(() => parseOptions(["--plan", "--backend", "wasm"])).toThrow("drop --backend");
    expect(() => parseOptions(["--plan", "--in", "node"])).toThrow("drop --in");
  });

  test("is made for the shapes whose names contain a text; another text is refused with all names", () => {
    expect(shapesNamed("")).toEqual(shapes);
    expect(shapesNamed("t 2048").map(({ name }) => name)).toEqual([
      "transformer layer d 512, 8 heads, T 2048, batch 2",
    ]);
    expect(() => shapesNamed("nosuch")).toThrow(/--filter is "nosuch", expected .*LSTM 512, T 128, batch 64/s);
  });
});
