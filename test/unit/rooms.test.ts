import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { expect, test } from "vitest";

/*
 * Who may enter which room: each folder lists the folders that it may import from. `src/README.md` draws the same.
 */
const mayImport: Record<string, readonly string[]> = {
  shaders: [],
  "src/errors.ts": [],
  "src/graph": ["src/errors.ts"],
  "src/ops": ["src/graph", "src/errors.ts", "shaders"],
  "src/compile": ["src/ops", "src/graph", "src/errors.ts"],
  "src/gpu": ["src/graph", "src/errors.ts"],
  "src/runtime": ["src/compile", "src/gpu", "src/graph", "src/errors.ts"],
  "src/reference": ["src/graph", "src/ops", "src/errors.ts"],
  "src/nn": ["src/ops", "src/graph", "src/data", "src/errors.ts"],
  "src/losses": ["src/ops", "src/graph", "src/errors.ts"],
  "src/optim": ["src/compile", "src/ops", "src/graph", "src/errors.ts", "shaders"],
  "src/metrics": ["src/errors.ts"],
  "src/data": ["src/errors.ts"],
  "src/io": ["src/runtime", "src/graph", "src/errors.ts"],
  "src/node": ["src/errors.ts"],
};

const root = resolve(import.meta.dirname, "../..");
const files = ["shaders", "src"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))
    .map((name) => `${folder}/${name}`),
);
const roomOf = (file: string): string => Object.keys(mayImport).find((room) => file === room || file.startsWith(`${room}/`)) ?? file;

test("every file imports only from rooms that its own may enter", () => {
  const trespasses = files.flatMap((file) => {
    if (file === "src/index.ts") return [];
    const text = readFileSync(join(root, file), "utf8");
    return [...text.matchAll(/from "(\.[^"]+)"/g)].flatMap(([, path]) => {
      const target = roomOf(relative(root, resolve(root, file, "..", path!)));
      const room = roomOf(file);
      return target === room || mayImport[room]?.includes(target) ? [] : [`${file} → ${target}`];
    });
  });
  expect(files.length).toBeGreaterThan(40);
  expect(trespasses).toEqual([]);
});

test("only the template wrapper imports the preprocessor, and only gpu and runtime name GPU objects", () => {
  for (const file of files) {
    const text = readFileSync(join(root, file), "utf8");
    if (text.includes("wgsl-preprocessor/")) expect(file).toBe("shaders/wgsl.ts");
    if (/\bGPU(Device|Buffer|Queue|ComputePipeline)\b/.test(text)) {
      expect(file).toMatch(/^src\/(gpu|runtime|node)\//);
    }
  }
});
