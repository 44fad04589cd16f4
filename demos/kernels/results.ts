import { signal } from "@preact/signals";
import { type About, type Bounds, type Outcome, type Problem, problemKey } from "./rows.ts";

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

/** The milliseconds of a variant in a file, for a problem. */
export function msIn({ results }: Pick<ResultsFile, "results">, problem: Problem, variant: string): number | undefined {
  const key = problemKey(problem);
  const found = results.find((result) => result.variant === variant && problemKey(result.problem) === key);
  return found?.outcome.state === "right" ? found.outcome.time?.ms : undefined;
}
