import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build, type Plugin } from "esbuild";
import { type Shared, standAlone } from "../page/standAlone.ts";
import { lessonPage } from "./html.ts";
import type { Lesson } from "./lesson.ts";

const demos = join(import.meta.dirname, "../..");

/** Leaves datasets out: their files weigh more than the library. */
const withoutData: Plugin = {
  name: "without-data",
  setup(bundle) {
    bundle.onResolve({ filter: /^\.\/datasets\.ts$/ }, ({ path }) => ({ path, namespace: "without-data" }));
    bundle.onLoad({ filter: /./, namespace: "without-data" }, () => ({
      contents: 'throw new Error("this file has no datasets: open the lesson in the site");',
    }));
  },
};

/** The script of an entry with all that it imports. */
async function bundled(entry: string, format: "esm" | "iife", plugins: Plugin[] = []): Promise<string> {
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
    plugins,
  });
  return outputFiles[0]!.text;
}

const packed = (id: string, script: string): string =>
  `<script type="text/plain" id="${id}">${gzipSync(script, { level: 9 }).toString("base64")}</script>`;

/** Unpacks the page's script, and runs it. */
const start = `
const packed = Uint8Array.from(atob(document.getElementById("main").textContent), (letter) => letter.charCodeAt(0));
const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
const script = new Blob([await new Response(stream).arrayBuffer()], { type: "text/javascript" });
await import(URL.createObjectURL(script));
`;

/** Made once, because it takes seconds. */
let shared: Promise<Shared> | undefined;

/** What the single files of all lessons share. */
export function sharedParts(): Promise<Shared> {
  shared ??= share();
  return shared;
}

async function share(): Promise<Shared> {
  const names = ["theme.css", "parts/parts.css", "course/style.css"];
  const styles = await Promise.all(names.map((name) => readFile(join(demos, name), "utf8")));
  const [worker, dataWorker, editing, main] = await Promise.all([
    bundled("course.worker.ts", "iife", [withoutData]),
    bundled("course.worker.ts", "iife"),
    bundled("plainEditing.ts", "esm"),
    bundled("alone.ts", "esm"),
  ]);
  return {
    styles: styles.join("\n"),
    parts: [packed("editing", editing), packed("main", main)].join("\n"),
    worker: packed("worker", worker),
    dataWorker: packed("worker", dataWorker),
    main: start,
  };
}

/** A lesson as one HTML file that needs no other file and no network. */
export const aloneHtml = async (lesson: Lesson): Promise<string> =>
  standAlone(lessonPage(lesson, { head: "", before: undefined, after: undefined }), await sharedParts());
