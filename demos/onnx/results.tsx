import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { showShape } from "../../src/graph/shape.ts";
import { Choice } from "../parts/controls.tsx";
import type { Result } from "./lab.ts";
import { barOf, largest, most, namesIn, type Rows, rowsOf, shown, softmax } from "./ranking.ts";
import { asShares, type Opened, ran } from "./session.ts";

/** Numbers that are printed at most. */
const printed = 1000;

/** What comes out of the model. */
export function Results({ about }: Opened) {
  const chosen = useSignal("");
  const now = ran.value;
  if (!now) return null;
  const result = now.results.find(({ name }) => name === chosen.value) ?? now.results[0];
  return (
    <section class="card results" aria-labelledby="results-title">
      <h2 id="results-title">What comes out</h2>
      <p id="took" class="hint">
        {now.ms === undefined ? "Known without a run." : `${time(now.ms)} with feeding and reading back.`}
        {now.prepared !== undefined && ` Before that, ${time(now.prepared)} to import and compile.`}
      </p>
      {now.results.length > 1 && (
        <Choice
          label="Output"
          value={result!.name}
          options={now.results.map(({ name }) => [name, name] as const)}
          onChange={(name) => {
            chosen.value = name;
          }}
        />
      )}
      {result && <Output key={result.name} result={result} metadata={about.metadata} />}
    </section>
  );
}

const time = (ms: number): string => (ms < 100 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(2)} s`);

interface OutputProps {
  readonly result: Result;
  readonly metadata: Opened["about"]["metadata"];
}

/** The largest numbers of a row, as bars, and all numbers. */
function Output({ result: { name, shape, data }, metadata }: OutputProps) {
  const chosen = useSignal(0);
  const rows = rowsOf(shape);
  const row = Math.min(chosen.value, rows.count - 1);
  const numbers = Float64Array.from(data.subarray(row * rows.length, (row + 1) * rows.length));
  const isMany = rows.length > 1;
  const values = isMany && asShares.value ? softmax(numbers) : numbers;
  const found = largest(values);
  const names = namesIn(metadata, rows.length);
  const all = found.map(({ value }) => value);
  return (
    <>
      <p class="what">
        <code>{name}</code> <span id="shape">{showShape(shape)}</span>
      </p>
      {data.length === 0 && <p class="hint">It has no elements.</p>}
      {isMany && (
        <div class="fields">
          <Choice
            label="Bars show"
            value={asShares.value ? "shares" : "values"}
            options={[
              ["values", "The numbers"],
              ["shares", "Their softmax"],
            ]}
            onChange={(kind) => {
              asShares.value = kind === "shares";
            }}
          />
          {rows.count > 1 && <RowField rows={rows} row={row} onChange={(to) => (chosen.value = to)} />}
        </div>
      )}
      {data.length > 0 && (
        <ol
          class="bars"
          aria-label={rows.length > most ? `The ${most} largest of ${rows.length}` : "From the largest on"}
        >
          {found.map(({ index, value }, rank) => {
            const [from, to] = barOf(value, asShares.value ? [...all, 1] : all);
            return (
              <li key={index} class={rank === 0 ? "best" : ""}>
                <span class="index">{index}</span>
                <span class="name">
                  {names?.[index]}
                  {rank === 0 && isMany && <mark>largest</mark>}
                </span>
                <span class="track" aria-hidden="true">
                  <i style={{ "--from": from.toFixed(4), "--to": to.toFixed(4) }} />
                </span>
                <span class="value">{isMany && asShares.value ? `${(100 * value).toFixed(1)} %` : shown(value)}</span>
              </li>
            );
          })}
        </ol>
      )}
      <details>
        <summary>{data.length === 1 ? "The number" : `All ${data.length.toLocaleString("en-US")} numbers`}</summary>
        {/* It can be scrolled, so keys must reach it. */}
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: see above */}
        <pre class="code" tabIndex={0}>
          {print(data, rows)}
        </pre>
      </details>
    </>
  );
}

/** Chooses one of several rows. */
function RowField({ rows, row, onChange }: { rows: Rows; row: number; onChange: (row: number) => void }) {
  const id = useId();
  const last = rows.count - 1;
  return (
    <div class="field">
      <label for={id}>Row, 0 to {last.toLocaleString("en-US")}</label>
      <input
        id={id}
        type="number"
        min={0}
        max={last}
        value={row}
        onInput={({ currentTarget: { valueAsNumber: to } }) => {
          if (Number.isInteger(to) && to >= 0 && to <= last) onChange(to);
        }}
      />
    </div>
  );
}

/** The first numbers, a line for each row. */
function print(data: Result["data"], { length }: Rows): string {
  const first = Array.from(data.subarray(0, printed), shown);
  const lines = Array.from({ length: Math.ceil(first.length / length) }, (_, i) =>
    first.slice(i * length, (i + 1) * length).join(", "),
  );
  const rest = data.length - first.length;
  return [...lines, ...(rest > 0 ? [`… and ${rest.toLocaleString("en-US")} more`] : [])].join("\n");
}
