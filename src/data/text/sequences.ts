import { checkChoice, checkList, checkNumbers, checkWhole, optionsOf, refuse, ShapeError } from "../../errors.ts";

/** Whole numbers, row-major. */
export interface Ids {
  readonly data: Int32Array;
  readonly shape: readonly [n: number, length: number];
}

/** How sequences are made equally long. */
export interface PadOptions {
  /** Of all sequences. Default that of the longest. */
  readonly length?: number;
  /** Where padding goes: after the sequence ("right", default) or before it ("left"). */
  readonly side?: "right" | "left";
  /** Which end of a sequence that is too long is cut off. Default "right". */
  readonly cut?: "right" | "left";
  /** What fills the space. Default 0: the id of "pad", if it comes first. For labels, the loss's `ignoreIndex`. */
  readonly value?: number;
}

/**
 * Makes sequences equally long.
 *
 * ```ts
 * const { ids, mask } = padSequences(sequences, { length: 64 });
 * // In the model, for attention: attention(x, mode, { mask: unsqueeze(input("mask", [n, 64], "i32"), 1) }).
 * // For labels, so that the loss skips the padding: padSequences(labels, { length: 64, value: -100 }).
 * ```
 *
 * @returns `ids`; `mask`, 1 where there is a token and 0 where there is padding, as attention's i32 masks; and `lengths`,
 * [n], how many tokens each sequence has now.
 * @throws ShapeError for no sequences, or none with a token and no `length`; AttributeError for ids that are not whole
 * numbers of 32 bits.
 */
export function padSequences(
  sequences: readonly ArrayLike<number>[],
  options?: PadOptions,
): { readonly ids: Ids; readonly mask: Ids; readonly lengths: Int32Array } {
  const op = "padSequences";
  checkList(op, "sequences", sequences);
  const defaults = { length: undefined, side: "right", cut: "right", value: 0 } as const;
  const { length: wanted, side, cut, value } = optionsOf(op, options, defaults);
  for (const [name, choice] of Object.entries({ side, cut })) checkChoice(op, name, choice, ["right", "left"]);
  checkWhole(op, "value", value, -(2 ** 31), 2 ** 31 - 1);
  if (wanted !== undefined) checkWhole(op, "length", wanted);
  if (sequences.length === 0) throw new ShapeError(`${op}: sequences is [], expected at least one`);
  for (const [i, sequence] of sequences.entries()) checkNumbers(op, `sequences[${i}]`, sequence);
  const length = wanted ?? sequences.reduce((most, sequence) => Math.max(most, sequence.length), 0);
  if (length === 0) throw new ShapeError(`${op}: all sequences are empty, expected a token or a length`);
  const shape = [sequences.length, length] as const;
  const ids = new Int32Array(sequences.length * length).fill(value);
  const mask = new Int32Array(ids.length);
  const lengths = Int32Array.from(sequences, (sequence) => Math.min(sequence.length, length));
  for (const [row, sequence] of sequences.entries()) {
    const count = lengths[row]!;
    const from = cut === "left" ? sequence.length - count : 0;
    const to = row * length + (side === "left" ? length - count : 0);
    for (let i = 0; i < count; i++) {
      ids[to + i] = idIn(op, `sequences[${row}]`, sequence, from + i);
    }
    mask.fill(1, to, to + count);
  }
  return { ids: { data: ids, shape }, mask: { data: mask, shape }, lengths };
}

/** An id of a list, after a check. */
function idIn(op: string, name: string, list: ArrayLike<number>, at: number): number {
  const id = list[at]!;
  return (id | 0) === id ? id : refuse(op, `${name}[${at}]`, id, "a whole number of 32 bits");
}

/** How a long sequence is cut into windows. */
export interface WindowOptions {
  /** Tokens of a window. */
  readonly length: number;
  /** Tokens from the start of one window to that of the next. Default `length`: windows side by side. */
  readonly stride?: number;
}

/**
 * Cuts a long text into samples for a language model: in each window, `y` is the token after the one in `x`.
 *
 * ```ts
 * const samples = windows(tokenizer.encode(text), { length: 64 });
 * for (const { x, y } of batches(samples, { batchSize: 32, shuffle: true, dropLast: true })) await step.run({ x, y });
 * ```
 *
 * Tokens left over at the end, too few for a window, are dropped.
 *
 * @param ids [N], with N > `length`.
 * @returns `x` and `y`, [n, length], with n = ⌊(N − 1 − length) / stride⌋ + 1: a dataset.
 * @throws ShapeError if there are too few ids for one window; AttributeError for ids that are not whole numbers of 32 bits.
 */
export function windows(ids: ArrayLike<number>, options: WindowOptions): { readonly x: Ids; readonly y: Ids } {
  checkNumbers("windows", "ids", ids);
  const { length, stride: given } = optionsOf("windows", options, { length: undefined, stride: undefined });
  checkWhole("windows", "length", length);
  if (given !== undefined) checkWhole("windows", "stride", given);
  const stride = given ?? length;
  if (ids.length <= length) {
    throw new ShapeError(`windows: ids has ${ids.length} tokens, expected more than the length of a window, ${length}`);
  }
  const n = Math.floor((ids.length - 1 - length) / stride) + 1;
  const cut = (shift: number): Ids => {
    const data = new Int32Array(n * length);
    for (let row = 0; row < n; row++) {
      for (let i = 0; i < length; i++) data[row * length + i] = idIn("windows", "ids", ids, row * stride + i + shift);
    }
    return { data, shape: [n, length] };
  };
  return { x: cut(0), y: cut(1) };
}
