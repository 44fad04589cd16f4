import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { createGPU } from "../../src/node/index.ts";

const run = promisify(execFile);
const hasSoftware =
  process.platform === "linux" &&
  process.arch === "x64" &&
  !(process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES);

test.runIf(hasSoftware)("SwiftShader is found, and child processes do not inherit it", async () => {
  const adapter = await (await createGPU({ adapter: "swiftshader" })).requestAdapter();
  expect(adapter?.info.architecture).toBe("swiftshader");
  expect(process.env.VK_ICD_FILENAMES).toBeUndefined();
});

test.runIf(hasSoftware)("a process exits on its own although its device is alive", async () => {
  const program = `
    import { createGPU } from "./src/node/index.ts";
    const gpu = (globalThis.gpu = await createGPU({ adapter: "swiftshader" }));
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
    const device = await (await (await createGPU({ adapter: "swiftshader" })).requestAdapter()).requestDevice();
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

/** The software adapter's name if lavapipe is installed in a separate home with this description. */
async function withLavapipe(description: string, choice: string): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), "lavapipe-"));
  await mkdir(join(home, "vulkan/icd.d"), { recursive: true });
  await writeFile(join(home, "vulkan/icd.d/lvp_icd.json"), description);
  const program = `
    import { Engine } from "./src/index.ts";
    import { createGPU } from "./src/node/index.ts";
    const engine = await Engine.create({ gpu: await createGPU() });
    console.log(engine.adapter);
    engine.destroy();`;
  const env = { ...process.env, XDG_DATA_HOME: home, TILEGRAD_ADAPTER: choice };
  try {
    const { stdout } = await run("node_modules/.bin/tsx", ["--input-type=module", "-e", program], { env });
    return stdout.trim();
  } finally {
    await rm(home, { recursive: true });
  }
}

const broken =
  '{"file_format_version": "1.0.0", "ICD": {"library_path": "/no/such/library.so", "api_version": "1.3.0"}}';

test.runIf(hasSoftware)(
  "a lavapipe that Dawn refuses is replaced by SwiftShader, unless requested by name",
  async () => {
    expect(await withLavapipe(broken, "software")).toMatch(/swiftshader/);
    await expect(withLavapipe(broken, "lavapipe")).rejects.toThrow("no lavapipe found that Dawn accepts");
  },
);

test.runIf(hasSoftware)("without a GPU and lavapipe, kernels become WebAssembly", async () => {
  expect(await withLavapipe(broken, "auto")).toBe("webassembly simd");
  expect(await withLavapipe(broken, "wasm")).toBe("webassembly simd");
});

// `sh test/lavapipe.sh true` puts it here.
const cached = resolve("node_modules/.cache/tilegrad/lavapipe/driver.json");

test.runIf(hasSoftware && existsSync(cached))(
  "an installed lavapipe comes first, and SwiftShader can be requested by name",
  async () => {
    const description = await readFile(cached, "utf8");
    expect(await withLavapipe(description, "auto")).toBe("mesa lavapipe");
    expect(await withLavapipe(description, "swiftshader")).toMatch(/swiftshader/);
  },
);

test("an unknown adapter is an error that lists the known ones", async () => {
  await expect(createGPU({ adapter: "fast" as "auto" })).rejects.toThrow(
    /"fast".*auto, hardware, software, lavapipe, swiftshader or wasm/,
  );
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
