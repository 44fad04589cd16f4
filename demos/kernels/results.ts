import { signal } from "@preact/signals";
import { type About, type Bounds, type Outcome, type Problem, problemKey } from "./rows.ts";
import { works } from "./works.ts";

/** One measured kernel. */
export interface Result {
  readonly problem: Problem;
  readonly variant: string;
  readonly outcome: Outcome;
}

/** A file of results: who measured what, and where. */
export interface ResultsFile {
  readonly format: "tilegrad kernel lab";
  readonly version: 1;
  /** ISO 8601. */
  readonly date: string;
  readonly tilegrad: string;
  readonly adapter: string;
  readonly cpu: boolean;
  readonly clock: About["clock"];
  readonly browser: string;
  readonly os: string;
  readonly roof: Bounds | null;
  readonly results: readonly Result[];
}

/** All that was measured since the page opened, by problem and variant. */
export const measured = signal<ReadonlyMap<string, Result>>(new Map());

/** Files of others. */
export const imported = signal<readonly ResultsFile[]>([]);

/** Keeps a result, in place of an earlier one. */
export function keep(result: Result): void {
  measured.value = new Map([...measured.value, [`${problemKey(result.problem)} ${result.variant}`, result]]);
}

/** The text of a file of results. */
export const printResults = (file: ResultsFile): string => `${JSON.stringify(file, undefined, 2)}\n`;

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

/** Reads a file of results. @throws Error that says what is wrong with it. */
export function parseResults(text: string): ResultsFile {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    throw new Error("It is not JSON.");
  }
  if (!isRecord(file) || file["format"] !== "tilegrad kernel lab") throw new Error("It is no file of this page.");
  if (file["version"] !== 1) throw new Error(`It has version ${file["version"]}, expected 1.`);
  for (const name of ["date", "tilegrad", "adapter", "browser", "os", "clock"]) {
    if (typeof file[name] !== "string") throw new Error(`Its "${name}" is no text.`);
  }
  const { results } = file;
  const bad = Array.isArray(results) ? results.findIndex((result) => !isResult(result)) : 0;
  if (!Array.isArray(results) || bad >= 0) throw new Error(`Its result ${bad + 1} is not complete.`);
  return file as unknown as ResultsFile;
}

function isResult(value: unknown): value is Result {
  if (!isRecord(value) || typeof value["variant"] !== "string") return false;
  const { problem, outcome } = value;
  if (!isRecord(problem) || !isRecord(outcome)) return false;
  const { work, sizes, nan } = problem;
  const isProblem =
    works.some(({ id }) => id === work) &&
    Array.isArray(sizes) &&
    sizes.every((size) => Number.isInteger(size) && size >= 0) &&
    typeof nan === "boolean";
  if (!isProblem || typeof outcome["state"] !== "string") return false;
  const { time } = outcome;
  const numbers = isRecord(time) ? [time["ms"], time["runs"], time["samples"]] : [];
  return outcome["state"] !== "right" || time === undefined || (numbers.length === 3 && numbers.every(Number.isFinite));
}

/** The milliseconds of a variant in a file, for a problem. */
export function msIn({ results }: Pick<ResultsFile, "results">, problem: Problem, variant: string): number | undefined {
  const key = problemKey(problem);
  const found = results.find((result) => result.variant === variant && problemKey(result.problem) === key);
  return found?.outcome.state === "right" ? found.outcome.time?.ms : undefined;
}
