import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { input, matmul, sum } from "../../src/index.ts";
import { choose, family } from "../../src/kernels/choose.ts";
import { folderStore, tuningFile } from "../../src/node/index.ts";
import { readWinners, writeWinners } from "../../src/tune/index.ts";
import { gpu, software } from "../adapters.ts";
import { forcedVariants } from "../forced.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tilegrad-tuning-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("a tuning file holds the winners of each adapter", async () => {
  const path = join(folder, "new", "tuning.json");
  const file = tuningFile(path);
  expect(await readWinners(file, "one")).toEqual({});
  await writeWinners(file, "one", { "matmul m=1": "naive" });
  await writeWinners(file, "two", { "matmul m=1": "tiled" });
  await writeWinners(file, "one", { "matmul m=1": "direct4x4" });
  expect(await readWinners(tuningFile(path), "one")).toEqual({ "matmul m=1": "direct4x4" });
  const all = { one: { "matmul m=1": "direct4x4" }, two: { "matmul m=1": "tiled" } };
  expect(JSON.parse(await readFile(path, "utf8"))).toEqual(all);
  expect(await readWinners(folderStore(dirname(path)), "two")).toEqual(all.two);
});

test("a broken tuning file is named and left alone", async () => {
  const path = join(folder, "broken.json");
  await writeFile(path, "{");
  const fault = `the tuning file ${path}: tuning.json is not JSON; delete it to start over`;
  await expect(readWinners(tuningFile(path), "one")).rejects.toThrow(fault);
  await expect(writeWinners(tuningFile(path), "one", {})).rejects.toThrow(fault);
  expect(await readFile(path, "utf8")).toBe("{");
});

const variants = ["plain", "fast", "large"].map((name, score) => ({
  name,
  needs: ({ n }: { n: number }) => (name !== "large" || n >= 64 ? undefined : "64 of n"),
  score: () => score,
}));
const chosen = (n: number, traits: Partial<typeof gpu>) =>
  choose(family("family", "x", variants), { n, layout: [1, 2] }, { ...gpu, ...traits }).name;

test("forced variants come before measured ones, those before the rule, and wrong or unfit ones last", () => {
  expect(chosen(64, {})).toBe("large");
  expect(chosen(32, {})).toBe("fast");
  const tuned = new Map([
    ["family n=64 layout=1,2", "plain"],
    ["family n=32 layout=1,2", "large"],
  ]);
  expect(chosen(64, { tuned })).toBe("plain");
  expect(chosen(32, { tuned })).toBe("fast");
  expect(chosen(64, { tuned, forced: { family: "fast" } })).toBe("fast");
  expect(chosen(64, { tuned, forced: { "*": "fast", family: "large" } })).toBe("large");
  expect(chosen(64, { tuned, forced: { "*": "fast", other: "large" } })).toBe("fast");
  expect(chosen(32, { tuned, forced: { "*": "large" } })).toBe("fast");
  expect(chosen(32, { tuned, forced: { family: { ifFits: "large" } } })).toBe("fast");
  expect(chosen(64, { tuned, forced: { family: { ifFits: "large" } } })).toBe("large");
  expect(chosen(64, { tuned, avoid: new Set(["family/plain", "family/large"]) })).toBe("fast");
});

test("unknown or unfit forced variants are refused, and so is a problem that no variant fits", () => {
  const thrown = (run: () => unknown): string => {
    try {
      return `gave ${run()}`;
    } catch (error) {
      return String(error);
    }
  };
  const none = 'AttributeError: compile: family has no variant "faster", expected one of plain, fast, large';
  expect(thrown(() => chosen(64, { forced: { family: "faster" } }))).toBe(none);
  expect(thrown(() => chosen(64, { forced: { family: { ifFits: "faster" } } }))).toBe(none);
  expect(thrown(() => chosen(32, { forced: { family: "large" } }))).toBe(
    'AttributeError: compile: variant "large" does not fit family n=32 layout=1,2: it needs 64 of n',
  );
  expect(thrown(() => choose(family("family", "x", variants.slice(2)), { n: 32 }, gpu))).toBe(
    "LimitError: compile: no kernel fits family n=32: large needs 64 of n",
  );
});

test("each choice is reported with its alternatives", () => {
  const told: unknown[] = [];
  chosen(32, { onChoice: (choice) => told.push(choice), avoid: new Set(["family/plain"]) });
  const lacks = "correct results: the self-check found wrong ones on this adapter";
  const variants = [
    { variant: "plain", lacks },
    { variant: "fast", score: 1 },
    { variant: "large", lacks: "64 of n" },
  ];
  expect(told).toEqual([{ problem: "family n=32 layout=1,2", chosen: "fast", by: "score", variants }]);
});

test("a problem is described by all its fields", () => {
  const told: string[] = [];
  const windows = { kernel: [2, 2], size: [5, 5] };
  const always = [{ name: "only", score: () => 1 }];
  choose(
    family("pool", "x", always),
    { windows, image: [1, 2] },
    { ...gpu, onChoice: ({ problem }) => told.push(problem) },
  );
  choose(family("norm", "x", always), 7, { ...gpu, onChoice: ({ problem }) => told.push(problem) });
  expect(told).toEqual(["pool kernel=2,2 size=5,5 image=1,2", "norm 7"]);
});

test("TILEGRAD_VARIANT names one variant for all, or some by family", () => {
  expect(forcedVariants("")).toEqual({});
  expect(forcedVariants("naive")).toEqual({ "*": { ifFits: "naive" } });
  expect(forcedVariants("matmul=tiled,conv2d=direct")).toEqual({
    matmul: { ifFits: "tiled" },
    conv2d: { ifFits: "direct" },
  });
  expect(() => forcedVariants("matmul=")).toThrow('TILEGRAD_VARIANT contains "matmul="');
});

test("a GPU folds long rows by workgroups, and short or strided rows by invocations", () => {
  const variant = (shape: number[], axis: number, traits = gpu) =>
    compile({ outputs: { y: sum(input("x", shape), axis) } }, traits).calls[0]!.variant;
  expect(variant([8192, 1024], 1)).toBe("tree");
  expect(variant([16384, 1024], 1)).toBe("tree");
  expect(variant([16384, 256], 1)).toBe("serial");
  expect(variant([8192, 1024], 0)).toBe("tile");
  expect(variant([8192, 10], 0)).toBe("tile");
  expect(variant([16, 1024], 0)).toBe("serial");
  expect(variant([16, 100], 0)).toBe("tree");
  expect(variant([8192, 100, 3], 1)).toBe("serial");
  expect(variant([100, 100, 3], 1)).toBe("tree");
  expect(variant([8192, 1024], 1, software)).toBe("serial");
});

test("CPU adapters with wider subgroups prefer smaller register tiles", () => {
  const chosen = (size: number, subgroupSize?: number) => {
    const traits = { ...software, features: new Set(["subgroups"]), ...(subgroupSize && { subgroupSize }) };
    const [call] = compile(
      { outputs: { y: matmul(input("a", [size, size]), input("b", [size, size])) } },
      traits,
    ).calls;
    return call!.variant;
  };
  // As measured: SwiftShader has subgroups of 4, lavapipe of 8. An adapter that reports none is treated like
  // SwiftShader.
  expect([256, 512].map((size) => chosen(size, 4))).toEqual(["quads16x8", "quads32x8"]);
  expect([256, 512].map((size) => chosen(size))).toEqual(["quads16x8", "quads32x8"]);
  expect([256, 512, 1024].map((size) => chosen(size, 8))).toEqual(["quads8x4", "quads8x4", "quads8x4"]);
});
