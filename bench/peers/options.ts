import { OptionError, oneOf, parse, whole, writable } from "../../demos/terminal/options.ts";
import { type Column, columns } from "./columns.ts";
import { type Row, rows } from "./rows.ts";
import type { Turns } from "./timing.ts";

export interface Options extends Turns {
  readonly rows: readonly Row[];
  readonly columns: readonly Column[];
  /** Processors that a page finds: so many threads run WebAssembly where a library has threads. */
  readonly threads: number;
  /** Whether to measure pages, too: only on WebGPU, and if no rows were selected by name. */
  readonly pages: boolean;
  readonly json: string;
  /** Number of loads of each page. */
  readonly loads: number;
  /** Number of steps over which growth is measured, unless time runs out first. */
  readonly growthSteps: number;
  readonly growthSeconds: number;
}

export const help = `npm run bench:peers -- [options]

Times tilegrad, jax-js and TensorFlow.js on the same work in one headless Chrome.

  --backend NAME  webgpu, wasm (WebAssembly on the CPU) or all; default webgpu
  --threads N     threads of WebAssembly, 1 to 64; default 1
  --quick         fewer rounds, and only one for slow libraries: less than ten minutes on two slow cores
  --filter TEXT   only rows whose names contain TEXT, such as matmul, step or LeNet
  --json FILE     where to write results; default bench/results/peers.json
  --help          this text`;

/** Parses the command line; undefined for `--help`. @throws OptionError for invalid options. */
export function parseOptions(args: readonly string[], defaultJson: () => string): Options | undefined {
  const { backend, threads, quick, filter, json, help } = parse(args, {
    backend: { type: "string", default: "webgpu" },
    threads: { type: "string", default: "1" },
    quick: { type: "boolean", default: false },
    filter: { type: "string" },
    json: { type: "string" },
    help: { type: "boolean", default: false },
  });
  if (help) return undefined;
  const wanted = oneOf("--backend", backend, ["webgpu", "wasm", "all"]);
  return {
    rows: chosen(filter),
    columns: columns.filter((column) => wanted === "all" || column.backend === wanted),
    threads: whole("--threads", threads, 1, 64),
    pages: filter === undefined && wanted !== "wasm",
    json: writable("--json", json ?? defaultJson()),
    rounds: quick ? 3 : 12,
    turnMs: quick ? 120 : 300,
    longestTurnMs: quick ? 1000 : Number.POSITIVE_INFINITY,
    losses: { all: 20, varied: quick ? 5 : 20 },
    lossSeconds: quick ? 30 : 600,
    loads: quick ? 3 : 9,
    growthSteps: 2000,
    growthSeconds: quick ? 3 : 240,
  };
}

function chosen(filter: string | undefined): readonly Row[] {
  if (filter === undefined) return rows;
  const wanted = filter.toLowerCase();
  const found = rows.filter(({ key, title }) => `${key} ${title}`.toLowerCase().includes(wanted));
  if (found.length > 0) return found;
  const titles = rows.map(({ title }) => `\n  ${title}`).join("");
  throw new OptionError(`--filter is "${filter}", but no row's name contains it:${titles}`);
}
