import { isFault, type KernelTime, type Result } from "../measure/result.ts";
import { figure } from "./figures.ts";

/** A note to the reader of the figures. */
export interface Note {
  /** A fault is a wrong kernel; a warning says how reliable the figures are; a hint suggests an improvement. */
  readonly tone: "fault" | "warning" | "hint";
  /** A heading for notes of the same kind. */
  readonly about: string;
  readonly text: string;
}

const warnings = "Reliability of the figures";

/** For the terminal and the HTML report. */
export function notesOf(result: Result): Note[] {
  const { stopped, ceilings, ceilingsAfter: after, kernels } = result;
  const notes: Note[] = [];
  if (stopped) notes.push({ tone: "warning", about: warnings, text: `Incomplete: ${stopped}.` });
  if (after && (differ(after.gflops, ceilings.gflops) || differ(after.gbPerSec, ceilings.gbPerSec))) {
    const [then, now] = [ceilings, after].map(
      ({ gflops, gbPerSec }) => `${figure(gflops)} GFLOP/s and ${figure(gbPerSec)} GB/s`,
    );
    const text = `Other work ran on the machine, so shares of the roofline are rough: ${then} at the start, ${now} at the end.`;
    notes.push({ tone: "warning", about: warnings, text });
  }
  for (const row of kernels.filter(isFault)) {
    const text = `WRONG: ${row.family} ${row.shape} ${row.variant}: ${row.wrong}`;
    notes.push({ tone: "fault", about: "Kernels that differ from the reference", text });
  }
  return [...notes, ...missedChoices(kernels.filter((row): row is KernelTime => !isFault(row)))];
}

const differ = (a: number, b: number): boolean => Math.abs(Math.log(a / b)) > 0.15;

/** Kernels with a variant faster than the chosen one, by a tenth and by more than the noise. */
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
    return { tone: "hint", about: "Faster than the engine's choice", text: `${family} ${shape}: ${times}` };
  });
}
