/** One training shared by several tabs, workers or machines: `tilegrad/parallel`. */

export { type DataParallel, type DataParallelOptions, dataParallel } from "./dataParallel.ts";
export { type Group, type GroupOptions, joinGroup } from "./group.ts";
export type { Port } from "./port.ts";
