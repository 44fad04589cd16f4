import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const run = promisify(execFile);

/** npm brings Deno for the usual platforms; on others there is nothing to run. */
const hasDeno = (() => {
  const platform = `${process.platform}-${process.arch}${process.platform === "linux" ? "-glibc" : ""}`;
  try {
    return Boolean(
      createRequire(createRequire(import.meta.url).resolve("deno/package.json")).resolve(
        `@deno/${platform}/package.json`,
      ),
    );
  } catch {
    return false;
  }
})();

test.runIf(hasDeno && process.platform === "linux" && process.arch === "x64")(
  "createGPU leads Deno to the software adapter, and the engine names it by words",
  async () => {
    const program = `
      import { createGPU } from "./src/node/index.ts";
      import { Engine } from "./src/index.ts";
      const gpu = await createGPU({ adapter: "software" });
      const engine = await Engine.create({ gpu });
      console.log([gpu === navigator.gpu, engine.adapter, engine.traits.cpu, process.env.VK_ICD_FILENAMES ?? "-"].join());
      Deno.exit(0);`;
    const deno = createRequire(import.meta.url).resolve("deno/bin.cjs");
    const { VK_DRIVER_FILES: _, VK_ICD_FILENAMES: __, ...env } = process.env;
    const { stdout } = await run(process.execPath, [deno, "eval", "--no-lock", program], { env });
    expect(stdout).toMatch(/^true,SwiftShader Device[^,]*,true,-\n$/);
  },
);

// `npm run test:deno` runs all of them.
test.runIf(hasDeno)("under Deno's WebGPU every twelfth reference case and training run passes", async () => {
  const { stdout } = await run("node_modules/.bin/tsx", ["test/deno/run.ts", "--sample", "12"]).catch((error) => error);
  const [, passed, failed] = /(\d+) passed, (\d+) failed, \d+ skipped\n$/.exec(stdout) ?? [];
  expect(Number(failed), stdout).toBe(0);
  expect(Number(passed)).toBeGreaterThan(50);
});
