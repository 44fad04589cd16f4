import { OptionError, parse, writable } from "../../demos/terminal/options.ts";
import { type Row, rows } from "./rows.ts";

export interface Options {
  readonly rows: readonly Row[];
  /** Whether pages are measured, too: only where no rows were asked for by name. */
  readonly pages: boolean;
  readonly json: string;
  /** How often each library has its turn. */
  readonly rounds: number;
  /** Each turn takes samples for so long, and one sample at least. */
  readonly turnMs: number;
  /** A library whose turn took longer has no further one in that row. */
  readonly longestTurnMs: number;
  /** Losses of so many steps have to agree, and of so many where the row varies another. */
  readonly losses: { readonly all: number; readonly varied: number };
  /** A library that has taken so long for its losses gives no more of them, but five at least. */
  readonly lossSeconds: number;
  /** How often each page is loaded. */
  readonly loads: number;
  /** Growth is measured over so many steps, or those of so many seconds if they are fewer. */
  readonly growthSteps: number;
  readonly growthSeconds: number;
}

export const help = `npm run bench:peers -- [options]

Times tilegrad, jax-js and TensorFlow.js on the same work in one headless Chrome.

  --quick        fewer rounds, and one for who takes seconds: below ten minutes on two slow cores
  --filter TEXT  only rows whose name contains TEXT, such as matmul, step or LeNet
  --json FILE    where the results go; default bench/results/peers.json
  --help         this text`;

/** What the command line asks for; undefined for `--help`. @throws OptionError for what makes no sense. */
export function parseOptions(args: readonly string[], defaultJson: () => string): Options | undefined {
  const { quick, filter, json, help } = parse(args, {
    quick: { type: "boolean", default: false },
    filter: { type: "string" },
    json: { type: "string" },
    help: { type: "boolean", default: false },
  });
  if (help) return undefined;
  return {
    rows: chosen(filter),
    pages: filter === undefined,
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
  throw new OptionError(`--filter is "${filter}", which is part of no row's name:${titles}`);
}
