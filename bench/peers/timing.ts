import { median, strays } from "./compare.ts";
import type { Peer } from "./peer.ts";
import type { Row } from "./rows.ts";

export interface Timed {
  /** Median of all samples; absent if the library failed. */
  readonly ms?: number;
  readonly samples: number;
  /** The error, or how the results differ from the others'. */
  readonly fault?: string;
}

/** How long and how often to measure. */
export interface Turns {
  /** Number of turns of each library. */
  readonly rounds: number;
  /** Duration of a turn; it takes at least one sample. */
  readonly turnMs: number;
  /** A library whose turn took longer gets no more turns in that row. */
  readonly longestTurnMs: number;
  /** Number of steps whose losses must agree, and the number for rows that vary another. */
  readonly losses: { readonly all: number; readonly varied: number };
  /** A library that has taken this long stops after at least five losses. */
  readonly lossSeconds: number;
}

/** A page or worker with one library. */
export interface Opened {
  readonly peer: Peer;
  /** Called before each turn. */
  readonly toFront?: () => Promise<void>;
  close(): void | Promise<void>;
}

/** One library for one row. */
interface Entrant {
  readonly library: string;
  readonly samples: number[];
  opened?: Opened;
  /** Whether it has more turns. */
  waits: boolean;
  fault?: string;
}

/**
 * Times one row: a fresh page or worker per library; compares results first, then takes turns.
 * @param open opens one of a library.
 */
export async function time(
  row: Row,
  libraries: readonly string[],
  open: (library: string) => Promise<Opened>,
  { rounds, turnMs, longestTurnMs, losses, lossSeconds }: Turns,
): Promise<Map<string, Timed>> {
  const entrants: Entrant[] = [];
  const numbers = new Map<string, number[]>();
  for (const library of libraries) {
    const entrant: Entrant = { library, samples: [], waits: false };
    entrants.push(entrant);
    await attempt(entrant, async () => {
      entrant.opened = await open(library);
      const { peer } = entrant.opened;
      numbers.set(library, await prepared(peer, row, row.varied ? losses.varied : losses.all, lossSeconds));
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
  for (const { opened } of entrants) await opened?.close();
  return new Map(
    entrants.map(({ library, samples, fault }) => [
      library,
      { samples: samples.length, ...(samples.length > 0 && { ms: median(samples) }), ...(fault && { fault }) },
    ]),
  );
}

/** Prepares and warms up the work, and returns the numbers to compare. */
async function prepared(peer: Peer, { key, kind }: Row, steps: number, seconds: number): Promise<number[]> {
  await peer.open(key);
  if (kind === "step") return peer.losses(steps, seconds);
  const numbers = await peer.results();
  await peer.time(1, false);
  return numbers;
}

async function turn({ opened, samples }: Entrant, { kind, perAwait }: Row, turnMs: number): Promise<void> {
  const { peer, toFront } = opened!;
  await toFront?.();
  const start = performance.now();
  do {
    samples.push(await peer.time(perAwait, kind === "step"));
  } while (performance.now() - start < turnMs);
}

/** Records one library's error in its row and continues with the others. */
async function attempt(entrant: Entrant, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    entrant.fault = `failed: ${(error as Error).message.split("\n")[0]}`;
    entrant.waits = false;
    entrant.samples.length = 0;
  }
}
