import { afterAll, describe, expect, test } from "vitest";
import { Engine, type Feeds, type Tensor } from "../../src/index.ts";
import { readFile } from "../files.ts";
import { forced } from "../forced.ts";
import { faultsOf, needsDouble, onnxCases, onnxDir, readCase } from "../onnxCases.ts";
import { inChrome } from "../place.ts";

// Each case as a user would run it: import, compile, run, read.
const engine = await Engine.create(forced());
afterAll(() => engine.destroy());

/** Runs a program with these outputs, if there are any. */
async function computed(outputs: Readonly<Record<string, Tensor>>, feeds: Feeds) {
  if (Object.keys(outputs).length === 0) return {};
  const program = await engine.compile({ outputs });
  try {
    const got = await program.compute(feeds);
    return Object.fromEntries(Object.entries(outputs).map(([key, { shape }]) => [key, { shape, data: got[key]! }]));
  } finally {
    program.destroy();
  }
}

for (const kind of new Set(onnxCases.map((name) => name.split("/")[0]!))) {
  describe(kind, () => {
    // Chrome has Node's compiler and adapter: a third is enough there.
    const cases = onnxCases.filter((name) => name.startsWith(`${kind}/`)).filter((_, i) => !inChrome || i % 3 === 0);
    for (const name of cases) {
      const reason = needsDouble.includes(name) ? "its numbers need float64" : undefined;
      test.skipIf(reason)(reason ? `${name}: ${reason}` : name, { timeout: 300_000 }, async () => {
        const sample = await readCase(readFile, onnxDir, name);
        const { known, outputs } = sample.graph;
        expect(faultsOf(name, sample, { ...known, ...(await computed(outputs, sample.feeds)) })).toEqual([]);
      });
    }
  });
}
