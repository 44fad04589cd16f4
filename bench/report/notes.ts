import { isFault, type KernelTime, type Result } from "../measure/result.ts";
import { figure } from "./figures.ts";

/** What a reader has to know beside the figures. */
export interface Note {
  /** A fault is a kernel that is wrong; a warning says what the figures are worth; a hint, what could be better. */
  readonly tone: "fault" | "warning" | "hint";
  /** A heading for notes of the same kind. */
  readonly about: string;
  readonly text: string;
}

const warnings = "What the figures are worth";

/** In the terminal as in the HTML report. */
export function notesOf(result: Result): Note[] {
  const { stopped, ceilings, ceilingsAfter: after, kernels } = result;
  const notes: Note[] = [];
  if (stopped) notes.push({ tone: "warning", about: warnings, text: `Not all was measured: ${stopped}.` });
  if (after && (differ(after.gflops, ceilings.gflops) || differ(after.gbPerSec, ceilings.gbPerSec))) {
    const [then, now] = [ceilings, after].map(
      ({ gflops, gbPerSec }) => `${figure(gflops)} GFLOP/s and ${figure(gbPerSec)} GB/s`,
    );
    const text = `Other work was on the machine, and shares of the roofline are rough: ${then} at the beginning, ${now} at the end.`;
    notes.push({ tone: "warning", about: warnings, text });
  }
  for (const row of kernels.filter(isFault)) {
    const text = `WRONG: ${row.family} ${row.shape} ${row.variant}: ${row.wrong}`;
    notes.push({ tone: "fault", about: "Kernels that give other values than the reference", text });
  }
  return [...notes, ...missedChoices(kernels.filter((row): row is KernelTime => !isFault(row)))];
}

const differ = (a: number, b: number): boolean => Math.abs(Math.log(a / b)) > 0.15;

/** Kernels of which another variant takes less time than the chosen one, by a tenth and more than noise. */
function missedChoices(rows: readonly KernelTime[]): Note[] {
  return rows.flatMap((row) => {
    const { family, shape, variant, ms, spread } = row;
    const rivals = rows.filter((other) => other.family === family && other.shape === shape);
    const chosen = rivals.find((rival) => rival.chosen);
    if (!chosen || rivals.some((rival) => rival.ms < ms)) return [];
    const ratio = chosen.ms / ms;
    const noise = 3 * Math.hypot(spread ?? 0, chosen.spread ?? 0);
    if (ratio < 1.1 || ratio < 1 + noise) return [];
    const times = `${variant} in ${figure(ms)} ms, ${chosen.variant} in ${figure(chosen.ms)} ms`;
    return { tone: "hint", about: "Faster than what the engine takes", text: `${family} ${shape}: ${times}` };
  });
}
