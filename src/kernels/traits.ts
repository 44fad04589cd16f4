import type { Choice } from "./call.ts";

/**
 * Kernel variants by family that override the chooser, for tests and measurements. A variant that does not fit a
 * problem is an error; with `{ ifFits }` the chooser decides instead. `"*"` stands for all families that have the
 * variant, wherever it fits.
 */
export type Forced = Readonly<Record<string, string | { readonly ifFits: string }>>;

/** What the choice of a kernel may depend on. Plain data, so tests can make their own. */
export interface AdapterTraits {
  /** A CPU posing as a GPU: barriers and workgroup memory are slow on it. */
  readonly cpu: boolean;
  /** Size of the smallest subgroup, where the adapter reports it: SwiftShader 4, lavapipe with AVX2 8. */
  readonly lanes?: number;
  readonly maxStorageBuffers: number;
  readonly maxInvocations: number;
  readonly maxWorkgroupBytes: number;
  readonly maxWorkgroups: number;
  /** Bytes of the largest binding, and of the largest buffer. */
  readonly maxBinding: number;
  readonly maxBuffer: number;
  readonly features: ReadonlySet<string>;
  readonly forced?: Forced;
  /** `family/variant`s that compute wrong results on this adapter. */
  readonly avoid?: ReadonlySet<string>;
  /** `problem → variant`, measured to be the fastest here. */
  readonly tuned?: ReadonlyMap<string, string>;
  /** `problem → milliseconds by variant`, of what was measured since the engine was made. */
  readonly timed?: ReadonlyMap<string, Readonly<Record<string, number | null>>>;
  /** Called with each choice. */
  readonly onChoice?: (choice: Choice) => void;
}
