import { FormatError } from "../errors.ts";

/** What did not match, as in PyTorch's `load_state_dict`. Names are those of variables, after `prefix` and `rename`. */
export interface Unmatched {
  /** Variables that the file does not hold. They keep their values. */
  readonly missing: readonly string[];
  /** Tensors of the file that no variable takes. */
  readonly unexpected: readonly string[];
}

/** A file whose tensors do not fit the variables. The message names the first ten of each kind, the fields all. */
export class MismatchError extends FormatError implements Unmatched {
  override name = "MismatchError";
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  /** Tensors of another shape than their variable. */
  readonly misshapen: readonly string[];

  constructor(
    message: string,
    missing: readonly string[],
    unexpected: readonly string[],
    misshapen: readonly string[],
  ) {
    super(message);
    this.missing = missing;
    this.unexpected = unexpected;
    this.misshapen = misshapen;
  }
}
