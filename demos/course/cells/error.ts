/** A mistake in the text of a cell. */
export class CellError extends SyntaxError {
  /** Where it is: characters from the beginning of the text. */
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.name = "SyntaxError";
    this.at = at;
  }
}
