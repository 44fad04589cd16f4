import { afterAll, describe, expect, test } from "vitest";
import { grad } from "../../src/compile/grad.ts";
import { showShape, sizeOf } from "../../src/graph/shape.ts";
import { Engine, input, matmul, type Passes } from "../../src/index.ts";
import { evaluate } from "../../src/reference/index.ts";
import { type CaseRow, cases, matmulRows, reductionRows, softmaxRows } from "../cases.ts";
import { inputsOf, weigh } from "../differences.ts";
import { fill, reals } from "../draws.ts";
import { firstMiss } from "../golden/cases.ts";

interface Extent {
  readonly passes?: Passes;
  /** Whether gradients are compared too; default true. */
  readonly backward?: boolean;
  /** How many of the row's cases; default all. */
  readonly most?: number;
}

/** Compares results and gradients of a row's cases with the float64 twin. */
async function check(engine: Engine, row: CaseRow, { passes = {}, backward = true, most }: Extent = {}): Promise<void> {
  const [rtol, atol] = row.tolerance ?? [1e-5, 1e-5];
  const faults: string[] = [];
  for (const shapes of row.shapes.slice(0, most)) {
    const { inputs, feeds } = inputsOf(fill(row.draws ?? [reals(-2, 2)], shapes.map(sizeOf)), shapes);
    const y = row.op(...inputs);
    const floats = inputs.filter((x) => x.dtype === "f32");
    const gradients = backward && y.dtype === "f32" && !row.noGradient ? grad(weigh(y), floats) : [];
    const outputs = { y, ...Object.fromEntries(gradients.map((dx, i) => [`gradient ${i}`, dx])) };
    const wanted = evaluate(outputs, { inputs: feeds });
    const program = await engine.compile({ outputs }, passes);
    await program.run(feeds);
    for (const [name, want] of Object.entries(wanted)) {
      const output = program.outputs[name as keyof typeof outputs]!;
      const exact = want.dtype !== "f32";
      const miss = firstMiss(await output.data(), want.data, exact ? 0 : rtol, exact ? 0 : atol);
      if (miss) faults.push(`${shapes.map(showShape).join(" ")} ${name}${miss}`);
    }
    program.destroy();
  }
  expect(faults).toEqual([]);
}

const engine = await Engine.create();
afterAll(() => engine.destroy());

describe("kernels agree with the float64 twin", () => {
  for (const row of cases) test(row.name, () => check(engine, row));
});

describe("and do so without simplification and fusion", () => {
  for (const row of cases) test(row.name, () => check(engine, row, { passes: { simplify: false, fuse: false } }));
});

// Rules of thumb pick one variant for a shape; all others have to be right too. Backward they are the same kernels again.
const variantSets: readonly Readonly<Record<string, string>>[] = [
  { matmul: "naive", reduce: "serial", softmax: "serial" },
  { matmul: "tiled", reduce: "tree", softmax: "tree" },
  { matmul: "direct1x4" },
  { matmul: "direct4x4" },
  { matmul: "direct8x4" },
  { matmul: "direct16x8" },
];
describe.each(variantSets)("variants %o", (variants) => {
  const forced = Engine.create({ variants });
  afterAll(async () => (await forced).destroy());
  const rows = [...matmulRows, ...("reduce" in variants ? [...reductionRows, ...softmaxRows] : [])];
  for (const row of rows) test(row.name, async () => check(await forced, row, { backward: false, most: 5 }));

  test("are the ones that run", async () => {
    const y = matmul(input("a", [64, 64]), input("b", [64, 64]));
    const program = await (await forced).compile({ outputs: { y } });
    expect(program.inspect().kernels.map(({ variant }) => variant)).toContain(variants.matmul);
    program.destroy();
  });
});
