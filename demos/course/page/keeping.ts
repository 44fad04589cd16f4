/*
 * What the browser keeps of a reader's work, lesson by lesson.
 */

export interface Work {
  /** Cells that the reader has changed, by number. */
  readonly texts: Readonly<Record<number, string>>;
  /** Numbers of exercises that are solved. */
  readonly solved: readonly number[];
  /** Whether all cells have run and all exercises are solved. */
  readonly isDone: boolean;
}

const nothing: Work = { texts: {}, solved: [], isDone: false };

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
    const entries = Object.entries(Object(texts) as object).filter(([, text]) => typeof text === "string");
    return {
      texts: Object.fromEntries(entries),
      solved: Array.isArray(solved) ? solved.filter(Number.isInteger) : [],
      isDone: isDone === true,
    };
  } catch {
    return nothing;
  }
}

/** Keeps the reader's work. A lesson that was done stays so. */
export function keep(lesson: string, work: Work): void {
  const isDone = work.isDone || kept(lesson).isDone;
  write(keyOf(lesson), JSON.stringify({ ...work, isDone }));
}

/** Whether the reader wants teacher's notes. */
export const isTeacher = (): boolean => read(teacherKey) === "yes";

export const setTeacher = (teaches: boolean): void => write(teacherKey, teaches ? "yes" : "no");
