import { start } from "virtual:peers";
import { signal } from "@preact/signals";
import { type Remote, wrap } from "comlink";
import type { Peer } from "../../bench/peers/peer.ts";
import { rows } from "../../bench/peers/rows.ts";
import { type Opened, type Timed, type Turns, time } from "../../bench/peers/timing.ts";

/** In the order of the page; the others are compared with the first. */
export const libraries = ["tilegrad", "jaxjs", "tfjs"] as const;

/** The five training steps of the bench. */
const raced = rows.filter(({ kind, varied }) => kind === "step" && !varied);

/** As `npm run bench:peers -- --quick` does it. */
const turns: Turns = {
  rounds: 3,
  turnMs: 120,
  longestTurnMs: 1000,
  losses: { all: 5, varied: 5 },
  lossSeconds: 30,
};

export interface Raced {
  readonly title: string;
  readonly times: ReadonlyMap<string, Timed>;
}

/** Rows so far; the title of the next one while they are raced. */
export const results = signal<readonly Raced[]>([]);
export const racing = signal<string | undefined>(undefined);

const workers = new Set<Worker>();
/** Counts the races: what an old one brings in is too late. */
let current = 0;

type Serving = (library: string) => Promise<Remote<Peer>>;

async function open(library: string): Promise<Opened> {
  const worker = await start!();
  workers.add(worker);
  const died = new Promise<never>((_, reject) => {
    worker.addEventListener("error", ({ message }) => reject(new Error(message || "its worker did not start")));
  });
  died.catch(() => undefined);
  const alive = <T>(answer: Promise<T>): Promise<T> => Promise.race([answer, died]);
  const peer = await alive((wrap(worker) as unknown as Serving)(library));
  return {
    peer: {
      open: (row) => alive(peer.open(row)),
      results: () => alive(peer.results()),
      losses: (steps, seconds) => alive(peer.losses(steps, seconds)),
      time: (count, read) => alive(peer.time(count, read)),
    },
    close() {
      worker.terminate();
      workers.delete(worker);
    },
  };
}

/** Times all libraries, row by row. */
export async function race(): Promise<void> {
  const own = ++current;
  results.value = [];
  for (const row of raced) {
    racing.value = row.title;
    const times = await time(row, libraries, open, turns);
    if (own !== current) return;
    results.value = [...results.value, { title: row.title, times }];
  }
  racing.value = undefined;
}

/** Ends the race at once; the rows so far stay. */
export function stopRace(): void {
  current++;
  for (const worker of workers) worker.terminate();
  workers.clear();
  racing.value = undefined;
}
