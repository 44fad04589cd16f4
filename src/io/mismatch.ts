import { counted, FormatError, listed } from "../errors.ts";

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

/**
 * The parts of a message: the first ten faults, then the names that only one side has.
 * @param faults one for each tensor that does not fit. @param kind what tensors beyond the ten are of: "other shapes".
 */
export function differences(faults: readonly string[], kind: string, { missing, unexpected }: Unmatched): string[] {
  const only = (side: string, names: readonly string[]): string[] =>
    names.length > 0 ? [`${counted(names.length, "tensor is", "tensors are")} ${side}: ${listed(names)}`] : [];
  return [
    ...faults.slice(0, 10),
    ...(faults.length > 10 ? [`${faults.length - 10} more are of ${kind}`] : []),
    ...only("missing", missing),
    ...only("unexpected", unexpected),
  ];
}
