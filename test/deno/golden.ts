import { Engine } from "../../src/index.ts";
import { selfCheck } from "../../src/selfcheck/index.ts";
import { forced } from "../forced.ts";
import { absentFiles, readManifest } from "../golden/cases.ts";
import { caseFaults, deviceExecutor } from "../golden/device.ts";
import { skipped } from "../golden/ops.ts";
import { modelFaults, modelSkipped, runFaults, runSkipped } from "../golden/trajectories.ts";

/*
 * The reference cases and training runs under Deno, whose WebGPU is wgpu: another WGSL compiler, with its own reading
 * of the specification. Vitest does not run there, so there is no test runner. The last line is the count.
 *
 * `--sample N` runs only every Nth case and training run, and not each variant of each kernel; other arguments are
 * parts of the names to run.
 */
const args = process.argv.slice(2);
const at = args.indexOf("--sample");
const every = at < 0 ? 1 : Number(args.splice(at, 2)[1]);
if (!(Number.isInteger(every) && every > 0)) throw new Error("--sample expects a whole number from 1");

/** The reference cases run only the variants that suit this adapter; the self-check runs all. */
async function kernelFaults(): Promise<string[]> {
  const { faults } = await selfCheck({ device: engine.device });
  return faults.map(({ family, variant, detail }) => `${family}/${variant}: ${detail}`);
}

interface Check {
  readonly name: string;
  readonly skip: string | undefined;
  run(): Promise<readonly string[]>;
}

const [engine, { cases, models, trajectories }, absent] = await Promise.all([
  Engine.create(forced()),
  readManifest(),
  absentFiles(),
]);
const device = deviceExecutor(engine);
console.log(`${engine.adapter}, ${process.versions["deno"] ? `Deno ${process.versions["deno"]}` : process.version}`);

const checks: Check[] = [
  ...cases.map((golden) => ({
    name: golden.name,
    skip: skipped(golden, absent),
    run: () => caseFaults(engine, golden),
  })),
  ...models.map((model) => ({
    name: `model ${model.name}`,
    skip: modelSkipped(model),
    run: () => modelFaults(model, device),
  })),
  ...trajectories.map((run) => ({
    name: `run ${run.name}`,
    skip: runSkipped(run),
    run: () => runFaults(run, device),
  })),
  ...(every === 1 ? [{ name: "kernels in all variants", skip: undefined, run: kernelFaults }] : []),
];

const count = { passed: 0, failed: 0, skipped: 0 };
for (const { name, skip, run } of checks.filter(
  ({ name }, i) => i % every === 0 && (args.length === 0 || args.some((part) => name.includes(part))),
)) {
  if (skip) {
    count.skipped++;
    console.log(`– ${name}: ${skip}`);
    continue;
  }
  const faults = await run().catch((error: unknown) => [String(error)]);
  if (faults.length === 0) count.passed++;
  else {
    count.failed++;
    console.log(`✗ ${name}\n${faults.map((fault) => `    ${fault}`).join("\n")}`);
  }
}
engine.destroy();
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exit(count.failed || !count.passed ? 1 : 0);
