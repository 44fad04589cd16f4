import type { Ceilings, KernelTime, Result, StepRow, Timing } from "./result.ts";

/** What a value must be, in words, and whether it is. */
interface Kind {
  readonly words: string;
  fits(value: unknown): boolean;
}

const number: Kind = {
  words: "a number from 0",
  fits: (value) => typeof value === "number" && Number.isFinite(value) && value >= 0,
};
const text: Kind = { words: "a text", fits: (value) => typeof value === "string" && value !== "" };
const flag: Kind = { words: "true or false", fits: (value) => typeof value === "boolean" };
const list: Kind = { words: "a list", fits: Array.isArray };
const record: Kind = {
  words: "an object",
  fits: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
};
const place: Kind = {
  words: '"node", "chrome" or "page"',
  fits: (value) => ["node", "chrome", "page"].includes(value as string),
};
const date: Kind = { words: "a date", fits: (value) => !Number.isNaN(Date.parse(String(value))) };
const maybe = ({ words, fits }: Kind): Kind => ({ words, fits: (value) => value === undefined || fits(value) });
const orNull = ({ words, fits }: Kind): Kind => ({
  words: `${words} or null`,
  fits: (value) => value === null || fits(value),
});
const clock: Kind = { words: '"gpu" or "wall"', fits: (value) => value === "gpu" || value === "wall" };

type Kinds<T> = { readonly [K in keyof T]-?: Kind };

const ceilings: Kinds<Ceilings> = {
  gflops: number,
  gbPerSec: number,
  dispatchUs: number,
  submitUs: number,
  readbackMs: number,
};

const timing: Kinds<Timing> = {
  ms: number,
  bestMs: number,
  spread: orNull(number),
  samples: number,
  runs: number,
  clock,
};

const name = { family: text, shape: text, variant: text, chosen: flag };

const kernel: Kinds<KernelTime> = {
  ...name,
  ...timing,
  flops: number,
  bytes: number,
  compileMs: number,
  dispatches: number,
  gflops: number,
  gbPerSec: number,
  ofRoofline: number,
  timesNaive: maybe(number),
};

const step: Kinds<StepRow> = {
  name: text,
  ...timing,
  compileMs: number,
  dispatches: number,
  submits: number,
  bytes: number,
  flops: number,
  gflops: number,
  ofRoofline: number,
  dispatching: number,
  longest: list,
};

const result: Kinds<Omit<Result, "scaling" | "ceilingsAfter">> = {
  place,
  adapter: text,
  cpu: flag,
  runtime: maybe(text),
  system: maybe(text),
  date,
  version: maybe(text),
  commit: maybe(text),
  quick: flag,
  stopped: maybe(text),
  ceilings: record,
  kernels: list,
  steps: list,
};

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads the JSON of a run, which may come from anywhere.
 * @param file its name, for errors.
 * @throws Error with the field that is wrong, and what was expected.
 */
export function parseResult(json: string, file: string): Result {
  let found: unknown;
  try {
    found = JSON.parse(json);
  } catch {} // Reported below.
  if (!record.fits(found))
    throw new Error(`${file} is not a result of a speed test or of npm run bench: it is no JSON object`);
  const check = (value: unknown, kinds: Readonly<Record<string, Kind>>, at: string): void => {
    if (!record.fits(value)) throw new Error(`${file}: ${at} is ${JSON.stringify(value)}, expected an object`);
    for (const [key, { words, fits }] of Object.entries(kinds)) {
      const given = (value as Fields)[key];
      const where = at === "" ? key : `${at}.${key}`;
      if (!fits(given)) throw new Error(`${file}: ${where} is ${JSON.stringify(given)}, expected ${words}`);
    }
  };
  check(found, result, "");
  const parsed = found as Result;
  check(parsed.ceilings, ceilings, "ceilings");
  if (parsed.ceilingsAfter !== undefined) check(parsed.ceilingsAfter, ceilings, "ceilingsAfter");
  parsed.kernels.forEach((row, i) => {
    const isWrong = record.fits(row) && "wrong" in row;
    check(row, isWrong ? { ...name, wrong: text } : kernel, `kernels[${i}]`);
  });
  parsed.steps.forEach((row, i) => {
    check(row, step, `steps[${i}]`);
    row.longest.forEach((each, k) => check(each, { label: text, ms: number }, `steps[${i}].longest[${k}]`));
  });
  return parsed;
}
