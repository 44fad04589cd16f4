import { run } from "../../demos/terminal/command.ts";
import { parse, whole } from "../../demos/terminal/options.ts";
import { type Sample, soakInChrome, soakInNode } from "./places.ts";

interface Options {
  readonly steps: number;
  readonly reports: number;
  readonly chrome: boolean;
}

const help = `npm run soak -- [options]

Trains for a long time, with reads, writes, checkpoints, compiling and freeing in between, and prints what is held.

  --steps N    how many steps; default 100000
  --chrome     in a page of headless Chrome; default in Node
  --help       this text`;

function parseOptions(args: readonly string[]): Options | undefined {
  const { steps, chrome, help } = parse(args, {
    steps: { type: "string", default: "100000" },
    chrome: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  });
  if (help) return undefined;
  const count = whole("--steps", steps as string, 10, 1e7);
  return { steps: count, reports: Math.ceil(count / 10), chrome: chrome as boolean };
}

const columns = ["step", "loss", "heap MiB", "processes MiB", "GPU buffers", "GPU MiB", "variables B", "staging B"];
const line = (cells: readonly (string | number)[]) => cells.map((cell) => String(cell).padStart(13)).join(" ");

function show({ step, loss, heap, processes, buffers, bufferBytes, engine }: Sample): void {
  const { variables, staging } = engine;
  const gpu = (bufferBytes / 2 ** 20).toFixed(3);
  console.log(line([step, loss.toFixed(4), heap, processes, buffers, gpu, variables, staging]));
}

async function main({ steps, reports, chrome }: Options): Promise<void> {
  console.log(line(columns));
  await (chrome ? soakInChrome : soakInNode)(steps, reports, show);
}

await run({ name: "npm run soak", help, parse: parseOptions, main });
process.exit(); // Dawn's threads would keep the process alive.
