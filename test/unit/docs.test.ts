import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { input, matmul } from "../../src/index.ts";
import { software } from "../adapters.ts";

const root = resolve(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");

const guides = readdirSync(join(root, "demos/guides")).map((name) => `demos/guides/${name}`);

describe.each(["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "src/README.md", ...guides])("%s", (file) => {
  const text = read(file);

  test("links to files and headings that exist", () => {
    const dead = [...text.matchAll(/\]\((?!https:)([^)#]*)(?:#([^)]*))?\)/g)].filter(([, path, heading]) => {
      const target = path ? join(dirname(file), path) : file;
      if (!existsSync(join(root, target))) return true;
      return heading !== undefined && !headings(read(target)).includes(heading);
    });
    expect(dead.map(([link]) => link)).toEqual([]);
  });

  test("names files and scripts that exist", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const paths = [...text.matchAll(/`((?:src|shaders|test|demos|bench)\/[\w./-]+)`/g)].map(([, path]) => path!);
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    const names = [...text.matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name!);
    expect(names.filter((name) => !(name in scripts))).toEqual([]);
  });
});

/** Headings in the form that links use. */
const headings = (text: string): string[] =>
  [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );

test("the map shows the actual training step", () => {
  const shown = [...read("src/README.md").matchAll(/^ ?\d+ {2}(\S+)$/gm)].map(([, label]) => label);
  const kernels = read("test/unit/passes/mlp.kernels.txt").trim().split("\n");
  expect(shown).toEqual(kernels.map((line) => line.split(" ")[0]));
});

test("the map shows a kernel as it is declared and printed", () => {
  const map = read("src/README.md");
  const [, declared] = map.match(/```ts\n(export const matmulNaive[^`]*wgsl`[^`]*`[^`]*)```/)!;
  const source = read("shaders/matmul.wgsl.ts").replace(
    /parts: \[\n\s*\.\.\.\(p\.made .* : \[(elements\("a", p\.a\))\]\),\n\s*(.*),\n\s*(.*),\n\s*\],/,
    "parts: [$1, $2, $3],",
  );
  expect(source).toContain(declared!.trim());

  const y = matmul(input("a", [5, 7]), input("b", [7, 3]));
  const { calls } = compile({ outputs: { y } }, { ...software, forced: { matmul: "naive" } });
  const [, printed] = map.match(/```wgsl\n([^`]*)```/)!;
  expect(calls[0]!.annotated!().trim()).toBe(printed!.trim());
});

test("the README shows how to install tilegrad, and a first program, before its reader scrolls", () => {
  const top = read("README.md").split("\n").slice(0, 40).join("\n");
  expect(top).toMatch(/^npm install tilegrad\b/m);
  expect(top).toMatch(/^```ts\n[^`]+^```$/m);
});

test("the README stays short, and links to every guide", () => {
  const text = read("README.md");
  expect(text.split("\n").length).toBeLessThan(200);
  expect(guides.filter((guide) => !text.includes(`](${guide})`))).toEqual([]);
});
