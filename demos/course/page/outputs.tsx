import type { Output } from "../../../src/show/index.ts";
import { isNumeric } from "./columns.ts";
import type { CellState } from "./session.ts";

/** What a cell has shown, its mistake, and what its check says. */
export function Outputs({ cell }: { readonly cell: CellState }) {
  const { parts, problem, verdicts, status } = cell;
  const isOld = status.value === "stale";
  return (
    <div class={isOld ? "outputs old" : "outputs"} aria-live="polite">
      {parts.value.map(({ id, outputs }) => (
        <div class="shown" key={id}>
          {inlined(outputs).map((output, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a live view keeps the places of its values
            <Shown key={i} output={output} />
          ))}
        </div>
      ))}
      {problem.value && <Mistake cell={cell} />}
      {verdicts.value.length > 0 && (
        <ul class="verdicts">
          {verdicts.value.map(({ what, holds }) => (
            <li key={what} class={holds ? "holds" : "fails"}>
              <span aria-hidden="true">{holds ? "✓" : "✗"}</span> {what}
              <span class="visually-hidden">{holds ? ": holds" : ": does not hold yet"}</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** Rows of a table that are drawn. */
const mostRows = 200;

/** Short texts of one call stand in one line. */
function inlined(outputs: readonly Output[]): readonly Output[] {
  const isShort = outputs.every(({ kind, text }) => kind === "text" && !text.includes("\n"));
  return isShort ? [{ kind: "text", text: outputs.map(({ text }) => text).join(" ") }] : outputs;
}

function Shown({ output }: { readonly output: Output }) {
  switch (output.kind) {
    case "text":
      return output.text.includes("\n") ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls needs the focus to be scrolled
        <pre tabIndex={0}>{output.text}</pre>
      ) : (
        <pre class="words">{output.text}</pre>
      );
    case "table": {
      const classes = output.columns.map((_, i) => (isNumeric(output.rows.map((row) => row[i]!)) ? "number" : ""));
      return (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls needs the focus to be scrolled
        <section class="table" tabIndex={0} aria-label="Table">
          <table>
            <thead>
              <tr>
                {output.columns.map((name, column) => (
                  <th key={name} scope="col" class={classes[column]}>
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {output.rows.slice(0, mostRows).map((row, i) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: rows have no names
                <tr key={i}>
                  {row.map((cell, column) => (
                    // biome-ignore lint/suspicious/noArrayIndexKey: columns keep their places
                    <td key={column} class={classes[column]}>
                      {cell}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
          {output.rows.length > mostRows && <p>… and {output.rows.length - mostRows} more rows</p>}
        </section>
      );
    }
    case "picture":
      return <Picture {...output} />;
  }
}

/** An image, so that its styles need no permission. */
function Picture({ svg, text }: { readonly svg: string; readonly text: string }) {
  const [, width, height] = /^<svg[^>]* width="([\d.]+)" height="([\d.]+)"/.exec(svg) ?? [];
  return <img alt={text} src={`data:image/svg+xml,${encodeURIComponent(svg)}`} width={width} height={height} />;
}

function Mistake({ cell }: { readonly cell: CellState }) {
  const { message, place } = cell.problem.value!;
  const isHere = place?.cell === String(cell.content.number);
  const where =
    place &&
    `${isHere ? "" : `${/^\d/.test(place.cell) ? "cell " : ""}${place.cell}, `}line ${place.line}, column ${place.column}`;
  return (
    <p class="mistake" role="alert">
      {where && <strong>{where}: </strong>}
      {message}
    </p>
  );
}
