import { versions } from "virtual:peers";
import { useState } from "preact/hooks";
import { figure } from "../../bench/report/figures.ts";
import { line, progress } from "./session.ts";
import { timesAsFast } from "./summary.ts";

type Race = typeof import("./race.ts");

/** Other libraries at the same training steps, timed on request and loaded only then. */
export function Peers() {
  const [loaded, setLoaded] = useState<Race>();
  return (
    <section class="card peers" aria-labelledby="peers-title">
      <h2 id="peers-title">Other libraries on this adapter</h2>
      {versions ? (
        <>
          <p class="hint">
            tilegrad, jax-js {versions.jaxjs} and TensorFlow.js {versions.tfjs} train the same five networks from the
            same weights, each in a worker of its own, in turns. Their losses must agree. The other two are loaded when
            you press the button, from this site.
          </p>
          <Controls loaded={loaded} setLoaded={setLoaded} />
          {loaded && <Rows loaded={loaded} />}
        </>
      ) : (
        <p class="hint">
          jax-js and TensorFlow.js can be timed beside tilegrad, but this site was built without them. To have them, run{" "}
          <code>npm ci --prefix bench/peers</code> in a clone of tilegrad before <code>npm run site</code>.
        </p>
      )}
    </section>
  );
}

function Controls({
  loaded,
  setLoaded,
}: {
  readonly loaded: Race | undefined;
  readonly setLoaded: (race: Race) => void;
}) {
  const racing = loaded?.racing.value;
  if (loaded && racing !== undefined) {
    return (
      <div class="toolbar">
        <button id="stop-race" type="button" class="button" onClick={loaded.stopRace}>
          Stop
        </button>
        <p class="hint" role="status">
          {racing}
        </p>
      </div>
    );
  }
  const begin = async (): Promise<void> => {
    const race = loaded ?? (await import("./race.ts"));
    setLoaded(race);
    await race.race();
  };
  return (
    <button
      id="race"
      type="button"
      class="button"
      disabled={!line.value || progress.value !== undefined}
      onClick={() => void begin()}
    >
      Time all three
    </button>
  );
}

const names = { tilegrad: "tilegrad", jaxjs: "jax-js", tfjs: "TensorFlow.js" };

function Rows({ loaded: { libraries, results } }: { readonly loaded: Race }) {
  return (
    <div class="ladders">
      {results.value.map(({ title, times }) => {
        const most = Math.max(...[...times.values()].map(({ ms = 0 }) => ms));
        const own = times.get("tilegrad")?.ms;
        return (
          <div key={title} class="ladder race">
            <h3>{title}</h3>
            <ul>
              {libraries.map((library) => {
                const { ms, fault } = times.get(library)!;
                return (
                  <li key={library} class={library === "tilegrad" ? "chosen" : undefined}>
                    <span class="name">{names[library]}</span>
                    <span class="track" aria-hidden="true">
                      <i style={{ "--share": String((ms ?? 0) / most) }} />
                    </span>
                    <span class="value">{ms === undefined ? "–" : `${figure(ms)} ms`}</span>
                    {library !== "tilegrad" && own !== undefined && ms !== undefined && (
                      <span class="beside">tilegrad is {timesAsFast(ms / own)}</span>
                    )}
                    {fault !== undefined && <span class="fault">{fault}</span>}
                  </li>
                );
              })}
            </ul>
          </div>
        );
      })}
    </div>
  );
}
