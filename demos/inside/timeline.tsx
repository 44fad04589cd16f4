import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Recording } from "../../src/recording/index.ts";
import { address, links, pick, picked } from "./session.ts";
import { useWidth } from "./width.ts";
import { cut, time } from "./words.ts";

interface Span {
  readonly label: string;
  readonly from: number;
  readonly to: number;
}

/** What the timeline shows of the whole, in milliseconds. */
const range = signal<readonly [from: number, to: number]>([0, 1]);

/** Where the spans of a recording are, in milliseconds from the begin of encoding. */
function spansOf({ timings, dispatches, adapter }: Recording) {
  const { encodeMs, submitMs, doneMs, gpu } = timings;
  const begun = encodeMs + submitMs;
  const host: readonly Span[] = [
    { label: "encode", from: 0, to: encodeMs },
    { label: "submit", from: encodeMs, to: begun },
    { label: `wait for the ${deviceOf(adapter)}`, from: begun, to: begun + doneMs },
  ];
  const each = doneMs / Math.max(1, dispatches.length);
  const times = gpu?.spans ?? dispatches.map((_, i) => [i * each, (i + 1) * each] as const);
  const spans = dispatches.map(({ label }, i) => ({ label, from: begun + times[i]![0], to: begun + times[i]![1] }));
  const end = Math.max(begun + doneMs, ...spans.map(({ to }) => to));
  return { host, spans, begun, end: end > 0 ? end : 1, last: Math.max(begun, ...spans.map(({ to }) => to)) };
}

const [left, laneHeight, gap, axisHeight] = [50, 30, 10, 22];

export function Timeline({ recording }: { readonly recording: Recording }) {
  const [ref, width] = useWidth<HTMLDivElement>();
  const { host, spans, begun, end, last } = spansOf(recording);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another recording begins with its dispatches in view
  useEffect(() => showGpu(), [recording]);
  const showGpu = (): void => {
    range.value = last > begun ? [begun, last] : [0, end];
  };
  const [from, to] = range.value;
  const inner = Math.max(100, width - left);
  const x = (ms: number): number => left + ((ms - from) / (to - from)) * inner;
  const zoom = (factor: number, at = (from + to) / 2): void => {
    const span = Math.min(Math.max((to - from) * factor, end / 1e5), end);
    const start = at - ((at - from) / (to - from)) * span;
    const first = Math.min(Math.max(0, start), end - span);
    range.value = [first, first + span];
  };
  const pan = (part: number): void => {
    const span = to - from;
    const first = Math.min(Math.max(0, from + part * span), end - span);
    range.value = [first, first + span];
  };
  const step = (by: number): void => {
    if (spans.length === 0) return;
    const { pick: asked } = address.value;
    const now = asked?.kind === "dispatch" ? asked.at : by > 0 ? -1 : spans.length;
    const next = Math.min(Math.max(0, now + by), spans.length - 1);
    pick("dispatch", next);
    const { from: begin, to: finish } = spans[next]!;
    if (begin < from || finish > to)
      range.value = [Math.max(0, begin - (to - from) / 4), begin + (3 * (to - from)) / 4];
  };
  const keys: Readonly<Record<string, () => void>> = {
    ArrowLeft: () => step(-1),
    ArrowRight: () => step(1),
    "+": () => zoom(0.5),
    "=": () => zoom(0.5),
    "-": () => zoom(2),
    a: () => pan(-0.25),
    d: () => pan(0.25),
    "0": showGpu,
  };
  const chosen = picked.value?.kind === "dispatch" ? picked.value.at : -1;
  const height = axisHeight + 2 * laneHeight + gap;
  const bar = ({ from: begin, to: finish }: Span, y: number) => {
    const [a, b] = [Math.max(left, x(begin)), Math.min(width, x(finish))];
    return { x: a, y, width: Math.max(2, b - a), height: laneHeight, visible: x(finish) >= left && x(begin) <= width };
  };
  return (
    <section class="card" aria-labelledby="timeline-title">
      <div class="head">
        <h2 id="timeline-title">Timeline</h2>
        <div class="tools" role="group" aria-label="Zoom of the timeline">
          <button type="button" class="button small" onClick={() => zoom(0.5)}>
            Zoom in
          </button>
          <button type="button" class="button small" onClick={() => zoom(2)}>
            Zoom out
          </button>
          <button type="button" class="button small" onClick={() => pan(-0.25)} aria-label="Earlier">
            ←
          </button>
          <button type="button" class="button small" onClick={() => pan(0.25)} aria-label="Later">
            →
          </button>
          <button type="button" class="button small" onClick={showGpu}>
            Dispatches
          </button>
          <button
            type="button"
            class="button small"
            onClick={() => {
              range.value = [0, end];
            }}
          >
            Whole run
          </button>
        </div>
      </div>
      <div ref={ref} class="timeline">
        <svg
          width={width}
          height={height}
          tabindex={0}
          role="group"
          aria-label={`${spans.length} dispatches. Arrow keys pick one, plus and minus zoom, A and D move, 0 shows all.`}
          onKeyDown={(event) => {
            const act = event.ctrlKey || event.metaKey ? undefined : keys[event.key];
            if (!act) return;
            event.preventDefault();
            act();
          }}
          onWheel={(event) => {
            if (!event.ctrlKey && Math.abs(event.deltaX) < Math.abs(event.deltaY) && !event.shiftKey) return;
            event.preventDefault();
            const { left: edge } = event.currentTarget.getBoundingClientRect();
            const at = from + ((event.clientX - edge - left) / inner) * (to - from);
            if (event.ctrlKey) zoom(event.deltaY > 0 ? 1.25 : 0.8, at);
            else pan((event.deltaX || event.deltaY) / inner);
          }}
        >
          {ticks(from, to, inner / 90).map((tick) => (
            <g key={tick} class="tick">
              <line x1={x(tick)} x2={x(tick)} y1={axisHeight - 6} y2={height} />
              <text
                x={x(tick) + (x(tick) > width - 60 ? -3 : 3)}
                y={axisHeight - 8}
                text-anchor={x(tick) > width - 60 ? "end" : "start"}
              >
                {tick === 0 ? "0" : time(tick)}
              </text>
            </g>
          ))}
          <text class="lane" x={0} y={axisHeight + laneHeight / 2 + 4}>
            Host
          </text>
          <text class="lane" x={0} y={axisHeight + gap + 1.5 * laneHeight + 4}>
            {recording.adapter.cpu ? "Device" : "GPU"}
          </text>
          {host.map((span) => {
            const { visible, ...box } = bar(span, axisHeight);
            return (
              visible && (
                <g key={span.label} class="span host">
                  <title>{`${span.label}: ${time(span.to - span.from)}`}</title>
                  <rect {...box} rx={3} />
                  {box.width > 7 * span.label.length && (
                    <text x={box.x + 5} y={box.y + laneHeight / 2 + 4}>
                      {span.label}
                    </text>
                  )}
                </g>
              )
            );
          })}
          {spans.map((span, i) => {
            const { visible, ...box } = bar(span, axisHeight + laneHeight + gap);
            return (
              visible && (
                <g
                  key={i}
                  class={`span ${roleOf(i)} ${i === chosen ? "chosen" : ""}`}
                  onClick={() => pick("dispatch", i)}
                >
                  <title>{`${span.label}: ${recording.timings.gpu ? time(span.to - span.from) : "no clock"}`}</title>
                  <rect {...box} rx={3} />
                  {box.width > 44 && (
                    <text x={box.x + 5} y={box.y + laneHeight / 2 + 4}>
                      {cut(span.label, Math.floor((box.width - 10) / 7.6))}
                    </text>
                  )}
                </g>
              )
            );
          })}
        </svg>
      </div>
      {links.value && (
        <ul class="legend" aria-label="Colours of dispatches">
          <li class="forward">Forward</li>
          <li class="gradient">Gradient</li>
          <li class="update">Update</li>
          <li class="mixed">Several of these</li>
        </ul>
      )}
      <p class="note">{clockNote(recording)}</p>
    </section>
  );
}

/** What the kernels of a dispatch are for, as in the graph. */
function roleOf(dispatch: number): string {
  const lowered = links.value?.lowered;
  const roles = new Set(lowered?.roles.filter((_, i) => lowered.nodes[i]!.dispatch === dispatch));
  return roles.size > 1 ? "mixed" : ([...roles][0] ?? "leaf");
}

/** What ran the dispatches: not every device is a GPU. */
const deviceOf = ({ cpu }: Recording["adapter"]): string => (cpu ? "device" : "GPU");

function clockNote({ adapter, timings: { gpu, encodeMs, submitMs, doneMs } }: Recording): string {
  const device = deviceOf(adapter);
  const host = `Host: encode ${time(encodeMs)}, submit ${time(submitMs)}, done after ${time(doneMs)} more, with the copies of this recording.`;
  return gpu
    ? `${host} Dispatches: each in a pass of its own, by a clock with steps of ${time(gpu.resolutionMs)}. The two clocks have no common zero: the ${device} is drawn from the submit on.`
    : `${host} The ${device} of this recording has no clock: dispatches are drawn in order, all of one length.`;
}

/** Round values in a range, about as many as fit. */
function ticks(from: number, to: number, most: number): number[] {
  const rough = (to - from) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough)!;
  const first = Math.ceil(from / step);
  return Array.from({ length: Math.max(0, Math.floor(to / step) - first + 1) }, (_, i) => (first + i) * step);
}
