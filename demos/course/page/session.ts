import { batch, type Signal, signal } from "@preact/signals";
import { proxy, type Remote, wrap } from "comlink";
import type { Recording } from "../../../src/recording/index.ts";
import type { Output, Shown } from "../../../src/show/index.ts";
import { ended } from "../../../src/worker/alive.ts";
import type { Compiled } from "../cells/compiled.ts";
import type { CellContent, Content, Means } from "./content.ts";
import type { Editor } from "./editor.ts";
import { type KeptText, keep, kept, type Placed, placed, type Work } from "./keeping.ts";
import type { Lab, Problem, Verdict } from "./lab.ts";

/** "stale": it ran, but what it rests on has changed since. */
export type Status = "fresh" | "waiting" | "running" | "ran" | "failed" | "stale";

/** What a cell has shown: of a live view, what it holds now. */
export interface Part {
  readonly id: number;
  readonly outputs: readonly Output[];
}

/** A cell of the page. */
export class CellState {
  readonly content: CellContent;
  readonly text: Signal<string>;
  /** What the reader has made of older versions of the cell. */
  readonly older: Signal<readonly KeptText[]>;
  readonly status = signal<Status>("fresh");
  readonly parts = signal<readonly Part[]>([]);
  readonly problem = signal<Problem | undefined>(undefined);
  readonly verdicts = signal<readonly Verdict[]>([]);
  readonly seconds = signal(0);
  readonly hasProgram = signal(false);
  /** The turn in which it ran last: what it defined is lost after that. */
  ranIn = -1;
  /** Set when the reader opens it. */
  readonly editor = signal<Editor | undefined>(undefined);

  constructor(content: CellContent, { text, older }: Placed) {
    this.content = content;
    this.text = signal(text);
    this.older = signal(older);
  }

  get isExercise(): boolean {
    return this.content.check !== undefined;
  }
}

/** A lesson in a page: its cells, and the worker that runs them. */
export class Session {
  readonly cells: readonly CellState[];
  readonly means: Means;
  readonly content: Content;
  /** Numbers of exercises that the reader has solved. */
  readonly solved: Signal<ReadonlySet<number>>;
  #lab: { readonly remote: Remote<Lab>; readonly worker: Worker } | undefined;
  /** Cells run one after the other. */
  #queue: Promise<void> = Promise.resolve();
  /** Ends what runs; set while something does. */
  #abandon: (() => void) | undefined;
  /** Counts stops: what was asked before one is dropped. */
  #turn = 0;

  constructor(content: Content, means: Means) {
    this.content = content;
    this.means = means;
    const { texts, solved } = kept(content.name);
    const { cells } = content;
    const places = placed(
      cells.map(({ code }) => code),
      texts,
    );
    this.cells = cells.map((cell, i) => new CellState(cell, places[i]!));
    const isSolved = ({ code, number, check }: CellContent): boolean =>
      check !== undefined && (solved.includes(code) || solved.includes(number));
    this.solved = signal(new Set(cells.filter(isSolved).map(({ number }) => number)));
  }

  /** Runs a cell, after those above that have not run yet. */
  run(cell: CellState): Promise<void> {
    const above = this.#above(cell).filter(
      ({ status, ranIn }) => status.value === "fresh" || status.value === "failed" || ranIn !== this.#turn,
    );
    return this.#enqueue([...above, cell]);
  }

  /** Runs the cells above that are not up to date. */
  runAbove(cell: CellState): Promise<void> {
    return this.#enqueue(this.#above(cell).filter(({ status }) => status.value !== "ran"));
  }

  /** Runs all cells but the exercises. */
  runAll(): Promise<void> {
    return this.#enqueue(this.cells.filter(({ isExercise }) => !isExercise));
  }

  #above(cell: CellState): CellState[] {
    return this.cells.slice(0, this.cells.indexOf(cell)).filter(({ isExercise }) => !isExercise);
  }

  #enqueue(cells: readonly CellState[]): Promise<void> {
    const turn = this.#turn;
    for (const cell of cells) if (cell.status.value !== "running") cell.status.value = "waiting";
    this.#queue = cells.reduce(
      (before, cell) =>
        before
          .then(() => (turn === this.#turn ? this.#runNow(cell) : undefined))
          // Cells below can still run.
          .catch((error: unknown) => {
            if (turn !== this.#turn) return;
            this.#abandon = undefined;
            this.#end(cell, { message: error instanceof Error ? error.message : String(error), place: undefined });
          }),
      this.#queue,
    );
    return this.#queue;
  }

  async #runNow(cell: CellState): Promise<void> {
    const turn = this.#turn;
    batch(() => {
      cell.status.value = "running";
      cell.parts.value = [];
      cell.verdicts.value = [];
      cell.problem.value = undefined;
      cell.hasProgram.value = false;
    });
    const text = cell.text.value;
    const compiled = await this.#compiled(cell);
    // What was stopped meanwhile says no more, of mistakes neither.
    if (turn !== this.#turn) return;
    if ("message" in compiled) return this.#end(cell, compiled);
    const { remote } = this.#connect();
    const { number, check } = cell.content;
    const tell = proxy((shown: readonly Shown[]) => {
      if (turn === this.#turn) this.#take(cell, shown);
    });
    const stopped = new Promise<undefined>((resolve) => {
      this.#abandon = () => resolve(undefined);
    });
    const outcome = await Promise.race([remote.run(number, compiled, check, tell), stopped]);
    this.#abandon = undefined;
    if (!outcome) return;
    batch(() => {
      if (outcome.value) cell.parts.value = [...cell.parts.value, { id: -1, outputs: [outcome.value] }];
      cell.seconds.value = outcome.seconds;
      cell.verdicts.value = outcome.verdicts;
      cell.hasProgram.value = outcome.hasProgram;
      this.#end(cell, outcome.problem);
      // The reader has changed it meanwhile.
      if (!outcome.problem && cell.text.value !== text) cell.status.value = "stale";
    });
    const passed =
      check && !outcome.problem && outcome.verdicts.length > 0 && outcome.verdicts.every(({ holds }) => holds);
    if (passed) this.solved.value = new Set(this.solved.value).add(number);
    this.#keep();
  }

  /** The cell's code: that of the page, or what the reader has made of it. */
  async #compiled(cell: CellState): Promise<Compiled | Problem> {
    const text = cell.text.value;
    const { code, compiled } = cell.content;
    if (text === code) return { ...compiled, code: compiled.code ?? code };
    const { compile, placeOf } = await this.means.loadEditor();
    try {
      return compile(text);
    } catch (error) {
      const { at = 0, message } = error as Error & { at?: number };
      const place = { cell: String(cell.content.number), ...placeOf(text, at) };
      return { message: `SyntaxError: ${message}`, place };
    }
  }

  #end(cell: CellState, problem: Problem | undefined): void {
    cell.problem.value = problem;
    cell.status.value = problem ? "failed" : "ran";
    cell.ranIn = this.#turn;
    if (problem?.place?.cell === String(cell.content.number))
      cell.editor.value?.mark(problem.place.line, problem.place.column, problem.message);
    this.#outdate(cell);
  }

  /** Cells below rest on values that are no more. */
  #outdate(cell: CellState): void {
    for (const { status } of this.cells.slice(this.cells.indexOf(cell) + 1))
      if (status.value === "ran") status.value = "stale";
  }

  #take(cell: CellState, shown: readonly Shown[]): void {
    const parts = [...cell.parts.value];
    for (const { id, outputs, isLive } of shown) {
      const at = isLive ? parts.findIndex((part) => part.id === id) : -1;
      if (at < 0) parts.push({ id, outputs });
      else parts[at] = { id, outputs };
    }
    cell.parts.value = parts;
  }

  #connect() {
    if (!this.#lab) {
      const worker = this.means.startWorker();
      const lab = { worker, remote: wrap<Lab>(worker) };
      this.#lab = lab;
      void lab.remote
        .life()
        .then(ended)
        .then(() => {
          if (this.#lab === lab) this.#mourn();
        });
    }
    return this.#lab;
  }

  /** The worker has ended by itself: says so where a cell was running. */
  #mourn(): void {
    const running = this.cells.find(({ status }) => status.value === "running");
    this.stop();
    if (!running) return;
    const message = "The worker that runs cells has ended, perhaps for lack of memory. Run the cell again.";
    batch(() => {
      running.problem.value = { message, place: undefined };
      running.status.value = "failed";
    });
  }

  /** Ends the worker, and with it whatever runs. What cells have defined is lost. */
  stop(): void {
    this.#turn++;
    this.#lab?.worker.terminate();
    this.#lab = undefined;
    this.#abandon?.();
    batch(() => {
      for (const { status } of this.cells) {
        if (status.value === "ran" || status.value === "stale") status.value = "stale";
        else status.value = "fresh";
      }
    });
  }

  edit(cell: CellState, text: string): void {
    if (text === cell.text.value) return;
    cell.text.value = text;
    if (cell.status.value === "ran") cell.status.value = "stale";
    this.#outdate(cell);
    this.#keep();
  }

  /** Gives a cell the text that it had at first. */
  reset(cell: CellState): void {
    cell.editor.value?.write(cell.content.code);
    this.edit(cell, cell.content.code);
  }

  /** Gives a cell a text for an older version of it. What the reader has made of the present one takes its place. */
  takeOlder(cell: CellState, older: KeptText): void {
    const { number, code } = cell.content;
    const present = cell.text.value === code ? [] : [{ number, code, text: cell.text.value }];
    cell.older.value = cell.older.value.flatMap((each) => (each === older ? present : [each]));
    cell.editor.value?.write(older.text);
    this.edit(cell, older.text);
    this.#keep();
  }

  /** Forgets a text for an older version of a cell. */
  discardOlder(cell: CellState, older: KeptText): void {
    cell.older.value = cell.older.value.filter((each) => each !== older);
    this.#keep();
  }

  record(cell: CellState): Promise<Recording> {
    return this.#connect().remote.record(cell.content.number);
  }

  #keep(): void {
    const edited = this.cells.filter(({ text, content }) => text.value !== content.code);
    const texts = edited.map(({ text, content: { number, code } }) => ({ number, code, text: text.value }));
    const work: Work = {
      texts: [...texts, ...this.cells.flatMap(({ older }) => older.value)],
      solved: this.content.cells.filter(({ number }) => this.solved.value.has(number)).map(({ code }) => code),
      isDone: this.#isDone(),
    };
    keep(this.content.name, work);
  }

  /** Whether all cells have run, and all exercises are solved. */
  #isDone(): boolean {
    return this.cells.every(({ isExercise, status, content }) =>
      isExercise ? this.solved.value.has(content.number) : /^(ran|stale)$/.test(status.value),
    );
  }
}
