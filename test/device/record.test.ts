import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { load, Runner } from "../../src/exported/index.ts";
import * as t from "../../src/index.ts";
import { Engine, input, losses, nn, optim, type Recording } from "../../src/index.ts";
import { parseRecording, type RecordedNode, toChromeTrace, valuesOf } from "../../src/recording/index.ts";
import { trainingFile } from "../exported.ts";

let engine: Engine;
let training: Awaited<ReturnType<typeof compileTraining>>;
let recording: Recording;
beforeAll(async () => {
  engine = await Engine.create();
  training = await compileTraining(engine, 4);
  recording = await training.step.record(training.feeds);
});
afterAll(() => engine.destroy());

const noise = (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin((i + 1) * 12.9898));

async function compileTraining(engine: Engine, seed: number) {
  nn.seed(seed);
  const model = nn.sequential(nn.linear(20, 32), nn.relu(), nn.linear(32, 5));
  const loss = losses.crossEntropy(model(input("x", [16, 20])), input("y", [16], "i32"));
  const step = await engine.compile({ outputs: { loss }, updates: optim.adam({ lr: 0.01 }).minimize(loss) });
  const feeds = { x: noise(320), y: Int32Array.from({ length: 16 }, (_, i) => (7 * i) % 5) };
  return { model, step, feeds };
}

const tensor = (name: string, kind: string, from = recording) =>
  from.tensors.find((tensor) => tensor.name === name && tensor.kind === kind)!;

describe("a recorded step", () => {
  test("is a step: the losses and weights are those of runs", { tags: ["quick"] }, async () => {
    const twin = await compileTraining(engine, 4);
    await twin.step.run(twin.feeds);
    const [{ tensor: loss }] = recording.outputs as [Recording["outputs"][number]];
    expect(valuesOf(recording.tensors[loss]!)).toEqual(await twin.step.outputs.loss.data());
    for (const [name, variable] of twin.model.variables)
      expect(valuesOf(tensor(name, "updated"))).toEqual(await engine.read(variable));
    await twin.step.run(twin.feeds);
    const second = await training.step.record(training.feeds);
    expect(valuesOf(second.tensors[loss]!)).toEqual(await twin.step.outputs.loss.data());
  });

  test("holds what every kernel read and wrote, although memory is shared", () => {
    const [x, w, b] = [tensor("x", "input"), tensor("0.weight", "variable"), tensor("0.bias", "variable")];
    const h = recording.tensors.find(({ name }) => name.startsWith("matmul+add+relu"))!;
    const [xs, ws, bs, hs] = [x, w, b, h].map((each) => valuesOf(each)!) as [
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const most = hs.reduce((worst, value, i) => {
      const [row, unit] = [Math.floor(i / 32), i % 32];
      let sum = bs[unit]!;
      for (let k = 0; k < 20; k++) sum += xs[20 * row + k]! * ws[20 * unit + k]!;
      return Math.max(worst, Math.abs(value - Math.max(0, sum)));
    }, 0);
    expect(most).toBeLessThan(1e-5);
    const first = recording.dispatches[h.dispatch!]!;
    const at = (kind: "reads" | "writes") => new Set(first.bindings.flatMap((binding) => binding[kind]));
    expect(at("reads")).toEqual(new Set([x, w, b].map((each) => recording.tensors.indexOf(each))));
    expect(at("writes")).toEqual(new Set([recording.tensors.indexOf(h)]));
    expect(recording.memory.scratch).toBeLessThan(recording.memory.scratchUnshared);
    const statistics = h.statistics[0]!;
    expect(statistics.zeros).toBe(hs.filter((value) => value === 0).length);
    expect(statistics.max).toBe(Math.max(...hs));
    expect(statistics.histogram.reduce((sum, count) => sum + count, 0)).toBe(hs.length);
    expect(statistics.norm).toBeCloseTo(Math.hypot(...hs), 4);
  });

  test("links the nodes of each stage with those before, and gradients with what they differentiate", () => {
    const { built, simplified, fused, lowered } = recording.graph!;
    const kernel = lowered.find(({ name }) => name!.startsWith("matmul[16x32x20]+add+relu"))!;
    const opsOf = (stage: readonly RecordedNode[], places: readonly number[]) => places.map((i) => stage[i]!.op);
    expect(opsOf(fused, kernel.from)).toEqual(["matmul"]);
    const parts = fused[kernel.from[0]!]!.from;
    expect(opsOf(simplified, parts)).toEqual(["matmul", "add", "relu"]);
    expect(opsOf(built, simplified[parts[0]!]!.from)).toEqual(["matmul"]);
    for (const stage of [simplified, fused]) expect(stage.every(({ from }) => from.length > 0)).toBe(true);
    const relu = built.findIndex(({ op }) => op === "relu");
    const gradient = built.filter(({ gradientOf }) => gradientOf === relu);
    expect(gradient.map(({ op }) => op)).toEqual(["full", "gt", "full", "where"]);
    expect(gradient.every(({ layer }) => layer === "1")).toBe(true);
    // The values before a fused kernel ends exist nowhere; those that it stores are in memory.
    const transposed = built.find(({ op }) => op === "permute")!;
    expect(transposed.walk).toEqual({ strides: [1, 20], offset: 0 });
    expect(built[relu]!.pointwise).toBe(true);
    const sum = built.find(({ op }) => op === "matmul")!;
    expect(sum.results[0]!.tensor).toBeUndefined();
    expect(recording.tensors[built[relu]!.results[0]!.tensor!]!.name).toBe("matmul+add+relu of 0");
  });

  test("says where time and memory went", () => {
    const { dispatches, timings, memory } = recording;
    const { kernels, buffers, memory: plan } = training.step.inspect();
    expect(dispatches.map(({ label, wgsl, choices }) => ({ label, wgsl, choices }))).toEqual(
      kernels.map(({ label, wgsl, choices = [] }) => ({ label, wgsl, choices })),
    );
    expect(memory).toMatchObject(plan);
    const scratch = memory.buffers.filter(({ kind }) => kind === "scratch");
    expect(scratch.map(({ role, bytes, first, last, slot }) => ({ role, bytes, first, last, slot }))).toEqual(
      expect.arrayContaining([...buffers]),
    );
    expect(scratch.every(({ maker, first }) => maker !== null && maker >= first)).toBe(true);
    expect(memory.peak.bytes).toBe(Math.max(...memory.needed));
    expect(memory.peak.bytes).toBeLessThanOrEqual(memory.scratch);
    if (engine.device.features.has("timestamp-query")) {
      const { spans, resolutionMs } = timings.gpu!;
      expect(spans).toHaveLength(dispatches.length);
      expect(spans[0]![0]).toBe(0);
      expect(spans.every(([begin, end]) => end >= begin)).toBe(true);
      expect(resolutionMs).toBeGreaterThan(0);
    }
  });

  test("continues another one: statistics over training", async () => {
    const more = await training.step.record(training.feeds, { previous: recording, step: 100, bins: 8, values: 0 });
    expect(more.steps).toEqual([0, 100]);
    expect(more.tensors.every(({ statistics, values }) => statistics.length === 2 && values === undefined)).toBe(true);
    expect(more.tensors[0]!.statistics[0]).toEqual(recording.tensors[0]!.statistics[0]);
    expect(more.tensors[0]!.statistics[1]!.histogram).toHaveLength(8);
    const other = await engine.compile({ outputs: { y: t.exp(input("x", [3])) } });
    await expect(other.record({ x: noise(3) }, { previous: recording })).rejects.toThrow(
      "record: previous is of another program: its tensor 0 is x[16,20], here x[3]",
    );
  });

  test("counts what is not finite, and takes GPU memory of the app", async () => {
    const program = await engine.compile({ outputs: { y: t.neg(input("x", [4])) } });
    const buffer = engine.device.createBuffer({ size: 16, usage: 0x80 | 0x8 | 0x4 });
    engine.device.queue.writeBuffer(buffer, 0, Float32Array.of(1, Number.NaN, Number.POSITIVE_INFINITY, -3));
    const [x, y] = (await program.record({ x: buffer })).tensors;
    for (const { statistics } of [x!, y!])
      expect(statistics[0]).toMatchObject({ nans: 1, infinities: 1, norm: 10 ** 0.5 });
    expect(valuesOf(y!)).toEqual(Float32Array.of(-1, Number.NaN, Number.NEGATIVE_INFINITY, 3));
    buffer.destroy();
  });

  test("refuses wrong options and feeds before anything runs", async () => {
    const { step, feeds } = training;
    const before = await engine.read(training.model.variables.get("0.bias")!);
    const wrong = step as unknown as { record(feeds: object, options: object): Promise<unknown> };
    await expect(wrong.record(feeds, { value: 3 })).rejects.toThrow(
      'record: there is no option "value" (did you mean "values"?)',
    );
    await expect(wrong.record(feeds, { bins: 0 })).rejects.toThrow("record: bins is 0, expected a whole number from 1");
    await expect(wrong.record(feeds, { ceilings: { gflops: 3, gbPerSec: 0 } })).rejects.toThrow(
      "record: ceilings.gbPerSec is 0, expected a number above 0",
    );
    await expect(wrong.record({ x: feeds.x }, {})).rejects.toThrow('input "y" is missing');
    expect(await engine.read(training.model.variables.get("0.bias")!)).toEqual(before);
  });

  test("works without timestamps, and for programs compiled ahead of time", async () => {
    const device = await (await navigator.gpu.requestAdapter())!.requestDevice();
    const runner = await Runner.create({ device });
    const { programs } = await load<{ train: "loss"; predict: "guess" }>(runner, trainingFile());
    const feeds = { x: noise(48), y: new Int32Array(8) };
    const made = await programs.train.record(feeds);
    expect(made.timings.gpu).toBeUndefined();
    expect(made.graph).toBeUndefined();
    expect(parseRecording(JSON.stringify(made)).outputs).toEqual([{ name: "loss", tensor: made.tensors.length - 1 }]);
    expect(valuesOf(made.tensors.at(-1)!)).toEqual(await programs.train.outputs.loss.data());
    const events = toChromeTrace(made).traceEvents.filter(({ cat }) => cat === "order");
    expect(events.map(({ name }) => name)).toEqual(made.dispatches.map(({ label }) => label));
    device.destroy();
  });

  test("is JSON that survives a file", () => {
    expect(parseRecording(JSON.stringify(recording))).toEqual(recording);
  });
});
