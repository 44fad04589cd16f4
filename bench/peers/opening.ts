import type { Browser } from "puppeteer";
import type { Peer } from "./peer.ts";
import type { Opened } from "./timing.ts";

declare const peer: Peer;

/** Opens a page of one library, which finds `threads` processors. */
export async function openPage(browser: Browser, url: string, library: string, threads: number): Promise<Opened> {
  const page = await browser.newPage();
  await page.goto(`${url}bench/bench.html?library=${library}&threads=${threads}`);
  await page.waitForFunction(() => "peer" in globalThis);
  return {
    peer: {
      open: (row) => page.evaluate((row) => peer.open(row), row),
      results: () => page.evaluate(() => peer.results()),
      losses: (steps, seconds) => page.evaluate((steps, seconds) => peer.losses(steps, seconds), steps, seconds),
      time: (count, read) => page.evaluate((count, read) => peer.time(count, read), count, read),
    },
    toFront: () => page.bringToFront(),
    close: () => page.close(),
  };
}
