import type { Browser, Page } from "puppeteer";
import { median, strays } from "./compare.ts";
import type { Options } from "./options.ts";
import type { Peer } from "./peer.ts";
import type { Row } from "./rows.ts";

declare const peer: Peer;

export interface Timed {
  /** Median of all samples; absent if the library failed. */
  readonly ms?: number;
  readonly samples: number;
  /** The error, or how the results differ from the others'. */
  readonly fault?: string;
}

/** One library's page for one row. */
interface Entrant {
  readonly library: string;
  readonly page: Page;
  readonly samples: number[];
  /** Whether it has more turns. */
  waits: boolean;
  fault?: string;
}

/** Times one row: a fresh page per library; compares results first, then takes turns. */
export async function time(
  browser: Browser,
  url: string,
  row: Row,
  libraries: readonly string[],
  { rounds, turnMs, longestTurnMs, losses, lossSeconds }: Options,
): Promise<Map<string, Timed>> {
  const entrants: Entrant[] = [];
  const numbers = new Map<string, number[]>();
  for (const library of libraries) {
    const page = await browser.newPage();
    const entrant: Entrant = { library, page, samples: [], waits: false };
    entrants.push(entrant);
    await attempt(entrant, async () => {
      await page.goto(`${url}bench/bench.html?${library}`);
      await page.waitForFunction(() => "peer" in globalThis);
      numbers.set(library, await prepared(page, row, row.varied ? losses.varied : losses.all, lossSeconds));
      entrant.waits = true;
    });
  }
  if (numbers.size > 1) {
    for (const [library, share] of strays(row.kind, numbers)) {
      entrants.find((entrant) => entrant.library === library)!.fault = `WRONG by ${share.toExponential(1)}`;
    }
  }
  for (let round = 0; round < rounds; round++) {
    // Rotate, so that the first in one round is the last in the next.
    const first = round % entrants.length;
    for (const entrant of [...entrants.slice(first), ...entrants.slice(0, first)]) {
      const start = performance.now();
      if (entrant.waits) await attempt(entrant, () => turn(entrant, row, turnMs));
      entrant.waits &&= performance.now() - start <= longestTurnMs;
    }
  }
  for (const { page } of entrants) await page.close();
  return new Map(
    entrants.map(({ library, samples, fault }) => [
      library,
      { samples: samples.length, ...(samples.length > 0 && { ms: median(samples) }), ...(fault && { fault }) },
    ]),
  );
}

/** Prepares and warms up the work, and returns the numbers to compare. */
function prepared(page: Page, { key, kind }: Row, steps: number, seconds: number): Promise<number[]> {
  return page.evaluate(
    async (key, isStep, steps, seconds) => {
      await peer.open(key);
      const numbers = isStep ? await peer.losses(steps, seconds) : await peer.results();
      if (!isStep) await peer.time(1, false);
      return numbers;
    },
    key,
    kind === "step",
    steps,
    seconds,
  );
}

async function turn({ page, samples }: Entrant, { kind, perAwait }: Row, turnMs: number): Promise<void> {
  await page.bringToFront();
  const start = performance.now();
  do {
    samples.push(await page.evaluate((count, read) => peer.time(count, read), perAwait, kind === "step"));
  } while (performance.now() - start < turnMs);
}

/** Records one library's error in its row and continues with the others. */
async function attempt(entrant: Entrant, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    entrant.fault = `failed: ${(error as Error).message.split("\n")[0]}`;
    entrant.samples.length = 0;
  }
}
