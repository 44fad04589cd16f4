import { afterAll, describe, expect, test } from "vitest";
import { Engine } from "../../src/index.ts";
import { readFile } from "../files.ts";
import { forced } from "../forced.ts";
import { difference, needsDouble, onnxCases, onnxDir, readCase } from "../onnxCases.ts";
import { inChrome } from "../place.ts";

// Each case as a user would run it: import, compile, run, read.
const engine = await Engine.create(forced());
afterAll(() => engine.destroy());

for (const kind of new Set(onnxCases.map((name) => name.split("/")[0]!))) {
  describe(kind, () => {
    // Chrome has Node's compiler and adapter: a third is enough there.
    const cases = onnxCases.filter((name) => name.startsWith(`${kind}/`)).filter((_, i) => !inChrome || i % 3 === 0);
    for (const name of cases) {
      const reason = needsDouble.includes(name) ? "its numbers need float64" : undefined;
      test.skipIf(reason)(reason ? `${name}: ${reason}` : name, { timeout: 300_000 }, async () => {
        const { graph, feeds, expected } = await readCase(readFile, onnxDir, name);
        const known = Object.entries(graph.known);
        const faults = known.flatMap(([key, value]) => difference(key, value, expected[key]!) ?? []);
        const names = Object.keys(graph.outputs);
        if (names.length > 0) {
          const program = await engine.compile({ outputs: graph.outputs });
          try {
            const got = await program.compute(feeds);
            for (const key of names) {
              const { shape } = graph.outputs[key]!;
              faults.push(...[difference(key, { shape, data: got[key]! }, expected[key]!) ?? []].flat());
            }
          } finally {
            program.destroy();
          }
        }
        expect(faults).toEqual([]);
        expect([...known.map(([key]) => key), ...names].sort()).toEqual(Object.keys(expected).sort());
      });
    }
  });
}
