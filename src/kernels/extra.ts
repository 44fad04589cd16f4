import type { AdapterTraits, ExtraVariants } from "./traits.ts";

/** Loads the variants that families have beside their own: where WebAssembly computes, or variants are forced. */
export async function loadExtra({ wasm, forced }: Pick<AdapterTraits, "wasm" | "forced">): Promise<ExtraVariants> {
  return wasm || forced ? (await import("./wasmPart.ts")).wasmVariants : {};
}
