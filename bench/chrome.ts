import type { Reporter } from "./measure/result.ts";
import type { SuiteOptions } from "./measure/suite.ts";
import { inChrome } from "./opened.ts";
import type { BackendOptions } from "./options.ts";

/** Measures in a page of headless Chrome. */
export const measureInChrome = (options: SuiteOptions, where: BackendOptions, report: Reporter): Promise<void> =>
  inChrome(
    "bench/page.html",
    (page) => page.exposeFunction("report", report),
    async (page) => {
      await page.waitForFunction(() => "measureHere" in globalThis);
      await page.evaluate((...given) => globalThis.measureHere(...given), options, where);
    },
    // The caller handles Ctrl-C, to keep the results so far.
    { handleSIGINT: false },
  );
