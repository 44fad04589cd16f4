import { join } from "node:path";
import type { Plugin } from "vite";

const demos = join(import.meta.dirname, "..");

/** Pages of a folder that exist only as what they are made of. */
export interface Pages {
  readonly folder: string;
  /** Files that they are made of: a change reloads the page. */
  readonly sources: string;
  names(): string[];
  /**
   * A page as HTML; undefined for another name.
   * @param isBuilt whether it is for a build: all of it then, however long that takes.
   */
  page(name: string, isBuilt: boolean): Promise<string> | undefined;
}

/** Where a build finds them. */
export const filesOf = ({ folder, names }: Pages): string[] =>
  names().map((name) => join(demos, folder, `${name}.html`));

/** Makes pages: all of them in a build, one when it is asked for while they are written. */
export function pagesOf(pages: Pages): Plugin {
  const base = join(demos, pages.folder, "/");
  const pageOf = (file: string, isBuilt: boolean) =>
    file.startsWith(base) && file.endsWith(".html")
      ? pages.page(file.slice(base.length, -".html".length), isBuilt)
      : undefined;
  return {
    name: `pages-of-${pages.folder}`,
    // Few ids are pages: names are read only for those that could be one.
    resolveId: (id) => (id.startsWith(base) && filesOf(pages).includes(id) ? id : undefined),
    load: (id) => pageOf(id, true),
    configureServer(server) {
      server.watcher.add(pages.sources);
      server.watcher.on("change", (file) => {
        if (file.startsWith(pages.sources)) server.ws.send({ type: "full-reload" });
      });
      server.middlewares.use(`/${pages.folder}`, async (request, response, next) => {
        const [path] = (request.originalUrl ?? "").split(/[?#]/) as [string];
        try {
          const html = await pageOf(join(demos, path.endsWith("/") ? `${path}index.html` : path), false);
          if (html === undefined) return next();
          const page = await server.transformIndexHtml(path, html);
          response.setHeader("Content-Type", "text/html");
          response.end(page);
        } catch (error) {
          next(error);
        }
      });
    },
  };
}
