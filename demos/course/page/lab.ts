import type { Recording } from "../../../src/recording/index.ts";
import type { Program } from "../../../src/runtime/program.ts";
import { type Output, outputOf, type Shown, show, showTo } from "../../../src/show/index.ts";
import { holdLock } from "../../../src/worker/alive.ts";
import { wanted } from "../../parts/backend.ts";
import type { Compiled } from "../cells/compiled.ts";
import { load } from "../cells/modules.ts";
import { messageOf, Notebook, type Place } from "../cells/notebook.ts";

/** What went wrong in a cell, and where, if that is known. */
export interface Problem {
  readonly message: string;
  readonly place: Place | undefined;
}

/** What the check of an exercise says. */
export interface Verdict {
  readonly what: string;
  readonly holds: boolean;
}

/** How the run of a cell ended. */
export interface Outcome {
  readonly seconds: number;
  /** The value of its last line. */
  readonly value: Output | undefined;
  readonly problem: Problem | undefined;
  readonly verdicts: readonly Verdict[];
  /** Whether a program ran on the GPU. */
  readonly hasProgram: boolean;
}

/** Milliseconds between updates of a live view: more would only be work. */
const pace = 40;

/** A program with what it was fed last. */
interface Ran {
  readonly program: Program;
  readonly feeds: Parameters<Program["run"]>[0];
  readonly size: number;
}

/** Runs the cells of a lesson. Lives in a worker, so that the page stays alive whatever a cell does. */
export class Lab {
  readonly #book = new Notebook((name) => this.#load(name));
  #verdicts: Verdict[] = [];
  /** The largest program that each cell has run. */
  readonly #ran = new Map<number, Ran>();
  #cell = 0;
  #isWatching = false;

  constructor() {
    Error.stackTraceLimit = 50; // Errors arise deep inside of tilegrad.
    this.#defineCheck();
    for (const name of ["log", "info", "warn", "error"] as const) console[name] = show;
  }

  /** Cells may have given the name to something else. */
  #defineCheck(): void {
    this.#verdicts = [];
    this.#book.define("check", (what: string, holds: boolean) => {
      this.#verdicts.push({ what: String(what), holds: Boolean(holds) });
    });
  }

  /** @returns the name of a lock that is held for as long as the worker lives; undefined where there are no locks. */
  life(): Promise<string | undefined> {
    return holdLock().catch(() => undefined);
  }

  /**
   * Runs a cell, and then the check of an exercise.
   * @param tell gets what the cell shows, as soon as it does.
   */
  async run(
    number: number,
    cell: Compiled,
    check: Compiled | undefined,
    tell: (shown: readonly Shown[]) => void,
  ): Promise<Outcome> {
    this.#cell = number;
    this.#verdicts = [];
    this.#ran.delete(number);
    const late = new Late(tell);
    // It stays when the cell has ended: what the cell left running may show more.
    showTo((shown) => late.tell(shown));
    const start = performance.now();
    let output: Outcome["value"];
    let problem: Problem | undefined;
    try {
      this.#release(cell.defines);
      const value = await this.#book.run(String(number), cell);
      if (value !== undefined) output = outputOf(value);
      if (check) {
        this.#defineCheck();
        await this.#book.runApart("the check", check);
      }
    } catch (error) {
      problem = { message: messageOf(error), place: this.#book.placeOf(error) };
    }
    late.flush();
    return {
      seconds: (performance.now() - start) / 1000,
      value: output,
      problem,
      verdicts: this.#verdicts,
      hasProgram: this.#ran.has(number),
    };
  }

  /** Runs a cell's largest program once more, and records it. */
  async record(number: number): Promise<Recording> {
    const { program, feeds } = this.#ran.get(number)!;
    return program.record(feeds);
  }

  /** Frees engines of a cell's last run. */
  #release(names: readonly string[]): void {
    for (const name of names) {
      const value = Object(this.#book.valueOf(name)) as Partial<Record<"compile" | "destroy", unknown>>;
      if (typeof value.compile === "function" && typeof value.destroy === "function") value.destroy();
    }
  }

  async #load(name: string) {
    const module = await load(name);
    if (!this.#isWatching && /^tilegrad(\/train)?$/.test(name)) await this.#watch();
    return module;
  }

  /** Notes each program that runs, and lets engines compute with what the page's address asks for. */
  async #watch(): Promise<void> {
    this.#isWatching = true;
    const { Engine } = await import("../../../src/runtime/engine.ts");
    const { create } = Engine;
    Engine.create = (options) => create.call(Engine, { ...wanted, ...options });
    const { Program: Watched } = await import("../../../src/runtime/program.ts");
    const note = (program: Program, feeds: Ran["feeds"]): void => {
      const size = program.compiled.calls.length;
      if (size >= (this.#ran.get(this.#cell)?.size ?? 0)) this.#ran.set(this.#cell, { program, feeds, size });
    };
    const { prototype } = Watched;
    for (const name of ["run", "compute", "runMany", "computeMany"] as const) {
      const method = prototype[name] as (this: Program, ...given: unknown[]) => unknown;
      Object.defineProperty(prototype, name, {
        value(this: Program, ...given: unknown[]) {
          // Those of many steps take a list of feeds.
          note(this, [given[0]].flat().at(-1) as Ran["feeds"]);
          return method.apply(this, given);
        },
      });
    }
  }
}

/** Calls of `show` in a run of a cell that a page can bear. */
const most = 1000;

/** Passes on what is shown: together, not more often than a reader sees, and not without end. */
class Late {
  readonly #tell: (shown: readonly Shown[]) => void;
  /** What has not been passed on. Of a live view only its last content. */
  readonly #waiting = new Map<number, Shown>();
  #last = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #count = 0;

  constructor(tell: (shown: readonly Shown[]) => void) {
    this.#tell = tell;
  }

  tell(shown: Shown): void {
    if (!shown.isLive && ++this.#count > most) {
      const outputs = [{ kind: "text", text: `… and more: only the first ${most} are shown` }] as const;
      if (this.#count === most + 1) this.#waiting.set(shown.id, { ...shown, outputs });
    } else this.#waiting.set(shown.id, shown);
    if (performance.now() - this.#last > pace) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), pace);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.size > 0) this.#tell([...this.#waiting.values()]);
    this.#waiting.clear();
    this.#last = performance.now();
  }
}
