import type { Ceilings, Recording } from "./format.ts";

/** What a recording keeps. */
export interface RecordOptions {
  /** Keeps all elements of tensors with at most this many; default 16384. 0 keeps none. */
  readonly values?: number;
  /** Bins of the histograms; default 32. */
  readonly bins?: number;
  /** What the adapter can do at most, for the share of its roofline; `npm run bench` measures it. Default none. */
  readonly ceilings?: Ceilings;
  /** The number of this step in the training; default one more than that of `previous`, else 0. */
  readonly step?: number;
  /** An earlier recording of this program; default none. Its statistics come before the new ones, as the course of the training. */
  readonly previous?: Recording;
}
