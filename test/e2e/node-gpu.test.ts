import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { createGPU } from "../../src/node/index.ts";

const run = promisify(execFile);
const hasSoftware =
  process.platform === "linux" &&
  process.arch === "x64" &&
  !(process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES);

test.runIf(hasSoftware)("the software adapter is SwiftShader, and child processes are not bound to it", async () => {
  const adapter = await (await createGPU({ adapter: "software" })).requestAdapter();
  expect(adapter?.info.architecture).toBe("swiftshader");
  expect(process.env.VK_ICD_FILENAMES).toBeUndefined();
});

test.runIf(hasSoftware)("a process ends by itself although its device is alive", async () => {
  const program = `
    import { createGPU } from "./src/node/index.ts";
    const gpu = (globalThis.gpu = await createGPU({ adapter: "software" }));
    const device = (globalThis.device = await (await gpu.requestAdapter()).requestDevice());
    await device.queue.onSubmittedWorkDone();
    console.log("done");`;
  const { stdout } = await run("node_modules/.bin/tsx", ["--input-type=module", "-e", program], { timeout: 60_000 });
  expect(stdout).toContain("done");
});

test.runIf(hasSoftware)("workers get it, several at once, although their environment is a copy", async () => {
  const program = `
    const { register } = await import("tsx/esm/api");
    register();
    const { createGPU } = await import("./src/node/index.ts");
    const device = await (await (await createGPU({ adapter: "software" })).requestAdapter()).requestDevice();
    await device.queue.onSubmittedWorkDone();
    parentPort.postMessage(device.adapterInfo.architecture);`;
  const text = `const { parentPort } = require("node:worker_threads"); (async () => { ${program} })();`;
  const workers = Array.from({ length: 2 }, () => new Worker(text, { eval: true, execArgv: [] }));
  const answers = await Promise.all(
    workers.map(
      (worker) =>
        new Promise((resolve, reject) => {
          worker.once("message", resolve);
          worker.once("error", reject);
        }),
    ),
  );
  await Promise.all(workers.map((worker) => worker.terminate()));
  expect(answers).toEqual(["swiftshader", "swiftshader"]);
  expect(process.env.VK_ICD_FILENAMES).toBeUndefined();
});

test("an unknown adapter is an error that lists the known ones", async () => {
  await expect(createGPU({ adapter: "fast" as "auto" })).rejects.toThrow(/"fast".*auto, hardware or software/);
});

test("a device outlives the GPU it came from", async () => {
  const program = `
    import { createGPU } from "./src/node/index.ts";
    const device = await (await (await createGPU()).requestAdapter()).requestDevice();
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setTimeout(() => resolve(gc()), 50));
    device.createBuffer({ size: 16, usage: 8 });
    await device.queue.onSubmittedWorkDone();
    console.log("alive");`;
  const { stdout } = await run(process.execPath, [
    "--expose-gc",
    "--import",
    "tsx",
    "--input-type=module",
    "-e",
    program,
  ]);
  expect(stdout).toContain("alive");
});
