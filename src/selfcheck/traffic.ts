import { compile, type Description, described } from "../compile/compile.ts";
import { optionsOf } from "../errors.ts";
import { type AdapterTraits, guaranteed } from "../kernels/traits.ts";
import { wasmVariants } from "../kernels/wasmVariants.ts";
import type { TrafficOptions } from "../traffic/index.ts";
import { type KernelTraffic, type KnownFeeds, trafficOf } from "./kernelTraffic.ts";

/** For which adapter a program is compiled, and how its kernels are counted. */
export interface ProgramTrafficOptions extends Pick<TrafficOptions, "mostInvocations"> {
  /** Traits of the adapter, such as `engine.traits`. Those left out default to what WebGPU guarantees. */
  readonly traits?: Partial<AdapterTraits>;
}

/**
 * Compiles a program and counts what each of its kernels asks of memory, as `countTraffic` does. It needs no GPU, and runs
 * nothing: large problems take no longer than small ones.
 * @param feeds inputs of whole numbers, where they decide what is loaded: labels and tokens. Others are not needed.
 * @throws as `countTraffic` and `engine.compile`.
 *
 * @example
 * const y = matmul(input("a", [256, 256]), input("b", [256, 256]));
 * const [product] = countTrafficIn({ outputs: { y } });
 * for (const { name, read, bytes } of product.operands) console.log(name, read / bytes); // how often each is asked for
 */
export function countTrafficIn(
  description: Description,
  feeds: KnownFeeds = {},
  options: ProgramTrafficOptions = {},
): KernelTraffic[] {
  const { traits, ...how } = optionsOf<
    ProgramTrafficOptions,
    { [K in keyof Required<ProgramTrafficOptions>]: ProgramTrafficOptions[K] }
  >("countTrafficIn", options, { traits: {}, mostInvocations: undefined });
  const adapter = { ...guaranteed, extra: wasmVariants, ...traits };
  const compiled = compile(described(description), adapter);
  const { subgroupSize = 32 } = adapter;
  return compiled.calls.map((call) => trafficOf(call, compiled, feeds, { subgroupSize, ...how }));
}
