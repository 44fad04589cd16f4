import { createGPU } from "../src/node/index.ts";
import { extended, type Result } from "./measure/result.ts";
import { measure, type SuiteOptions } from "./measure/suite.ts";
import { parseSuite } from "./options.ts";

/*
 * The same kernels and steps, in Node alone: an entry that bundles to a single file beside the package `webgpu`, for a machine with
 * nothing but a GPU. Prints the JSON of the result; what it is at goes to stderr.
 */

const wanted = options();
let result: Result | undefined;
await measure("node", { gpu: await createGPU() }, wanted, (report) => {
  result = extended(result, report);
  if ("next" in report) console.error(report.next);
});
console.log(JSON.stringify(result));
process.exit(); // Dawn's threads would keep the process.

function options(): SuiteOptions {
  try {
    return parseSuite(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}: the options are --filter TEXT, --quick and --scaling`);
    process.exit(2);
  }
}
