import { describe, expect, test } from "vitest";
import { variantsOf } from "../../bench/cases/case.ts";
import { kernelCases } from "../../bench/cases/index.ts";
import { measurable } from "../../bench/measure/kernels.ts";
import { extended, type KernelTime, type Report, type Result } from "../../bench/measure/result.ts";
import { kernelColumns } from "../../bench/report/columns.ts";
import { notesOf } from "../../bench/report/notes.ts";
import { GrowingTable, table } from "../../bench/report/table.ts";
import { gpu, software } from "../adapters.ts";

const product = kernelCases.find(({ family, shape }) => family === "matmul" && shape === "512×512×512")!;

describe("a quick bench", () => {
  test("skips variants that are not worth measuring by their score, and no others", () => {
    const graph = product.build();
    const quick = measurable(product, graph, software, true).variants;
    const all = measurable(product, graph, software, false).variants;
    expect(all).toEqual(variantsOf(product));
    expect(all.filter((name) => !quick.includes(name) && !name.startsWith("quad"))).toEqual([
      "groupK1x8",
      "groupK4x8",
      "tiled",
      "tiled128",
    ]);
    expect(measurable(product, graph, gpu, true).variants).toContain("tiled");
  });

  test.each(kernelCases.filter(({ long, work }) => !long && !work))(
    "measures the engine's choice: $family $shape",
    (it) => {
      for (const traits of [software, gpu]) {
        const { chosen, variants } = measurable(it, it.build(), traits, true);
        expect(variants).toContain(chosen);
        expect(variants.length).toBeLessThanOrEqual(variantsOf(it).length);
      }
    },
  );
});

const time: KernelTime = {
  family: "matmul",
  shape: "512×512×512",
  variant: "naive",
  chosen: true,
  ms: 600,
  bestMs: 590,
  spread: 0.01,
  samples: 3,
  runs: 1,
  clock: "wall",
  flops: 2 ** 28,
  bytes: 3 * 2 ** 20,
  compileMs: 5,
  dispatches: 1,
  gflops: 0.45,
  gbPerSec: 0.005,
  ofRoofline: 0.05,
};
const ceilings = { gflops: 9, gbPerSec: 8, dispatchUs: 12, submitUs: 50, readbackMs: 1 };
const begun: Result = {
  place: "node",
  adapter: "some adapter",
  cpu: true,
  date: "2026-01-01T00:00:00.000Z",
  quick: true,
  ceilings,
  kernels: [],
  steps: [],
};

test("a result grows with each report", () => {
  const fault = { family: "matmul", shape: "1", variant: "tiled", chosen: false, wrong: "y[0] is NaN, expected 1" };
  const reports: Report[] = [
    { next: "ceilings" },
    { begun },
    { next: "matmul", at: 1, of: 2 },
    { kernel: time },
    { kernel: { ...time, variant: "direct", chosen: false, ms: 100 } },
    { kernel: fault },
    { grown: { of: "batch", size: 1, ms: 1, dispatches: 8 } },
    { ceilingsAfter: { ...ceilings, gflops: 5 } },
  ];
  const result = reports.reduce<Result | undefined>(extended, undefined)!;
  expect(result.kernels.length).toBe(3);
  expect(result.scaling?.length).toBe(1);
  expect(notesOf({ ...result, stopped: "Ctrl-C, at 2 of 2" }).map(({ text }) => text)).toEqual([
    "Incomplete: Ctrl-C, at 2 of 2.",
    expect.stringMatching(/^Other work ran on the machine.*9\.00 GFLOP\/s.*5\.00 GFLOP\/s/),
    "WRONG: matmul 1 tiled: y[0] is NaN, expected 1",
    "matmul 512×512×512: direct in 100 ms, naive in 600 ms",
  ]);
  expect(notesOf({ ...begun, kernels: [time] })).toEqual([]);
});

describe("a table", () => {
  test("has one line per row if there is room", () => {
    const [head, row] = table(kernelColumns, [time]).split("\n");
    expect(head).toMatch(/^kernel +shape +variant +median ms +± % +GFLOP\/s +× naive +GB\/s +of roofline +compile ms$/);
    expect(row).toMatch(/^matmul +512×512×512 +naive \* +600 +1\.0 +0\.450 +0\.0050 +5\.00 % +5$/);
  });

  test.each([80, 60])("fits %i characters, with names above their rows", (room) => {
    const rows = [time, { ...time, variant: "direct" }, { ...time, shape: "256×256×256" }];
    const lines = table(kernelColumns, rows, room).split("\n");
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(room);
    expect(lines.map((line) => line.split(/ {2,}/)[0])).toEqual([
      "variant",
      "matmul",
      "naive *",
      "direct *",
      "matmul",
      "naive *",
    ]);
    expect(lines[2]).toMatch(/600 .* 5\.00 %/);
  });

  test("keeps its columns while it grows", () => {
    const growing = new GrowingTable(kernelColumns, { shape: ["a much longer shape"] });
    const ends = [growing.head(), growing.row(time), growing.row({ ...time, ms: 0.001 })].map(({ length }) => length);
    expect(new Set(ends).size).toBe(1);
  });
});
