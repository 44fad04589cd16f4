import { useState } from "preact/hooks";
import { toChromeTrace } from "../../src/recording/index.ts";
import { Choice, Notice } from "../parts/controls.tsx";
import { Graph } from "./graph.tsx";
import { Memory } from "./memory.tsx";
import { Panel } from "./panel.tsx";
import { address, change, examples, failure, isWaiting, openExample, openFile, recording, title } from "./session.ts";
import { Timeline } from "./timeline.tsx";
import { time } from "./words.ts";

export function Page() {
  const [isOver, over] = useState(false);
  const now = recording.value;
  return (
    <div
      class={`inside ${isOver ? "over" : ""}`}
      onDragOver={(event) => {
        event.preventDefault();
        over(true);
      }}
      onDragLeave={() => over(false)}
      onDrop={(event) => {
        event.preventDefault();
        over(false);
        const file = event.dataTransfer?.files[0];
        if (file) void openFile(file);
      }}
    >
      <Source />
      {failure.value !== undefined && (
        <Notice>
          <p>{failure.value}</p>
        </Notice>
      )}
      {isWaiting.value && <p role="status">Waiting for the page that opened this one to record a step…</p>}
      {now && (
        <>
          <div class="views">
            <div class="main">
              <Timeline recording={now} />
              <Memory recording={now} />
              <Graph />
            </div>
            <Panel recording={now} />
          </div>
          <p class="adapter">
            Recorded on <strong>{now.adapter.name}</strong>
            {now.adapter.cpu
              ? ", which is software: a processor did the work of a graphics processor."
              : ", through WebGPU."}
          </p>
        </>
      )}
    </div>
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
      <label class="button file">
        Open a file
        <input
          type="file"
          accept=".json,application/json"
          class="visually-hidden"
          onChange={({ currentTarget }) => {
            const file = currentTarget.files?.[0];
            currentTarget.value = "";
            if (file) void openFile(file);
          }}
        />
      </label>
      <button type="button" class="button" disabled={!now} onClick={download}>
        Chrome trace
      </button>
      {now && (
        <dl class="figures">
          <div>
            <dt>Shown</dt>
            <dd id="title">{title.value}</dd>
          </div>
          <div>
            <dt>Dispatches</dt>
            <dd id="dispatches">{now.dispatches.length}</dd>
          </div>
          <div>
            <dt>Steps</dt>
            <dd>{now.steps.join(", ")}</dd>
          </div>
          <div>
            <dt>GPU time</dt>
            <dd>{now.timings.gpu ? time(Math.max(0, ...now.timings.gpu.spans.map(([, end]) => end))) : "no clock"}</dd>
          </div>
        </dl>
      )}
      <p class="note">
        Or drop a file here: <code>JSON.stringify(await program.record(batch))</code> of any program.
      </p>
    </section>
  );
}

/** Saves the recording as a trace for Perfetto. */
function download(): void {
  const blob = new Blob([JSON.stringify(toChromeTrace(recording.value!))], { type: "application/json" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = "tilegrad-trace.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
