import { choice, type Field, type Fields, whole } from "../parts/hash.ts";
import type { Problem } from "./rows.ts";
import { refusal, workOf, works } from "./works.ts";

/** All that an address holds. */
export interface Settings {
  readonly work: string;
  /** Empty for those of the work's first shape. */
  readonly sizes: readonly number[];
  readonly nan: 0 | 1;
  /** The variant whose source is shown; empty for the definition. */
  readonly variant: string;
  /** The variant beside it, if any. */
  readonly beside: string;
  /** Which of the variant's kernels. */
  readonly kernel: number;
  /** An edited text of this kernel, packed; empty for none. */
  readonly text: string;
  /** Invocations per workgroup in a sweep; empty for the usual ones. */
  readonly swept: readonly number[];
  /** How many workgroups run it, along x, y and z; empty for as many as the kernel has. */
  readonly groups: readonly number[];
}

const word = (pattern: RegExp): Field<string> => ({
  initial: "",
  parse: (text) => (pattern.test(text) ? text : undefined),
  print: (value) => value,
});

const variant = word(/^\w{1,40}$/);

const numbers: Field<readonly number[]> = {
  initial: [],
  parse: (text) => (/^\d{1,6}(-\d{1,6})*$/.test(text) ? text.split("-").map(Number) : undefined),
  print: (list) => list.join("-"),
};

export const fields: Fields<Settings> = {
  work: choice(
    works.map(({ id }) => id),
    "matmul",
  ),
  sizes: numbers,
  nan: choice([0, 1], 0),
  variant,
  beside: variant,
  kernel: whole(0, 999, 0),
  text: word(/^[\w-]+$/),
  swept: numbers,
  groups: numbers,
};

/** The problem that settings mean. Sizes that the work cannot take are replaced by those of its first shape. */
export function problemOf({ work: id, sizes, nan }: Settings): Problem {
  const work = workOf(id);
  const fits = sizes.length === work.sizes.length && refusal(work, sizes) === undefined;
  const mayBeNaN = work.shapes.some((shape) => shape.nan);
  return { work: id, sizes: fits ? sizes : work.shapes[0]!.sizes, nan: nan === 1 && mayBeNaN };
}
