import type { KernelCase } from "./case.ts";
import { convCases, matmulCases } from "./products.ts";
import { rowCases } from "./rows.ts";
import { sequenceCases } from "./sequences.ts";

/** Every kernel family at the shapes we report. */
export const kernelCases: readonly KernelCase[] = [...matmulCases, ...convCases, ...rowCases, ...sequenceCases];
