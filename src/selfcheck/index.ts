export type { Access, Finding, KernelRun, Order, RaceOptions, Traffic } from "../races/index.ts";
export { findRaces } from "../races/index.ts";
export { type BufferTraffic, countTraffic, type TrafficCount, type TrafficOptions } from "../traffic/index.ts";
export { type Fault, type Report, selfCheck, unknownVariant } from "./check.ts";
export type { KernelTraffic, KnownFeeds, Operand } from "./kernelTraffic.ts";
export { findRacesIn, type ProgramOptions } from "./races.ts";
export { countTrafficIn, type ProgramTrafficOptions } from "./traffic.ts";
export type { ProgramRun, WatchedKernel } from "./watch.ts";
