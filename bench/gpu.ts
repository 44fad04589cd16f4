import { extended, type Result } from "./measure/result.ts";
import { measure, type SuiteOptions } from "./measure/suite.ts";
import { parseSuite } from "./options.ts";
import { planOf } from "./plans.ts";
import { openWebGPU } from "./webgpu.ts";

/*
 * Kernels and steps in Node only: an entry that bundles to one file beside the package `webgpu`, for a machine with
 * nothing but a GPU. Prints the result as JSON, and progress to stderr.
 */

const wanted = options();
let result: Result | undefined;
await measure("node", { gpu: await openWebGPU() }, planOf(wanted), wanted, (report) => {
  result = extended(result, report);
  if ("next" in report) console.error(report.next);
});
console.log(JSON.stringify(result));
process.exit(); // Dawn's threads would keep the process alive.

function options(): SuiteOptions {
  try {
    return parseSuite(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}: the options are --filter TEXT, --quick, --speed and --scaling`);
    process.exit(2);
  }
}
