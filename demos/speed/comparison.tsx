import { figure } from "../../bench/report/figures.ts";
import { Choice, Notice } from "../parts/controls.tsx";
import { FileButton, useDrop } from "../parts/files.tsx";
import { beside, importFiles, others, summary, unread } from "./session.ts";
import { limits, type Summary, titleOf } from "./summary.ts";

interface Shown {
  readonly id: string;
  readonly label: string;
  readonly summary: Summary;
}

/** All known results in a table, and which of them the bars above stand beside. */
export function Comparison() {
  const own = summary.value;
  const rows = [
    ...(own && own.where !== "" ? [{ id: "", label: `This page: ${titleOf(own)}`, summary: own }] : []),
    ...others.value.map(({ id, summary }) => ({ id, label: titleOf(summary), summary })),
  ];
  const known = others.value.some(({ id }) => id === beside.value) ? beside.value : "";
  return (
    <section class="card comparison" aria-labelledby="comparison-title">
      <h2 id="comparison-title">Other results</h2>
      <p class="hint">
        Those that come with this page were measured on two cores of a server (AMD EPYC) without a graphics processor:
        all of them are software. Open files of this page or of <code>npm run bench</code> to see yours beside them;
        they stay in this tab.
      </p>
      <div class="compare">
        <Choice
          label="Compare with"
          value={known}
          options={[["", "nothing"], ...others.value.map(({ id, summary }) => [id, titleOf(summary)] as const)]}
          onChange={(id) => {
            beside.value = id;
          }}
        />
        <Open />
      </div>
      {unread.value.length > 0 && (
        <Notice>
          {unread.value.map((text) => (
            <p key={text}>{text}</p>
          ))}
        </Notice>
      )}
      {rows.length > 0 && <Results rows={rows} />}
    </section>
  );
}

function Results({ rows }: { readonly rows: readonly Shown[] }) {
  const names = [...new Set(rows.flatMap(({ summary }) => summary.steps.map(({ name }) => name)))];
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: keys scroll it */}
      <section class="wide" aria-label="All results" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Result</th>
              {limits.map(({ key, name, unit }) => (
                <th key={key} scope="col">
                  {name}, {unit}
                </th>
              ))}
              {names.map((name) => (
                <th key={name} scope="col">
                  {name.split(/[ ,]/)[0]} step, ms
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <Row key={row.id} label={row.label} summary={row.summary} names={names} isOwn={row.id === ""} />
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}

interface RowProps {
  readonly label: string;
  readonly summary: Summary;
  readonly names: readonly string[];
  readonly isOwn: boolean;
}

function Row({ label, summary, names, isOwn }: RowProps) {
  const cell = (value: number | undefined): string => (value === undefined ? "" : figure(value));
  return (
    <tr class={isOwn ? "own" : undefined}>
      <th scope="row">{label}</th>
      {limits.map(({ key }) => (
        <td key={key}>{cell(summary.limits[key])}</td>
      ))}
      {names.map((name) => (
        <td key={name}>{cell(summary.steps.find((step) => step.name === name)?.ms)}</td>
      ))}
    </tr>
  );
}

/** Opens files, by a button or by dropping them. */
function Open() {
  const { isOver, handlers } = useDrop((files) => void importFiles(files));
  return (
    <div class={isOver ? "drop over" : "drop"} {...handlers}>
      <FileButton
        id="files"
        name="Open results…"
        accept=".json,application/json"
        multiple
        onFiles={(files) => void importFiles(files)}
      />
      <span class="hint">or drop them here</span>
    </div>
  );
}
