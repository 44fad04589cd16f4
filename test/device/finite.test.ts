import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as t from "../../src/index.ts";
import { Engine, input, losses, NonFiniteError, nn, optim } from "../../src/index.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.create({ checkFinite: true });
});
afterAll(() => engine.destroy());

const x = input("x", [3, 5]);
const good = new Float32Array(15).fill(2);
const withBad = (value: number) => Float32Array.from(good, (n, i) => (i === 7 ? value : n));

describe("NaN and infinity are reported where they arise", () => {
  test.each([
    ["elementwise", { y: t.mul(x, 1e38) }, "mul[3x5]:f32", 1e30],
    ["matmul", { y: t.matmul(x, t.transpose(x)) }, "matmul[3x3x5]:f32", 1e30],
    [
      "sum",
      {
        y: t.sum(
          t.slice(x, [
            [0, 3],
            [0, 4],
          ]),
        ),
      },
      "sum[3x4][0,1]:f32",
      Number.POSITIVE_INFINITY,
    ],
    ["softmax", { y: t.softmax(x) }, "softmax[3x5][1]:f32", Number.NaN],
    ["gather", { y: t.indexSelect(x, 0, t.constant(new Int32Array([1, 2]), [2])) }, "gather[2x5]:f32", Number.NaN],
    ["concat", { y: t.concat([x, x]) }, "concat[6x5]:f32", Number.NEGATIVE_INFINITY],
    [
      "convolution",
      { y: t.conv2d(t.reshape(x, [1, 1, 3, 5]), t.full([1, 1, 2, 2], 1)) },
      "conv2d[1x1x2x4]*[1x1x2x2]:f32",
      Number.NaN,
    ],
    [
      "pooling",
      { y: t.maxPool2d(t.reshape(x, [1, 1, 3, 5]), 2) },
      "maxPool2d[1x1x3x5]/2x2:f32",
      Number.POSITIVE_INFINITY,
    ],
  ] as const)("%s", async (_, outputs, kernel, bad) => {
    const program = await engine.compile({ outputs: outputs as Record<string, t.Tensor> });
    await program.run({ x: good });
    await program.outputs["y"]!.data();
    await program.run({ x: withBad(bad) });
    const reading = program.outputs["y"]!.data();
    await expect(reading).rejects.toBeInstanceOf(NonFiniteError);
    // Reported once; the next valid run reads correctly again.
    await program.run({ x: good });
    await program.outputs["y"]!.data();
    await program.run({ x: withBad(bad) });
    await expect(program.outputs["y"]!.data()).rejects.toThrow(`first arose in kernel "${kernel}"`);
    program.destroy();
  });

  test("a run's fault is reported to its own read, whatever else is pending", async () => {
    const program = await engine.compile({ outputs: { y: t.mul(x, 2) } });
    const [bad, fine] = [{ x: withBad(Number.POSITIVE_INFINITY) }, { x: good }];
    // A fault is not lost if it arises while an earlier read still reports one.
    await program.run(bad);
    const first = program.read();
    await program.run(bad);
    await expect(first).rejects.toThrow(NonFiniteError);
    await expect(program.read()).rejects.toThrow(NonFiniteError);
    // The next read reports it; valid runs before that read are not blamed.
    await program.run(bad);
    const sound = await Promise.all([1, 2, 3].map(() => program.compute(fine)));
    expect(sound[2]!.y[0]).toBe(4);
    await expect(program.read()).rejects.toThrow(NonFiniteError);
    await program.run(fine);
    expect((await program.read()).y[0]).toBe(4);
    // All reads of one run agree.
    await program.run(bad);
    const both = await Promise.allSettled([program.read(), program.read()]);
    expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    program.destroy();
  });

  test("each caller of `compute` gets its own fault", async () => {
    const program = await engine.compile({ outputs: { y: t.mul(x, 2) } });
    const feeds = [2, Number.NaN, 2, Number.POSITIVE_INFINITY, 2, 2].map((value) => ({ x: withBad(value) }));
    const answers = await Promise.allSettled(feeds.map((each) => program.compute(each)));
    const [kept, lost] = ["fulfilled", "rejected"];
    expect(answers.map(({ status }) => status)).toEqual([kept, lost, kept, lost, kept, kept]);
    program.destroy();
  });

  test("the first of a chain is named, even if read many steps later", async () => {
    nn.seed(1);
    const model = nn.sequential(nn.linear(5, 7), nn.tanh(), nn.linear(7, 3));
    const loss = losses.mse(model(x), input("y", [3, 3]));
    const program = await engine.compile({ outputs: { loss }, updates: optim.adam({ lr: 0.1 }).minimize(loss) });
    const y = new Float32Array(9);
    for (let i = 0; i < 5; i++) await program.run({ x: good, y });
    expect(await program.outputs.loss.scalar()).toBeGreaterThan(0);
    await program.run({ x: good, y: y.map((_, i) => (i === 4 ? 3e38 : 0)) });
    for (let i = 0; i < 5; i++) await program.run({ x: good, y });
    await expect(program.outputs.loss.scalar()).rejects.toThrow(
      /first arose in kernel "mul\+sum|first arose in kernel "[^"]*mul/,
    );
  });

  test("padding never raises a false alarm", async () => {
    const program = await engine.compile({ outputs: { y: t.div(1, t.log(t.add(t.exp(x), 1))) } });
    await program.run({ x: new Float32Array(15) });
    expect((await program.outputs.y.data()).every(Number.isFinite)).toBe(true);
  });

  test("kernels are unchanged without the check", async () => {
    const plain = await engine.compile({ outputs: { y: t.exp(x) } }, { checkFinite: false });
    expect(plain.inspect().kernels[0]!.wgsl).not.toContain("fault");
    await plain.run({ x: withBad(1e9) });
    expect((await plain.outputs.y.data()).length).toBe(15);
  });
});

describe("on a device with guaranteed limits, with and without the check", () => {
  const classes = 3;
  const model = () =>
    nn.sequential(nn.conv2d(1, 4, 3), nn.batchNorm2d(4), nn.relu(), nn.flatten(), nn.linear(16, classes));
  const feeds = { x: Float32Array.from({ length: 32 }, (_, i) => Math.sin(i)), y: new Int32Array([0, 2]) };
  const image = input("x", [2, 1, 4, 4]);

  test.each([
    ["batch norm, clipping and Adam with amsgrad", () => optim.adam({ amsgrad: true })],
    ["NAdam", () => optim.nadam()],
  ])("%s train alike", async (_, optimizer) => {
    const seen: unknown[] = [];
    for (const checkFinite of [false, true]) {
      const device = await (await navigator.gpu.requestAdapter())!.requestDevice();
      const own = await Engine.create({ device, checkFinite });
      nn.seed(1);
      const logits = model()(image, { training: true });
      const loss = losses.crossEntropy(logits, input("y", [2], "i32"));
      const updates = optimizer().minimize(loss, undefined, { clip: optim.clipGradNorm(1) });
      const program = await own.compile({ outputs: { loss }, updates });
      await program.run(feeds);
      seen.push((await program.compute(feeds)).loss[0]);
      own.destroy();
      device.destroy();
    }
    expect(seen[1]).toBe(seen[0]);
  });

  test("many are joined, and integers are read", async () => {
    const device = await (await navigator.gpu.requestAdapter())!.requestDevice();
    const own = await Engine.create({ device, checkFinite: true });
    const program = await own.compile({ outputs: { y: t.concat(new Array(7).fill(x)), at: t.argmax(x, 1) } });
    const { y, at } = await program.compute({ x: good });
    expect([y.length, at]).toEqual([105, new Int32Array(3)]);
    const whole = await own.compile({ outputs: { at: t.argmax(x, 1) } });
    await whole.run({ x: good });
    expect(await whole.outputs.at.data()).toEqual(new Int32Array(3));
    await expect(program.compute({ x: withBad(Number.NaN) })).rejects.toThrow(NonFiniteError);
    own.destroy();
    device.destroy();
  });
});
