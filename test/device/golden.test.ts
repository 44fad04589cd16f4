import { afterAll, describe, expect, test } from "vitest";
import { Engine } from "../../src/index.ts";
import { absentFiles, readManifest, readTensors } from "../golden/cases.ts";
import { build, faults } from "../golden/graph.ts";
import { skipped } from "../golden/ops.ts";

// The way of a user: compile, run, read. Results and gradients of every case against those of PyTorch in float64.
const [engine, { cases }, absent] = await Promise.all([Engine.create(), readManifest(), absentFiles()]);
afterAll(() => engine.destroy());

for (const family of new Set(cases.map((golden) => golden.family))) {
  describe(family, () => {
    for (const golden of cases.filter((golden) => golden.family === family)) {
      // WGSL leaves open what becomes of infinities.
      const reason = golden.tags.includes("nonfinite") ? "not finite" : skipped(golden, absent);
      test.skipIf(reason)(reason ? `${golden.name}: ${reason}` : golden.name, async () => {
        const graph = build(golden, await readTensors(golden.file));
        const program = await engine.compile({ outputs: graph.outputs });
        try {
          await program.run(graph.feeds);
          const reads = Object.entries(program.outputs).map(
            async ([role, output]) => [role, await output.data()] as const,
          );
          expect(faults(graph, golden, Object.fromEntries(await Promise.all(reads)))).toEqual([]);
        } finally {
          program.destroy();
        }
      });
    }
  });
}
