import type { Lesson } from "../../course/build/lesson.ts";
import { Sections } from "./sections.ts";

/** What a search finds of the lessons: each section, from one heading to the next. */
export function lessonEntries(lessons: readonly Lesson[]) {
  return lessons.flatMap((lesson) => {
    const sections = new Sections("lesson", lesson.title, `course/${lesson.name}.html`);
    sections.words(lesson.summary);
    for (const block of lesson.blocks)
      if (block.kind === "prose") sections.take(block.tokens);
      else sections.words(block.code);
    sections.begin("What you can do now", "skills");
    sections.take(lesson.skills);
    return sections.entries;
  });
}
