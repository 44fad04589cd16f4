import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as t from "../../src/index.ts";
import { Engine, input, io, losses, nn, optim, variable } from "../../src/index.ts";
import { evaluate, ReferenceProgram } from "../../src/reference/index.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.create();
});
afterAll(() => engine.destroy());

const f32 = (...values: number[]) => new Float32Array(values);

/** A small classifier, with everything to train it. */
function trial(hidden = 8) {
  const model = nn.sequential(nn.linear(6, hidden), nn.relu(), nn.dropout(0.2), nn.linear(hidden, 3));
  const optimizer = optim.adam({ lr: 0.01 });
  const x = input("x", [4, 6]);
  const loss = losses.crossEntropy(model(x, { training: true }), input("y", [4], "i32"));
  const train = { outputs: { loss }, updates: optimizer.minimize(loss) };
  const feeds = { x: Float32Array.from({ length: 24 }, (_, i) => Math.sin(i)), y: new Int32Array([0, 1, 2, 1]) };
  return {
    model,
    optimizer,
    train,
    predict: { outputs: { y: model(x) } },
    feeds,
    weight: model.variables.get("0.weight")!,
  };
}

describe("a model that one engine has changed", () => {
  test("does not start over in another", async () => {
    const { model, train, predict, feeds, weight } = trial();
    const [first, second] = [await Engine.create(), await Engine.create()];
    const step = await first.compile(train);
    // Nothing has changed so far, so the second engine may start from the first values.
    const early = await second.compile(predict);
    const { y } = await early.compute({ x: feeds.x });
    expect(y).toHaveLength(12);
    early.destroy();
    second.free(model);

    await step.run(feeds);
    await expect(second.compile(predict)).rejects.toThrow(t.StateError);
    await expect(second.compile(predict)).rejects.toThrow(
      /variable "[^"]*weight" was changed .* engine\.copyFrom\(other, model\)/s,
    );
    await expect(second.read(weight)).rejects.toThrow("its value is not here");
    await expect(io.saveSafetensors(second, nn.stateDict(model))).rejects.toThrow("its value is not here");
    expect(() => t.exportPrograms({ predict })).toThrow("pass it to exportPrograms in `values`");
    expect(() => evaluate(predict.outputs, { inputs: { x: feeds.x } })).toThrow("pass its value in `variables`");
    expect(() => new ReferenceProgram(predict)).toThrow("pass its value in `variables`");

    await second.copyFrom(first, model);
    const trained = await first.read(weight);
    const late = await second.compile(predict);
    expect(await second.read(weight)).toEqual(trained);
    const { y: after } = await late.compute({ x: feeds.x });
    expect(after).not.toEqual(y);
    // From now on, each engine has its own value.
    await step.run(feeds);
    expect(await second.read(weight)).toEqual(trained);
    const values = new Map(
      await Promise.all([...model.variables.values()].map(async (v) => [v, await second.read(v)] as const)),
    );
    expect(t.exportPrograms({ predict }, { values }).variables[0]!.initial).toHaveProperty("bytes");
    expect(
      [...evaluate(predict.outputs, { inputs: { x: feeds.x }, variables: values }).y.data].map(Math.fround),
    ).toHaveLength(12);
    first.destroy();
    second.destroy();
  });

  test("is not lost with it if it was saved", async () => {
    const { model, train, predict, feeds, weight } = trial();
    const first = await Engine.create();
    await (await first.compile(train)).run(feeds);
    const [file, trained] = [await io.saveSafetensors(first, nn.stateDict(model)), await first.read(weight)];
    first.destroy();
    const second = await Engine.create();
    await expect(second.compile(predict)).rejects.toThrow("its value is not here");
    io.loadSafetensors(second, nn.stateDict(model), file);
    await second.compile(predict);
    expect(await second.read(weight)).toEqual(trained);
    second.destroy();
  });

  test("even if it was only written there", async () => {
    const w = variable(1, [2], { name: "w" });
    const other = await Engine.create();
    other.write(w, f32(3, 4));
    await expect(engine.compile({ outputs: { y: t.add(w, 1) } })).rejects.toThrow(
      'variable "w" was changed in another engine',
    );
    await engine.copyFrom(other, [w]);
    expect((await (await engine.compile({ outputs: { y: t.add(w, 1) } })).compute()).y).toEqual(f32(4, 5));
    other.destroy();
  });

  test("random numbers start over, since their key is only a count", async () => {
    const source = nn.random();
    const draw = { outputs: { y: source.uniform([3]) } };
    const other = await Engine.create();
    const here = await (await engine.compile(draw)).compute();
    expect((await (await other.compile(draw)).compute()).y).toEqual(here.y);
    other.destroy();
  });
});

describe("first values", () => {
  test("are not kept on the host, except those that can be recreated", async () => {
    const given = variable(f32(1, 2, 3), [3], { name: "given" });
    const { model, train, optimizer } = trial();
    const drawn = model.variables.get("0.weight")!.initial;
    await engine.compile({ outputs: { y: t.add(given, 1) } });
    await engine.compile(train);
    expect(given.first).toBeUndefined();
    expect(() => given.initial).toThrow('the first value of variable "given" has moved to the GPU');
    expect(await engine.read(given)).toEqual(f32(1, 2, 3));
    expect(model.variables.get("0.weight")!.initial).toEqual(drawn);
    for (const each of [...model.variables.values(), ...optimizer.state(model.variables).values()])
      expect(ArrayBuffer.isView(each.first)).toBe(false);
  });

  test("belong to the variable: the given array may change", async () => {
    const values = f32(1, 2);
    const w = variable(values, [2]);
    values[0] = 7;
    expect(await engine.read(w)).toEqual(f32(1, 2));
    expect((await (await engine.compile({ outputs: { w } })).compute()).w).toEqual(f32(1, 2));
  });

  test("may be one number, for every dtype", async () => {
    const outputs = {
      f: variable(2.5, [2]),
      i: variable(-3, [2], { dtype: "i32" }),
      u: variable(0, [2], { dtype: "u32" }),
    };
    const program = await engine.compile({ outputs });
    expect(await program.compute()).toEqual({ f: f32(2.5, 2.5), i: new Int32Array([-3, -3]), u: new Uint32Array(2) });
    engine.write(outputs.i, 9);
    expect(await engine.read(outputs.i)).toEqual(new Int32Array([9, 9]));
  });

  test("stay if a program could not be created", async () => {
    const given = variable(f32(1, 2), [2], { name: "given" });
    const bytes = engine.bytes;
    const pipelines = engine.device.createComputePipelineAsync;
    engine.device.createComputePipelineAsync = () => Promise.reject(new Error("no"));
    await expect(engine.compile({ outputs: { y: t.mul(given, 123.456) } })).rejects.toThrow(t.DeviceError);
    engine.device.createComputePipelineAsync = pipelines;
    expect(given.initial).toEqual(f32(1, 2));
    expect(engine.bytes.variables).toBe(bytes.variables);
    expect((await (await engine.compile({ outputs: { y: t.mul(given, 2) } })).compute()).y).toEqual(f32(2, 4));
  });
});

describe("free", () => {
  test("frees a model's memory and that of its optimizer, trial after trial", async () => {
    const own = await Engine.create();
    const counts = { buffers: 0, destroyed: 0 };
    const { createBuffer } = own.device;
    own.device.createBuffer = (descriptor) => {
      const buffer = createBuffer.call(own.device, descriptor);
      counts.buffers++;
      const { destroy } = buffer;
      buffer.destroy = () => {
        counts.destroyed++;
        return destroy.call(buffer);
      };
      return buffer;
    };
    const live: number[] = [];
    for (let i = 0; i < 6; i++) {
      nn.seed(i);
      const { model, train, predict, feeds } = trial(8 + i);
      const [step, test] = [await own.compile(train), await own.compile(predict)];
      for (let n = 0; n < 3; n++) await step.run(feeds);
      await test.compute({ x: feeds.x });
      expect(() => own.free(model)).toThrow(
        /variable "[^"]*" is used by the program with the outputs "loss": destroy that program first/,
      );
      step.destroy();
      expect(() => own.free(model)).toThrow('the program with the outputs "y"');
      test.destroy();
      own.free(model);
      expect(own.bytes.variables).toBe(0);
      live.push(counts.buffers - counts.destroyed);
    }
    expect(live.at(-1)).toBe(live[1]);
    own.destroy();
  });

  test("nothing is left of an engine destroyed while it reads", async () => {
    const device = await (await navigator.gpu.requestAdapter())!.requestDevice();
    const alive = new Set<GPUBuffer>();
    const { createBuffer } = device;
    device.createBuffer = (descriptor) => {
      const buffer = createBuffer.call(device, descriptor);
      const { destroy } = buffer;
      alive.add(buffer);
      buffer.destroy = () => {
        alive.delete(buffer);
        return destroy.call(buffer);
      };
      return buffer;
    };
    const own = await Engine.create({ device });
    const program = await own.compile({ outputs: { y: t.mul(input("x", [3]), 2) } });
    const reads = Array.from({ length: 20 }, () => program.compute({ x: f32(1, 2, 3) }));
    own.destroy();
    await Promise.allSettled(reads);
    expect(alive.size).toBe(0);
    device.destroy();
  });

  test("keeps what others use, and loses no value silently", async () => {
    const [kept, gone] = [trial(), trial()];
    await (await engine.compile(kept.train)).run(kept.feeds);
    const before = await engine.read(kept.weight);
    const step = await engine.compile(gone.train);
    await step.run(gone.feeds);
    step.destroy();
    engine.free(gone.model, gone.optimizer.state(gone.model.variables));
    expect(await engine.read(kept.weight)).toEqual(before);
    await expect(engine.read(gone.weight)).rejects.toThrow("its value is not here");
    await expect(engine.compile(gone.predict)).rejects.toThrow("its value is not here");
    for (const each of gone.model.variables.values()) engine.write(each, 0.5);
    expect((await engine.read(gone.weight))[0]).toBe(0.5);
  });

  test("refuses things without variables", () => {
    for (const bad of [undefined, null, 3, nn.relu, {}, [1], "w"])
      expect(() => engine.free(bad as unknown as t.Variable), String(bad)).toThrow(t.AttributeError);
  });
});
