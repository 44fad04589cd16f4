/*
 * What pages load on demand. It is a file of its own because the package ships it with copies of all that it needs, and
 * programs that have these kernels anyway need no copies.
 */
export { wasmVariants } from "./wasmVariants.ts";
