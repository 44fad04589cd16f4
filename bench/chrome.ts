import { createServer } from "vite";
import { launchChrome } from "../test/browser/chrome.ts";
import type { Reporter } from "./measure/result.ts";
import type { SuiteOptions } from "./measure/suite.ts";

/** Clocks are exact to 5 µs only in pages that keep others out. */
const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** Measures in a page of headless Chrome that is served as the demos are. */
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
  // Ctrl-C is for whoever reads the reports.
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
