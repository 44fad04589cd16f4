import type { Engine } from "../../src/index.ts";
import { tuned } from "../forced.ts";
import { type GoldenCase, readTensors } from "./cases.ts";
import { build, faults } from "./graph.ts";
import { asPromised } from "./nonfinite.ts";
import type { Executor } from "./trajectories.ts";

/*
 * Runs the reference cases as a user would: compile, run, read. Uses no test runner, so that all runners can share it.
 */

/** What is wrong with a case on a device: one line per wrong result or gradient. */
export async function caseFaults(engine: Engine, golden: GoldenCase): Promise<string[]> {
  const graph = build(golden, await readTensors(golden.file));
  const program = await engine.compile({ outputs: graph.outputs }, { tune: tuned() });
  try {
    await program.run(graph.feeds);
    const got = await readAll(program.outputs);
    return faults(graph, golden, golden.tags.includes("nonfinite") ? asPromised(golden, graph.wanted, got) : got);
  } finally {
    program.destroy();
  }
}

/** Runs models and training runs on a device. */
export function deviceExecutor(engine: Engine): Executor {
  return {
    async program(description) {
      const program = await engine.compile(description, { tune: tuned() });
      return {
        async run(feeds) {
          await program.run(feeds);
          return readAll(program.outputs);
        },
      };
    },
    write: (variable, data) => engine.write(variable, data),
    read: (variable) => engine.read(variable),
  };
}

async function readAll(outputs: Readonly<Record<string, { data(): Promise<ArrayLike<number>> }>>) {
  const reads = Object.entries(outputs).map(async ([name, output]) => [name, await output.data()] as const);
  return Object.fromEntries(await Promise.all(reads));
}
