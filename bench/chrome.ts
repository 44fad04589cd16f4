import { createServer } from "vite";
import { launchChrome } from "../test/browser/chrome.ts";
import type { Reporter } from "./measure/result.ts";
import type { SuiteOptions } from "./measure/suite.ts";

/** Clocks are exact to 5 µs only in cross-origin isolated pages. */
const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** Measures in a page of headless Chrome, served like the demos. */
export async function measureInChrome(options: SuiteOptions, report: Reporter): Promise<void> {
  const root = new URL("../", import.meta.url).pathname;
  const server = await createServer({
    root,
    configFile: false,
    cacheDir: `${root}.cache/vite-bench`,
    logLevel: "error",
    server: { port: 0, hmr: false, watch: null, headers: isolation },
    optimizeDeps: { entries: ["bench/page.html"] },
  });
  await server.listen();
  // The caller handles Ctrl-C, to keep the results so far.
  const browser = await launchChrome({ handleSIGINT: false });
  try {
    const page = await browser.newPage();
    await page.exposeFunction("report", report);
    await page.goto(`${server.resolvedUrls!.local[0]!}bench/page.html`);
    await page.waitForFunction(() => "measureHere" in globalThis);
    await page.evaluate((options) => globalThis.measureHere(options), options);
  } finally {
    await browser.close();
    await server.close();
  }
}
