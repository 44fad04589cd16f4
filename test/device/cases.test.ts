import { afterAll, describe, test } from "vitest";
import { Engine } from "../../src/index.ts";
import { cases } from "../cases.ts";
import { checkRow } from "../checkRow.ts";

const engine = await Engine.create();
afterAll(() => engine.destroy());

describe("kernels agree with the float64 twin", () => {
  for (const row of cases) test(row.name, () => checkRow(engine, row));
});

describe("and do so without simplification and fusion", () => {
  for (const row of cases) test(row.name, () => checkRow(engine, row, { simplify: false, fuse: false, merge: false }));
});
