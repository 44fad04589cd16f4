import type { LaunchOptions, Page } from "puppeteer";
import { createServer } from "vite";
import { launchChrome } from "../test/browser/chrome.ts";

/** Clocks are exact to 5 µs only in cross-origin isolated pages. */
const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/**
 * Opens a page of the sources in headless Chrome, served like the demos, and closes it after the act.
 * @param path from the root of the repository.
 * @param before called with the empty page.
 */
export async function inChrome(
  path: string,
  before: (page: Page) => Promise<void>,
  act: (page: Page) => Promise<void>,
  launch: LaunchOptions = {},
): Promise<void> {
  const root = new URL("../", import.meta.url).pathname;
  const server = await createServer({
    root,
    configFile: false,
    cacheDir: `${root}.cache/vite/${path}`,
    logLevel: "error",
    server: { port: 0, hmr: false, watch: null, headers: isolation },
    optimizeDeps: { entries: [path] },
  });
  await server.listen();
  const browser = await launchChrome(launch);
  try {
    const page = await browser.newPage();
    await before(page);
    await page.goto(server.resolvedUrls!.local[0]! + path);
    await act(page);
  } finally {
    await browser.close();
    await server.close();
  }
}
