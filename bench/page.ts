import type { Reporter } from "./measure/result.ts";
import { measure, type SuiteOptions } from "./measure/suite.ts";

declare global {
  /** Told by the page what comes; answered by whoever drives it. */
  var report: Reporter;
  var measureHere: (options: SuiteOptions) => Promise<void>;
}

globalThis.measureHere = (options) => measure("chrome", {}, options, (report) => globalThis.report(report));
