import type { Ceilings, RecordedDispatch } from "./format.ts";

/** What keeps a dispatch from being faster. */
export interface Bound {
  readonly by: "arithmetic" | "memory" | "dispatch";
  /** The least milliseconds that this adapter could take, by its ceilings. */
  readonly leastMs: number;
  /** The least time as a part of the measured one; undefined without a time. Above 1, the clock was too coarse. */
  readonly share: number | undefined;
}

/**
 * The roofline of one dispatch: the longest of its arithmetic at full speed, its bytes at full speed, and an empty
 * dispatch. (Williams, Waterman, Patterson: "Roofline", CACM 52(4), 2009.)
 * @param ms how long it took.
 */
export function boundOf(
  { flops, bytes }: Pick<RecordedDispatch, "flops" | "bytes">,
  ceilings: Ceilings,
  ms?: number,
): Bound {
  const times = {
    arithmetic: flops / (1e6 * ceilings.gflops),
    memory: bytes / (1e6 * ceilings.gbPerSec),
    dispatch: ceilings.dispatchUs / 1000,
  };
  const by = (Object.keys(times) as (keyof typeof times)[]).reduce((most, key) =>
    times[key] > times[most] ? key : most,
  );
  return { by, leastMs: times[by], share: ms ? times[by] / ms : undefined };
}
