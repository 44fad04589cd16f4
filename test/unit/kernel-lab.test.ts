import { describe, expect, test } from "vitest";
import { compare } from "../../bench/measure/check.ts";
import { carries, commonStep } from "../../bench/measure/resolution.ts";
import { createNetwork } from "../../demos/digits/networks.ts";
import type { NetworkName } from "../../demos/digits/settings.ts";
import { trainingStep } from "../../demos/digits/step.ts";
import { stepKernels } from "../../demos/digits/stepKernels.ts";
import { compiled } from "../../demos/kernels/graphs.ts";
import { groupSizes, shares } from "../../demos/kernels/heat.ts";
import { inDigits, networksOf, sameProblems } from "../../demos/kernels/inDigits.ts";
import { limited, withoutComments } from "../../demos/kernels/limit.ts";
import { racesOf } from "../../demos/kernels/races.ts";
import { Silence, within } from "../../demos/kernels/remote.ts";
import { resized } from "../../demos/kernels/resized.ts";
import { msIn, printResults, type ResultsFile } from "../../demos/kernels/results.ts";
import { parseResults } from "../../demos/kernels/resultsFile.ts";
import type { Outcome } from "../../demos/kernels/rows.ts";
import { sentenceOf } from "../../demos/kernels/rungs.ts";
import { decades, placed } from "../../demos/kernels/scale.ts";
import { refusal, workOf, works } from "../../demos/kernels/works.ts";
import { pack, unpack } from "../../demos/parts/pack.ts";
import { optim, variable } from "../../src/index.ts";
import type { AdapterTraits } from "../../src/kernels/traits.ts";
import { registry, variantNames } from "../../src/selfcheck/registry.ts";
import { gpu, software } from "../adapters.ts";

describe("a limit for loops", () => {
  test("finds no loops in comments, and keeps positions", () => {
    const text = "a // for {\n/* loop { /* nested */ while */ b\n// end";
    const bare = withoutComments(text);
    expect(bare.length).toBe(text.length);
    expect(bare.replace(/ +/g, " ")).toBe("a \n b\n ");
    expect(limited(text, 0).split("\n").slice(0, 3).join("\n")).toBe(text);
  });

  test("counts the turns of nested loops together, and keeps lines", () => {
    const text = "fn f() {\n  for (var i = 0u; i < 3u; i++) {\n    while (true) { x++; }\n  }\n}";
    const lines = limited(text, 4, 9).split("\n");
    expect(lines[1]).toMatch(
      /^ {2}for \(.*\) \{ all_turns\+\+; if \(all_turns > 9u\) \{ atomicStore\(&ended_loop, 2u\); break; \}/,
    );
    expect(lines[2]).toMatch(/while \(true\) \{ all_turns\+\+; .*3u\); break; .* x\+\+; \}$/);
    expect(lines.slice(5).join("\n")).toContain("@group(0) @binding(4)");
  });

  test("gives a loop with a barrier a count of its own, also where a function waits", () => {
    const text = "fn wait() { workgroupBarrier(); }\nfn f() {\n  loop { wait(); }\n  loop { y(); }\n}";
    const lines = limited(text, 1, 9).split("\n");
    expect(lines[2]).toMatch(/^ {2}\{ var (turns_\d+) = 0u; loop \{ \1\+\+; if \(\1 > 9u\) .* wait\(\); \} \}$/);
    expect(lines[3]).toContain("all_turns++");
  });
});

/** Adapters with subgroups and f16, as a CPU and as a GPU. */
const adapters = [software, gpu].map((traits) => ({ ...traits, features: new Set(["subgroups", "shader-f16"]) }));

/** The kernels of a training step of the digits page, without dropout. */
const kernelsIn = (network: NetworkName, traits: AdapterTraits) =>
  stepKernels(network, trainingStep(createNetwork(network, 0, 1), optim.adam(), variable(0, [2])), traits);

test("the check for races keeps loads past the end of memory apart from faults", () => {
  const racesAt = (m: number) => racesOf(compiled({ work: "matmul", sizes: [m, 64, 64], nan: false }, "tiled", gpu));
  expect(racesAt(64)).toEqual({ faults: [], pastEnd: [] });
  expect(racesAt(10)).toEqual({ faults: [], pastEnd: ["a"] });
  const all = compiled({ work: "matmul", sizes: [10, 64, 64], nan: false }, "tiled", gpu);
  const calls = all.calls.map((call) => ({ ...call, wgsl: call.wgsl.replaceAll("workgroupBarrier();", "") }));
  const { faults, pastEnd } = racesOf({ ...all, calls });
  expect(pastEnd).toEqual(["a"]);
  expect(faults.length).toBeGreaterThan(0);
  for (const fault of faults) expect(fault).toMatch(/: race: /);
});

describe("the works of the kernel lab", () => {
  test("cover every kernel family", () => {
    // Kernels that others call are shown with them.
    const families = new Set(registry.filter(({ within }) => !within).map(({ family: { name } }) => name));
    expect(new Set(works.map(({ family }) => family))).toEqual(families);
  });

  test.each(works)(
    "$id runs its family at every shape, within what the reference takes",
    ({ id, family, shapes, ...work }) => {
      for (const { sizes, nan = false } of shapes) {
        expect(refusal({ id, family, shapes, ...work }, sizes)).toBeUndefined();
        for (const traits of adapters) {
          const { calls } = compiled({ work: id, sizes, nan }, undefined, { ...traits, maxStorageBuffers: 7 });
          expect(calls.map((call) => call.family)).toContain(family);
        }
      }
    },
  );

  test("explain every variant of every family in a sentence", () => {
    const all = [...variantNames()].flatMap(([name, variants]) =>
      variants.map((variant) => [name, variant, sentenceOf(name, variant)]),
    );
    expect(all.filter(([, , sentence]) => !/^[A-Z0-9].*\.$/.test(sentence!))).toEqual([]);
    expect(all.filter(([, , sentence]) => /ROWS|COLUMNS/.test(sentence!))).toEqual([]);
  });

  test.each(Object.keys(sameProblems))(
    "%s has the very text that the training of digits runs, in every variant",
    (key) => {
      const [work, sizes] = key.split(" ") as [string, string];
      const problem = { work, sizes: sizes.split("-").map(Number), nan: false };
      const { family } = workOf(work);
      const { variants } = registry.find(({ family: { name } }) => name === family)!.family;
      const bare = (wgsl: string) => withoutComments(wgsl).replaceAll(/ +$/gm, "").trim();
      let compared = 0;
      for (const traits of adapters)
        for (const { name: variant } of variants) {
          const { calls } = compiled(problem, variant, traits);
          if (calls.length > 1 || calls[0]!.variant !== variant) continue;
          const { network, kernel, isSame } = inDigits(problem, family, variant)!;
          expect(isSame).toBe(true);
          const there = kernelsIn(network, { ...traits, forced: { [family]: { ifFits: variant } } });
          const { wgsl } = there.find((one) => [one.network, one.family, one.variant, one.place].join(".") === kernel)!;
          expect(bare(wgsl), kernel).toBe(bare(calls[0]!.wgsl));
          compared++;
        }
      expect(compared).toBeGreaterThan(1);
    },
  );

  test("lead to the families that the training of digits runs, and to no others", () => {
    for (const [family, network] of Object.entries(networksOf))
      expect(kernelsIn(network, software).map((kernel) => kernel.family)).toContain(family);
    expect(inDigits({ work: "cumsum", sizes: [3, 4], nan: false }, "cumsum", "naive")).toBeUndefined();
    expect(inDigits({ work: "matmul", sizes: [3, 4, 5], nan: false }, "matmul", "naive")).toEqual({
      network: "mlp",
      kernel: "mlp.matmul.naive.0",
      isSame: false,
    });
  });

  test("refuse sizes that are no whole numbers, too large, or too much for the reference", () => {
    const product = workOf("matmul");
    expect(refusal(product, [1, 2])).toBe("n must be a whole number from 1 to 4096");
    expect(refusal(product, [1.5, 2, 2])).toMatch(/^m must/);
    expect(refusal(product, [1, 16385, 2])).toMatch(/^k must/);
    expect(refusal(product, [4096, 4096, 4096])).toMatch(/^about 1e\+11 operations/);
  });
});

describe("a comparison with the reference", () => {
  test("finds the largest error, and the first wrong value", () => {
    const wanted = { y: Float64Array.of(1, -4, 2) };
    expect(compare({ y: [1, -4, 2.0002] }, wanted)).toEqual({ largestError: expect.closeTo(5e-5), notNumbers: 0 });
    expect(compare({ y: [1, -4.1, 3] }, wanted)).toMatchObject({
      largestError: 0.25,
      wrong: { name: "y", index: 1, got: -4.1, expected: -4 },
    });
  });

  test("promises nothing where the reference is NaN, but finds NaN anywhere else", () => {
    const wanted = { y: Float64Array.of(Number.NaN, 1) };
    expect(compare({ y: [5, 1] }, wanted)).toEqual({ largestError: 0, notNumbers: 1 });
    expect(compare({ y: [Number.NaN, Number.NaN] }, wanted).wrong).toMatchObject({ index: 1 });
  });
});

describe("a clock", () => {
  test("has the largest step of which all its readings are multiples", () => {
    expect(commonStep([0.131072, 0.196608, 0.589824])).toBe(0.065536);
    expect(commonStep([0.3, 0.7])).toBe(0.1);
  });

  test("carries a time of twenty steps, over all runs of a sample", () => {
    expect(carries({ ms: 0.1, runs: 20 }, 0.1)).toBe(true);
    expect(carries({ ms: 0.1, runs: 19 }, 0.1)).toBe(false);
    expect(carries({ ms: 0, runs: 20_000 }, 0.1)).toBe(false);
  });
});

describe("the roofline", () => {
  test("spans whole decades", () => {
    expect(decades([3, 40])).toEqual([0, 2]);
    expect(decades([10, 10])).toEqual([1, 2]);
    expect(decades([0, Number.NaN])).toEqual([-1, 1]);
  });

  test("moves labels apart, and keeps their order", () => {
    const labels = placed([{ at: 10 }, { at: 100 }, { at: 11 }], 200).map(({ label }) => label);
    expect(labels).toEqual(labels.toSorted((a, b) => a - b));
    expect(labels[1]! - labels[0]!).toBeCloseTo(14);
  });

  test("keeps labels above the axis", () => {
    const labels = placed([{ at: 95 }, { at: 96 }, { at: 99 }], 100).map(({ label }) => label);
    expect(labels).toEqual([72, 86, 100]);
  });
});

test("an answer that does not come becomes a Silence", async () => {
  expect(await within(60_000, Promise.resolve(7))).toBe(7);
  await expect(within(60_000, Promise.reject(new Error("no")))).rejects.toThrow("no");
  await expect(within(1, new Promise(() => {}))).rejects.toThrow(Silence);
});

describe("a text in an address", () => {
  test("comes back as it was, short and without signs that addresses change", async () => {
    const text = "fn main() { /* ≥ */ }\n".repeat(100);
    const packed = await pack(text);
    expect(packed).toMatch(/^[\w-]+$/);
    expect(packed.length).toBeLessThan(200);
    expect(await unpack(packed)).toBe(text);
  });

  test("means nothing if it is damaged", async () => {
    expect(await unpack("no-text-of-ours")).toBeUndefined();
    expect(await unpack("a")).toBeUndefined();
  });
});

describe("another size of workgroups", () => {
  const source = (wgsl: string, x = 10) => ({ label: "", wgsl, workgroups: [x, 2, 3] as const });

  test("keeps the number of invocations, or a few more", () => {
    const [edit] = resized([source("@compute @workgroup_size(16) fn main() {}")], 64)!;
    expect(edit).toEqual({ kernel: 0, wgsl: "@compute @workgroup_size(64) fn main() {}", workgroups: [3, 2, 3] });
  });

  test("takes the sizes that one types, or says what is wrong with them", () => {
    expect(groupSizes("24, 8;96 8", 256)).toEqual([8, 24, 96]);
    expect(groupSizes("8, x2", 256)).toBe("“x2” is no whole number of invocations.");
    expect(groupSizes("8, 0", 256)).toBe("“0” is no whole number of invocations.");
    expect(groupSizes(" ", 256)).toMatch(/^Type numbers/);
    expect(groupSizes("8, 512", 256)).toBe("512 invocations: a workgroup of this adapter has at most 256.");
    expect(groupSizes(Array.from({ length: 17 }, (_, i) => i + 1).join(), 256)).toMatch(/^17 sizes: .* at most 16\.$/);
  });

  test("is nothing for kernels whose invocations work together, have two axes, or would be too many groups", () => {
    expect(resized([source("@workgroup_size(16) fn main() { workgroupBarrier(); }")], 64)).toBeUndefined();
    expect(resized([source("@workgroup_size(8, 8) fn main() {}")], 64)).toBeUndefined();
    expect(resized([source("@workgroup_size(64) fn main() {}", 65000)], 4)).toBeUndefined();
  });
});

describe("a heat map", () => {
  const right = (ms: number) =>
    ({
      state: "right",
      comparison: { largestError: 0, notNumbers: 0 },
      compileMs: 1,
      stepMs: 0,
      dispatches: 1,
      time: { ms, bestMs: ms, spread: 0, samples: 3, runs: 1, clock: "wall" },
      work: [{ flops: 1, bytes: 1 }],
    }) as const;
  const rows = [
    {
      name: "small",
      cells: new Map([
        ["a", right(1)],
        ["b", right(2)],
      ]),
    },
    {
      name: "large",
      cells: new Map<string, Outcome>([
        ["a", right(8)],
        ["b", right(4)],
        ["c", { state: "absent" }],
      ]),
    },
  ];

  test("compares variants of a shape, and all sizes of workgroups", () => {
    const of = "";
    const columns = ["a", "b", "c"];
    expect(shares({ axis: "shapes", of, columns, rows }).map((row) => [...row])).toEqual([
      [
        ["a", 1],
        ["b", 0.5],
      ],
      [
        ["a", 0.5],
        ["b", 1],
      ],
    ]);
    expect(shares({ axis: "workgroups", of, columns, rows })[1]!.get("b")).toBe(0.25);
  });
});

describe("a file of results", () => {
  const outcome = { state: "right", time: { ms: 2, runs: 3, samples: 5 } };
  const problem = { work: "matmul", sizes: [1, 2, 3], nan: false };
  const file = {
    ...{ format: "tilegrad kernel lab", version: 1, date: "2026-01-02", tilegrad: "0.1.0", adapter: "a", cpu: false },
    ...{ clock: "gpu", browser: "b", os: "c", roof: null, results: [{ problem, variant: "naive", outcome }] },
  };

  test("comes back, and tells the time of a variant", () => {
    const read = parseResults(printResults(file as unknown as ResultsFile));
    expect(read).toEqual(file);
    expect(msIn(read, problem, "naive")).toBe(2);
    expect(msIn(read, { ...problem, nan: true }, "naive")).toBeUndefined();
    expect(msIn(read, problem, "tiled")).toBeUndefined();
  });

  test.each([
    ["{", /not JSON/],
    ["[]", /no file of this page/],
    [JSON.stringify({ ...file, version: 2 }), /version 2, expected 1/],
    [JSON.stringify({ ...file, adapter: 7 }), /"adapter" is no text/],
    [JSON.stringify({ ...file, results: {} }), /result 1 is not complete/],
    [
      JSON.stringify({ ...file, results: [{ problem, variant: "naive", outcome: { state: "right", time: {} } }] }),
      /result 1/,
    ],
    [
      JSON.stringify({ ...file, results: [{ problem: { ...problem, work: "chess" }, variant: "naive", outcome }] }),
      /result 1/,
    ],
  ])("is refused with a reason: %s", (text, reason) => {
    expect(() => parseResults(text)).toThrow(reason);
  });
});
