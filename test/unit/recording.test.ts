import { describe, expect, test } from "vitest";
import { toBase64 } from "../../src/bytes/base64.ts";
import { boundOf, parseRecording, toChromeTrace, valuesOf } from "../../src/recording/index.ts";
import { statisticsOf } from "../../src/runtime/record/statistics.ts";
import { small } from "../recordings.ts";

describe("parseRecording", () => {
  test("takes a recording, as text or parsed", () => {
    expect(parseRecording(JSON.stringify(small))).toEqual(small);
    expect(parseRecording(structuredClone(small))).toEqual(small);
  });

  test.each([
    ["", "the file is empty"],
    ["<html>", 'the file begins with "<html>", expected the JSON of a recording'],
    ["[1, 2]", 'the file has no field "format", expected "tilegrad.recording"'],
    ['{"traceEvents": []}', 'the file has no field "format"'],
    ['{"format": "tilegrad.model"}', 'the file has the format "tilegrad.model", expected "tilegrad.recording"'],
    ['{"format": "tilegrad.recording", "version": 7}', "has version 7, this tilegrad reads version 1"],
    ["null", 'the file has no field "format"'],
  ])("says what %s is", (text, message) => {
    expect(() => parseRecording(text)).toThrow(message);
  });

  const changed = (path: string, value: unknown): unknown => {
    const copy = structuredClone(small);
    const keys = path.split(".");
    // biome-ignore lint/suspicious/noExplicitAny: walks any path
    const parent = keys.slice(0, -1).reduce((at: any, key) => at[key], copy);
    parent[keys.at(-1)!] = value;
    return copy;
  };

  test.each([
    ["dispatches.1.label", undefined, "dispatches[1].label is undefined, expected a string"],
    ["dispatches.0.flops", -1, "dispatches[0].flops is -1, expected a number from 0"],
    ["dispatches.0.bindings.0.buffer", 9, "dispatches[0].bindings[0].buffer is 9, expected a number below 3"],
    ["dispatches.0.bindings.1.writes", [3], "dispatches[0].bindings[1].writes[0] is 3, expected a number below 3"],
    ["graph.built.1.inputs.0.node", 1, "graph.built[1].inputs[0].node is 1, expected a number below 1"],
    ["graph.built.2.inputs.0.result", 1, "graph.built[2].inputs[0].result is 1, expected a number below 1"],
    ["graph.roots.built.0.node", 3, "graph.roots.built[0].node is 3, expected a number below 3"],
    ["timings.gpu.spans", [[0, 1]], "timings.gpu.spans has 1 entries, expected 2, one for each of dispatches"],
    ["memory.buffers.1.slot", 2, "memory.buffers[1].slot is 2, expected a number below 2"],
    ["tensors.0.values", "AAAA", "tensors[0].values holds 3 bytes, expected 16"],
    ["tensors.0.values", "%%%", "tensors[0].values holds NaN bytes, expected 16"],
    ["tensors.1.statistics", [], "tensors[1].statistics has 0 entries, expected 1, one for each of steps"],
    ["tensors.1.kind", "gradient", 'tensors[1].kind is "gradient", expected one of input, variable'],
    ["tensors.1.statistics.0.min", 1e9, "tensors[0].statistics[0] has a histogram, but no elements from min to max"],
    ["tensors.1.statistics.0.histogram", [0, 0], "tensors[0].statistics[0] has a histogram, but no elements"],
    ["ceilings", { gflops: 0, gbPerSec: 1, dispatchUs: 1 }, "ceilings.gflops is 0, expected a number above 0"],
    ["steps", "0", 'steps is "0", expected a list'],
    ["steps", [], "steps is empty, expected the number of each recorded step"],
    ["extra", 1, "extra is not a field of this format"],
  ])("names the fault: %s = %j", (path, value, message) => {
    expect(() => parseRecording(changed(path, value))).toThrow(message);
  });
});

describe("toChromeTrace", () => {
  /* The Trace Event Format: "X" needs ts and dur in microseconds, "C" needs numbers in args, "M" a name. */
  test("gives events as Perfetto wants them", () => {
    const { traceEvents, displayTimeUnit } = JSON.parse(JSON.stringify(toChromeTrace(small)));
    expect(displayTimeUnit).toBe("ms");
    for (const { ph, name, pid, tid, ts, dur, args } of traceEvents) {
      expect(name).toBeTypeOf("string");
      expect(Number.isInteger(pid) && Number.isInteger(tid)).toBe(true);
      if (ph === "X") expect(ts >= 0 && dur >= 0).toBe(true);
      else if (ph === "C") expect(Object.values(args).every(Number.isFinite)).toBe(true);
      else expect(args.name).toBeTypeOf("string");
      // speedscope writes them into the name.
      if (args) expect(args).not.toEqual({});
    }
    const spans = traceEvents.filter(({ cat }: { cat?: string }) => cat === "gpu");
    expect(spans.map(({ name, ts, dur }: Record<string, unknown>) => [name, ts, dur])).toEqual([
      ["exp[2x2]:f32", expect.closeTo(300), 500],
      ["matmul[2x2x2]:f32", expect.closeTo(800), 1500],
    ]);
    expect(spans[1].args).toMatchObject({ layer: "out", family: "matmul", variant: "naive", flops: 16 });
  });

  test("says where there was no clock", () => {
    const { gpu, ...timings } = small.timings;
    const { traceEvents } = toChromeTrace({ ...small, timings });
    expect(traceEvents.filter(({ cat }) => cat === "order").map(({ dur }) => dur)).toEqual([1500, 1500]);
    expect(traceEvents.some(({ args }) => args?.["name"] === "GPU, without a clock: in order")).toBe(true);
  });
});

test("the roofline says what a dispatch waits for", () => {
  const ceilings = { gflops: 10, gbPerSec: 5, dispatchUs: 10 };
  expect(boundOf({ flops: 1e8, bytes: 1e6 }, ceilings, 20)).toEqual({ by: "arithmetic", leastMs: 10, share: 0.5 });
  expect(boundOf({ flops: 1e6, bytes: 1e8 }, ceilings, 80)).toEqual({ by: "memory", leastMs: 20, share: 0.25 });
  expect(boundOf({ flops: 10, bytes: 10 }, ceilings)).toEqual({ by: "dispatch", leastMs: 0.01, share: undefined });
});

describe("statistics", () => {
  test("count the finite elements, and the others apart", () => {
    const data = Float32Array.of(0, 1, 2, 3, Number.NaN, Number.POSITIVE_INFINITY);
    expect(statisticsOf(data, 2)).toEqual({
      min: 0,
      max: 3,
      mean: 1.5,
      std: Math.sqrt(1.25),
      norm: Math.sqrt(14),
      zeros: 1,
      nans: 1,
      infinities: 1,
      histogram: [2, 2],
    });
    expect(statisticsOf(Int32Array.of(5, 5), 4)).toMatchObject({ std: 0, histogram: [2] });
    expect(statisticsOf(Float32Array.of(Number.NaN), 4)).toMatchObject({ nans: 1, histogram: [], max: 0 });
  });

  test("values survive base64 bit by bit", () => {
    const data = Float32Array.of(0.1, -0, Number.NaN, Number.NEGATIVE_INFINITY);
    const values = toBase64(new Uint8Array(data.buffer));
    expect(valuesOf({ ...small.tensors[0]!, values })).toEqual(data);
    expect(valuesOf(small.tensors[0]!)).toBeUndefined();
    expect(() => valuesOf({ ...small.tensors[0]!, values, shape: [5] })).toThrow(
      'tensor "x" has 16 bytes, expected 20',
    );
  });
});
