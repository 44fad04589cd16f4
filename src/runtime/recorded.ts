import type { Compiled } from "../compile/compile.ts";
import type { Home } from "../compile/homes.ts";
import type { MemoryPlan } from "../compile/plan.ts";
import type { Variable } from "../graph/tensor.ts";
import type { View, VirtualBuffer } from "../kernels/call.ts";
import type { AdapterTraits } from "../kernels/traits.ts";
import type { Watch } from "./watch.ts";

/** Where an output lies. */
export type Place = Pick<View, "buffer" | "base" | "shape" | "dtype">;

/** The part of a compiled program that is needed to run it. */
export interface Recorded
  extends Pick<Compiled, "calls" | "inputs" | "bounds" | "homes" | "updated" | "guard" | "stages" | keyof MemoryPlan>,
    Partial<Pick<Compiled, "graphs" | "views">> {
  readonly outputs: Readonly<Record<string, Place>>;
  /** Reports what kernels find that check for NaN and infinity. Loaded with `guard`. */
  readonly Watch?: typeof Watch | undefined;
  /** Compiles the same again for another adapter. Absent if it was compiled ahead of time. */
  again?(traits: AdapterTraits, homes: ReadonlyMap<Variable, Home>): Recorded;
}

/** The memory of a program's virtual buffers. */
export interface Memories {
  readonly own: readonly GPUBuffer[];
  of(buffer: VirtualBuffer): GPUBuffer;
}
