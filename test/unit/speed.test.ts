import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseResult } from "../../bench/measure/parse.ts";
import type { KernelTime, Result } from "../../bench/measure/result.ts";
import type { Peer } from "../../bench/peers/peer.ts";
import { time } from "../../bench/peers/timing.ts";
import { cardOf } from "../../demos/speed/card.ts";
import { fromLink, toLink } from "../../demos/speed/link.ts";
import { shippedPeers } from "../../demos/speed/shipping.ts";
import { climb, limits, summaryOf, textOf } from "../../demos/speed/summary.ts";

const timing = { bestMs: 1, spread: 0, samples: 5, runs: 1, clock: "wall", compileMs: 1, dispatches: 1 } as const;
const kernel = (family: string, shape: string, variant: string, ms: number, flops: number): KernelTime => ({
  ...{ ...timing, family, shape, variant, chosen: variant === "fast", ms, flops, bytes: 4e6 },
  ...{ gflops: flops / ms / 1e6, gbPerSec: 4 / ms, ofRoofline: 0.5 },
});
const ceilings = { gflops: 10, gbPerSec: 5, dispatchUs: 12.3456, submitUs: 40, readbackMs: 0.5 };
const step = { ...timing, submits: 1, bytes: 1, flops: 1, gflops: 1, ofRoofline: 1, dispatching: 0, longest: [] };
const result: Result = {
  ...{ place: "page", adapter: "fine <GPU> & co", cpu: false, runtime: "Chrome 143", system: "Linux" },
  ...{ date: "2026-01-02T03:04:05.000Z", quick: true, ceilings, ceilingsAfter: { ...ceilings, gflops: 9.5 } },
  kernels: [
    kernel("matmul", "512×512×512", "naive", 8, 2.7e8),
    kernel("matmul", "512×512×512", "fast", 2, 2.7e8),
    kernel("softmax", "softmax 1024×1024", "naive", 4, 4e6),
    { family: "softmax", shape: "softmax 1024×1024", variant: "fast", chosen: true, wrong: "y[0] is NaN, expected 1" },
  ],
  steps: [{ ...step, name: "tiny", ms: 0.25 }],
};

describe("a summary of a result", () => {
  test("has a ladder for each kernel, by operations or by bytes, whichever bounds it", () => {
    const { ladders, steps, where, disturbed } = summaryOf(result);
    expect(ladders.map(({ title, unit }) => [title, unit])).toEqual([
      ["matmul 512×512×512", "GFLOP/s"],
      ["softmax 1024×1024", "GB/s"],
    ]);
    expect(ladders[0]!.rungs).toEqual([
      { variant: "naive", chosen: false, rate: 33.75 },
      { variant: "fast", chosen: true, rate: 135 },
    ]);
    expect(climb(ladders[0]!)).toBe(4);
    // A wrong variant has no speed.
    expect(ladders[1]!.rungs[1]!.rate).toBe(0);
    expect(climb(ladders[1]!)).toBeUndefined();
    expect(steps).toEqual([{ name: "tiny", ms: 0.25 }]);
    expect(where).toBe("Chrome 143, Linux");
    expect(disturbed).toBeUndefined();
  });

  test("says when the limits moved", () => {
    expect(summaryOf({ ...result, ceilingsAfter: { ...ceilings, gflops: 5 } }).disturbed).toBe(true);
  });

  test("is text to paste", () => {
    const lines = textOf({ ...summaryOf(result), stopped: "stopped by the visitor, at 3 of 12" }).split("\n");
    expect(lines[0]).toBe("tilegrad speed test: fine <GPU> & co");
    expect(lines[1]).toBe("Chrome 143, Linux, 2026-01-02 03:04 UTC");
    expect(lines[2]).toBe("Incomplete: stopped by the visitor, at 3 of 12.");
    expect(lines.filter((line) => line.startsWith("  ")).map((line) => line.trim().replace(/ {2,}/, ": "))).toEqual([
      "Multiply-add: 10.0 GFLOP/s",
      "Copy: 5.00 GB/s",
      "Dispatch: 12.3 µs",
      "Submit: 40.0 µs",
      "Readback: 0.500 ms",
      "matmul 512×512×512: 135 GFLOP/s (fast, 4.00 × naive)",
      "softmax 1024×1024: – GB/s (fast)",
      "tiny: 0.250 ms a step",
    ]);
  });
});

describe("a link", () => {
  test("holds a summary, to the last digit", async () => {
    const summary = summaryOf({ ...result, stopped: "an error ended it, at 1 of 2" });
    const link = await toLink(summary);
    expect(link).toMatch(/^[\w-]+$/);
    expect(await fromLink(link)).toEqual(summary);
  });

  test.each(["", "nonsense", "!", "q1YqzEvOSFWyUlIyMTE3VdJRKi5OLVayqlbKTq1UslJQMjQyNlEwMDQ2MDTRUaoFAA"])(
    "without a summary is none: %s",
    async (link) => {
      expect(await fromLink(link)).toBeUndefined();
    },
  );

  test("with something else in a place is none", async () => {
    const summary = summaryOf(result);
    const wrong = { ...summary, steps: [{ name: "tiny", ms: "1" as unknown as number }] };
    expect(await fromLink(await toLink(wrong))).toBeUndefined();
    const [ladder] = summary.ladders;
    for (const wrong of [
      { ...summary, date: "yesterday" },
      { ...summary, adapter: "half \ud800" },
      { ...summary, adapter: "\u0000" },
      { ...summary, ladders: [{ ...ladder!, rungs: [] }] },
      { ...summary, ladders: [{ ...ladder!, rungs: [{ variant: "naive", chosen: true, rate: -1 }] }] },
      { ...summary, steps: [{ name: "tiny", ms: -1 }] },
    ])
      expect(await fromLink(await toLink(wrong))).toBeUndefined();
  });
});

test("a card is a picture with all figures, whatever the adapter is called", () => {
  const svg = cardOf(summaryOf(result));
  expect(svg).toContain("fine &lt;GPU&gt; &amp; co");
  for (const { name } of limits) expect(svg).toContain(`>${name}<`);
  expect(svg).toContain(">135 GFLOP/s<");
  expect(svg).toContain(">0.250 ms<");
  expect(svg).not.toMatch(/NaN|undefined|Infinity|href|style=/);
  const open = svg.match(/<(svg|text)\b/g)!.length;
  expect(svg.match(/<\/(svg|text)>/g)!.length).toBe(open);
});

describe("results that come with the page", () => {
  const folder = join(import.meta.dirname, "../../demos/speed/results");

  test.each(readdirSync(folder))("%s is whole, and no other work disturbed it", (name) => {
    const result = parseResult(readFileSync(join(folder, name), "utf8"), name);
    const { ladders, steps, limits: known, stopped, disturbed, cpu } = summaryOf(result);
    expect({ stopped, disturbed, cpu }).toEqual({ stopped: undefined, disturbed: undefined, cpu: true });
    expect(Object.keys(known).sort()).toEqual(limits.map(({ key }) => key).sort());
    expect(ladders.flatMap(({ rungs }) => rungs).filter(({ rate }) => rate <= 0)).toEqual([]);
    expect(ladders.map((ladder) => climb(ladder)! > 1)).toEqual(ladders.map(() => true));
    expect(steps).toHaveLength(5);
  });
});

describe("the site", () => {
  const loaded = (folder: string): string => {
    const { load } = shippedPeers(folder) as unknown as { load(id: string): string };
    return load("\0virtual:peers");
  };

  test("ships the other libraries only where they are installed, with their versions", () => {
    const folder = mkdtempSync(join(tmpdir(), "tilegrad-peers-"));
    try {
      expect(loaded(folder)).toBe("export const versions = undefined, start = undefined;");
      for (const name of ["@jax-js/jax", "@tensorflow/tfjs-core"]) {
        mkdirSync(join(folder, "node_modules", name), { recursive: true });
        writeFileSync(join(folder, "node_modules", name, "package.json"), '{ "version": "1.2.3" }');
      }
      expect(loaded(folder)).toContain('{"jaxjs":"1.2.3","tfjs":"1.2.3"}');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("libraries side by side", () => {
  const row = { key: "mlp", title: "a step", kind: "step", perAwait: 8 } as const;
  const turns = { rounds: 3, turnMs: 0, longestTurnMs: 1e9, losses: { all: 5, varied: 5 }, lossSeconds: 1 };

  test("take turns, and one that fails or disagrees says so", async () => {
    const order: string[] = [];
    let open = 0;
    const peerOf = (library: string): Peer => ({
      open: async () => {
        if (library === "d") throw new Error("no such row\nat once");
      },
      results: async () => [],
      losses: async () => (library === "c" ? [1, 2] : [1, 3]),
      time: async () => order.push(library) && { a: 1, b: 2, c: 3, d: 4 }[library]!,
    });
    const times = await time(
      row,
      ["a", "b", "c", "d"],
      async (library) => ({ peer: peerOf(library), close: () => void open++ }),
      turns,
    );
    expect(order.join("")).toBe("abcbcacab");
    expect(open).toBe(4);
    expect(times.get("a")).toEqual({ ms: 1, samples: 3 });
    expect(times.get("c")).toEqual({ ms: 3, samples: 3, fault: "WRONG by 3.3e-1" });
    expect(times.get("d")).toEqual({ samples: 0, fault: "failed: no such row" });
  });
});
