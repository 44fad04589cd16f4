import { type Outcome, timed } from "./rows.ts";

/** What varies from row to row of a heat map; columns are variants. */
export type Axis = "shapes" | "workgroups";

export interface Row {
  readonly name: string;
  /** Outcomes by variant; `undefined` where nothing can be varied, absent until it is measured. */
  readonly cells: ReadonlyMap<string, Outcome | undefined>;
}

export interface HeatMap {
  readonly axis: Axis;
  /** What it was measured for: it says nothing of others. */
  readonly of: string;
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

/** Invocations per workgroup that a sweep measures, unless the visitor types others. */
export const usualGroups: readonly number[] = [4, 8, 16, 32, 64, 128, 256];

/** Most rows of a sweep. */
const mostRows = 16;

/** Reads numbers of invocations per workgroup. @returns what is wrong with them, as a text, if something is. */
export function groupSizes(text: string, most: number): readonly number[] | string {
  const words = text.split(/[\s,;]+/).filter((word) => word !== "");
  const sizes = [...new Set(words.map(Number))].sort((a, b) => a - b);
  const bad = words.find((word) => !(Number.isInteger(Number(word)) && Number(word) >= 1));
  if (bad !== undefined) return `“${bad}” is no whole number of invocations.`;
  if (sizes.length === 0) return "Type numbers of invocations, such as 8, 24, 96.";
  if (sizes.at(-1)! > most) return `${sizes.at(-1)} invocations: a workgroup of this adapter has at most ${most}.`;
  return sizes.length > mostRows ? `${sizes.length} sizes: a sweep takes at most ${mostRows}.` : sizes;
}

/** The milliseconds of a cell. */
export const msOf = (outcome: Outcome | undefined): number | undefined => timed(outcome, undefined)?.ms;

/**
 * How fast each cell is, as a share of the fastest it is compared with: of its row where rows are shapes, which take
 * different times anyway, else of all.
 */
export function shares({ axis, rows }: HeatMap): readonly ReadonlyMap<string, number>[] {
  const least = (some: readonly Row[]): number =>
    Math.min(...some.flatMap(({ cells }) => [...cells.values()].map((cell) => msOf(cell) ?? Number.POSITIVE_INFINITY)));
  return rows.map((row) => {
    const best = least(axis === "shapes" ? [row] : rows);
    return new Map(
      [...row.cells].flatMap(([variant, outcome]) => {
        const ms = msOf(outcome);
        return ms === undefined ? [] : [[variant, best / ms] as const];
      }),
    );
  });
}
