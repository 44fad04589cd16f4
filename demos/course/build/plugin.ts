import { join } from "node:path";
import type { Plugin } from "vite";
import { aloneHtml } from "./alone.ts";
import { type Frame, lessonPage } from "./html.ts";
import type { Lesson } from "./lesson.ts";
import { listHtml, sectionsOf } from "./list.ts";
import { programOf } from "./program.ts";
import { folder, readLessons } from "./shelf.ts";

const course = join(import.meta.dirname, "..");

const head = `<link rel="stylesheet" href="../theme.css" />
    <link rel="stylesheet" href="../parts/parts.css" />
    <link rel="stylesheet" href="style.css" />
    <script type="module" src="page/site.ts"></script>`;

/** The pages of all lessons: files that exist only as Markdown. */
export const lessonPages = (): string[] => readLessons().map(({ name }) => join(course, `${name}.html`));

/** The page of a file; undefined where it is no lesson's. */
function pageOf(file: string): string | undefined {
  if (!file.startsWith(course) || !file.endsWith(".html")) return undefined;
  const lessons = readLessons();
  const at = lessons.findIndex(({ name }) => file === join(course, `${name}.html`));
  if (at < 0) return undefined;
  const frame: Frame = { head, before: lessons[at - 1], after: lessons[at + 1], hasSite: true };
  return lessonPage(lessons[at]!, frame);
}

const searchText = (): string => JSON.stringify(sectionsOf(readLessons()));

/** What lies beside the page of each lesson, by its ending. */
const files: Readonly<Record<string, (lesson: Lesson) => string | Promise<string>>> = {
  ts: programOf,
  "alone.html": aloneHtml,
};

/** Makes a page of each lesson: in a build, and while one is written. */
export function courseOf(): Plugin {
  return {
    name: "course",
    transformIndexHtml: {
      order: "pre",
      handler: (html) => html.replace("<!-- lessons -->", () => listHtml(readLessons())),
    },
    async generateBundle() {
      this.emitFile({ type: "asset", fileName: "course/search.json", source: searchText() });
      for (const lesson of readLessons())
        for (const [ending, make] of Object.entries(files))
          this.emitFile({ type: "asset", fileName: `course/${lesson.name}.${ending}`, source: await make(lesson) });
    },
    resolveId: (id) => (pageOf(id) === undefined ? undefined : id),
    load: (id) => pageOf(id),
    configureServer(server) {
      server.watcher.add(folder);
      server.watcher.on("change", (file) => {
        if (file.startsWith(folder)) server.ws.send({ type: "full-reload" });
      });
      server.middlewares.use("/course", (request, response, next) => {
        const [path] = (request.originalUrl ?? "").split(/[?#]/);
        if (path === "/course/search.json") return void response.end(searchText());
        const [, name, ending] = /^\/course\/([\w-]+)\.(.+)$/.exec(path ?? "") ?? [];
        const lesson = readLessons().find((lesson) => lesson.name === name);
        const make = lesson && files[ending!];
        if (make) return void Promise.resolve(make(lesson)).then((text) => response.end(text), next);
        const html = pageOf(join(course, "..", path!));
        if (html === undefined) return next();
        server.transformIndexHtml(path!, html).then((text) => {
          response.setHeader("Content-Type", "text/html");
          response.end(text);
        }, next);
      });
    },
  };
}
