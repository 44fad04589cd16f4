import { beforeAll, describe, expect, test } from "vitest";
import { exportPrograms } from "../../src/exported/export.ts";
import { load, Runner } from "../../src/exported/index.ts";
import * as t from "../../src/index.ts";
import { DeviceLostError, Engine, input, io, nn, variable } from "../../src/index.ts";
import { type Recovery, type Restored, recover } from "../../src/recover/index.ts";
import { spares } from "../place.ts";
import { batchOf, network, onceAt, type Position, training } from "../recovering.ts";
import { atWait } from "../waits.ts";

/* A lost device does not stop training: losses after it are those of an undisturbed run, to the bit. */

const steps = 24;
let undisturbed: number[];

beforeAll(async () => {
  const { train, engine } = await training();
  undisturbed = await train(steps);
  engine.destroy();
});

const nextDevice = async (): Promise<GPUDevice> => (await navigator.gpu.requestAdapter())!.requestDevice();

/** Loses the device. @returns where the engine went on. */
async function loss<P>(engine: Runner, recovery: Recovery<P>): Promise<Restored<P>> {
  const { lost } = engine;
  engine.device.destroy();
  await lost;
  return recovery.restored();
}

describe("losses go on as in an undisturbed run, to the bit", () => {
  test("after three losses of the device in one training", { tags: ["quick"] }, async () => {
    const { engine, recovery, train } = await training();
    const told: string[] = [];
    for (const type of ["lost", "waiting", "restored", "failed", "snapshotfailed"] as const)
      recovery.addEventListener(type, () => told.push(type));
    const devices = new Set([engine.device]);
    const all = await train(
      steps,
      onceAt([7, 13, 20], () => {
        engine.device.destroy();
        devices.add(engine.device);
      }),
    );
    devices.add(engine.device);
    expect(all).toEqual(undisturbed);
    expect(told).toEqual(["lost", "restored", "lost", "restored", "lost", "restored"]);
    expect(devices.size).toBe(4);
    expect(recovery.position!.step).toBeGreaterThan(steps / 2);
    engine.destroy();
  });

  test("from the first step, if the device is lost before the first snapshot", async () => {
    const { engine, recovery, train } = await training({}, { everyMs: 1e9 });
    const positions: unknown[] = [];
    recovery.addEventListener("restored", ({ detail }) => positions.push(detail.position));
    expect(
      await train(
        steps,
        onceAt([9], () => engine.device.destroy()),
      ),
    ).toEqual(undisturbed);
    expect(positions).toEqual([{ step: 0, losses: [] }]);
    engine.destroy();
  });

  test("with programs that were compiled ahead of time", async () => {
    const file = JSON.parse(JSON.stringify(exportPrograms({ train: network().description })));
    const runner = await Runner.create();
    const recovery = recover<number>(runner, { everyMs: 1e9 });
    const { programs } = await load<{ train: "loss" }>(runner, file);
    const act = onceAt([8, 14], () => runner.device.destroy());
    const seen: number[] = [];
    await recovery.retry(async (position = 0) => {
      for (let step = position; step < steps; step++) {
        if (step === 5) await recovery.snapshot(step);
        await act(step);
        seen[step] = (await programs.train.compute(batchOf(step))).loss[0]!;
      }
    });
    expect(seen).toEqual(undisturbed);
    expect(recovery.position).toBe(5);
    runner.destroy();
  });

  test("where the device is lost whatever is awaited: in compiling, running, reading, profiling, saving", async () => {
    /** All of these, on a model that is trained up to step 4. Returns everything that must not change. */
    const job = async (act: (engine: Engine) => void) => {
      const engine = await Engine.create();
      const recovery = recover<Position>(engine, { everyMs: 1e9 });
      const { model, description } = network();
      act(engine);
      return recovery
        .retry(async () => {
          const program = await engine.compile(description);
          const twice = await engine.compile({ outputs: { y: t.mul(model.variables.get("0.weight")!, 2) } });
          await program.run(batchOf(0));
          const second = await program.compute(batchOf(1));
          await program.run(batchOf(2));
          const third = await program.outputs.loss.scalar();
          await recovery.snapshot({ step: 3, losses: [] });
          if (engine.device.features.has("timestamp-query")) await program.profile(batchOf(3));
          const { y } = await twice.compute();
          const weights = await engine.read(model.variables.get("0.weight")!);
          const file = await io.saveSafetensors(engine, nn.stateDict(model));
          program.destroy();
          twice.destroy();
          return { second, third, y, weights, file };
        })
        .finally(() => engine.destroy());
    };
    const counting = atWait(-1, () => {});
    const whole = await job(() => {});
    const points = counting.count;
    counting.undo();
    expect(points).toBeGreaterThan(20);
    for (let n = 0; n < points; n += Math.ceil(points / (spares ? 4 : 12))) {
      let wait: ReturnType<typeof atWait> | undefined;
      let lost = 0;
      const result = await job((engine) => {
        void engine.lost.then(() => lost++);
        wait = atWait(n, () => engine.device.destroy());
      });
      wait!.undo();
      // A loss after a snapshot goes back to it, and the job trains on from there.
      if (n < points - 8) expect(lost, `at ${n} of ${points}`).toBe(1);
      expect(Object.keys(result)).toEqual(Object.keys(whole));
    }
  });
});

describe("variables go back to the last snapshot", () => {
  async function counter() {
    const engine = await Engine.create();
    const recovery = recover<string>(engine, { everyMs: 1e9 });
    const n = variable(new Float32Array([1, 2]), [2], { name: "n" });
    const up = await engine.compile({ updates: [[n, t.add(n, 1)]] });
    const lose = () => loss(engine, recovery);
    const value = async () => [...(await engine.read(n))];
    return { engine, recovery, n, up, lose, value };
  }

  test("and what the host wrote since counts if nothing ran before it", async () => {
    const { engine, recovery, n, up, lose, value } = await counter();
    engine.write(n, new Float32Array([5, 6]));
    await lose();
    expect(await value()).toEqual([5, 6]);
    await up.run();
    engine.write(n, 9);
    await lose();
    expect(await value()).toEqual([5, 6]);
    await up.run();
    await recovery.snapshot("one");
    engine.write(n, 7);
    expect((await lose()).position).toBe("one");
    expect(await value()).toEqual([7, 7]);
    await up.run();
    await lose();
    expect(await value()).toEqual([7, 7]);
    engine.destroy();
  });

  test("those of a younger program have their first values, or what was written to them", async () => {
    const { engine, recovery, up, lose, value } = await counter();
    await up.run();
    await recovery.snapshot("old");
    await up.run();
    const [m, zeros, loaded] = ["m", "zeros", "loaded"].map((name, i) =>
      variable(new Float32Array([i === 1 ? 0 : 4]), [1], { name }),
    );
    engine.write(loaded!, 8);
    const other = await engine.compile({
      updates: [m!, zeros!, loaded!].map((v) => [v, t.add(v, 1)] as [t.Variable, t.Tensor]),
    });
    await other.run();
    await lose();
    expect(await value()).toEqual([2, 3]);
    expect(await Promise.all([m!, zeros!, loaded!].map((v) => engine.read(v)))).toEqual(
      [4, 0, 8].map((v) => new Float32Array([v])),
    );
    await other.run();
    expect(await engine.read(loaded!)).toEqual(new Float32Array([9]));
    engine.destroy();
  });

  test("a snapshot that the device did not survive does not count", async () => {
    const { engine, recovery, up, lose, value } = await counter();
    await up.run();
    await recovery.snapshot("first");
    await up.run();
    const second = recovery.snapshot("second");
    const outcome = expect(second).rejects.toThrow(DeviceLostError);
    expect((await lose()).position).toBe("first");
    await outcome;
    expect(await value()).toEqual([2, 3]);
    engine.destroy();
  });

  test("snapshots are taken by themselves: at marks, or between any two runs if there are none", async () => {
    const engine = await Engine.create();
    const recovery = recover<number>(engine, { everyMs: 0 });
    const n = variable(new Float32Array(1), [1], { name: "n" });
    const up = await engine.compile({ outputs: { n }, updates: [[n, t.add(n, 1)]] });
    const taken: unknown[] = [];
    recovery.addEventListener("snapshot", ({ detail }) => taken.push(detail.position));
    for (let i = 0; i < 4; i++) await up.compute();
    await expect.poll(() => taken.length).toBeGreaterThan(0);
    expect(new Set(taken)).toEqual(new Set([undefined]));
    recovery.mark(4);
    await expect.poll(() => taken.at(-1)).toBe(4);
    const count = taken.length;
    // From here on, only marks.
    for (let i = 0; i < 4; i++) await up.compute();
    expect(taken.length).toBe(count);
    // Nothing has changed since: nothing to take.
    const look = await engine.compile({ outputs: { y: t.mul(n, 2) } });
    recovery.mark(8);
    await expect.poll(() => taken.at(-1)).toBe(8);
    await look.compute();
    recovery.mark(9);
    await look.compute();
    expect(taken.length).toBe(count + 1);
    expect(recovery.position).toBe(9);
    engine.destroy();
  });
});

describe("until there is a device", () => {
  test("the engine waits, says so, and resumes", async () => {
    let missing = 0;
    const gpu = {
      requestAdapter: async (options?: GPURequestAdapterOptions) =>
        missing-- > 0 ? null : navigator.gpu.requestAdapter(options),
    } as GPU;
    const { engine, recovery, train } = await training({ gpu });
    const told: [string, number?, string?][] = [];
    recovery.addEventListener("lost", () => told.push(["lost"]));
    recovery.addEventListener("waiting", ({ detail: { attempt, reason } }) => told.push(["waiting", attempt, reason]));
    recovery.addEventListener("restored", () => told.push(["restored"]));
    const all = await train(
      steps,
      onceAt([9], () => {
        missing = 3;
        engine.device.destroy();
      }),
    );
    expect(all).toEqual(undisturbed);
    const why = expect.stringMatching(/found no adapter/);
    expect(told).toEqual([["lost"], ["waiting", 1, why], ["waiting", 2, why], ["waiting", 3, why], ["restored"]]);
    engine.destroy();
  });

  test("also when the next device is lost while programs move to it, at any wait", async () => {
    const { engine, recovery, train } = await training();
    const counting = atWait(-1, () => {});
    await loss(engine, recovery);
    const points = counting.count;
    counting.undo();
    expect(points).toBeGreaterThan(3);
    for (let n = 0; n < points; n += Math.ceil(points / 6)) {
      const wait = atWait(n, () => engine.device.destroy());
      await loss(engine, recovery);
      wait.undo();
    }
    expect(await train(steps)).toEqual(undisturbed);
    engine.destroy();
  });

  test("calls reject, and go on rejecting until the app has taken note", async () => {
    const { engine, recovery, program, model } = await training();
    await program.run(batchOf(0));
    const pending = [program.outputs.loss.data(), program.compute(batchOf(1)), recovery.snapshot()].map((each) =>
      expect(each).rejects.toThrow(DeviceLostError),
    );
    const restored = new Promise((resolve) => recovery.addEventListener("restored", resolve, { once: true }));
    engine.device.destroy();
    await Promise.all(pending);
    await restored;
    const weight = model.variables.get("0.weight")!;
    const calls: [string, () => unknown][] = [
      ["run", () => program.run(batchOf(1))],
      ["read", () => program.read()],
      ["read of a variable", () => engine.read(weight)],
      ["write", () => engine.write(weight, 0)],
      ["buffer", () => engine.buffer(weight)],
      ["compile", () => engine.compile({ outputs: { y: t.exp(input("x", [2])) } })],
      ["mark", () => recovery.mark({ step: 1, losses: [] })],
      ["snapshot", () => recovery.snapshot()],
    ];
    for (const [name, call] of calls) {
      await expect((async () => call())(), name).rejects.toThrow(
        /^the GPU device was lost \(destroyed\): .*; it is being replaced: await restored\(\)/,
      );
    }
    await recovery.restored();
    await program.run(batchOf(1));
    engine.destroy();
  });

  test("unless the training itself is what loses it", async () => {
    const engine = await Engine.create();
    const recovery = recover(engine, { everyMs: 1e9 });
    let lost = 0;
    recovery.addEventListener("lost", () => lost++);
    const w = variable(new Float32Array(1), [1]);
    const program = await engine.compile({ updates: [[w, t.add(w, 1)]] });
    const deadly = recovery.retry(async () => {
      await program.run();
      engine.device.destroy();
      await engine.read(w);
    });
    await expect(deadly).rejects.toThrow(/recovery given up: it was lost 11 times without a snapshot in between/);
    expect(lost).toBe(11);
    engine.destroy();
  });

  test.each(["a signal", "destroy"])("%s ends the waiting", async (by) => {
    let isGone = false;
    const gpu = { requestAdapter: async () => (isGone ? null : navigator.gpu.requestAdapter()) } as GPU;
    const giveUp = new AbortController();
    const { engine, recovery, program } = await training({ gpu }, { everyMs: 0, signal: giveUp.signal });
    const failed: unknown[] = [];
    recovery.addEventListener("failed", ({ detail }) => failed.push(detail.error.message));
    const waiting = new Promise((resolve) => recovery.addEventListener("waiting", resolve, { once: true }));
    isGone = true;
    engine.device.destroy();
    await waiting;
    const restored = recovery.restored();
    if (by === "destroy") engine.destroy();
    else giveUp.abort(new Error("the user left"));
    const why = by === "destroy" ? "the engine has been destroyed" : /recovery given up: the user left$/;
    await expect(restored).rejects.toThrow(why);
    await expect(program.run(batchOf(0))).rejects.toThrow(why);
    await expect(recovery.restored()).rejects.toThrow(why);
    expect(failed).toHaveLength(by === "destroy" ? 0 : 1);
    engine.destroy();
  });
});

describe("an app that owns the device", () => {
  test("hands over the next one", async () => {
    const { engine, recovery, train } = await training({ device: await nextDevice() });
    const reasons: string[] = [];
    recovery.addEventListener("waiting", async ({ detail }) => {
      reasons.push(detail.reason);
      recovery.resume(await nextDevice());
    });
    const act = onceAt([6, 12], () => engine.device.destroy());
    expect(await train(steps, act)).toEqual(undisturbed);
    expect(reasons).toEqual(Array(2).fill("the app owns the device: hand over its next one with resume(device)"));
    // In advance.
    const spare = await nextDevice();
    recovery.resume(spare);
    await loss(engine, recovery);
    expect(engine.device).toBe(spare);
    engine.destroy();
    await spare.queue.onSubmittedWorkDone();
    spare.destroy();
  });

  test("or opens it on request", async () => {
    let asked = 0;
    const device = async () => (asked++ === 0 ? undefined : nextDevice());
    const { engine, recovery, train } = await training({ device: await nextDevice() }, { everyMs: 0, device });
    const reasons: string[] = [];
    recovery.addEventListener("waiting", ({ detail }) => reasons.push(detail.reason));
    expect(
      await train(
        steps,
        onceAt([10], () => engine.device.destroy()),
      ),
    ).toEqual(undisturbed);
    expect(reasons).toEqual(["the app has no new device yet"]);
    engine.destroy();
  });
});

test("a second engine on the same page goes on undisturbed, with a recovery or without", async () => {
  const [first, second, plain] = [await training(), await training(), await Engine.create()];
  const n = variable(new Float32Array(1), [1]);
  const up = await plain.compile({ outputs: { n }, updates: [[n, t.add(n, 1)]] });
  const told: string[] = [];
  second.recovery.addEventListener("lost", () => told.push("lost"));
  const act = onceAt([5, 11], async () => {
    first.engine.device.destroy();
    await up.run();
  });
  const [one, two] = await Promise.all([first.train(steps, act), second.train(steps)]);
  expect([one, two]).toEqual([undisturbed, undisturbed]);
  expect(told).toEqual([]);
  expect(await plain.read(n)).toEqual(new Float32Array([2]));
  // Without a recovery, a loss is final.
  plain.device.destroy();
  expect((await plain.lost).reason).toBe("destroyed");
  await expect(up.run()).rejects.toThrow(/^the GPU device was lost \(destroyed\): (?!.*being replaced)/);
  await second.program.run(batchOf(0));
  for (const { engine } of [first, second]) engine.destroy();
});
