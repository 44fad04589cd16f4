import type { Recording } from "../../src/recording/index.ts";
import { Figure } from "../parts/figure.tsx";
import { pick, picked } from "./session.ts";
import { useWidth } from "./width.ts";
import { bytes, cut } from "./words.ts";

const [left, barsHeight, laneGap] = [72, 64, 3];

/** Taller for larger memory, but so that 16 bytes can still be clicked. */
const laneHeight = (size: number): number => 14 + Math.max(0, Math.log2(size / 256));

export function Memory({ recording: { memory, dispatches } }: { readonly recording: Recording }) {
  const [ref, width] = useWidth<HTMLDivElement>();
  const inner = Math.max(100, width - left);
  const each = inner / Math.max(1, dispatches.length);
  const tops: number[] = [];
  let height = barsHeight + 26;
  for (const size of memory.slots) {
    tops.push(height);
    height += laneHeight(size) + laneGap;
  }
  const most = Math.max(1, memory.peak.bytes);
  const chosen = picked.value;
  const dispatch = chosen?.kind === "dispatch" ? chosen.at : undefined;
  const saved = memory.scratchUnshared - memory.scratch;
  return (
    <section class="card" aria-labelledby="memory-title">
      <div class="head">
        <h2 id="memory-title">Memory</h2>
        <dl class="figures">
          <Figure name="In all" value={bytes(memory.total)} />
          <Figure name="Variables" value={bytes(memory.variables)} />
          <Figure name="Inputs" value={bytes(memory.inputs)} />
          <Figure name="Scratch" value={bytes(memory.scratch)} />
          <Figure name="Saved by sharing" value={bytes(saved)} />
        </dl>
      </div>
      <div ref={ref} class="memory">
        <svg width={width} height={height} role="group" aria-label="Scratch memory by dispatch">
          <text class="lane" x={0} y={12}>
            Needed
          </text>
          <text class="lane soft" x={0} y={27}>
            {bytes(memory.peak.bytes)}
          </text>
          {memory.needed.map((need, i) => {
            const tall = (need / most) * (barsHeight - 8);
            const isPeak = need === memory.peak.bytes;
            return (
              <g
                key={i}
                class={`need ${isPeak ? "peak" : ""} ${i === dispatch ? "chosen" : ""}`}
                onClick={() => pick("dispatch", i)}
              >
                <title>{`During dispatch ${i}, ${dispatches[i]!.label}: ${bytes(need)}${isPeak ? ", the peak" : ""}`}</title>
                <rect x={left + i * each + 0.5} y={barsHeight - tall} width={Math.max(1, each - 1)} height={tall} />
              </g>
            );
          })}
          <line class="base" x1={left} x2={width} y1={barsHeight} y2={barsHeight} />
          <text class="lane" x={0} y={barsHeight + 19}>
            Buffers, one row for each piece of memory
          </text>
          {memory.slots.map((size, slot) => (
            <text key={slot} class="lane soft" x={0} y={tops[slot]! + laneHeight(size) / 2 + 4}>
              {bytes(size)}
            </text>
          ))}
          {memory.buffers.map((buffer, i) => {
            if (buffer.slot === null) return undefined;
            const [x, y] = [left + buffer.first * each, tops[buffer.slot]!];
            const end = buffer.last === null ? dispatches.length : buffer.last + 1;
            const wide = Math.max(3, (end - buffer.first) * each - 2);
            const tall = laneHeight(memory.slots[buffer.slot]!);
            const life = buffer.last === null ? "until the next run" : `dispatches ${buffer.first} to ${buffer.last}`;
            const act = () => pick("buffer", i);
            return (
              <g
                key={i}
                role="button"
                tabindex={0}
                aria-label={wide > 40 ? undefined : `${buffer.role}, ${bytes(buffer.bytes)}, ${life}`}
                class={`buffer ${buffer.last === null ? "pinned" : ""} ${chosen?.kind === "buffer" && chosen.at === i ? "chosen" : ""}`}
                onClick={act}
                onKeyDown={(event) => {
                  if (event.key !== "Enter" && event.key !== " ") return;
                  event.preventDefault();
                  act();
                }}
              >
                <title>{`${buffer.role}: ${bytes(buffer.bytes)}, ${life}`}</title>
                <rect x={x + 1} y={y} width={wide} height={tall} rx={3} />
                {wide > 40 && (
                  <text x={x + 6} y={y + tall / 2 + 4}>
                    {cut(buffer.role, Math.floor((wide - 8) / 6.6))}
                  </text>
                )}
              </g>
            );
          })}
        </svg>
      </div>
    </section>
  );
}
