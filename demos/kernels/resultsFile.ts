import type { Result, ResultsFile } from "./results.ts";
import { works } from "./works.ts";

/* Loaded when a file is opened. */

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
