import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");

/** Which rooms each room may import from, according to the table in src/README.md. */
const mayImport: Record<string, readonly string[]> = Object.fromEntries(
  [...readFileSync(join(root, "src/README.md"), "utf8").matchAll(/^\| `([^`]+)` \|([^|]*)\|/gm)]
    .filter(([, room]) => room === "shaders" || room!.startsWith("src/"))
    .map(([, room, others]) => [room, [...others!.matchAll(/`([^`]+)`/g)].map(([, other]) => other)]),
);

const files = ["shaders", "src"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))
    .map((name) => `${folder}/${name}`),
);
const roomOf = (file: string): string =>
  Object.keys(mayImport).find((room) => file === room || file.startsWith(`${room}/`)) ?? file;

test("every file imports only from rooms that its own room may enter", () => {
  const trespasses = files.flatMap((file) => {
    if (file === "src/index.ts") return [];
    const text = readFileSync(join(root, file), "utf8");
    return [...text.matchAll(/(?:from |import\()"(\.[^"]+)"/g)].flatMap(([, path]) => {
      const target = roomOf(relative(root, resolve(root, file, "..", path!)));
      const room = roomOf(file);
      return target === room || mayImport[room]?.includes(target) ? [] : [`${file} → ${target}`];
    });
  });
  expect(files.length).toBeGreaterThan(40);
  expect(trespasses).toEqual([]);
});

/** The imports of a file, types included. Imports on demand do not count. */
const importsOf = Object.fromEntries(
  files.map((file) => {
    const text = readFileSync(join(root, file), "utf8");
    const paths = [...text.matchAll(/^(?:import|export) [^;]*?from "(\.[^"]+)";/gm)].map(([, path]) => path!);
    return [file, paths.map((path) => relative(root, resolve(root, file, "..", path)))];
  }),
);

function reachedFrom(file: string): Set<string> {
  const reached = new Set<string>();
  const visit = (from: string): void => {
    for (const next of importsOf[from] ?? []) if (!reached.has(next)) visit(reached.add(next) && next);
  };
  visit(file);
  return reached;
}

test("no files import each other in a circle, types included", () => {
  const reached = Object.fromEntries(files.map((file) => [file, reachedFrom(file)]));
  expect(importsOf["src/ops/moves/views.ts"]).toContain("src/ops/moves/layout.ts");
  expect(files.filter((file) => reached[file]!.has(file))).toEqual([]);
});

/** What a file and all that it imports need at once: types and imports on demand do not count. */
function loadedBy(start: string): Set<string> {
  const loaded = new Set([start]);
  for (const file of loaded) {
    const text = readFileSync(join(root, file), "utf8");
    for (const [, path] of text.matchAll(/^(?:import|export) (?!type )(?:[^;]*? from )?"(\.[^"]+\.tsx?)";/gm))
      loaded.add(relative(root, resolve(root, file, "..", path!)));
  }
  return loaded;
}

test("readers of the files of others are in no page of their own accord, except the page of ONNX models", () => {
  const scripts = readdirSync(join(root, "demos"), { recursive: true, encoding: "utf8" });
  const pages = scripts.filter(
    (name) => /(^|\/)(main\.tsx?|[^/]+\.worker\.ts)$/.test(name) && !name.startsWith("examples"),
  );
  const starts = ["src/index.ts", ...pages.filter((page) => !page.startsWith("onnx/")).map((page) => `demos/${page}`)];
  expect(starts.length).toBeGreaterThan(12);
  for (const start of starts) {
    const loaded = loadedBy(start);
    expect(
      [...loaded].filter((file) => /^src\/(onnx|keras)\//.test(file)),
      start,
    ).toEqual([]);
    expect(loaded.size, start).toBeGreaterThan(1);
  }
  expect([...loadedBy("demos/onnx/lab.ts")]).toContain("src/onnx/importer.ts");
});

test("only the template wrapper imports the preprocessor, and only the rooms around a device name GPU objects", () => {
  for (const file of files) {
    const text = readFileSync(join(root, file), "utf8");
    if (text.includes("wgsl-preprocessor/")) expect(file).toBe("shaders/wgsl.ts");
    if (/\bGPU(Device|Buffer|Queue|ComputePipeline)\b/.test(text)) {
      expect(file).toMatch(/^src\/(gpu|tune|runtime|recover|node|selfcheck|images)\//);
    }
  }
});

test("top-level calls are marked so that bundlers can drop them", () => {
  // esbuild does not analyse functions: every call needs the mark.
  const inPages = files.filter((file) => !/^src\/(node|reference)\//.test(file));
  const calls = inPages.flatMap((file) => {
    const text = readFileSync(join(root, file), "utf8");
    return [...text.matchAll(/^(?:export )?const (\w+)(?:: .+)? = (?!new |async )[\w.]+(?:<.+>)?\(/gm)].map(
      ([, name]) => `${file}: ${name}`,
    );
  });
  expect(calls).toEqual([]);
});
