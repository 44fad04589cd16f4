import { compile, type Description, described } from "../compile/compile.ts";
import { optionsOf } from "../errors.ts";
import type { TensorData } from "../graph/tensor.ts";
import { type AdapterTraits, guaranteed } from "../kernels/traits.ts";
import { wasmVariants } from "../kernels/wasmVariants.ts";
import { checkHow, type How } from "../races/how.ts";
import { type ProgramRun, watch } from "./watch.ts";

/** For which adapter a program is compiled, and how its kernels run. */
export interface ProgramOptions extends Partial<How> {
  /** Traits of the adapter, such as `engine.traits`. Those left out default to what WebGPU guarantees. */
  readonly traits?: Partial<AdapterTraits>;
}

/**
 * Compiles a program and runs its kernels as `findRaces` does, over the memory that the compiler planned: for graphs with
 * a `customOp`, whose kernel it surrounds. Variables have their first values.
 * @param feeds a typed array for each input, row-major.
 * @throws FeedError for missing, unknown or unfit feeds, StateError for a variable that an engine has changed; otherwise
 * as `findRaces` and `engine.compile`.
 *
 * @example
 * const { findings } = findRacesIn({ outputs: { y: myOp(input("x", [5, 7])) } }, { x: new Float32Array(35) });
 */
export function findRacesIn(
  description: Description,
  feeds: Readonly<Record<string, TensorData>> = {},
  options: ProgramOptions = {},
): ProgramRun {
  const op = "findRacesIn";
  const { traits, ...how } = optionsOf<ProgramOptions, { [K in keyof Required<ProgramOptions>]: ProgramOptions[K] }>(
    op,
    options,
    { traits: {}, subgroupSize: undefined, order: undefined, outside: undefined, maxSteps: undefined },
  );
  const adapter = { ...guaranteed, extra: wasmVariants, ...traits };
  const checked = checkHow(op, { ...how, subgroupSize: how.subgroupSize ?? adapter.subgroupSize });
  return watch(op, compile(described(description), adapter), feeds, checked);
}
