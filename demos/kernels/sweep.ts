import { ask } from "./gpu.ts";
import type { Axis, HeatMap } from "./heat.ts";
import { resized } from "./resized.ts";
import type { Outcome, Problem } from "./rows.ts";
import * as session from "./session.ts";
import type { Shape } from "./shapes.ts";
import { latest, subject, swept } from "./swept.ts";

/* Loaded when a sweep begins. */

/** The shapes that a sweep measures: those of the page, and the visitor's. */
function shapesOf({ sizes }: Problem): readonly Shape[] {
  const known = session.work.value.shapes.filter(({ nan }) => !nan);
  return known.some((shape) => shape.sizes.join() === sizes.join()) ? known : [...known, { name: "Yours", sizes }];
}

/** Measures all cells, row by row, until it is stopped or the problem changes. */
export async function sweep(axis: Axis): Promise<void> {
  const { problem, ladder } = session;
  const studied = problem.value;
  const columns = ladder.value!.variants.filter(({ lacks }) => lacks === undefined || axis === "shapes");
  const names = columns.map(({ variant }) => variant);
  const rows: readonly (readonly [string, Problem, number | undefined])[] =
    axis === "shapes"
      ? shapesOf(studied).map(({ name, sizes }) => [
          `${name}, ${sizes.join(" × ")}`,
          { ...studied, sizes, nan: false },
          undefined,
        ])
      : swept.value.map((size) => [`${size} invocations`, studied, size]);
  const of = subject(axis);
  latest.value = { axis, of, columns: names, rows: rows.map(([name]) => ({ name, cells: new Map() })) };
  const goesOn = session.begin("Measuring the sweep");
  for (const [i, [name, cell, size]] of rows.entries()) {
    for (const variant of names) {
      session.busy.value = `Sweep: ${variant}, ${name}`;
      const outcome = await measureCell(cell, variant, size);
      if (!goesOn()) return;
      const map: HeatMap = latest.value!;
      const next = map.rows.map((row, k) =>
        k === i ? { ...row, cells: new Map([...row.cells, [variant, outcome]]) } : row,
      );
      latest.value = { ...map, rows: next };
    }
  }
  session.busy.value = undefined;
}

async function measureCell(problem: Problem, variant: string, size: number | undefined): Promise<Outcome | undefined> {
  try {
    if (size === undefined) return await ask((bench) => bench.measure(problem, variant));
    await session.load(variant);
    const edits = resized(session.sources.value.get(variant) ?? [], size);
    return edits && (await ask((bench) => bench.measure(problem, variant, edits, true)));
  } catch (error) {
    return { state: "failed", message: (error as Error).message };
  }
}
