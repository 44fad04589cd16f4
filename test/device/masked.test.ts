import { afterAll, describe, expect, test } from "vitest";
import { Engine } from "../../src/index.ts";
import { forced } from "../forced.ts";
import { maskedFault, outputsOf, rows } from "../masked.ts";
import { some } from "../place.ts";

const engine = await Engine.create(forced());
afterAll(() => engine.destroy());

describe("masked elements do not affect the result", () => {
  test.each(some(rows).map((row) => [row.name, row] as const))("%s", async (_, row) => {
    const outputs = outputsOf(row);
    const program = await engine.compile({ outputs });
    expect(await maskedFault(row, outputs, (feeds) => program.compute(feeds))).toBeUndefined();
    program.destroy();
  });
});
