import type { Result } from "./measure/result.ts";
import { measure, type SuiteOptions } from "./measure/suite.ts";

declare global {
  /** Told by the page what comes next; answered by whoever drives it. */
  var progress: (line: string) => void;
  var measureHere: (options: SuiteOptions) => Promise<Result>;
}

globalThis.measureHere = (options) => measure("chrome", {}, options, (line) => globalThis.progress(line));
