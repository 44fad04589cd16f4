import { join } from "node:path";
import {
  adapterHelp,
  folder,
  OptionError,
  oneOf,
  parse,
  readable,
  type Spec,
  whole,
} from "../demos/terminal/options.ts";
import type { EngineOptions } from "../src/index.ts";
import type { Result } from "./measure/result.ts";
import type { SuiteOptions } from "./measure/suite.ts";

/** What computes: options of an engine. */
export type BackendOptions = Pick<EngineOptions, "backend" | "threads">;

export interface Options {
  readonly suite: SuiteOptions;
  readonly places: readonly Exclude<Result["place"], "page">[];
  readonly backends: readonly BackendOptions[];
  /** The folder for results. */
  readonly to: string;
  /** Whether to model instead of measuring. */
  readonly plan: boolean;
  /** Two results to compare instead of measuring. */
  readonly compare: readonly [before: string, after: string] | undefined;
}

export const help = `Measures kernels and training steps on WebGPU or with WebAssembly, in Node and in headless Chrome.

  npm run bench -- [options]

  --in PLACE         node, chrome or both (default both)
  --backend NAME     webgpu, wasm (WebAssembly on the CPU) or all, which ends with a comparison (default webgpu)
  --threads N        threads of WebAssembly, 1 to 64 (default one for each core, up to 8)
  --filter TEXT      only kernels and steps whose names contain TEXT, such as conv2d or 512
  --quick            shorter measurements, without the longest kernels: a few minutes on two slow cores
  --speed            only what the page Speed test measures: a few kernels and five steps, in a minute or two
  --scaling          also measure how steps grow with dispatches, batch and sequence, and compiling with the graph
  --plan            only model steps on described GPUs, from what their kernels ask for; needs no GPU
  --to FOLDER        where to write results; default bench/results
  --compare A B      only compare two results (.json): the time of each row of B divided by that of A
  --help             this text

Rows appear as they are measured; Ctrl-C keeps the rows so far. Results go to FOLDER/ADAPTER/: node.json, chrome.json,
report.html. bench/README.md explains the columns.
${adapterHelp}`;

const suiteSpec = {
  filter: { type: "string", default: "" },
  quick: { type: "boolean", default: false },
  scaling: { type: "boolean", default: false },
  speed: { type: "boolean", default: false },
} satisfies Spec;

/** Parses options of the suite only. @throws OptionError as `parseOptions`. */
export const parseSuite = (args: readonly string[]): SuiteOptions => suiteOf(parse(args, suiteSpec));

const suiteOf = ({ filter, quick, scaling, speed }: SuiteOptions): SuiteOptions => ({
  filter,
  quick: quick || speed,
  scaling,
  speed,
});

/**
 * Parses the command line; undefined for `--help`.
 * @throws OptionError with the option, its value and the valid values.
 */
export function parseOptions(args: readonly string[]): Options | undefined {
  const compared = takeCompared(args);
  const values = parse(compared.rest, {
    ...suiteSpec,
    in: { type: "string" },
    backend: { type: "string" },
    threads: { type: "string" },
    plan: { type: "boolean", default: false },
    to: { type: "string", default: join(import.meta.dirname, "results") },
    help: { type: "boolean", short: "h" },
  });
  if (values.help) return undefined;
  if (values.plan)
    for (const name of ["in", "backend", "threads"] as const)
      if (values[name] !== undefined) throw new OptionError(`--plan models GPUs and measures nothing, drop --${name}`);
  const place = oneOf("--in", values.in ?? "both", ["node", "chrome", "both"]);
  const backend = oneOf("--backend", values.backend ?? "webgpu", ["webgpu", "wasm", "all"]);
  const threads = values.threads === undefined ? undefined : whole("--threads", values.threads, 1, 64);
  return {
    suite: suiteOf(values),
    places: place === "both" ? ["node", "chrome"] : [place as "node" | "chrome"],
    backends: [
      ...(backend === "wasm" ? [] : [{ backend: "webgpu" } as const]),
      ...(backend === "webgpu" ? [] : [{ backend: "wasm", threads } as const]),
    ],
    to: folder("--to", values.to),
    plan: values.plan,
    compare: compared.files,
  };
}

/** The two files after `--compare`, and the other arguments. */
function takeCompared(args: readonly string[]): { files: Options["compare"]; rest: readonly string[] } {
  const at = args.indexOf("--compare");
  if (at < 0) return { files: undefined, rest: args };
  const files = args.slice(at + 1, at + 3).filter((arg) => !arg.startsWith("-"));
  if (files.length < 2) {
    throw new OptionError(
      `--compare is followed by ${files.length === 0 ? "no file" : "one file"}, expected two results`,
    );
  }
  const [before, after] = files.map((file) => readable("--compare", file)) as [string, string];
  return { files: [before, after], rest: args.toSpliced(at, 3) };
}
