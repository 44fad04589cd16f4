/** A part of a lesson that a search finds. */
export interface Section {
  readonly id: number;
  /** Of the lesson. */
  readonly title: string;
  readonly heading: string;
  readonly address: string;
  /** Words that the section explains: it emphasises them. */
  readonly terms: string;
  /** Words of prose and code. */
  readonly text: string;
}
