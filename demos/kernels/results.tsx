import { useState } from "preact/hooks";
import { whereAmI } from "../../bench/measure/runtime.ts";
import { download } from "../parts/download.ts";
import { FileButton } from "../parts/files.tsx";
import { digits, timeOf } from "./format.ts";
import { connection } from "./gpu.ts";
import { imported, measured, msIn, printResults, type ResultsFile } from "./results.ts";
import * as session from "./session.ts";

/** All results of this visit as a file, and files of others beside them. */
export function ResultsCard() {
  const [fault, setFault] = useState<string | undefined>(undefined);
  const { roof } = session;
  const here = [...measured.value.values()];
  const save = (): void => {
    const { runtime, system } = whereAmI();
    const { adapter, cpu, clock } = connection.value!.about;
    const file: ResultsFile = {
      format: "tilegrad kernel lab",
      version: 1,
      date: new Date().toISOString(),
      tilegrad: import.meta.env["TILEGRAD_VERSION"],
      ...{ adapter, cpu, clock },
      browser: runtime,
      os: system,
      roof: roof.value ?? null,
      results: here,
    };
    download(`kernels-${adapter.replaceAll(/\W+/g, "-")}.json`, printResults(file));
  };
  const open = async (file: File): Promise<void> => {
    try {
      const { parseResults } = await import("./resultsFile.ts");
      const read = parseResults(await file.text());
      imported.value = [...imported.value, read];
      setFault(undefined);
    } catch (error) {
      setFault(`${file.name} cannot be read. ${(error as Error).message}`);
    }
  };
  return (
    <section class="card results" aria-labelledby="results-title">
      <div class="card-head">
        <h2 id="results-title">Results</h2>
        <div class="buttons">
          <button
            id="save-results"
            type="button"
            class="button"
            disabled={here.length === 0 || !connection.value}
            onClick={save}
          >
            Save {here.length} as a file
          </button>
          <FileButton
            id="open-results"
            name="Open results of another GPU"
            accept=".json"
            onFiles={([file]) => void open(file!)}
          />
        </div>
      </div>
      {fault !== undefined && <p role="alert">{fault}</p>}
      {imported.value.length > 0 ? (
        <Beside />
      ) : (
        <p class="notes">
          A file holds all that this visit measured, with adapter, browser, system, date and version. Open one from
          another machine to see both side by side.
        </p>
      )}
    </section>
  );
}

/** The present ladder here and in each file. */
function Beside() {
  const variants = session.ladder.value?.variants.map(({ variant }) => variant) ?? [];
  const own = { results: [...measured.value.values()] };
  const problem = session.problem.value;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls on narrow screens
    <section class="scroll" tabIndex={0} aria-label="Medians here and in files">
      <table>
        <thead>
          <tr>
            <th scope="col">Variant</th>
            <th scope="col">Here</th>
            {imported.value.map(({ adapter, browser, os, date, tilegrad }) => (
              <th scope="col" key={date}>
                {adapter}
                <small>
                  {browser}, {os}, {date.slice(0, 10)}, tilegrad {tilegrad}
                </small>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {variants.map((variant) => {
            const ms = msIn(own, problem, variant);
            return (
              <tr key={variant}>
                <th scope="row">{variant}</th>
                <td>{ms === undefined ? "–" : timeOf(ms)}</td>
                {imported.value.map((file) => {
                  const theirs = msIn(file, problem, variant);
                  const times = ms !== undefined && theirs !== undefined ? `, ${digits(ms / theirs)} × as fast` : "";
                  return <td key={file.date}>{theirs === undefined ? "–" : `${timeOf(theirs)}${times}`}</td>;
                })}
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}
