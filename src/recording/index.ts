/** Recordings of a program's run, which `program.record` makes: their format, and what can be made of them. */
export { type Bound, boundOf } from "./bound.ts";
export { type ChromeTrace, type TraceEvent, toChromeTrace } from "./chromeTrace.ts";
export type * from "./format.ts";
export type { RecordOptions } from "./options.ts";
export { parseRecording } from "./parse.ts";
export { valuesOf } from "./values.ts";
