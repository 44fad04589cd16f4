import { computed, signal } from "@preact/signals";
import { ask } from "./gpu.ts";
import { type Axis, type HeatMap, resized } from "./heat.ts";
import { type Outcome, type Problem, problemKey } from "./rows.ts";
import * as session from "./session.ts";

const latest = signal<HeatMap | undefined>(undefined);

/** Over shapes, a heat map is of a work; over workgroups, also of its sizes. */
const subject = (axis: Axis): string =>
  axis === "shapes" ? session.problem.value.work : problemKey(session.problem.value);

/** The heat map of what the page shows. */
export const heatMap = computed(() => {
  const map = latest.value;
  return map && map.of === subject(map.axis) ? map : undefined;
});

/** Invocations per workgroup. */
const workgroups = [4, 8, 16, 32, 64, 128, 256];

/** Measures all cells, row by row, until it is stopped or the problem changes. */
export async function sweep(axis: Axis): Promise<void> {
  const { problem, work, ladder } = session;
  const studied = problem.value;
  const columns = ladder.value!.variants.filter(({ lacks }) => lacks === undefined || axis === "shapes");
  const names = columns.map(({ variant }) => variant);
  const rows: readonly (readonly [string, Problem, number | undefined])[] =
    axis === "shapes"
      ? work.value.shapes
          .filter(({ nan }) => !nan)
          .map(({ name, sizes }) => [`${name}, ${sizes.join(" × ")}`, { ...studied, sizes, nan: false }, undefined])
      : workgroups.map((size) => [`${size} invocations`, studied, size]);
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
