import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { mayHaveGpu, softwareEnvironment } from "../../src/node/vulkan.ts";
import { fetchDeno } from "./fetch.ts";

/*
 * Runs the reference cases under Deno: `npm run test:deno`, with the arguments of golden.ts. `TILEGRAD_ADAPTER` picks
 * the adapter, as everywhere.
 */

function fail(message: string): never {
  console.error(message);
  console.log("0 passed, 1 failed, 0 skipped");
  process.exit(1);
}

const command = await fetchDeno().catch((error: Error) => fail(error.message));
const deno = (args: string[], env: Record<string, string> = {}, output: "inherit" | "ignore" = "inherit") =>
  spawnSync(process.execPath, [command, ...args], { stdio: output, env: { ...process.env, NO_COLOR: "1", ...env } })
    .status;

const findsGpu = "Deno.exit((await navigator.gpu.requestAdapter())?.info.isFallbackAdapter === false ? 0 : 1)";
const hasGpu = () => mayHaveGpu() && deno(["eval", "--unstable-webgpu", findsGpu], {}, "ignore") === 0;

/** Environment variables that make Deno use the wanted adapter. */
async function adapterEnvironment(): Promise<Record<string, string>> {
  const wanted = process.env.TILEGRAD_ADAPTER || "auto";
  const named = process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES;
  if (wanted !== "hardware" && named) return {};
  if (wanted !== "software" && hasGpu()) return {};
  if (wanted === "hardware") fail("Deno found no GPU: install its driver");
  return (
    (await softwareEnvironment()) ??
    fail(
      "no software adapter found: npm install @sparticuz/chromium (Linux on x64), or name a driver in VK_DRIVER_FILES",
    )
  );
}

const allowed = ["--allow-read", "--allow-env", "--allow-sys", "--no-remote", "--cached-only", "--no-lock"];
const script = join(import.meta.dirname, "golden.ts");
const environment = await adapterEnvironment();
process.exit(deno(["run", "--unstable-webgpu", ...allowed, script, ...process.argv.slice(2)], environment) ?? 1);
