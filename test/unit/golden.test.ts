import { describe, expect, test } from "vitest";
import { evaluate } from "../../src/reference/index.ts";
import { absentFiles, readManifest, readTensors } from "../golden/cases.ts";
import { build, faults } from "../golden/graph.ts";
import { goldenOps, notBuilt, skipped } from "../golden/ops.ts";

// Compares the float64 twin with PyTorch: the ops must mean the same before any kernel is tested.
const [{ cases }, absent] = await Promise.all([readManifest(), absentFiles()]);

for (const family of new Set(cases.map((golden) => golden.family))) {
  describe(family, () => {
    for (const golden of cases.filter((golden) => golden.family === family)) {
      const reason = skipped(golden, absent);
      test.skipIf(reason)(reason ? `${golden.name}: ${reason}` : golden.name, async () => {
        const graph = build(golden, await readTensors(golden.file));
        const values = evaluate(graph.outputs, { inputs: graph.feeds });
        // The files hold float64 results rounded to float32.
        const got = Object.fromEntries(
          Object.entries(values).map(([role, { data }]) => [role, Float32Array.from(data)]),
        );
        expect(faults(graph, golden, got)).toEqual([]);
      });
    }
  });
}

test("every op of the reference cases is built or listed as not built", () => {
  const named = new Set(cases.map(({ op }) => op));
  expect([...named].filter((op) => !goldenOps[op] && !notBuilt.includes(op))).toEqual([]);
  expect(notBuilt.filter((op) => goldenOps[op])).toEqual([]);
});
