import type { Choice } from "./call.ts";

/**
 * Forced kernel variants by family, for tests and measurements. A variant that does not fit a problem is an error,
 * unless given as `{ ifFits }`. `"*"` forces a variant in every family that has it, where it fits.
 */
export type Forced = Readonly<Record<string, string | { readonly ifFits: string }>>;

/** Variants by family that are loaded on demand, beside those that each family lists. */
export type ExtraVariants = Readonly<Record<string, readonly { readonly name: string }[]>>;

/** What the choice of a kernel may depend on. Plain data, so that tests can construct it. */
export interface AdapterTraits {
  /** A software adapter on the CPU: barriers and workgroup memory are slow. */
  readonly cpu: boolean;
  /** WebAssembly: invocations run one after another, each on four numbers at once where it computes with vec4s. */
  readonly wasm?: boolean;
  /** Smallest subgroup size, if the adapter reports it: 4 on SwiftShader, 8 on lavapipe with AVX2. */
  readonly subgroupSize?: number;
  readonly maxStorageBuffers: number;
  readonly maxInvocations: number;
  readonly maxWorkgroupBytes: number;
  readonly maxWorkgroups: number;
  /** Most bytes of a binding, and of a buffer. */
  readonly maxBinding: number;
  readonly maxBuffer: number;
  readonly features: ReadonlySet<string>;
  /** Variants that only WebAssembly chooses: pages load them with it, and where one is forced. */
  readonly extra?: ExtraVariants;
  readonly forced?: Forced;
  /** `family/variant`s with wrong results on this adapter. */
  readonly avoid?: ReadonlySet<string>;
  /** `problem → variant` that measured fastest here. */
  readonly tuned?: ReadonlyMap<string, string>;
  /** `problem → milliseconds by variant`, measured since the engine was created. */
  readonly timed?: ReadonlyMap<string, Readonly<Record<string, number | null>>>;
  /** Called with each choice. */
  readonly onChoice?: (choice: Choice) => void;
}

const MiB = 2 ** 20;

/** The limits and features that WebGPU guarantees on every adapter: www.w3.org/TR/webgpu, "Limits". */
export const guaranteed: AdapterTraits = {
  cpu: false,
  maxStorageBuffers: 8,
  maxInvocations: 256,
  maxWorkgroupBytes: 16384,
  maxWorkgroups: 65535,
  maxBinding: 128 * MiB,
  maxBuffer: 256 * MiB,
  features: /* @__PURE__ */ new Set(),
};
