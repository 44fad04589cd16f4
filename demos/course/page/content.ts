import type { Compiled } from "../cells/compiled.ts";

/** What a lesson's page holds for its script, as JSON. */
export interface Content {
  readonly name: string;
  readonly title: string;
  readonly cells: readonly CellContent[];
}

export interface CellContent {
  readonly number: number;
  readonly code: string;
  /** The code as the reader finds it, compiled when the page was built; without its text where that is the same. */
  readonly compiled: Omit<Compiled, "code"> & { readonly code?: string | undefined };
  /** Of an exercise. */
  readonly check?: Compiled;
}

/** What editing a cell takes: an editor, and a compiler. */
export type Editing = typeof import("./editing.ts") | typeof import("./plainEditing.ts");

/** What a page loads from elsewhere, and when. */
export interface Means {
  startWorker(): Worker;
  /** Loaded when a cell is first edited. */
  loadEditor(): Promise<Editing>;
  /** Whether the page "Look inside" is beside the course. */
  readonly hasInside: boolean;
}
