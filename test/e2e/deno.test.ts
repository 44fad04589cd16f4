import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { beforeEach, expect, test } from "vitest";
import { fetchDeno } from "../deno/fetch.ts";

const run = promisify(execFile);

/** If npm has no Deno for the platform, or cannot be reached, there is nothing to run; but CI has it. */
let command: string;
beforeEach(async ({ skip }) => {
  const deno = await fetchDeno().catch((error: Error) => error);
  if (typeof deno === "string") command = deno;
  else if (process.env.CI) throw deno;
  else skip(deno.message);
});

test.runIf(process.platform === "linux" && process.arch === "x64")(
  "createGPU gives Deno the software adapter, and the engine names it in words",
  async () => {
    const program = `
      import { createGPU } from "./src/node/index.ts";
      import { Engine } from "./src/index.ts";
      const gpu = await createGPU({ adapter: "software" });
      const engine = await Engine.create({ gpu });
      console.log([gpu === navigator.gpu, engine.adapter, engine.traits.cpu, process.env.VK_ICD_FILENAMES ?? "-"].join());
      Deno.exit(0);`;
    const { VK_DRIVER_FILES: _, VK_ICD_FILENAMES: __, ...env } = process.env;
    const { stdout } = await run(process.execPath, [command, "eval", "--no-lock", program], { env });
    expect(stdout).toMatch(/^true,SwiftShader Device[^,]*,true,-\n$/);
  },
);

// `npm run test:deno` runs all of them.
test("under Deno's WebGPU every twelfth reference case and training run passes", async () => {
  const { stdout } = await run("node_modules/.bin/tsx", ["test/deno/run.ts", "--sample", "12"]).catch((error) => error);
  const [, passed, failed] = /(\d+) passed, (\d+) failed, \d+ skipped\n$/.exec(stdout) ?? [];
  expect(Number(failed), stdout).toBe(0);
  expect(Number(passed)).toBeGreaterThan(50);
});
