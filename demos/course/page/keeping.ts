/*
 * What the browser keeps of a reader's work, lesson by lesson.
 */

/** What the reader has made of a cell. */
export interface KeptText {
  /** The cell's number at that time. Lessons change, so it may be another cell's today. */
  readonly number: number;
  /** The cell's own code at that time; empty where it was not kept. */
  readonly code: string;
  readonly text: string;
}

export interface Work {
  readonly texts: readonly KeptText[];
  /** Exercises that are solved: the code that the reader found there, or only a number, as pages once kept it. */
  readonly solved: readonly (string | number)[];
  /** Whether all cells have run and all exercises are solved. */
  readonly isDone: boolean;
}

const nothing: Work = { texts: [], solved: [], isDone: false };

const keyOf = (lesson: string): string => `tilegrad-course/${lesson}`;
const teacherKey = "tilegrad-course-teacher";

/** A value of the browser's store; undefined where the browser forbids it. */
function read(key: string): string | undefined {
  try {
    return localStorage.getItem(key) ?? undefined;
  } catch {
    return undefined;
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Without a store, or with a full one, the page works as well; it only forgets.
  }
}

/** The reader's work in a lesson; none for what is no such record. */
export function kept(lesson: string): Work {
  try {
    const { texts, solved, isDone } = JSON.parse(read(keyOf(lesson)) ?? "{}") as Partial<Work>;
    return {
      texts: textsOf(texts),
      solved: Array.isArray(solved) ? solved.filter((each) => typeof each === "string" || Number.isInteger(each)) : [],
      isDone: isDone === true,
    };
  } catch {
    return nothing;
  }
}

function textsOf(given: unknown): KeptText[] {
  // Pages once kept texts by number alone.
  const all: unknown[] = Array.isArray(given)
    ? given
    : Object.entries(Object(given) as object).map(([number, text]) => ({ number: Number(number), code: "", text }));
  return all.filter((each): each is KeptText => {
    const { number, code, text } = Object(each) as Partial<Record<keyof KeptText, unknown>>;
    return Number.isInteger(number) && typeof code === "string" && typeof text === "string";
  });
}

/** The text of a cell today, and what the reader has made of older versions of it. */
export interface Placed {
  readonly text: string;
  readonly older: readonly KeptText[];
}

/**
 * Where kept texts belong: to the cell that has the code they were made of, wherever it is now. If none has it, to the cell
 * that has the number, as a text for an older version.
 * @param codes of the lesson's cells today.
 */
export function placed(codes: readonly string[], texts: readonly KeptText[]): Placed[] {
  const own = new Map<number, string>();
  const older = codes.map((): KeptText[] => []);
  for (const kept of texts) {
    const before = kept.number - 1;
    const isFree = (i: number): boolean => codes[i] === kept.code && !own.has(i);
    const at = isFree(before) ? before : codes.findIndex((_, i) => isFree(i));
    if (at >= 0) own.set(at, kept.text);
    else older[Math.max(0, Math.min(before, codes.length - 1))]!.push(kept);
  }
  return codes.map((code, i) => ({ text: own.get(i) ?? code, older: older[i]! }));
}

/** Keeps the reader's work. A lesson that was done stays so. */
export function keep(lesson: string, work: Work): void {
  const isDone = work.isDone || kept(lesson).isDone;
  write(keyOf(lesson), JSON.stringify({ ...work, isDone }));
}

/** Whether the reader wants teacher's notes. */
export const isTeacher = (): boolean => read(teacherKey) === "yes";

export const setTeacher = (teaches: boolean): void => write(teacherKey, teaches ? "yes" : "no");
