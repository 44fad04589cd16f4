import { describe, expect, test } from "vitest";
import { variantsOf } from "../../bench/cases/case.ts";
import { kernelCases } from "../../bench/cases/index.ts";
import { ladders } from "../../bench/cases/ladders.ts";
import { time as timeOf } from "../../bench/measure/clock.ts";
import { measurable } from "../../bench/measure/kernels.ts";
import { parseResult } from "../../bench/measure/parse.ts";
import { extended, isFault, type KernelTime, type Report, type Result } from "../../bench/measure/result.ts";
import { fromUserAgent, whereAmI } from "../../bench/measure/runtime.ts";
import { measure } from "../../bench/measure/suite.ts";
import { parseOptions } from "../../bench/options.ts";
import { everything, planOf } from "../../bench/plans.ts";
import { kernelColumns } from "../../bench/report/columns.ts";
import { compare } from "../../bench/report/compare.ts";
import { notesOf } from "../../bench/report/notes.ts";
import { GrowingTable, table } from "../../bench/report/table.ts";
import { gpu, software } from "../adapters.ts";

const product = kernelCases.find(({ family, shape }) => family === "matmul" && shape === "512×512×512")!;

describe("a quick bench", () => {
  test("skips variants that are not worth measuring by their score, and no others", () => {
    const graph = product.build();
    const quick = measurable(product, graph, software, true).variants;
    const all = measurable(product, graph, software, false).variants;
    expect(all).toEqual(variantsOf(product, software.extra));
    expect(all.filter((name) => !quick.includes(name) && !name.startsWith("quad"))).toEqual([
      "groupK1x8",
      "groupK4x8",
      "group16K1x4",
      "group16K4x4",
      "group256K1x4",
      "groupK8x4",
      "tiled",
      "tiled128",
      "dots",
    ]);
    expect(measurable(product, graph, gpu, true).variants).toContain("tiled");
  });

  test.each(kernelCases.filter(({ long, work }) => !long && !work))(
    "measures the engine's choice: $family $shape",
    (it) => {
      for (const traits of [software, gpu]) {
        const { chosen, variants } = measurable(it, it.build(), traits, true);
        expect(variants).toContain(chosen);
        expect(variants.length).toBeLessThanOrEqual(variantsOf(it, traits.extra).length);
      }
    },
  );
});

describe("a speed test", () => {
  const titleOf = ({ family, shape }: { family: string; shape: string }) => `${family} ${shape}`;

  test("measures some of what the bench measures, by the same names", () => {
    const plan = planOf({ speed: true });
    expect(planOf({ speed: false })).toBe(everything);
    expect(everything.kernels.map(titleOf)).toEqual(expect.arrayContaining(plan.kernels.map(titleOf)));
    expect(everything.steps).toEqual(expect.arrayContaining([...plan.steps]));
    expect(plan.steps.length).toBe(5);
  });

  test.each(ladders)("climbs from the definition: $family $shape", (it) => {
    const { variants } = measurable(it, it.build(), gpu, true);
    expect(variants[0]).toBe("naive");
    expect(variants.length).toBeGreaterThan(1);
    if (!it.work) expect(measurable(it, it.build(), software, true).variants[0]).toBe("naive");
  });
});

describe("a bench of WebAssembly", () => {
  test.each([1, 2])("measures what %i threads can do, and rows against that", async (threads) => {
    const plan = { kernels: kernelCases.filter(({ shape }) => shape === "linear + relu 64×784×128"), steps: [] };
    const options = { filter: "", quick: true, speed: true, scaling: false };
    let result: Result | undefined;
    await measure("node", { backend: "wasm", threads }, plan, options, (report) => {
      result = extended(result, report);
    });
    const { adapter, ceilings, ceilingsAfter, kernels: rows } = result!;
    expect(adapter).toBe(threads === 1 ? "webassembly simd" : "webassembly simd, 2 threads");
    for (const value of [...Object.values(ceilings), ...Object.values(ceilingsAfter!)])
      expect(value).toBeGreaterThan(0);
    const chosen = rows.find((row) => row.chosen) as KernelTime;
    expect(rows.filter(isFault)).toEqual([]);
    // The definition has no vectors; no kernel passes the roof, but other work may run under either.
    expect(chosen.timesNaive).toBeGreaterThan(2);
    expect(chosen.ofRoofline).toBeGreaterThan(0.02);
    expect(chosen.gflops).toBeLessThan(2 * ceilings.gflops);
  });

  test("is asked for beside WebGPU, or alone", () => {
    const backends = (...args: string[]) => parseOptions(args)!.backends;
    expect(backends()).toEqual([{ backend: "webgpu" }]);
    expect(backends("--backend", "wasm", "--threads", "2")).toEqual([{ backend: "wasm", threads: 2 }]);
    expect(backends("--backend", "all")).toEqual([{ backend: "webgpu" }, { backend: "wasm", threads: undefined }]);
    expect(() => backends("--backend", "cuda")).toThrow('--backend is "cuda", expected webgpu, wasm or all');
    expect(() => backends("--threads", "0")).toThrow("--threads");
  });

  test("is compared with WebGPU by what each chooses", () => {
    const about = { place: "node", cpu: true, date: "2026-01-02T03:04:05.000Z", quick: true, steps: [] } as const;
    const ceilings = { gflops: 1, gbPerSec: 1, dispatchUs: 1, submitUs: 1, readbackMs: 1 };
    const row = (variant: string, ms: number, chosen: boolean): KernelTime => ({ ...time, variant, ms, chosen });
    const webgpu = {
      ...about,
      ceilings,
      adapter: "software",
      kernels: [row("naive", 9, false), row("tiled", 6, true)],
    };
    const wasm = { ...about, ceilings, adapter: "wasm", kernels: [row("naive", 8, false), row("direct", 3, true)] };
    const lines = (a: Result, b: Result) =>
      compare(a, b, 200)
        .split("\n")
        .filter((line) => line.startsWith("matmul"))
        .map((line) => line.split(/ {2,}/));
    expect(lines(webgpu, wasm)).toEqual([["matmul 512×512×512", "6.00", "3.00", "0.50", "faster"]]);
    expect(lines(webgpu, { ...wasm, adapter: "software" }).map(([name]) => name)).toEqual(["matmul 512×512×512 naive"]);
  });
});

test("a time is the median of samples that are long enough", async () => {
  const budget = { sampleMs: 10, totalMs: 60, samples: 5 };
  const costs = [1, 1, 1, 1, 3, 2, 1, 3];
  const timing = await timeOf(async (runs) => runs * costs.shift()!, "wall", budget);
  expect(timing).toEqual({ ms: 2, bestMs: 1, spread: 0.5, samples: 5, runs: 10, clock: "wall" });
  // A clock that stands still must not hold it up.
  const still = await timeOf(async () => 0, "wall", budget);
  expect(still).toMatchObject({ ms: 0, spread: null });
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

describe("a file of a result", () => {
  const step = {
    ...{ name: "tiny", ms: 1, bestMs: 1, spread: null, samples: 1, runs: 1, clock: "wall" as const, compileMs: 1 },
    ...{ dispatches: 4, submits: 1, bytes: 1, flops: 1, gflops: 1, ofRoofline: 1, dispatching: 0, longest: [] },
  };
  const whole: Result = { ...begun, ...whereAmI(), kernels: [time], steps: [step] };
  const read = (result: unknown) => parseResult(JSON.stringify(result), "a.json");

  test("is read as it was written", () => {
    expect(read(whole)).toEqual(whole);
    expect(read({ ...whole, ceilingsAfter: ceilings }).ceilingsAfter).toEqual(ceilings);
  });

  test.each([
    ["no JSON", "{", /^a\.json is not a result of a speed test or of npm run bench: it is no JSON object$/],
    ["a list", "[]", /is no JSON object$/],
    ["another place", { ...whole, place: "moon" }, /^a\.json: place is "moon", expected "node", "chrome" or "page"$/],
    ["no ceilings", { ...whole, ceilings: null }, /^a\.json: ceilings is null, expected an object$/],
    [
      "a text for a number",
      { ...whole, steps: [{ ...step, ms: "1" }] },
      /^a\.json: steps\[0\]\.ms is "1", expected a number from 0$/,
    ],
    [
      "half a kernel",
      { ...whole, kernels: [{ family: "matmul" }] },
      /kernels\[0\]\.shape is undefined, expected a text$/,
    ],
  ])("with %s is refused by its field", (_, given, message) => {
    const text = typeof given === "string" ? given : JSON.stringify(given);
    expect(() => parseResult(text, "a.json")).toThrow(message);
  });
});

test.each([
  [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/143.0.0.0 Safari/537.36",
    "Chrome 143",
    "Linux",
  ],
  [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36 Edg/143.0.0.0",
    "Edge 143",
    "Windows",
  ],
  ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox 145", "macOS"],
  [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
    "Safari 26.0",
    "iOS",
  ],
  [
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Mobile Safari/537.36",
    "Chrome 143",
    "Android",
  ],
  ["something else", "unknown browser", "unknown system"],
])("%s is %s on %s", (agent, runtime, system) => {
  expect(fromUserAgent(agent)).toEqual({ runtime, system });
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
