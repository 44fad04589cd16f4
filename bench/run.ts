import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { leaveInterrupted, run } from "../demos/terminal/command.ts";
import { room } from "../demos/terminal/format.ts";
import type { EngineOptions } from "../src/index.ts";
import { measureInChrome } from "./chrome.ts";
import { parseResult } from "./measure/parse.ts";
import { extended, type Report, type Reporter, type Result } from "./measure/result.ts";
import { measure, type SuiteOptions } from "./measure/suite.ts";
import { planRows, planText } from "./modelled/plan.ts";
import { shapesNamed } from "./modelled/shapes.ts";
import { type BackendOptions, help, type Options, parseOptions } from "./options.ts";
import { planOf } from "./plans.ts";
import { compare } from "./report/compare.ts";
import { html } from "./report/html.ts";
import { Screen } from "./report/screen.ts";
import { openWebGPU } from "./webgpu.ts";

await run({ name: "npm run bench", help, parse: parseOptions, main });
process.exit(); // Dawn's threads would keep the process alive.

async function main({ suite, places, backends, to, plan, compare: files }: Options, stop: AbortSignal): Promise<void> {
  if (files) {
    const [before, after] = await Promise.all(files.map(readResult));
    console.log(compare(before!, after!, room));
    return;
  }
  if (plan) {
    for (const shape of shapesNamed(suite.filter))
      if (!stop.aborted) console.log(`${planText(shape, planRows(shape), room)}\n`);
    return;
  }
  for (const place of places) {
    const results: Result[] = [];
    for (const where of backends) {
      if (!stop.aborted) results.push(...(await measureAndKeep(place, where, suite, to, stop)));
    }
    if (results.length > 1) console.log(`${compare(results[0]!, results[1]!, room)}\n`);
  }
  if (stop.aborted) leaveInterrupted();
}

/** Measures in one place. Keeps all results so far if Ctrl-C or an error ends it early. @returns the result, if any. */
async function measureAndKeep(
  place: Options["places"][number],
  where: BackendOptions,
  suite: SuiteOptions,
  to: string,
  stop: AbortSignal,
): Promise<readonly Result[]> {
  const screen = new Screen(place, suite);
  let result: Result | undefined;
  let next: Extract<Report, { next: string }> | undefined;
  const take: Reporter = (report) => {
    result = extended(result, report);
    screen.show(report);
    if ("next" in report) next = report;
    if (stop.aborted) throw new Error("stopped");
  };
  let failure: unknown;
  try {
    await (place === "chrome"
      ? measureInChrome(suite, where, take)
      : measure("node", await inNode(where), planOf(suite), suite, take));
  } catch (error) {
    failure = error;
  }
  const why = stop.aborted ? "Ctrl-C" : (failure as Error)?.message;
  if (result)
    result = {
      ...result,
      version: version(),
      commit: commit(),
      ...(failure !== undefined && { stopped: `${why}, at ${next?.at} of ${next?.of}` }),
    };
  screen.close(result);
  if (result && result.kernels.length + result.steps.length + (result.scaling?.length ?? 0) > 0)
    await keep(result, suite, to);
  else if (stop.aborted) console.log("Stopped before the first result; nothing was written.");
  if (failure !== undefined && !stop.aborted) throw failure;
  return result ? [result] : [];
}

async function inNode(where: BackendOptions): Promise<EngineOptions> {
  return where.backend === "wasm" ? where : { gpu: await openWebGPU() };
}

async function readResult(file: string): Promise<Result> {
  return parseResult(await readFile(file, "utf8"), file);
}

/** Writes a result, and a report on all results of its adapter measured with the same options. */
async function keep(result: Result, { filter, quick, speed }: SuiteOptions, to: string): Promise<void> {
  const folder = join(to, slug(result.adapter));
  await mkdir(folder, { recursive: true });
  const kind = [speed ? "speed" : quick ? "quick" : "", slug(filter), result.stopped ? "stopped" : ""].filter(Boolean);
  const file = (name: string, end: string): string => join(folder, `${[name, ...kind].join("-")}.${end}`);
  const json = file(result.place, "json");
  await replace(json, `${JSON.stringify(result, null, 1)}\n`);
  const results: Result[] = [];
  for (const place of ["node", "chrome"] as const) {
    const known = place === result.place ? result : await readResult(file(place, "json")).catch(() => undefined);
    if (known) results.push(known);
  }
  const report = file("report", "html");
  await replace(report, await html(results));
  console.log(`${relative(".", json)}, ${relative(".", report)}\n`);
}

function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
}

/** Writes a file completely or not at all. */
async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.part`, text);
  await rename(`${file}.part`, file);
}

function version(): string {
  return JSON.parse(readFileSync(join(import.meta.dirname, "../package.json"), "utf8")).version;
}

/** The current commit, with "+" if files differ from it. */
function commit(): string {
  const git = (...args: string[]): string => execFileSync("git", args, { encoding: "utf8", cwd: import.meta.dirname });
  try {
    return `${git("rev-parse", "--short", "HEAD").trim()}${git("status", "--porcelain") ? "+" : ""}`;
  } catch {
    return "unknown";
  }
}
