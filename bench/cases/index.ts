import type { KernelCase } from "./case.ts";
import { convCases, matmulCases } from "./products.ts";
import { rowCases } from "./rows.ts";
import { characters } from "./sequences.ts";

/** Every kernel family at the shapes we report. */
export const kernelCases: readonly KernelCase[] = [
  ...matmulCases,
  ...convCases,
  ...rowCases,
  characters("lstm", "forward"),
  characters("lstm", "backward"),
  characters("gru", "backward"),
];
