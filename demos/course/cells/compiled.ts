import type { Edit } from "./edits.ts";

/** A cell that can run: its text is made when it runs, because it depends on what other cells have defined by then. */
export interface Compiled {
  /** The text without types. */
  readonly code: string;
  readonly edits: readonly Edit[];
  /** Names that the cell defines for later ones. */
  readonly defines: readonly string[];
  /** Places of names that the cell does not define: each becomes a property of `$` if another cell defines it. */
  readonly free: readonly Reference[];
  /** Public modules that it loads by name. */
  readonly imports: readonly string[];
}

/** A name where a cell uses it. */
export interface Reference {
  readonly name: string;
  readonly start: number;
  /** Whether it stands for a property and its value: `{ name }`. */
  readonly isShort: boolean;
}

/** A reference as a property of `$`. */
export const editOf = ({ name, start, isShort }: Reference): Edit => ({
  start,
  end: start + name.length,
  text: isShort ? `${name}: $.${name}` : `$.${name}`,
});
