/** What a search finds: a section of a lesson or of a guide, or a name of the library. */
export interface Entry {
  readonly id: number;
  readonly kind: "lesson" | "guide" | "reference";
  /** A heading, or a name of the library. */
  readonly name: string;
  /** The page that it is on. */
  readonly place: string;
  /** From the root of the site. */
  readonly address: string;
  /** Words that it explains: lessons emphasise them. */
  readonly terms: string;
  /** Words of prose and code. */
  readonly text: string;
}

/** What the index keeps to show. */
export type Found = Omit<Entry, "terms" | "text">;
