import type { Recording } from "./format.ts";

/** An event of the Trace Event Format, the "Chrome trace" that Perfetto, speedscope and chrome://tracing open. */
export interface TraceEvent {
  readonly name: string;
  /** The kind: "X" is a span, "C" a counter, "M" the name of a process or thread. */
  readonly ph: "X" | "C" | "M";
  readonly pid: number;
  readonly tid: number;
  /** Begin and length in microseconds. */
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  /** Absent where there is nothing to say: speedscope writes them into the name. */
  readonly args?: Readonly<Record<string, unknown>>;
}

/** A file that Perfetto and Chrome's tracing page open. */
export interface ChromeTrace {
  readonly traceEvents: readonly TraceEvent[];
  readonly displayTimeUnit: "ms";
  readonly otherData: Readonly<Record<string, string | number>>;
}

const pid = 1;
const [host, gpu, memory] = [1, 2, 3];

/**
 * A recording as a Chrome trace: JSON for Perfetto (ui.perfetto.dev), speedscope and chrome://tracing. It has three
 * tracks: what the host did, the dispatches by the GPU's clock, and the memory that scratch buffers need.
 *
 * The clocks of host and GPU have no common zero: the GPU's track begins where the host submits. Without a GPU clock,
 * dispatches are drawn one after another as if each took the same part of the time until the GPU was done, and their
 * category is "order" instead of "gpu".
 */
export function toChromeTrace(recording: Recording): ChromeTrace {
  const { adapter, timings, dispatches, memory: plan, date } = recording;
  const { encodeMs, submitMs, doneMs, gpu: clock } = timings;
  const us = (ms: number): number => 1000 * ms;
  const span = (tid: number, cat: string, name: string, from: number, ms: number, args?: TraceEvent["args"]) =>
    ({ name, cat, ph: "X", pid, tid, ts: us(from), dur: us(ms), ...(args && { args }) }) as const;
  const named = (name: "process_name" | "thread_name", tid: number, text: string) =>
    ({ name, ph: "M", pid, tid, args: { name: text } }) as const;
  const begun = encodeMs + submitMs;
  const each = doneMs / Math.max(1, dispatches.length);
  const spans = clock?.spans ?? dispatches.map((_, i) => [i * each, (i + 1) * each] as const);
  const events: TraceEvent[] = [
    named("process_name", 0, `tilegrad on ${adapter.name}`),
    named("thread_name", host!, "Host"),
    named("thread_name", gpu!, clock ? "GPU" : "GPU, without a clock: in order"),
    span(host!, "host", "encode", 0, encodeMs),
    span(host!, "host", "submit", encodeMs, submitMs),
    span(host!, "host", "wait for the GPU", begun, doneMs),
    ...dispatches.map(({ label, layer, family, variant, workgroups, flops, bytes, source }, i) => {
      const [from, to] = spans[i]!;
      const args = { layer, family, variant, workgroups: workgroups.join("×"), flops, bytes, source };
      return span(gpu!, clock ? "gpu" : "order", label, begun + from, to - from, args);
    }),
    ...plan.needed.map((bytes, i): TraceEvent => {
      const ts = us(begun + spans[i]![0]);
      return { name: "scratch memory", ph: "C", pid, tid: memory!, ts, args: { bytes } };
    }),
  ];
  return {
    traceEvents: events,
    displayTimeUnit: "ms",
    otherData: { adapter: adapter.name, date, ...(clock && { gpuResolutionUs: us(clock.resolutionMs) }) },
  };
}
