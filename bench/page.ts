import type { Reporter } from "./measure/result.ts";
import { measure, type SuiteOptions } from "./measure/suite.ts";
import type { BackendOptions } from "./options.ts";
import { planOf } from "./plans.ts";

declare global {
  /** Called by the page with each report; provided by its driver. */
  var report: Reporter;
  var measureHere: (options: SuiteOptions, where: BackendOptions) => Promise<void>;
}

globalThis.measureHere = (options, where) =>
  measure("chrome", where, planOf(options), options, (report) => globalThis.report(report));
