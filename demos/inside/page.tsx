import { type Recording, toChromeTrace } from "../../src/recording/index.ts";
import { Choice, Notice } from "../parts/controls.tsx";
import { download } from "../parts/download.ts";
import { Figure } from "../parts/figure.tsx";
import { FileButton, useDrop } from "../parts/files.tsx";
import { Graph } from "./graph.tsx";
import { Memory } from "./memory.tsx";
import { Panel } from "./panel.tsx";
import { address, change, examples, failure, isWaiting, openExample, openFile, recording, title } from "./session.ts";
import { Timeline } from "./timeline.tsx";
import { time } from "./words.ts";

export function Page() {
  const { isOver, handlers } = useDrop(([file]) => file && void openFile(file));
  const now = recording.value;
  return (
    <div class={`inside ${isOver ? "over" : ""}`} {...handlers}>
      <div class="runs-on">{now && <RecordedOn {...now.adapter} />}</div>
      <Source />
      {failure.value !== undefined && (
        <Notice>
          <p>{failure.value}</p>
        </Notice>
      )}
      {isWaiting.value && <p role="status">Waiting for the page that opened this one to record a step…</p>}
      {now && (
        <div class="views">
          <div class="main">
            <Timeline recording={now} />
            <Memory recording={now} />
            <Graph />
          </div>
          <Panel recording={now} />
        </div>
      )}
    </div>
  );
}

function RecordedOn({ name, cpu }: Recording["adapter"]) {
  if (/^webassembly/.test(name)) return <p class="adapter">Recorded in WebAssembly on a CPU.</p>;
  return (
    <p class="adapter">
      Recorded on <strong>{name}</strong>
      {cpu ? ", which is software: a processor did the work of a graphics processor." : ", through WebGPU."}
    </p>
  );
}

function Source() {
  const now = recording.value;
  const { open } = address.value;
  const isExample = open === "mlp" || open === "cnn";
  const options = [...examples, ...(isExample ? [] : [[open, "Your recording"] as const])];
  return (
    <section class="card source" aria-label="Recording">
      <Choice<typeof open>
        label="Recording"
        value={open}
        options={options}
        onChange={(name) => {
          if (name !== "mlp" && name !== "cnn") return;
          change({ open: name, pick: undefined });
          void openExample(name);
        }}
      />
      <FileButton name="Open a file" accept=".json,application/json" onFiles={([file]) => void openFile(file!)} />
      <button type="button" class="button" disabled={!now} onClick={saveTrace}>
        Chrome trace
      </button>
      {now && (
        <dl class="figures">
          <Figure id="title" name="Shown" value={title.value} />
          <Figure id="dispatches" name="Dispatches" value={String(now.dispatches.length)} />
          <Figure name={now.steps.length > 1 ? "Recorded at steps" : "Recorded at step"} value={now.steps.join(", ")} />
          <Figure
            name={now.adapter.cpu ? "Time" : "GPU time"}
            value={now.timings.gpu ? time(Math.max(0, ...now.timings.gpu.spans.map(([, end]) => end))) : "no clock"}
          />
        </dl>
      )}
      <p class="note">
        Or drop a file here: <code>JSON.stringify(await program.record(batch))</code> of any program.
      </p>
    </section>
  );
}

/** Saves the recording as a trace for Perfetto. */
function saveTrace(): void {
  download("tilegrad-trace.json", JSON.stringify(toChromeTrace(recording.value!)));
}
