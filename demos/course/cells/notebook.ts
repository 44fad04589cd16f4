import { type Compiled, editOf } from "./compiled.ts";
import { Edited, offsetOf, placeOf } from "./edits.ts";

/** A place in the text of a cell: line and column, both from 1. */
export interface Place {
  readonly cell: string;
  readonly line: number;
  readonly column: number;
}

/** Loads a public module of tilegrad. @throws Error for any other name. */
export type Load = (name: string) => Promise<Readonly<Record<string, unknown>>>;

type Body = (scope: object, load: (name: string, names?: readonly string[]) => Promise<unknown>) => Promise<unknown>;

const head = '(async ($, $import) => { "use strict"; ';

/** Cells that run one after the other, each seeing what those before have defined. */
export class Notebook {
  readonly #load: Load;
  /** What cells have defined. */
  readonly #scope = Object.create(null) as Record<string, unknown>;
  /** Each run of a cell, to find places in its text. */
  readonly #runs: { readonly cell: string; readonly compiled: Compiled; readonly edited: Edited }[] = [];

  constructor(load: Load) {
    this.#load = load;
  }

  /** What a cell has defined. */
  valueOf(name: string): unknown {
    return this.#scope[name];
  }

  /** Defines a name for the cells that follow. */
  define(name: string, value: unknown): void {
    this.#scope[name] = value;
  }

  /**
   * Runs a cell.
   * @param cell its name, for errors.
   * @returns the value of its last line, if that is an expression without a semicolon.
   */
  async run(cell: string, compiled: Compiled): Promise<unknown> {
    return this.#runIn(this.#scope, cell, compiled);
  }

  /** Runs a check: it sees what cells have defined, and what it defines or sets is gone when it ends. */
  async runApart(cell: string, compiled: Compiled): Promise<unknown> {
    return this.#runIn(Object.create(this.#scope) as object, cell, compiled);
  }

  async #runIn(scope: object, cell: string, compiled: Compiled): Promise<unknown> {
    const names = new Set([...Object.keys(this.#scope), ...compiled.defines]);
    const shared = compiled.free.filter(({ name }) => names.has(name)).map(editOf);
    const edited = new Edited(compiled.code, [...compiled.edits, ...shared]);
    const url = `cell-${this.#runs.push({ cell, compiled, edited }) - 1}.js`;
    // biome-ignore lint/security/noGlobalEval: cells are the reader's own programs, in a worker of their own
    // biome-ignore lint/complexity/noCommaOperator: an indirect eval sees no variable of this file
    const body = (0, eval)(`${head}${edited.text}\n})\n//# sourceURL=${url}`) as Body;
    return body(scope, (name, names = []) => this.#import(name, names));
  }

  async #import(name: string, names: readonly string[]): Promise<unknown> {
    const loaded = await this.#load(name);
    for (const each of names)
      if (!(each in loaded)) throw new SyntaxError(`${name} exports nothing with the name ${each}`);
    return loaded;
  }

  /** Where in a cell an error arose: the innermost place. */
  placeOf(error: unknown): Place | undefined {
    const stack = String((error as Error | undefined)?.stack ?? "");
    const [, number, line, column] = /cell-(\d+)\.js:(\d+):(\d+)/.exec(stack) ?? [];
    const run = this.#runs[Number(number)];
    if (!run) return undefined;
    const { cell, compiled, edited } = run;
    const inBody = offsetOf(head + edited.text, Number(line), Number(column)) - head.length;
    return { cell, ...placeOf(compiled.code, edited.origin(Math.max(0, inBody))) };
  }
}

/** An error in the words of the cell: without the object that holds what cells define. */
export function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}`.replaceAll("$.", "") : String(error);
  } catch {
    return "The cell threw something that has no text.";
  }
}
