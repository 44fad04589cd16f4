import { batch, computed, signal } from "@preact/signals";
import { parseResult } from "../../bench/measure/parse.ts";
import { extended, type Report, type Result } from "../../bench/measure/result.ts";
import { keepInAddress } from "../parts/address.ts";
import { type Field, type Fields, parseHash, printHash } from "../parts/hash.ts";
import { type Line, open } from "./line.ts";
import { fromLink, toLink } from "./link.ts";
import type { News } from "./measuring.ts";
import { shipped } from "./shipped.ts";
import { type Summary, summaryOf } from "./summary.ts";

/** A result to compare with. */
export interface Other {
  /** Its name in the page's address. */
  readonly id: string;
  readonly summary: Summary;
}

/** What is measured now. */
export interface Progress {
  readonly name: string;
  readonly at: number;
  readonly of: number;
}

const text = (most: number): Field<string> => ({
  initial: "",
  parse: (text) => (text.length <= most ? text : undefined),
  print: encodeURIComponent,
});

const fields: Fields<{ readonly beside: string; readonly only: string; readonly card: string }> = {
  /** The result to compare with. */
  beside: text(60),
  /** Only what has this in its name. */
  only: text(60),
  /** The result that is shown. */
  card: text(6000),
};

const initial = parseHash(fields, location.hash);

/** All that the page shows. What is compared and shown is kept in its address. */
export const line = signal<Line | undefined>(undefined);
/** Why nothing can be measured. */
export const missing = signal<Error | undefined>(undefined);
export const failure = signal<string | undefined>(undefined);
export const progress = signal<Progress | undefined>(undefined);
export const summary = signal<Summary | undefined>(undefined);
/** The whole result, if it was measured since the page was opened. */
export const result = signal<Result | undefined>(undefined);
export const others = signal<readonly Other[]>([]);
/** What could not be read, file by file. */
export const unread = signal<readonly string[]>([]);
export const beside = signal(initial.beside);
export const only = signal(initial.only);
const card = signal(initial.card);

/** The result to compare with, if one is chosen. */
export const other = computed(() => others.value.find(({ id }) => id === beside.value));

/** What is being started, or has been. */
let connection: Promise<Line | undefined> | undefined;

/** Starts what measures. */
function connect(): Promise<Line | undefined> {
  connection = connected();
  return connection;
}

async function connected(): Promise<Line | undefined> {
  try {
    const opened = await open((news) => {
      if (line.value === opened) hear(news);
    });
    line.value = opened;
    return opened;
  } catch (error) {
    missing.value = error as Error;
    return undefined;
  }
}

function hear(news: News): void {
  if ("report" in news) take(news.report);
  if ("done" in news) finish();
  if ("failed" in news) end(news.failed, "an error ended it");
  if ("lost" in news) end(`The GPU was lost. ${news.lost}`, "the GPU was lost");
}

/** Shows a report. */
function take(report: Report): void {
  if (!progress.value) return;
  batch(() => {
    if ("next" in report) {
      const { next: name, at = 0, of = 0 } = report;
      progress.value = { name, at, of };
    }
    if ("ceiling" in report)
      summary.value = { ...summary.value!, limits: { ...summary.value!.limits, ...report.ceiling } };
    const next = extended(result.value, report);
    if (!next || next === result.value) return;
    result.value = "begun" in report ? { ...next, version: import.meta.env["TILEGRAD_VERSION"] as string } : next;
    summary.value = summaryOf(result.value);
  });
}

/** Measures everything, or what has the wanted text in its name. */
export async function run(): Promise<void> {
  const current = await connection;
  if (!current || progress.value) return;
  batch(() => {
    failure.value = undefined;
    result.value = undefined;
    progress.value = { name: "", at: 0, of: 0 };
    const { adapter, cpu } = current;
    summary.value = { adapter, cpu, where: "", date: new Date().toISOString(), limits: {}, ladders: [], steps: [] };
  });
  current.measure({ filter: only.value, quick: true, scaling: false, speed: true });
}

/** Ends the measurement, and keeps what there is. @param why the result is incomplete, if so. */
function finish(why?: string): void {
  const { at = 0, of = 0 } = progress.value ?? {};
  progress.value = undefined;
  if (why !== undefined && result.value) result.value = { ...result.value, stopped: `${why}, at ${at} of ${of}` };
  // Before the first limit is known, there is nothing to keep.
  summary.value = result.value && summaryOf(result.value);
  void keep();
}

/** Puts the result into the page's address. */
async function keep(): Promise<void> {
  card.value = summary.value ? await toLink(summary.value) : "";
}

/** Ends the measurement at once. */
export function stop(): void {
  line.value?.cut();
  line.value = undefined;
  finish("stopped by the visitor");
  void connect();
}

/** @param why the result is incomplete, if it is. */
function end(reason: string, why: string): void {
  if (failure.value !== undefined) return;
  batch(() => {
    failure.value = reason;
    if (progress.value) finish(why);
  });
}

/** Reads results from files, to compare with. */
export async function importFiles(files: Iterable<File>): Promise<void> {
  const faults: string[] = [];
  for (const file of files) {
    try {
      const summary = summaryOf(parseResult(await file.text(), file.name));
      others.value = [...others.value.filter(({ id }) => id !== file.name), { id: file.name, summary }];
      beside.value = file.name;
    } catch (error) {
      faults.push((error as Error).message);
    }
  }
  unread.value = faults;
}

/** Starts the worker, and loads what the address names and the site brings. */
export async function start(): Promise<void> {
  const [linked, come] = await Promise.all([fromLink(card.value), shipped(), connect()]);
  batch(() => {
    others.value = [...come, ...others.value];
    if (linked && !progress.value && !summary.value) summary.value = linked;
    else if (!summary.value) card.value = "";
  });
}

keepInAddress(() => printHash(fields, { beside: beside.value, only: only.value, card: card.value }));
