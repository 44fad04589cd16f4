import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { build, preview } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchChrome } from "../browser/chrome.ts";
import { appWithTilegrad, type Block, bin, blocksOf, complaints } from "./installed.ts";

/*
 * The programs of the guides, as printed there: the compiler checks all of them, and those for Node run. A comment
 * behind `console.log(…);` is what the line prints, with "…" for any text. A program that begins with the name of a file
 * is that file.
 */

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");
const guides = readdirSync(join(root, "demos/guides")).filter((name) => name.endsWith(".md"));
const blocks = new Map<string, Block>();
for (const guide of guides)
  for (const [i, block] of (await blocksOf(join("demos/guides", guide))).entries())
    blocks.set(/^\/\/ ([\w.-]+\.ts)\n/.exec(block.code)?.[1] ?? `${guide.slice(0, -3)}-${i + 1}.ts`, block);
let app: string;

beforeAll(async () => {
  app = await appWithTilegrad("guides");
  await Promise.all([...blocks].map(([name, { code }]) => writeFile(join(app, name), code)));
  await writeFile(join(app, "programs.json"), "{}"); // written by one of the programs
});

afterAll(() => rm(app, { recursive: true, force: true }));

const ofPages = [...blocks].filter(([, { where }]) => where === "page").map(([name]) => name);
const others = [...blocks].filter(([, { where }]) => where !== "page").map(([name]) => name);

test("all programs pass a strict compiler", async () => {
  expect(await complaints(app, others, { types: ["node", "@webgpu/types"], skipLibCheck: true })).toBe("");
  expect(await complaints(app, ofPages, { types: ["@webgpu/types"], skipLibCheck: true })).toBe("");
});

/** Expected texts of a program, in the order of its lines. */
const expectedOf = (code: string): string[] =>
  [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text]) => text!);

/** Whether a text is printed: white space counts once, and "…" is any text. */
function isPrinted(text: string, stdout: string): boolean {
  const plain = text.trim().split(/\s+/).join(" ");
  const parts = plain.split(/ ?… ?/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(parts.join(".*?")).test(stdout.split(/\s+/).join(" "));
}

const inNode = [...blocks].filter(([, { where }]) => where === "");

describe("runs in Node, and prints what it says:", () => {
  test.each(inNode)("%s", async (name, { code }) => {
    const { stdout } = await run(bin("tsx"), [name], { cwd: app });
    for (const text of expectedOf(code)) expect(isPrinted(text, stdout), `${text}\nin\n${stdout}`).toBe(true);
  });
});

test("the page that trains in a worker does so as bundled, and prints what it says", async () => {
  await writeFile(join(app, "worker.html"), '<script type="module" src="page.ts"></script>');
  const common = { root: app, configFile: false, logLevel: "warn" } as const;
  const outDir = "site";
  await build({
    ...common,
    worker: { format: "es" },
    build: { outDir, target: "esnext", rollupOptions: { input: join(app, "worker.html") } },
  });
  const server = await preview({ ...common, build: { outDir }, preview: { port: 0 } });
  const browser = await launchChrome();
  try {
    const page = await browser.newPage();
    const lines: string[] = [];
    const expected = expectedOf(blocks.get("page.ts")!.code);
    await new Promise<void>((done, fail) => {
      page.on("pageerror", fail);
      page.on("console", (message) => {
        lines.push(message.text());
        if (lines.length === expected.length) done();
      });
      page.goto(`${server.resolvedUrls!.local[0]!}worker.html`).catch(fail);
    });
    expect(lines).toEqual(expected);
    await expect.poll(() => page.workers().length).toBe(0);
  } finally {
    await browser.close();
    await server.close();
  }
});

test("there is at least one program that runs in most guides", () => {
  expect(inNode.length).toBeGreaterThan(3);
});
