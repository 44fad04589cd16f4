import { execFileSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { leaveInterrupted, run } from "../demos/terminal/command.ts";
import { paint } from "../demos/terminal/format.ts";
import { createGPU } from "../src/node/index.ts";
import { measureInChrome } from "./chrome.ts";
import type { Result } from "./measure/result.ts";
import { measure, type SuiteOptions } from "./measure/suite.ts";
import { help, type Options, parseOptions } from "./options.ts";
import { compare } from "./report/compare.ts";
import { html } from "./report/html.ts";
import { tables } from "./report/tables.ts";

await run({ name: "npm run bench", help, parse: parseOptions, main });
process.exit(); // Dawn's threads would keep the process.

async function main({ suite, places, compare: files }: Options, stop: AbortSignal): Promise<void> {
  if (files) {
    const [before, after] = await Promise.all(files.map(readResult));
    console.log(compare(before!, after!));
    return;
  }
  for (const place of places) {
    const result = { ...(await measureIn(place, suite, stop)), commit: commit() };
    console.log(`\n${tables(result)}\n`);
    await keep(result);
  }
}

/** Measures in one place; Ctrl-C leaves after the kernel that is being measured. */
function measureIn(place: Result["place"], suite: SuiteOptions, stop: AbortSignal): Promise<Result> {
  const progress = (line: string): void => {
    if (stop.aborted) {
      leaveInterrupted();
      process.exit();
    }
    console.error(paint("dim", `${place}  ${line}`));
  };
  if (place === "chrome") return measureInChrome(suite, progress);
  return createGPU().then((gpu) => measure("node", { gpu }, suite, progress));
}

async function readResult(file: string): Promise<Result> {
  const result: Partial<Result> = JSON.parse(await readFile(file, "utf8"));
  if (!result.ceilings || !result.kernels || !result.steps) throw new Error(`${file} holds no result of npm run bench`);
  return result as Result;
}

/** Writes a result, and the report on all results of its adapter. */
async function keep(result: Result): Promise<void> {
  const folder = join(import.meta.dirname, "results", result.adapter.toLowerCase().replace(/[^a-z0-9]+/g, "-"));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${result.place}.json`), `${JSON.stringify(result, null, 1)}\n`);
  const results: Result[] = [];
  for (const place of ["node", "chrome"] as const) {
    const known =
      place === result.place ? result : await readResult(join(folder, `${place}.json`)).catch(() => undefined);
    if (known) results.push(known);
  }
  const report = join(folder, "report.html");
  await writeFile(report, await html(results));
  console.log(`${relative(".", join(folder, `${result.place}.json`))}, ${relative(".", report)}`);
}

/** The commit at hand, with "+" where files differ from it. */
function commit(): string {
  const git = (...args: string[]): string => execFileSync("git", args, { encoding: "utf8", cwd: import.meta.dirname });
  try {
    return `${git("rev-parse", "--short", "HEAD").trim()}${git("status", "--porcelain") ? "+" : ""}`;
  } catch {
    return "unknown";
  }
}
