import { Figure } from "../parts/figure.tsx";
import { LookInside } from "../parts/inside.tsx";
import { samples } from "./problems.ts";
import * as session from "./session.ts";
import { shows } from "./shows.ts";

const { shared, playing, frame } = session;

/** Play, pause, single steps; where the training is. */
export function Toolbar() {
  const isReady = frame.value !== undefined && !session.ended.value;
  const now = frame.value;
  const button = (id: string, name: string, act: () => void, kind = "") => (
    <button id={id} type="button" class={`button${kind}`} disabled={!isReady} onClick={act}>
      {name}
    </button>
  );
  const toggle = (): void => {
    playing.value = !playing.value;
  };
  return (
    <section class="card toolbar" aria-label="Training">
      {button("play", playing.value ? "Pause" : "Play", toggle, " primary")}
      {button("step", "One step", session.step)}
      {button("one-epoch", "One epoch", session.finishEpoch)}
      {button("reset", "Reset", () => void session.reset())}
      {shows("seed") &&
        button("seed", "New seed", () => session.changeShared({ seed: (shared.value.seed % 999_999) + 1 }))}
      {shows("inside") && (
        <LookInside
          record={session.record}
          title={`Playground, step ${(now?.step ?? 0) + 1}`}
          disabled={!isReady || samples(shared.value).train === 0}
        />
      )}
      <dl class="figures">
        <Figure id="epoch" name="Epoch" value={now ? Math.floor(now.epoch + 1e-9).toLocaleString("en-US") : "–"} />
        <Figure id="steps" name="Step" value={now ? now.step.toLocaleString("en-US") : "–"} />
        {session.settings.value.schedule !== "constant" && (
          <Figure id="rate" name="Rate" value={now ? Number(now.rate.toPrecision(3)).toString() : "–"} />
        )}
      </dl>
    </section>
  );
}
