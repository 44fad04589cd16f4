/**
 * The graph executor in plain TypeScript and float64, as `tilegrad/reference`: what the tests hold the GPU's results to, and
 * what an app can check a user's device with.
 */
export { evaluate, type Feeds, type Outputs, type Values } from "./evaluate.ts";
export { type ReferenceParts, ReferenceProgram } from "./program.ts";
export type { Value } from "./value.ts";
