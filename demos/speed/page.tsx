import { useEffect, useRef } from "preact/hooks";
import { Failure } from "../parts/failure.tsx";
import { RunsOn, Unsupported } from "../parts/gpu.tsx";
import { Comparison } from "./comparison.tsx";
import { Ladders, Limits, Steps } from "./figures.tsx";
import { Peers } from "./peers.tsx";
import * as session from "./session.ts";
import { Share } from "./share.tsx";

const { progress, summary, line } = session;

export function Page() {
  if (session.missing.value) return <Unsupported error={session.missing.value} />;
  const shown = summary.value;
  return (
    <>
      <RunsOn what={line.value} />
      <Failure reason={session.failure.value} />
      <Toolbar />
      {shown?.stopped !== undefined && <p class="remark">Incomplete: {shown.stopped}.</p>}
      {shown?.disturbed && (
        <p class="remark">
          The same limits came out differently at the end: other work ran on the machine. The figures are rough.
        </p>
      )}
      {shown ? (
        <>
          <Limits summary={shown} />
          <Ladders summary={shown} />
          <Steps summary={shown} />
          {!progress.value && <Share summary={shown} />}
        </>
      ) : (
        <Before />
      )}
      <Comparison />
      <Peers />
    </>
  );
}

function Toolbar() {
  const now = progress.value;
  const button = useRef<HTMLButtonElement>(null);
  const isRunning = now !== undefined;
  // The button that was pressed is gone: its place keeps the focus.
  // biome-ignore lint/correctness/useExhaustiveDependencies: whenever the button changes
  useEffect(() => {
    if (document.activeElement === document.body && summary.value) button.current?.focus();
  }, [isRunning]);
  const ended = session.failure.value !== undefined;
  return (
    <section class="card toolbar" aria-label="Measurement">
      {isRunning ? (
        <button ref={button} id="stop" type="button" class="button" onClick={session.stop}>
          Stop
        </button>
      ) : (
        <button
          ref={button}
          id="measure"
          type="button"
          class="button primary"
          disabled={ended || !(line.value || summary.value)}
          onClick={() => void session.run()}
        >
          {summary.value ? "Measure again" : "Measure"}
        </button>
      )}
      {now ? (
        <div class="progress">
          <progress aria-label="Progress" max={Math.max(1, now.of)} value={now.of === 0 ? undefined : now.at - 1} />
          <p id="status">{now.of === 0 ? "The adapter's limits" : `${now.at} of ${now.of}: ${now.name}`}</p>
        </div>
      ) : (
        <div class="field only">
          <label for="only">Only kernels and steps named</label>
          <input
            id="only"
            type="text"
            maxLength={60}
            placeholder="all, or: matmul, LeNet"
            value={session.only.value}
            onInput={({ currentTarget }) => {
              session.only.value = currentTarget.value;
            }}
          />
        </div>
      )}
    </section>
  );
}

/** What a visitor sees first. */
function Before() {
  return (
    <section class="card before" aria-labelledby="before-title">
      <h2 id="before-title">What it measures</h2>
      <ol>
        <li>
          <strong>The adapter's limits:</strong> multiply-adds, copying, the cost of a dispatch and of a submit, and of
          reading a number back.
        </li>
        <li>
          <strong>Six kernels, each from its definition up:</strong> the same result, computed in ever faster ways. Each
          way is checked before it is timed.
        </li>
        <li>
          <strong>Five training steps,</strong> from a network of 337 weights to a transformer block.
        </li>
      </ol>
      <p>It takes less than a minute on a graphics processor, and some minutes in software. Keep this tab in front.</p>
    </section>
  );
}
