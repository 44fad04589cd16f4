import { join } from "node:path";
import type { Plugin } from "vite";
import { withNames } from "../../reference/build/names.ts";
import { sharedParts } from "./alone.ts";
import { type Frame, lessonPage } from "./html.ts";
import { listHtml } from "./list.ts";
import { programOf } from "./program.ts";
import { folder, readLessons } from "./shelf.ts";

const course = join(import.meta.dirname, "..");

const head = `<link rel="stylesheet" href="../theme.css" />
    <link rel="stylesheet" href="../parts/parts.css" />
    <link rel="stylesheet" href="style.css" />
    <link rel="stylesheet" href="../search/style.css" />
    <script type="module" src="../search/main.tsx"></script>
    <script type="module" src="page/site.ts"></script>`;

/** The pages of all lessons: files that exist only as Markdown. */
export const lessonPages = (): string[] => readLessons().map(({ name }) => join(course, `${name}.html`));

/** The page of a file; undefined where it is no lesson's. */
function pageOf(file: string): string | undefined {
  if (!file.startsWith(course) || !file.endsWith(".html")) return undefined;
  const lessons = readLessons();
  const at = lessons.findIndex(({ name }) => file === join(course, `${name}.html`));
  if (at < 0) return undefined;
  const frame: Frame = { head, number: at + 1, before: lessons[at - 1], after: lessons[at + 1] };
  return lessonPage(lessons[at]!, frame);
}

/** What lies beside the pages, by its name. */
const files: Readonly<Record<string, () => string | Promise<string>>> = {
  "alone.json": async () => JSON.stringify(await sharedParts()),
};

/** A file beside the pages: the programs of lessons as well. */
function fileOf(name: string): string | Promise<string> | undefined {
  const lesson = readLessons().find((lesson) => name === `${lesson.name}.ts`);
  return lesson ? programOf(lesson) : files[name]?.();
}

/** Makes a page of each lesson: in a build, and while one is written. */
export function courseOf(): Plugin {
  return {
    name: "course",
    transformIndexHtml: {
      order: "pre",
      handler: (html) => html.replace("<!-- lessons -->", () => listHtml(readLessons())),
    },
    async generateBundle() {
      const names = [...Object.keys(files), ...readLessons().map(({ name }) => `${name}.ts`)];
      for (const name of names)
        this.emitFile({ type: "asset", fileName: `course/${name}`, source: await fileOf(name)! });
    },
    resolveId: (id) => (pageOf(id) === undefined ? undefined : id),
    load: (id) => {
      const html = pageOf(id);
      return html === undefined ? undefined : withNames(html, true);
    },
    configureServer(server) {
      server.watcher.add(folder);
      server.watcher.on("change", (file) => {
        if (file.startsWith(folder)) server.ws.send({ type: "full-reload" });
      });
      server.middlewares.use("/course", (request, response, next) => {
        const [path] = (request.originalUrl ?? "").split(/[?#]/);
        const file = fileOf(path!.slice("/course/".length));
        if (file !== undefined) return void Promise.resolve(file).then((text) => response.end(text), next);
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
