import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { lessonPage } from "./html.ts";
import type { Lesson } from "./lesson.ts";

const demos = join(import.meta.dirname, "../..");

/** The script of an entry with all that it imports. */
async function bundled(entry: string, format: "esm" | "iife"): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(demos, "course/page", entry)],
    bundle: true,
    minify: true,
    write: false,
    format,
    target: "es2022",
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "none",
    loader: { ".csv": "text" },
    define: { "process.env.NODE_ENV": '"production"' },
    logLevel: "error",
  });
  return outputFiles[0]!.text;
}

const packed = (id: string, script: string): string =>
  `<script type="text/plain" id="${id}">${gzipSync(script, { level: 9 }).toString("base64")}</script>`;

/** What all files share. Made once, because it takes seconds. */
let shared: Promise<{ styles: string; main: string; parts: string }> | undefined;

async function share() {
  const styles = ["theme.css", "parts/parts.css", "course/style.css"].map((name) =>
    readFile(join(demos, name), "utf8"),
  );
  const [worker, editing, main] = await Promise.all([
    bundled("course.worker.ts", "iife"),
    bundled("editing.ts", "esm"),
    bundled("alone.ts", "esm"),
  ]);
  return {
    styles: (await Promise.all(styles)).join("\n"),
    main: main.replaceAll("</script", "<\\/script"),
    parts: `${packed("worker", worker)}\n${packed("editing", editing)}`,
  };
}

/** A lesson as one HTML file that needs no other file and no network. */
export async function aloneHtml(lesson: Lesson): Promise<string> {
  shared ??= share();
  const { styles, main, parts } = await shared;
  const html = lessonPage(lesson, {
    head: `<style>${styles}</style>`,
    before: undefined,
    after: undefined,
    hasSite: false,
  });
  return html.replace("</body>", () => `${parts}\n<script type="module">${main}</script>\n  </body>`);
}
