import type { Browser } from "puppeteer";
import type { Peer } from "./peer.ts";
import type { Opened } from "./timing.ts";

declare const peer: Peer;

/** Opens a page of one library, which finds `threads` processors. */
export async function openPage(browser: Browser, url: string, library: string, threads: number): Promise<Opened> {
  const page = await browser.newPage();
  const fault = new Promise<never>((_, reject) => page.on("pageerror", reject));
  fault.catch(() => undefined);
  const here = <T>(answer: Promise<T>): Promise<T> => Promise.race([answer, fault]);
  await page.goto(`${url}bench/bench.html?library=${library}&threads=${threads}`);
  await here(page.waitForFunction(() => "peer" in globalThis));
  return {
    peer: {
      open: (row) => here(page.evaluate((row) => peer.open(row), row)),
      results: () => here(page.evaluate(() => peer.results())),
      losses: (steps, seconds) => here(page.evaluate((steps, seconds) => peer.losses(steps, seconds), steps, seconds)),
      time: (count, read) => here(page.evaluate((count, read) => peer.time(count, read), count, read)),
    },
    toFront: () => page.bringToFront(),
    close: () => page.close(),
  };
}
