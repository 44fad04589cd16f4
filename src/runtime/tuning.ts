import type { Finding } from "../tune/index.ts";
import type { TuningStore } from "../tune/store.ts";

/**
 * The kernel variants that were measured to be the fastest on this adapter, as plain data: `problem → variant`. Filled
 * by `engine.compile(…, { tune: true })` and kept between visits, in IndexedDB or in the engine's own store.
 */
export class Tuning {
  readonly #adapter: string;
  readonly #winners = new Map<string, string>();
  readonly #times = new Map<string, Finding["ms"]>();
  #store: TuningStore | undefined;
  #loaded: Promise<void> | undefined;

  /** @internal */
  constructor(adapter: string, store: TuningStore | undefined) {
    this.#adapter = adapter;
    this.#store = store;
  }

  /** The winners so far, ready to save as JSON. */
  get winners(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#winners);
  }

  /** Adds winners from an earlier visit, or from another machine with the same adapter. Unknown names are ignored. */
  add(winners: Readonly<Record<string, string>>): void {
    for (const [problem, variant] of Object.entries(winners)) this.#winners.set(problem, variant);
  }

  /** Forgets all winners of this adapter, also in the store. */
  async clear(): Promise<void> {
    this.#winners.clear();
    await this.#save();
  }

  /**
   * @internal The live table that the variant chooser reads.
   */
  get table(): ReadonlyMap<string, string> {
    return this.#winners;
  }

  /** @internal What was measured since the engine was made: `problem → milliseconds by variant`. */
  get times(): ReadonlyMap<string, Finding["ms"]> {
    return this.#times;
  }

  /**
   * @internal Loads earlier winners, once. @param fallback the store to use if the engine was given none.
   */
  load(fallback?: TuningStore): Promise<void> {
    this.#store ??= fallback;
    this.#loaded ??= (async () => {
      if (!this.#store) return;
      const { readWinners } = await import("../tune/index.ts");
      const kept = await readWinners(this.#store, this.#adapter);
      for (const [problem, variant] of Object.entries(kept))
        if (!this.#winners.has(problem)) this.#winners.set(problem, variant);
    })();
    return this.#loaded;
  }

  /** @internal */
  async put(findings: readonly Finding[]): Promise<void> {
    if (findings.length === 0) return;
    for (const { problem, variant, ms } of findings) {
      this.#winners.set(problem, variant);
      this.#times.set(problem, ms);
    }
    await this.#save();
  }

  async #save(): Promise<void> {
    if (!this.#store) return;
    const { writeWinners } = await import("../tune/index.ts");
    await writeWinners(this.#store, this.#adapter, this.winners);
  }
}
