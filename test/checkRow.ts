import { expect } from "vitest";
import { grad } from "../src/compile/grad.ts";
import { showShape, sizeOf } from "../src/graph/shape.ts";
import type { Engine, Passes } from "../src/index.ts";
import { evaluate } from "../src/reference/index.ts";
import type { CaseRow } from "./cases.ts";
import { inputsOf, weigh } from "./differences.ts";
import { fill, reals } from "./draws.ts";
import { firstMiss } from "./golden/cases.ts";

/** Compares results and gradients of a row's cases with the float64 twin. */
export async function checkRow(engine: Engine, row: CaseRow, passes: Passes = {}): Promise<void> {
  const [rtol, atol] = row.tolerance ?? [1e-5, 1e-5];
  const faults: string[] = [];
  for (const shapes of row.shapes) {
    const { inputs, feeds } = inputsOf(fill(row.draws ?? [reals(-2, 2)], shapes.map(sizeOf)), shapes);
    const y = row.op(...inputs);
    const floats = inputs.filter((x) => x.dtype === "f32");
    const gradients = y.dtype === "f32" && !row.noGradient ? grad(weigh(y), floats) : [];
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
