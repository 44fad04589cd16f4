import { afterAll, beforeAll, expect, test } from "vitest";
import { AttributeError, Engine, FormatError, input, io, losses, nn, optim, type Variable } from "../../src/index.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.create();
});
afterAll(() => engine.destroy());

const x = Float32Array.from({ length: 24 }, (_, i) => Math.sin(i));
const y = Int32Array.from({ length: 8 }, (_, i) => i % 2);

/** A training with everything that a checkpoint saves: weights, moments, a step count, random numbers, a schedule. */
async function training(seed: number) {
  nn.seed(seed);
  const model = nn.sequential(nn.linear(3, 8), nn.relu(), nn.dropout(0.3), nn.linear(8, 2));
  const loss = losses.crossEntropy(model(input("x", [8, 3]), { training: true }), input("y", [8], "i32"));
  const optimizer = optim.adam({ lr: 0.05, schedule: optim.cosineAnnealingLR({ tMax: 10 }) });
  const step = await engine.compile({
    outputs: { loss },
    updates: optimizer.minimize(loss, { clip: optim.clipGradNorm(0.5) }),
  });
  const weights = nn.stateDict(model);
  const random = new Map<string, Variable>([["key", nn.random().key]]);
  const kept = { model: weights, optimizer: optimizer.state(weights), random };
  const run = async (steps: number): Promise<number[]> => {
    const seen: number[] = [];
    for (let i = 0; i < steps; i++) {
      await step.run({ x, y });
      seen.push(await step.outputs.loss.scalar());
    }
    return seen;
  };
  return { run, kept };
}

test("a training continues from its checkpoint bit for bit, in another model with other initial weights", {
  tags: ["quick"],
}, async () => {
  const one = await training(1);
  const before = await one.run(4);
  const bytes = await io.saveCheckpoint(engine, one.kept, { step: "4" });
  const after = await one.run(6);
  expect(new Set([...before, ...after]).size).toBe(10);

  const other = await training(2);
  expect(io.loadCheckpoint(engine, other.kept, bytes)).toEqual({ step: "4" });
  expect(await other.run(6)).toEqual(after);
});

test("weights keep their names, other parts are prefixed", async () => {
  const { kept } = await training(1);
  const { tensors } = io.parseSafetensors(await io.saveCheckpoint(engine, kept));
  const weights = ["0.weight", "0.bias", "3.weight", "3.bias"];
  const moments = weights.flatMap((name) => [`optimizer.${name}.exp_avg`, `optimizer.${name}.exp_avg_sq`]);
  expect([...tensors.keys()]).toEqual([...weights, "optimizer.lr", "optimizer.step", ...moments, "random.key"]);
});

test("a checkpoint of something else changes nothing", async () => {
  const { kept } = await training(1);
  const { model, optimizer } = kept;
  const bytes = await io.saveCheckpoint(engine, { model, optimizer: optimizer! });
  const [weight] = [...model.values()];
  engine.write(weight!, new Float32Array(24).fill(7));
  expect(() => io.loadCheckpoint(engine, kept, bytes, "run.safetensors")).toThrow(FormatError);
  expect(() => io.loadCheckpoint(engine, kept, bytes, "run.safetensors")).toThrow(
    "run.safetensors: 1 tensor is missing: random.key",
  );
  expect(await engine.read(weight!)).toEqual(new Float32Array(24).fill(7));
});

test("two variables with one name are refused", async () => {
  const { kept } = await training(1);
  const twice = new Map([["random.key", [...kept.model.values()][0]!]]);
  const saving = io.saveCheckpoint(engine, { ...kept, model: twice });
  await expect(saving).rejects.toThrow(new AttributeError('checkpoint: two variables are called "random.key"'));
});

test("batch counts are 64-bit in files, as in PyTorch, and are read in either width", async () => {
  const norm = nn.batchNorm2d(2);
  const step = await engine.compile({ outputs: { y: norm(input("x", [4, 2, 1, 1]), { training: true }) } });
  for (let i = 0; i < 3; i++) await step.run({ x: x.subarray(0, 8) });
  const state = nn.stateDict(norm);
  const bytes = await io.saveSafetensors(engine, state);
  const { tensors } = io.parseSafetensors(bytes);
  expect(tensors.get("num_batches_tracked")).toEqual({ dtype: "I64", shape: [], data: BigInt64Array.of(3n) });
  const count = state.get("num_batches_tracked")!;
  const narrow: io.SafetensorsTensor = { dtype: "I32", shape: [], data: Int32Array.of(5) };
  io.loadSafetensors(engine, state, io.serializeSafetensors(new Map([...tensors, ["num_batches_tracked", narrow]])));
  expect(await engine.read(count)).toEqual(Int32Array.of(5));
  io.loadSafetensors(engine, state, bytes);
  expect(await engine.read(count)).toEqual(Int32Array.of(3));
  const wide: io.SafetensorsTensor = { dtype: "I64", shape: [], data: BigInt64Array.of(2n ** 31n) };
  const tooMany = io.serializeSafetensors(new Map([...tensors, ["num_batches_tracked", wide]]));
  expect(() => io.loadSafetensors(engine, state, tooMany)).toThrow("numbers that do not fit into 32 bits");
});

test("files accept a model, and refuse things without variables", async () => {
  const model = nn.linear(3, 2);
  const bytes = await io.saveSafetensors(engine, model);
  expect(bytes).toEqual(await io.saveSafetensors(engine, nn.stateDict(model)));
  io.loadSafetensors(engine, model, bytes);
  for (const bad of [undefined, null, nn.relu, {}, [1], new Map([["w", 1]])]) {
    const named = bad as unknown as io.Named;
    await expect(io.saveSafetensors(engine, named), String(bad)).rejects.toThrow(AttributeError);
    expect(() => io.loadSafetensors(engine, named, bytes), String(bad)).toThrow(AttributeError);
    await expect(io.saveCheckpoint(engine, { model: named }), String(bad)).rejects.toThrow(AttributeError);
  }
  await expect(engine.copyFrom(undefined as unknown as Engine, model)).rejects.toThrow(
    "copyFrom: the first argument is missing, expected an engine",
  );
  await expect(Engine.create({ variants: { matmul: null } as never })).rejects.toThrow(
    'there is no matmul variant "null"',
  );
});

test("all that does not fit a file is listed at once, and changes nothing", async () => {
  const saved = nn.sequential(nn.linear(3, 4), nn.relu(), nn.linear(4, 2));
  const bytes = await io.saveSafetensors(engine, saved);
  const other = nn.sequential(nn.linear(3, 4), nn.relu(), nn.linear(4, 5), nn.linear(5, 2));
  const first = other.variables.get("0.weight")!;
  const before = await engine.read(first);
  const wrong = (options?: io.LoadOptions) => () => io.loadSafetensors(engine, other, bytes, options);
  const shapes = 'f.st: tensor "2.weight" is [2, 4], expected [5, 4]; tensor "2.bias" is [2], expected [5]';
  const mismatch = (message: string) =>
    new io.MismatchError(message, ["3.weight", "3.bias"], [], ["2.weight", "2.bias"]);
  expect(wrong({ name: "f.st" })).toThrow(mismatch(`${shapes}; 2 tensors are missing: 3.weight, 3.bias`));
  expect(wrong({ name: "f.st", strict: false })).toThrow(mismatch(shapes));
  expect(wrong({ name: "f.st", rename: (name) => `module.${name}` })).toThrow(
    "4 tensors are unexpected: module.0.weight, module.0.bias, module.2.weight, module.2.bias",
  );
  expect(wrong({ rename: () => "0.weight" })).toThrow(
    'calls both "0.weight" and "0.bias" of safetensors file "0.weight"',
  );
  expect(wrong({ rename: () => 7 as never })).toThrow('rename("0.weight") is 7, expected a name, or undefined');
  expect(wrong({ rename: "module." as never })).toThrow('rename is "module.", expected a function');
  expect(wrong({ strict: 0 as never })).toThrow("strict is 0, expected a boolean");
  expect(wrong("f.st" as never)).toThrow('the argument is "f.st", expected { name, strict, prefix, rename }');
  expect(await engine.read(first)).toEqual(before);
});

test("a new head on trained features: renamed, partly loaded, and reported", async () => {
  const trained = nn.sequential(nn.linear(3, 4), nn.relu(), nn.linear(4, 2));
  const values = [...trained.variables].map(async ([name, v]) => [`module.${name}`, v, await engine.read(v)] as const);
  const bytes = io.serializeSafetensors(
    (await Promise.all(values)).map(([name, { shape }, data]) => [
      name,
      { dtype: "F32", shape: [...shape], data: data as Float32Array<ArrayBuffer> },
    ]),
  );
  nn.seed(9);
  const model = nn.sequential(nn.linear(3, 4), nn.relu(), nn.linear(4, 5));
  const head = model.variables.get("2.weight")!;
  const before = await engine.read(head);
  const rename = (name: string) => (name.includes(".2.") ? undefined : name.replace(/^module\./, ""));
  expect(io.loadSafetensors(engine, model, bytes, { strict: false, rename })).toEqual({
    missing: ["2.weight", "2.bias"],
    unexpected: [],
  });
  expect(await engine.read(head)).toEqual(before);
  for (const name of ["0.weight", "0.bias"]) {
    expect(await engine.read(model.variables.get(name)!)).toEqual(await engine.read(trained.variables.get(name)!));
  }
  const features = nn.sequential(nn.linear(3, 4));
  expect(io.loadSafetensors(engine, features, await io.saveSafetensors(engine, trained), { strict: false })).toEqual({
    missing: [],
    unexpected: ["2.weight", "2.bias"],
  });
});

test("a prefix takes one part of a file, before it is renamed", async () => {
  const whole = nn.sequential({ body: nn.sequential(nn.linear(3, 4)), head: nn.linear(4, 2) });
  const bytes = await io.saveSafetensors(engine, whole);
  const body = nn.sequential(nn.linear(3, 4));
  expect(io.loadSafetensors(engine, body, bytes, { prefix: "body." })).toEqual({ missing: [], unexpected: [] });
  expect(await engine.read(body.variables.get("0.weight")!)).toEqual(
    await engine.read(whole.variables.get("body.0.weight")!),
  );
  const layer = nn.linear(3, 4);
  const rename = (name: string) => name.replace(/^0\./, "");
  expect(io.loadSafetensors(engine, layer, bytes, { prefix: "body.", rename })).toEqual({
    missing: [],
    unexpected: [],
  });
  expect(() => io.loadSafetensors(engine, body, bytes, { prefix: "tail." })).toThrow(
    "2 tensors are missing: 0.weight, 0.bias",
  );
  expect(() => io.loadSafetensors(engine, body, bytes, { prefix: 1 as never })).toThrow(
    "prefix is 1, expected a string",
  );
});

test("a mismatch has all names, however many", async () => {
  const deep = (count: number, size: number) =>
    nn.sequential(...Array.from({ length: count }, () => nn.linear(size, size)));
  const bytes = await io.saveSafetensors(engine, deep(20, 2));
  try {
    io.loadSafetensors(engine, deep(30, 3), bytes);
    expect.unreachable();
  } catch (error) {
    const { missing, unexpected, misshapen, message } = error as io.MismatchError;
    expect(error).toBeInstanceOf(io.MismatchError);
    expect(missing).toEqual(Array.from({ length: 10 }, (_, i) => [`${i + 20}.weight`, `${i + 20}.bias`]).flat());
    expect(misshapen).toEqual(Array.from({ length: 20 }, (_, i) => [`${i}.weight`, `${i}.bias`]).flat());
    expect(unexpected).toEqual([]);
    expect(message).toMatch(/20 tensors are missing: 20\.weight, .* and 10 more$/);
  }
});

test("a tied weight is saved under both names, and loaded from both or one", async () => {
  const tied = () => {
    const table = nn.embedding(5, 3);
    return nn.sequential({ table, head: nn.tiedLinear(table) });
  };
  const bytes = await io.saveSafetensors(engine, tied());
  const { tensors } = io.parseSafetensors(bytes);
  expect([...tensors.keys()]).toEqual(["table.weight", "head.weight"]);
  const saved = tensors.get("table.weight")!.data;
  for (const left of [["table.weight"], ["head.weight"], ["head.weight", "table.weight"]]) {
    nn.seed(left.length + 5);
    const model = tied();
    const file = io.serializeSafetensors(left.map((name) => [name, tensors.get(name)!]));
    expect(io.loadSafetensors(engine, model, file)).toEqual({ missing: [], unexpected: [] });
    expect(await engine.read(model.variables.get("head.weight")!)).toEqual(saved);
  }
  const other = { ...tensors.get("table.weight")!, data: new Float32Array(15) } as io.SafetensorsTensor;
  const untied = io.serializeSafetensors(new Map([...tensors, ["head.weight", other]]));
  expect(() => io.loadSafetensors(engine, tied(), untied)).toThrow(
    'safetensors file: tensors "table.weight" and "head.weight" differ, but belong to one variable',
  );
  expect(() => io.loadSafetensors(engine, tied(), io.serializeSafetensors([]))).toThrow(
    "2 tensors are missing: table.weight, head.weight",
  );
});
