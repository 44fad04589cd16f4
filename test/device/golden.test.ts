import { afterAll, describe, expect, test } from "vitest";
import { Engine } from "../../src/index.ts";
import { forced } from "../forced.ts";
import { absentFiles, readManifest } from "../golden/cases.ts";
import { caseFaults } from "../golden/device.ts";
import { skipped } from "../golden/ops.ts";
import { some } from "../place.ts";

// As a user would: compile, run, read. Compares results and gradients of every case with those of PyTorch in float64.
const [engine, { cases }, absent] = await Promise.all([Engine.create(forced()), readManifest(), absentFiles()]);
afterAll(() => engine.destroy());

for (const family of new Set(cases.map((golden) => golden.family))) {
  describe(family, () => {
    const all = cases.filter((golden) => golden.family === family);
    for (const golden of some(all, 4)) {
      const reason = skipped(golden, absent);
      test.skipIf(reason)(reason ? `${golden.name}: ${reason}` : golden.name, async () => {
        expect(await caseFaults(engine, golden)).toEqual([]);
      });
    }
  });
}
