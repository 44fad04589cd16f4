import { escaped } from "./highlight.ts";
import type { Lesson } from "./lesson.ts";
import { partsOf } from "./shelf.ts";

/** The lessons for the page of the course. */
export function listHtml(lessons: readonly Lesson[]): string {
  const item = ({ name, title, summary, minutes }: Lesson): string => `<li data-lesson="${name}">
            <a href="${name}.html">${escaped(title)}</a>
            <p>${escaped(summary)} <span class="minutes">${minutes} minutes</span> <span class="progress"></span></p>
          </li>`;
  const sections = [...partsOf(lessons)].map(
    ([part, list]) => `<section>
        <h2>${escaped(part)}</h2>
        <ol class="lessons" start="${lessons.indexOf(list[0]!) + 1}">
          ${list.map(item).join("\n          ")}
        </ol>
      </section>`,
  );
  return sections.join("\n      ");
}
