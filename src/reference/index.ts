/**
 * `tilegrad/reference`: executes graphs in plain TypeScript and float64. The tests compare the GPU's results with it,
 * and an app can check a user's device with it.
 */
export { checkOp } from "./check.ts";
export { evaluate, type Feeds, type Outputs, type Values } from "./evaluate.ts";
export { type ReferenceParts, ReferenceProgram } from "./program.ts";
export type { Value } from "./value.ts";
