/** tilegrad/exported: runs programs compiled ahead of time, without the compiler. */

export type { Output } from "../runtime/output.ts";
export type { Program } from "../runtime/program.ts";
export { Runner } from "../runtime/runner.ts";
export { type Loaded, load } from "./load.ts";
