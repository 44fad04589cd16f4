import { dots, matmulDots } from "../../shaders/matmulDots.wgsl.ts";
import { unless, workgroupOf } from "./choose.ts";
import type { MatmulVariant } from "./matmul.ts";

/**
 * Invocations for eight results each of a vector times a matrix whose columns are contiguous, as in a linear layer for
 * one sample. For WebAssembly.
 */
export const dotsVariant: MatmulVariant = {
  name: "dots",
  source: "shaders/matmulDots.wgsl.ts",
  needs: ({ m, k, layout }) =>
    unless(m === 1 && layout === "kk" && k % 4 === 0, "a vector and a matrix, both contiguous along K, and K in fours"),
  score: (_, { cpu, wasm }) => (wasm ? 12 : cpu ? 0 : -1),
  write: (product, traits) => matmulDots(product, workgroupOf(traits)),
  workgroups: ({ n, batches }, traits) => [Math.ceil(n / dots / workgroupOf(traits)), batches, 1],
  invocations: ({ n }) => Math.ceil(n / dots),
};
