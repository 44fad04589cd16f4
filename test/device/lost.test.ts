import { expect, test } from "vitest";
import { exportPrograms } from "../../src/exported/export.ts";
import { load } from "../../src/exported/index.ts";
import * as t from "../../src/index.ts";
import { DeviceError, Engine, input, losses, nn, optim } from "../../src/index.ts";
import { selfCheck } from "../../src/selfcheck/index.ts";
import { atWait } from "../waits.ts";

/*
 * A device may be lost during any wait for it. The result must be one DeviceError that says so; an unhandled rejection
 * would fail the test run.
 */

const seed = { value: 0 };
function step() {
  nn.seed(1);
  const model = nn.sequential(nn.linear(3 + (seed.value++ % 50), 4), nn.relu(), nn.linear(4, 2));
  const size = [...model.variables.values()][0]!.shape[1]!;
  const loss = losses.mse(model(input("x", [2, size]), { training: true }), input("y", [2, 2]));
  const description = { outputs: { loss }, updates: optim.sgd({ lr: 0.1 }).minimize(loss) };
  return { description, feeds: { x: new Float32Array(2 * size), y: new Float32Array(4) } };
}

const jobs: [string, (engine: Engine) => Promise<unknown>][] = [
  [
    "compile, run, compute and read",
    async (engine) => {
      const { description, feeds } = step();
      const program = await engine.compile(description);
      await program.run(feeds);
      await program.compute(feeds);
      await program.outputs.loss.data();
      await engine.read(description.updates[0]![0] as t.Variable);
    },
  ],
  [
    "compile a faulty kernel",
    async (engine) => {
      const { pointwiseOp } = await import("../../src/ops/pointwise/pointwise.ts");
      const { apply } = await import("../../src/graph/tensor.ts");
      const broken = pointwiseOp("broken", { wgsl: (a) => `nonsense${seed.value++}(${a})`, js: (a) => a });
      await engine.compile({ outputs: { y: apply(broken, [input("x", [2])]) } });
    },
  ],
  [
    "load",
    async (engine) => {
      const { description } = step();
      const file = exportPrograms({ train: description });
      await load(engine, JSON.parse(JSON.stringify(file)));
    },
  ],
  [
    "tune",
    async (engine) => {
      const size = 5 + (seed.value++ % 50);
      await engine.compile({ outputs: { y: t.softmax(input("x", [3, size])) } }, { tune: true });
    },
  ],
];

test.each(jobs)("%s: whatever is awaited when the device is lost", async (_, job) => {
  const whole = await Engine.create();
  const counting = atWait(-1, () => {});
  await job(whole).catch((error) => expect(error).toBeInstanceOf(DeviceError));
  const points = counting.count;
  counting.undo();
  whole.destroy();
  expect(points).toBeGreaterThan(3);

  // In turn: the device, the engine, and an engine on an app's device.
  const ends = ["device", "engine", "shared"] as const;
  const stride = Math.max(1, points / 5);
  for (let at = 0; at < points; at += stride) {
    const n = Math.floor(at);
    const end = ends[Math.round(at / stride) % 3]!;
    const device = end === "shared" ? await (await navigator.gpu.requestAdapter())!.requestDevice() : undefined;
    const engine = await Engine.create(device ? { device } : {});
    const wait = atWait(n, () => (end === "device" ? engine.device.destroy() : engine.destroy()));
    const error = await job(engine).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    wait.undo();
    const where = `${end} at ${n} of ${points}`;
    // A tuner makes more or fewer measurements, depending on their times. Results computed before the loss may still
    // arrive.
    if (n < wait.count - 2) expect(error, where).toBeInstanceOf(DeviceError);
    if (n < wait.count && error) {
      const reason = end === "device" ? /the GPU device was lost/ : /the engine has been destroyed/;
      expect((error as Error).message, where).toMatch(reason);
    }
    engine.destroy();
    device?.destroy();
  }
});

test("the self-check rejects, and blames no variant", async () => {
  for (const n of [3, 40]) {
    const device = await (await navigator.gpu.requestAdapter())!.requestDevice();
    const wait = atWait(n, () => device.destroy());
    await expect(selfCheck({ device })).rejects.toThrow(/the GPU device was lost/);
    wait.undo();
  }
});
