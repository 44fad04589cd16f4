import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { load, Runner } from "../../src/exported/index.ts";
import {
  argmax,
  type Description,
  DeviceError,
  Engine,
  type Exported,
  exportPrograms,
  FeedError,
  type Feeds,
  FormatError,
  input,
  io,
  LimitError,
  losses,
  nn,
  optim,
  reshape,
  type Tensor,
  type Variable,
} from "../../src/index.ts";
import { disguised } from "../forced.ts";
import { some } from "../place.ts";

let engine: Engine;
let runner: Runner;
beforeAll(async () => {
  engine = await Engine.create();
  runner = await Runner.create();
});
afterAll(() => {
  engine.destroy();
  runner.destroy();
});

const noise = (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(3 * i + 1));
const classes = (n: number, count: number) => Int32Array.from({ length: n }, (_, i) => (i * i + 1) % count);

/** The file as the page gets it: text. */
const sent = (...args: Parameters<typeof exportPrograms>): unknown =>
  JSON.parse(JSON.stringify(exportPrograms(...args)));

interface Training {
  readonly train: Description & { readonly outputs: { readonly loss: Tensor } };
  readonly predict: Description & { readonly outputs: { readonly guess: Tensor } };
  readonly variables: ReadonlyMap<string, Variable>;
  readonly feeds: Feeds;
}

/** Dropout with its random key, a schedule, clipping: all state that a step keeps from run to run. */
function perceptron(): Training {
  nn.seed(5);
  const model = nn.sequential(nn.linear(6, 16), nn.relu(), nn.dropout(0.2), nn.linear(16, 3));
  const loss = losses.crossEntropy(model(input("x", [8, 6]), { training: true }), input("y", [8], "i32"));
  const optimizer = optim.adam({ lr: 0.05, schedule: optim.cosineAnnealingLR({ tMax: 10 }) });
  const weights = nn.stateDict(model);
  return {
    train: { outputs: { loss }, updates: optimizer.minimize(loss, { clip: optim.clipGradNorm(0.5) }) },
    predict: { outputs: { guess: argmax(model(input("x", [8, 6])), 1) } },
    variables: new Map([...weights, ["lr", optimizer.lr]]),
    feeds: { x: noise(48), y: classes(8, 3) },
  };
}

/** Running statistics, convolutions, pooling. */
function convolutional(): Training {
  nn.seed(6);
  const model = nn.sequential(
    nn.conv2d(1, 4, 3, { padding: 1 }),
    nn.batchNorm2d(4),
    nn.relu(),
    nn.maxPool2d(2),
    nn.flatten(),
    nn.linear(64, 3),
  );
  const loss = losses.crossEntropy(model(input("x", [4, 1, 8, 8]), { training: true }), input("y", [4], "i32"));
  return {
    train: { outputs: { loss }, updates: optim.sgd({ lr: 0.1, momentum: 0.9 }).minimize(loss) },
    predict: { outputs: { guess: argmax(model(input("x", [4, 1, 8, 8])), 1) } },
    variables: nn.stateDict(model),
    feeds: { x: noise(256), y: classes(4, 3) },
  };
}

/** A sequence. */
function recurrent(): Training {
  nn.seed(7);
  const [lstm, dense] = [nn.lstm(5, 8), nn.linear(8, 5)];
  const scores = dense(reshape(lstm(input("x", [6, 2, 5])).output, [12, 8]));
  const loss = losses.crossEntropy(scores, input("y", [12], "i32"));
  return {
    train: { outputs: { loss }, updates: optim.rmsProp({ lr: 0.02 }).minimize(loss) },
    predict: { outputs: { guess: argmax(scores, 1) } },
    variables: lstm.variables,
    feeds: { x: noise(60), y: classes(12, 5) },
  };
}

const only = (feeds: Feeds): Feeds => ({ x: feeds["x"]! });

const trainings: readonly [string, () => Training][] = [
  ["a perceptron", perceptron],
  ["a convolutional network", convolutional],
  ["an LSTM", recurrent],
];

describe.each(some(trainings))("%s", (_, make) => {
  test("trains bit for bit as where it is compiled", { tags: ["quick"] }, async () => {
    const { train, predict, feeds, variables } = make();
    // The engine's own kernels, in the order of its choices.
    const file = sent({ train, predict }, { targets: [engine.traits], variables });
    const here = { train: await engine.compile(train), predict: await engine.compile(predict) };
    const there = await load<{ train: "loss"; predict: "guess" }>(runner, file);
    for (let i = 0; i < 4; i++) {
      await here.train.run(feeds);
      await there.programs.train.run(feeds);
      const loss = await there.programs.train.outputs.loss.scalar();
      expect(loss).toBeGreaterThan(0);
      expect(loss).toBe(await here.train.outputs["loss"]!.scalar());
    }
    await here.predict.run(only(feeds));
    await there.programs.predict.run(only(feeds));
    expect(await there.programs.predict.outputs.guess.data()).toEqual(await here.predict.outputs["guess"]!.data());
    for (const [name, variable] of variables) {
      expect(await runner.read(there.variables.get(name)!), name).toEqual(await engine.read(variable));
    }
    expect(there.programs.train.memory).toEqual(here.train.memory);
  });

  test("trains with WebGPU's guaranteed limits, and with a GPU's kernels", async () => {
    const { train, feeds } = make();
    const program = await engine.compile(train);
    const gpu = await Runner.create({ gpu: disguised(navigator.gpu) });
    const [cpu, fast, plain] = [{ cpu: true, maxStorageBuffers: 10 }, { maxStorageBuffers: 10 }, {}];
    const all = await Promise.all([
      load(runner, sent({ train }, { targets: [cpu] })),
      load(gpu, sent({ train })),
      load(gpu, sent({ train }, { targets: [fast] })),
      load(runner, sent({ train }, { targets: [plain] })),
    ]);
    for (let i = 0; i < 3; i++) {
      await program.run(feeds);
      const loss = await program.outputs["loss"]!.scalar();
      for (const { programs } of all) {
        await programs["train"]!.run(feeds);
        expect(await programs["train"]!.outputs["loss"]!.scalar()).toBeCloseTo(loss, 4);
      }
    }
    gpu.destroy();
  });
});

test("an adapter gets the target of its kind, or another one if there is none", async () => {
  const { train } = perceptron();
  const gpu = await Runner.create({ gpu: disguised(navigator.gpu) });
  const targets = [
    { cpu: false, forced: { matmul: "direct4x4" } },
    { cpu: true, forced: { matmul: "naive" } },
  ];
  const variants = async (runner: Runner, file: unknown) => {
    const { programs } = await load<{ train: "loss" }>(runner, file);
    const { kernels } = programs.train.inspect();
    const traffic = await Promise.all(kernels.map((kernel) => kernel.traffic()));
    expect(traffic.map(({ bytes }) => bytes)).toEqual(kernels.map(({ bytes }) => bytes));
    for (const { asked, bytes } of traffic) expect(asked).toBeGreaterThan(bytes / 2);
    return new Set(kernels.filter(({ family }) => family === "matmul").map(({ variant }) => variant));
  };
  expect(await variants(gpu, sent({ train }, { targets }))).toEqual(new Set(["direct4x4"]));
  const own = runner.traits.cpu ? "naive" : "direct4x4";
  expect(await variants(runner, sent({ train }, { targets }))).toEqual(new Set([own]));
  const [, cpu] = targets;
  expect(await variants(gpu, sent({ train }, { targets: [cpu!] }))).toEqual(new Set(["naive"]));
  gpu.destroy();
});

test("weights go in and out by name", async () => {
  const { train, predict, variables, feeds } = perceptron();
  const { programs, variables: loaded } = await load(runner, sent({ train, predict }, { variables }));
  const [weight, lr] = [loaded.get("0.weight")!, loaded.get("lr")!];
  runner.write(lr, 0.5);
  expect(await runner.read(lr)).toEqual(new Float32Array([0.5]));
  const bytes = await io.saveSafetensors(runner, loaded);
  await programs["train"]!.run(feeds);
  const trained = await runner.read(weight);
  io.loadSafetensors(runner, loaded, bytes);
  expect(await runner.read(weight)).not.toEqual(trained);
  await programs["train"]!.run(feeds);
  expect(await runner.read(weight)).not.toEqual(await engine.read(variables.get("0.weight")!));
});

test("two loads share nothing", async () => {
  const { train, variables, feeds } = perceptron();
  const file = sent({ train }, { variables });
  const [one, two] = await Promise.all([load(runner, file), load(runner, file)]);
  const untouched = await runner.read(two.variables.get("0.weight")!);
  await one.programs["train"]!.run(feeds);
  expect(await runner.read(one.variables.get("0.weight")!)).not.toEqual(untouched);
  expect(await runner.read(two.variables.get("0.weight")!)).toEqual(untouched);
});

test("an engine runs them, too", async () => {
  const { train, feeds } = convolutional();
  const { programs } = await load(engine, sent({ train }, { targets: [engine.traits] }));
  const compiled = await engine.compile(train);
  for (const program of [programs["train"]!, compiled]) await program.run(feeds);
  expect(await programs["train"]!.outputs["loss"]!.scalar()).toBe(await compiled.outputs["loss"]!.scalar());
});

test("mixed precision runs on adapters with f16", async ({ skip }) => {
  skip(!engine.traits.features.has("shader-f16"), "this adapter lacks shader-f16");
  nn.seed(8);
  const model = nn.mixedPrecision(nn.sequential(nn.linear(6, 16), nn.relu(), nn.linear(16, 3)));
  const loss = losses.crossEntropy(model(input("x", [8, 6]), { training: true }), input("y", [8], "i32"));
  const scaler = optim.lossScaler();
  const train = { outputs: { loss }, updates: optim.adam().minimize(loss, { scaler }) };
  const feeds = { x: noise(48), y: classes(8, 3) };
  const { programs } = await load<{ train: "loss" }>(runner, sent({ train }, { targets: [engine.traits] }));
  const compiled = await engine.compile(train);
  for (let i = 0; i < 3; i++) {
    await programs.train.run(feeds);
    await compiled.run(feeds);
    expect(await programs.train.outputs.loss.scalar()).toBe(await compiled.outputs.loss.scalar());
  }
});

test("feeds are checked", async () => {
  const { train, feeds } = perceptron();
  const { programs } = await load<{ train: "loss" }>(runner, sent({ train }));
  const { x, y } = feeds;
  await expect(programs.train.run({ x: x! })).rejects.toThrow(
    new FeedError('run: input "y" is missing, expected an Int32Array of 8 ([8])'),
  );
  const wrong = Int32Array.of(0, 1, 2, 3, 0, 0, 0, 0);
  const refused = programs.train.run({ x: x!, y: wrong });
  await expect(refused).rejects.toThrow(FeedError);
  await expect(refused).rejects.toThrow('run: input "y" holds 3 at position 3; crossEntropy takes 0 to 2');
  await programs.train.run({ x: x!, y: y! });
});

test.each([
  ["nothing", null, "the file is null, expected an object"],
  ["text of something else", "{}", 'format is undefined, expected "tilegrad programs 1": export it again'],
  [
    "another file",
    { format: "tilegrad programs 0" },
    'format is "tilegrad programs 0", expected "tilegrad programs 1": export it again',
  ],
])("%s is refused", async (_, file, says) => {
  await expect(load(runner, file)).rejects.toThrow(new FormatError(`load: ${says}`));
});

test("an adapter that lacks what all targets need gets an error", async () => {
  const { train } = perceptron();
  const { maxStorageBuffers, maxInvocations } = runner.traits;
  const targets = [{ maxInvocations: 2 ** 20 }, { maxInvocations: 2 ** 21, maxWorkgroups: 2 ** 30 }];
  const loading = load(runner, sent({ train }, { targets }));
  await expect(loading).rejects.toThrow(LimitError);
  await expect(loading).rejects.toThrow(
    `load: the adapter lacks what the programs need: maxInvocations 1048576 (it has ${maxInvocations}); or ` +
      `maxInvocations 2097152 (it has ${maxInvocations}), maxWorkgroups 1073741824 (it has ${runner.traits.maxWorkgroups})`,
  );
  const wide = sent({ train }, { targets: [{ maxStorageBuffers: 64 }] }) as { targets: { needs: object }[] };
  Object.assign(wide.targets[0]!.needs, { maxStorageBuffers: 64, features: ["warp-drive"] });
  await expect(load(runner, wide)).rejects.toThrow(`warp-drive, maxStorageBuffers 64 (it has ${maxStorageBuffers})`);
});

test("if one program does not compile, none is loaded", async () => {
  const { train, predict } = perceptron();
  const file = sent({ train, predict }) as Exported;
  const kernelsOf = (name: string) =>
    file.targets.flatMap(({ programs }) => programs[name]!.calls.map(({ kernel }) => kernel));
  const sound = new Set(kernelsOf("predict"));
  for (const kernel of kernelsOf("train"))
    if (!sound.has(kernel)) (file.kernels as string[])[kernel] = `fn main${kernel}( {`;
  const own = await Runner.create();
  const created = vi.spyOn(own.device, "createBuffer");
  await expect(load(own, file)).rejects.toThrow(DeviceError);
  const inputs = created.mock.results.map(({ value }) => value as GPUBuffer).filter(({ label }) => label === "input x");
  expect(inputs).toHaveLength(2);
  for (const buffer of inputs) {
    own.device.pushErrorScope("validation");
    const encoder = own.device.createCommandEncoder();
    encoder.clearBuffer(buffer);
    own.device.queue.submit([encoder.finish()]);
    expect((await own.device.popErrorScope())?.message).toMatch(/destroyed/);
  }
  // The device continues to work.
  const { programs } = await load(own, sent({ predict }));
  await programs["predict"]!.run({ x: noise(48) });
  expect(await programs["predict"]!.outputs["guess"]!.data()).toHaveLength(8);
  own.destroy();
});
