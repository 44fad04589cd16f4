import { paint } from "../../demos/terminal/format.ts";
import { isFault, type Result, type Timing } from "../measure/result.ts";
import { figure, placeOf } from "./figures.ts";
import { table } from "./table.ts";

/** A row that both results have. */
interface Pair {
  readonly name: string;
  readonly before: number;
  readonly after: number;
  /** `after / before`: below 1 is faster. */
  readonly ratio: number;
  readonly beyondNoise: boolean;
}

type Timed = Pick<Timing, "ms" | "spread">;

/** Assumed spread for rows with too few samples, and for ceilings. */
const unknownSpread = 0.03;

/** Differences beyond noise: this many spreads of both together, and 5 %. */
const spreads = 3;

/** @param chosen whether to take a kernel's time from the variant that the engine chooses, whatever its name. */
function timesOf({ ceilings, kernels, steps }: Result, chosen: boolean): Map<string, Timed> {
  const times = new Map<string, Timed>();
  // Ceilings as times, so that below 1 means faster there, too.
  times.set("ceiling: 1 GFLOP of multiply-adds", { ms: 1000 / ceilings.gflops, spread: null });
  times.set("ceiling: 1 GB copied", { ms: 1000 / ceilings.gbPerSec, spread: null });
  times.set("ceiling: a dispatch", { ms: ceilings.dispatchUs / 1000, spread: null });
  for (const row of kernels) {
    if (isFault(row) || (chosen && !row.chosen)) continue;
    times.set(`${row.family} ${row.shape}${chosen ? "" : ` ${row.variant}`}`, row);
  }
  for (const step of steps) times.set(`step: ${step.name}`, step);
  return times;
}

/**
 * Compares the times of two results row by row. Those of different adapters choose different variants, so they are
 * compared by their choices. @param room characters per line.
 */
export function compare(before: Result, after: Result, room?: number): string {
  const chosen = before.adapter !== after.adapter;
  const [old, now] = [timesOf(before, chosen), timesOf(after, chosen)];
  const pairs: Pair[] = [...old].flatMap(([name, a]) => {
    const b = now.get(name);
    if (!b || !(a.ms > 0 && b.ms > 0)) return [];
    const ratio = b.ms / a.ms;
    const noise = Math.max(0.05, spreads * Math.hypot(a.spread ?? unknownSpread, b.spread ?? unknownSpread));
    return { name, before: a.ms, after: b.ms, ratio, beyondNoise: Math.abs(Math.log(ratio)) > Math.log1p(noise) };
  });
  const title = (result: Result): string => {
    const { adapter, date, commit } = result;
    return `${adapter}, ${placeOf(result)}, ${date.slice(0, 16).replace("T", " ")}${commit ? `, ${commit}` : ""}`;
  };
  const verdict = ({ beyondNoise, ratio }: Pair): string => (!beyondNoise ? "" : ratio < 1 ? "faster" : "slower");
  const lines = [
    `A  ${title(before)}`,
    `B  ${title(after)}`,
    "",
    table(
      [
        { name: "row", left: true, above: true, cell: ({ name }) => name },
        { name: "A ms", cell: (pair) => figure(pair.before) },
        { name: "B ms", cell: (pair) => figure(pair.after) },
        { name: "B / A", cell: ({ ratio }) => ratio.toFixed(2) },
        { name: "", left: true, cell: verdict },
      ],
      pairs,
      room,
      ({ beyondNoise }) => beyondNoise,
    ),
  ];
  const count = (of: string): number => pairs.filter((pair) => verdict(pair) === of).length;
  const alone = old.size + now.size - 2 * pairs.length;
  lines.push("", `${pairs.length} rows: ${count("faster")} faster, ${count("slower")} slower, the others within noise`);
  if (alone > 0) lines.push(paint("dim", `${alone} rows are only in one of them`));
  if (before.adapter !== after.adapter || before.place !== after.place)
    lines.push(paint("yellow", "The results are from different adapters or places."));
  return lines.join("\n");
}
