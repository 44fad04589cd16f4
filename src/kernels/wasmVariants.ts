import { taps } from "./convTaps.ts";
import { dotsVariant } from "./matmulDots.ts";
import { packed } from "./matmulPacked.ts";
import type { ExtraVariants } from "./traits.ts";

/** The variants for WebAssembly: pages on a GPU do without their texts. */
export const wasmVariants: ExtraVariants = { matmul: [dotsVariant, packed], conv2d: [taps] };
