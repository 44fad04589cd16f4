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

// `npm run test:deno` runs all of them.
test.runIf(hasDeno)("under Deno's WebGPU every twelfth reference case and training run passes", async () => {
  const { stdout } = await run("node_modules/.bin/tsx", ["test/deno/run.ts", "--sample", "12"]).catch((error) => error);
  const [, passed, failed] = /(\d+) passed, (\d+) failed, \d+ skipped\n$/.exec(stdout) ?? [];
  expect(Number(failed), stdout).toBe(0);
  expect(Number(passed)).toBeGreaterThan(50);
});
