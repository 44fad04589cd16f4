import { Choice, Notice } from "../parts/controls.tsx";
import { RunsOn, Unsupported } from "../parts/gpu.tsx";
import { ComparisonCard } from "./comparison.tsx";
import { connection, notice } from "./gpu.ts";
import { HeatCard } from "./heatMap.tsx";
import { LadderTable } from "./ladder.tsx";
import { ModelledCard } from "./modelledCard.tsx";
import { ResultsCard } from "./results.tsx";
import { Roofline } from "./roofline.tsx";
import * as session from "./session.ts";
import type { Shape } from "./shapes.ts";
import { SourceCard } from "./source.tsx";
import { refusal, works } from "./works.ts";

const { problem, work, show } = session;

export function Page() {
  if (session.missing.value) return <Unsupported error={session.missing.value} />;
  return (
    <>
      <RunsOn what={connection.value && { ...connection.value.about, reason: connection.value.reason }} />
      {notice.value !== undefined && (
        <Notice>
          <p>{notice.value}</p>
        </Notice>
      )}
      <Toolbar />
      {session.refused.value !== undefined && <p class="card refused">{session.refused.value}</p>}
      <LadderTable />
      <div class="lower">
        <SourceCard />
        <Roofline />
      </div>
      <ModelledCard />
      <ComparisonCard />
      {session.ladder.value && <HeatCard key={problem.value.work} />}
      <ResultsCard />
    </>
  );
}

function Toolbar() {
  const { busy, ladder } = session;
  return (
    <section class="card setup" aria-label="What is measured">
      <div class="what">
        <Choice
          label="Kernel"
          value={problem.value.work}
          options={works.map(({ id, title }) => [id, title] as const)}
          onChange={(id) => show({ work: id, sizes: [], nan: 0, variant: "", kernel: 0 })}
        />
        <p>{work.value.what}</p>
      </div>
      <Shapes />
      <Sizes />
      <div class="actions">
        <button
          id="measure"
          type="button"
          class="button primary"
          disabled={!connection.value || !ladder.value}
          onClick={() => (busy.value === undefined ? void session.measureAll() : session.stop())}
        >
          {busy.value === undefined ? "Measure again" : "Stop"}
        </button>
        <p id="busy" role="status">
          {busy.value ?? (connection.value ? "" : "Opening the device")}
        </p>
      </div>
    </section>
  );
}

/** Sizes of the site's networks, and awkward ones. */
function Shapes() {
  const isThis = ({ sizes, nan = false }: Shape): boolean =>
    nan === problem.value.nan && sizes.join() === problem.value.sizes.join();
  return (
    <fieldset class="shapes">
      <legend>Shape</legend>
      {work.value.shapes.map((shape) => (
        <label key={shape.name} class="shape">
          <input
            type="radio"
            name="shape"
            checked={isThis(shape)}
            onChange={() => show({ sizes: shape.sizes, nan: shape.nan ? 1 : 0, kernel: 0 })}
          />
          <span>
            {shape.name} <small>{shape.sizes.join(" × ")}</small>
          </span>
        </label>
      ))}
    </fieldset>
  );
}

/** A shape of the visitor's own. */
function Sizes() {
  const { sizes } = problem.value;
  const typed = (at: number, text: string): string => {
    const next = sizes.map((size, i) => (i === at ? Number(text) : size));
    const reason = refusal(work.value, next);
    if (reason === undefined) show({ sizes: next, kernel: 0 });
    return reason ?? "";
  };
  return (
    <div class="sizes">
      {work.value.sizes.map(({ name, least, most }, i) => (
        <label key={name}>
          <span>{name}</span>
          <input
            type="number"
            min={least}
            max={most}
            value={sizes[i]}
            onChange={({ currentTarget }) => {
              currentTarget.setCustomValidity(typed(i, currentTarget.value));
              currentTarget.reportValidity();
            }}
          />
        </label>
      ))}
    </div>
  );
}
