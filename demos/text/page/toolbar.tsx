import { Figure } from "../../parts/figure.tsx";
import { LookInside } from "../../parts/inside.tsx";
import { names } from "./names.ts";
import * as session from "./session.ts";

const { playing, frame, settings, change, compiling } = session;

/** A new network takes some seconds in software, less on a graphics processor. */
const compilingSays = (): string => `Compiling the kernels of the ${names[settings.value.model]}…`;

/** What the training can be told to do, and how far it has come. */
export function Toolbar() {
  const now = frame.value;
  const isReady = now !== undefined && !session.ended.value;
  return (
    <section class="card toolbar" aria-label="Training">
      <button
        id="play"
        type="button"
        class="button primary"
        disabled={!isReady}
        onClick={() => {
          playing.value = !playing.value;
        }}
      >
        {playing.value ? "Pause" : "Play"}
      </button>
      <button id="step" type="button" class="button" disabled={!isReady} onClick={session.step}>
        One step
      </button>
      <button id="reset" type="button" class="button" disabled={!isReady} onClick={() => void session.reset()}>
        Reset
      </button>
      <button
        id="seed"
        type="button"
        class="button"
        disabled={!isReady}
        onClick={() => change({ seed: (settings.value.seed % 999_999) + 1 })}
      >
        New seed
      </button>
      <LookInside
        record={session.record}
        title={`${names[settings.value.model]}, step ${now?.step ?? 0}`}
        disabled={!isReady}
      />
      <p id="status" class="legend" role="status">
        {compiling.value && !session.ended.value && compilingSays()}
      </p>
      <dl class="figures">
        <Figure id="parameters" name="Weights" value={now ? now.parameters.toLocaleString("en-US") : "–"} />
        <Figure id="epoch" name="Epoch" value={now ? now.epoch.toFixed(1) : "–"} />
        <Figure id="steps" name="Step" value={now ? now.step.toLocaleString("en-US") : "–"} />
      </dl>
    </section>
  );
}
