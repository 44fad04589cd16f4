import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { group } from "d3-array";
import { type Lesson, parseLesson } from "./lesson.ts";

export const folder = join(import.meta.dirname, "../lessons");

/** The parts of the course, in order. */
export const parts: readonly string[] = [
  "What and why",
  "Machine learning first",
  "Neurons",
  "Training",
  "Images",
  "Sequences",
  "Fast",
  "Outlook",
];

/** All lessons, in the order of the course. */
export const readLessons = (): Lesson[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".md"))
    .map((name) => parseLesson(name.slice(0, -3), readFileSync(join(folder, name), "utf8")))
    .sort((a, b) => a.order - b.order);

/** Lessons by part, in the order of the course. */
export const partsOf = (lessons: readonly Lesson[]): ReadonlyMap<string, readonly Lesson[]> =>
  group(lessons, ({ part }) => part);
