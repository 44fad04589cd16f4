import type { Pipeline } from "./pipeline.ts";
import type { Command } from "./queue.ts";
import type { Threads } from "./threads.ts";

/** Workgroups that run without a look at the clock, at first. */
const firstCount = 16;

/** Milliseconds that a piece of a dispatch should take. */
const pieceMs = 1;

/** Milliseconds below which a dispatch runs on one thread: to wake another takes 0.02 to 0.04. */
const shortMs = 0.1;

/** The same where others are awake, who take their first pieces after 0.001. */
const awakeShortMs = 0.02;

/** Milliseconds below which a piece is not worth being taken. */
const leastPieceMs = 0.01;

/** Pieces for each thread: with more, all threads end at about the same time. */
const piecesPerThread = 4;

/** How often the clock is read while a kernel's dispatches are short: in one of so many. */
const runsPerReading = 64;

/** Workgroups along x, y and z. */
type Counts = readonly [number, number, number];

/** A dispatch of a kernel, ready to run again and again. */
export interface Prepared {
  readonly pipeline: Pipeline;
  readonly counts: Counts;
  readonly groups: number;
  /** Arguments of the kernel for all workgroups: addresses, then where they begin and end along each axis. */
  readonly args: readonly number[];
  /** Runs it on this thread. */
  readonly whole: Command;
}

export function prepare(pipeline: Pipeline, addresses: readonly number[], counts: Counts): Prepared {
  const args = [...addresses, ...counts.flatMap((count) => [0, count])];
  const whole = () => {
    pipeline.run(...args);
    return true;
  };
  return { pipeline, counts, groups: counts[0] * counts[1] * counts[2], args, whole };
}

/** A dispatch of a kernel, on one thread or on all, by how long its last runs took. */
export function dispatch({ pipeline, counts, groups, args, whole }: Prepared, threads: Threads | undefined): Command {
  const { module, speed } = pipeline;
  const expected = speed.msPerGroup * groups;
  const isDue = ++speed.runs % runsPerReading === 0;
  const isSmall = threads ? groups <= 1 || (expected < awakeShortMs && !isDue) : groups <= firstCount;
  if (isSmall) return whole;
  let pieces: Pieces | undefined;
  return (until) => {
    if (!pieces) {
      const isShort = expected < (threads?.areAwake ? awakeShortMs : shortMs);
      if (threads && isShort && !isDue) return whole(until);
      pieces = new Pieces(pipeline, args, counts);
      if (threads && module && threads.count > 1 && expected > 0 && !isShort) pieces.share(threads, module, expected);
    }
    return pieces.run(until);
  };
}

/** A dispatch in pieces along its longest axis, each as long as the last ones let expect. */
class Pieces {
  readonly #pipeline: Pipeline;
  readonly #args: number[];
  /** Which argument is the begin of a piece; the next one is its end. */
  readonly #axis: number;
  readonly #end: number;
  /** Workgroups beside each one along the axis. */
  readonly #width: number;
  #size: number;
  #wantedMs = pieceMs;
  #threads: Threads | undefined;
  #next = 0;
  #isTaken = false;
  #failure: { readonly error: unknown } | undefined;
  /** What ran here. */
  #ms = 0;
  #count = 0;

  constructor(pipeline: Pipeline, args: readonly number[], counts: Counts) {
    this.#pipeline = pipeline;
    this.#args = [...args];
    this.#end = Math.max(...counts);
    const axis = counts.indexOf(this.#end);
    this.#axis = args.length - 6 + 2 * axis;
    this.#width = (counts[0] * counts[1] * counts[2]) / this.#end;
    this.#size = Math.max(1, Math.floor(firstCount / this.#width));
  }

  /** Lets other threads take pieces, too. */
  share(threads: Threads, module: WebAssembly.Module, expectedMs: number): void {
    this.#threads = threads;
    const ideal = expectedMs / (threads.count * piecesPerThread);
    this.#wantedMs = Math.min(pieceMs, Math.max(leastPieceMs, ideal));
    this.#size = Math.max(1, Math.round((this.#wantedMs / expectedMs) * this.#end));
    threads.open(module, this.#args, this.#axis, this.#end, this.#size);
  }

  run(until: number): boolean {
    if (!this.#isTaken && !this.#takeAll(until)) return false;
    this.#isTaken = true;
    if (this.#threads && !this.#threads.close(pieceMs)) return false;
    if (this.#failure) throw this.#failure.error;
    if (this.#count > 0) this.#pipeline.speed.msPerGroup = this.#ms / (this.#count * this.#width);
    return true;
  }

  /** @returns false where time ends before the pieces do. */
  #takeAll(until: number): boolean {
    while (true) {
      const from = this.#take();
      if (from >= this.#end) return true;
      const to = Math.min(this.#end, from + this.#size);
      this.#args[this.#axis] = from;
      this.#args[this.#axis + 1] = to;
      const start = performance.now();
      try {
        this.#pipeline.run(...this.#args);
      } catch (error) {
        this.#failure = { error };
        return true;
      }
      const now = performance.now();
      this.#ms += now - start;
      this.#count += to - from;
      if (now - start < this.#wantedMs / 2) this.#size *= 2;
      else if (now - start > 2 * this.#wantedMs) this.#size = Math.max(1, this.#size >> 1);
      if (to < this.#end && now >= until) return false;
    }
  }

  #take(): number {
    if (this.#threads) return this.#threads.take(this.#size);
    const from = this.#next;
    this.#next += this.#size;
    return from;
  }
}
