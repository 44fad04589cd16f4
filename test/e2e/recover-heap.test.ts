import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const run = promisify(execFile);

/** Loses the device three times in a separate process with a callable garbage collector. */
const program = `
  import { openWebGPU } from "./bench/webgpu.ts";
  import { onceAt, training } from "./test/recovering.ts";

  /** For each device: what may be left of it, and how many of its buffers were not destroyed. */
  const devices = [];
  const follow = (device) => {
    const seen = { objects: [new WeakRef(device)], buffers: 0, made: 0 };
    const note = (object) => (seen.objects.push(new WeakRef(object)), object);
    const { createBuffer, createBindGroup, createComputePipelineAsync } = device;
    device.createBuffer = function (descriptor) {
      const buffer = note(createBuffer.call(this, descriptor));
      const { destroy } = buffer;
      let isAlive = true;
      seen.made++;
      seen.buffers++;
      buffer.destroy = function () {
        if (isAlive) seen.buffers--;
        isAlive = false;
        destroy.call(this);
      };
      return buffer;
    };
    device.createBindGroup = function (descriptor) {
      return note(createBindGroup.call(this, descriptor));
    };
    device.createComputePipelineAsync = async function (descriptor) {
      return note(await createComputePipelineAsync.call(this, descriptor));
    };
    devices.push(seen);
    return device;
  };
  const gpu = await openWebGPU();
  const following = {
    async requestAdapter(options) {
      const adapter = await gpu.requestAdapter(options);
      const { requestDevice } = adapter;
      adapter.requestDevice = async (descriptor) => follow(await requestDevice.call(adapter, descriptor));
      return adapter;
    },
  };
  const { engine, recovery, train } = await training({ gpu: following });
  await train(5);
  const before = engine.bytes;
  await train(24, onceAt([6, 12, 18], () => engine.device.destroy()));
  await recovery.snapshot();
  // Objects finalised in one collection are freed in the next.
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    gc();
  }
  const report = devices.map(({ objects, buffers, made }) => ({
    left: objects.filter((object) => object.deref()).length,
    buffers,
    made,
  }));
  console.log(JSON.stringify({ report, before, after: engine.bytes }));
  engine.destroy();`;

test("after three losses nothing of the old devices is left, neither buffers nor references", async () => {
  const { stdout } = await run(
    process.execPath,
    ["--expose-gc", "--import", "tsx", "--input-type=module", "-e", program],
    { timeout: 120_000 },
  );
  const { report, before, after } = JSON.parse(stdout.trim()) as {
    report: { left: number; buffers: number; made: number }[];
    before: object;
    after: object;
  };
  const [last, ...lost] = report.reverse();
  expect(lost).toHaveLength(3);
  for (const { left, buffers, made } of lost) {
    expect(made).toBeGreaterThan(5);
    expect([left, buffers]).toEqual([0, 0]);
  }
  expect(last!.left).toBeGreaterThan(10);
  expect(after).toEqual(before);
});
