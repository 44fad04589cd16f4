import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { lessonPage, linksOf } from "../../../demos/course/build/html.ts";
import {
  type Cell,
  cellsOf,
  type Exercise,
  type Lesson,
  lengthsOf,
  type Prose,
  parseLesson,
} from "../../../demos/course/build/lesson.ts";
import { idOf, linkOf, markdown } from "../../../demos/course/build/markdown.ts";
import { importsAsCalls, programOf } from "../../../demos/course/build/program.ts";
import { folder, parts, readLessons } from "../../../demos/course/build/shelf.ts";
import { compile } from "../../../demos/course/cells/compile.ts";
import { modules } from "../../../demos/course/cells/modules.ts";
import { packedText, unpackedBytes } from "../../../demos/course/page/packing.ts";
import { standAlone } from "../../../demos/course/page/standAlone.ts";
import { lessonEntries } from "../../../demos/search/build/lessons.ts";

const root = resolve(import.meta.dirname, "../../..");
const lessons = readLessons();
const page = (name: string) =>
  lessonPage(lessons.find((lesson) => lesson.name === name)!, {
    head: "",
    number: undefined,
    before: undefined,
    after: undefined,
  });

describe.each(lessons.map((lesson) => [lesson.name, lesson] as const))("lesson %s", (name, lesson) => {
  test("links to lessons, headings, pages and guides that exist", () => {
    for (const href of linksOf(lesson)) {
      if (/^https:/.test(href)) continue;
      const [path, heading] = href.split("#") as [string, string?];
      const target = join(folder, path || `${name}.md`);
      expect(existsSync(path.endsWith("/") ? join(target, "index.html") : target), href).toBe(true);
      if (heading) expect(idsOf(path ? path.replace(".md", "") : name), href).toContain(heading);
    }
  });

  test("has cells that compile, import only public modules, and define each name once", () => {
    const defined = new Set<string>();
    for (const cell of cellsOf(lesson)) {
      const { defines, imports } = compile(cell.code);
      for (const line of cell.code.split("\n")) expect(line.length, line).toBeLessThanOrEqual(110);
      for (const name of imports) expect(Object.keys(modules)).toContain(name);
      if (cell.kind === "exercise") continue;
      for (const each of defines) expect(defined, each).not.toContain(each);
      for (const each of defines) defined.add(each);
    }
  });

  test("keeps to its length, and ends with exercises", () => {
    const cells = cellsOf(lesson);
    expect(lesson.minutes).toBeGreaterThanOrEqual(10);
    expect(lesson.minutes).toBeLessThanOrEqual(60);
    expect(lesson.summary).toMatch(/^[A-Z].*\.$/);
    expect(cells.filter(({ kind }) => kind === "exercise").length).toBeGreaterThan(0);
    expect(cells.at(-1)!.kind).toBe("exercise");
    const { here, keras } = lengthsOf(lesson);
    expect(Math.min(here, keras)).toBeGreaterThan(0);
  });

  test("says at its beginning what it needs", () => {
    const [first] = lesson.blocks;
    const tokens = first?.kind === "prose" ? first.tokens : [];
    const end = tokens.findIndex(({ type }) => type === "heading");
    const words = tokens.slice(0, end < 0 ? undefined : end).map(({ raw }) => raw);
    expect(words.join(" ")).toMatch(/\b[Yy]ou need\b/);
  });

  test("becomes a page without inline styles, with a heading once and formulas as MathML", () => {
    const html = page(name);
    expect(html).not.toMatch(/<style|\sstyle=/);
    expect(html.match(/<h1/g)).toHaveLength(1);
    const ids = [...html.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id);
    expect(ids).toEqual([...new Set(ids)]);
    expect(html).not.toContain("katex-error");
    // A dollar that is left begins a formula without an end, unless it is money.
    const words = html.replaceAll(/<(pre|code|math|script)\b.*?<\/\1>/gs, "").replaceAll(/<[^>]*>/g, "");
    expect(words.match(/.*\$(?!\d).*/)?.[0]).toBeUndefined();
  });
});

const idsOf = (name: string): string[] => [...page(name).matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id!);

test("lessons have a place of their own, in a part of the course", () => {
  for (const { name, part } of lessons) expect(parts, name).toContain(part);
  const places = lessons.map(({ order }) => order);
  expect(places).toEqual([...new Set(places)]);
  // The order of lessons is that of parts.
  const inParts = lessons.map(({ part }) => parts.indexOf(part));
  expect(inParts).toEqual(inParts.toSorted((a, b) => a - b));
  expect(lessons.length).toBeGreaterThan(2);
});

test("a single file holds all it needs, and nothing that leads to the site", () => {
  const html = standAlone(page("neuron"), {
    styles: "a{}",
    main: "$&run()",
    parts: "<i>parts</i>",
    worker: "<b>worker</b>",
    torchWorker: "",
    data: { penguins: "<b>birds</b>" },
  });
  expect(html).toContain("<style>a{}</style>");
  expect(html).toContain("<i>parts</i>");
  expect(html).not.toContain("birds");
  expect(html).toContain('<script type="module">$&run()</script>');
  expect(html).not.toMatch(/<link rel="stylesheet"|class="home"|class="neighbours"|id="alone"/);
});

const noParts = { styles: "", main: "", parts: "", worker: "", torchWorker: "", data: {} };

test.each(lessons.map(({ name }) => name))("the single file of %s leads only to itself and to the web", (name) => {
  const html = standAlone(page(name), noParts);
  const links = [...html.matchAll(/<a\s[^>]*href="([^"]*)"/g)].map(([, href]) => href!);
  const ids = [...html.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => `#${id}`);
  expect(links.filter((href) => !/^https?:/.test(href) && !ids.includes(href))).toEqual([]);
  expect(html.match(/<\/a>/g)?.length ?? 0).toBe(links.length);
});

test("the words of a link stay where it leads nowhere", () => {
  const html = standAlone(
    '<p>See <a href="xor.html">the <em>next</em> lesson</a> or <a href="https://a.b">b</a>.</p>',
    noParts,
  );
  expect(html).toContain('<p>See the <em>next</em> lesson or <a href="https://a.b">b</a>.</p>');
});

test("a single file has the data that its cells load, and no other", () => {
  const data = { penguins: "<b>birds</b>", houses: "<b>houses</b>" };
  const html = standAlone(page("ten-steps"), { ...noParts, data });
  expect([html.includes("<b>birds</b>"), html.includes("<b>houses</b>")]).toEqual([true, false]);
});

test("bytes are the same when they are unpacked, however many", () => {
  for (let length = 0; length < 60; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 89 + 7 * length) & 255);
    const text = packedText(bytes);
    expect(text).toMatch(/^[#-;=-~]*$/);
    expect(unpackedBytes(text, length)).toEqual(bytes);
  }
});

test("lessons as programs pass a strict compiler", async () => {
  const cache = join(root, "node_modules/.cache");
  await mkdir(cache, { recursive: true });
  const programs = await mkdtemp(join(cache, "lessons-"));
  const compilerOptions = {
    target: "ES2023",
    lib: ["ES2023", "DOM", "DOM.AsyncIterable"],
    module: "NodeNext",
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    allowImportingTsExtensions: true,
    types: ["node", "@webgpu/types"],
    paths: { tilegrad: [join(root, "src/index.ts")], "tilegrad/*": [join(root, "src/*/index.ts")] },
  };
  await writeFile(
    join(programs, "tsconfig.json"),
    JSON.stringify({ compilerOptions, include: ["*.ts", join(root, "shaders/wgsl-preprocessor.d.ts")] }),
  );
  for (const lesson of lessons) await writeFile(join(programs, `${lesson.name}.ts`), programOf(lesson));
  const { stdout } = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", programs], { encoding: "utf8" });
  await rm(programs, { recursive: true });
  expect(stdout).toBe("");
});

test("cells may import what is public, and nothing else", () => {
  const { exports } = JSON.parse(readFileSync(join(folder, "../../../package.json"), "utf8")) as { exports: object };
  const names = Object.keys(exports).map((name) => name.replace(/^\./, "tilegrad"));
  for (const name of Object.keys(modules)) expect(names).toContain(name);
});

describe("the form of a lesson", () => {
  const front = "---\ntitle: A\npart: B\norder: 1\nminutes: 20\nsummary: C.\n---\n";
  const ends = "\n## What you can do now\n\n- Much.\n\n## Teacher's notes\n\nNone.\n\n```python keras\npass\n```\n";
  const cell = "```ts cell core\n// one\nconst a = 1;\n\nlet b = 2;\n```\n\n";
  const exercise =
    "```ts exercise\nlet c;\n```\n\n```md hint\nh\n```\n\n```ts solution\nlet c = 1;\n```\n\n```ts wrong\nlet c = 2;\n```\n\n```ts check\ncheck('c', c === 1);\n```\n";

  test("has cells with their claims, and exercises with what belongs to them", () => {
    const lesson = parseLesson("a", `${front}Words.\n\n${cell}\`\`\`ts check\nclaim\n\`\`\`\n\n${exercise}${ends}`);
    expect(cellsOf(lesson)).toEqual([
      { kind: "cell", number: 1, code: "// one\nconst a = 1;\n\nlet b = 2;", isCore: true, checks: ["claim"] },
      {
        kind: "exercise",
        number: 2,
        code: "let c;",
        hint: "h",
        solution: "let c = 1;",
        check: "check('c', c === 1);",
        wrong: ["let c = 2;"],
      },
    ]);
    expect(lengthsOf(lesson)).toEqual({ here: 2, keras: 1 });
    expect(lessonEntries([lesson]).map(({ name }) => name)).toEqual(["A", "What you can do now"]);
  });

  test.each([
    ["no front matter", "Words.", "begins with no front matter"],
    ["a missing title", `${front.replace("title: A\n", "")}${ends}`, "title is undefined, expected a text"],
    ["an unknown block", `${front}\`\`\`ts sell\n\`\`\`\n${ends}`, 'a block of code is "ts sell"'],
    [
      "two checks of one exercise",
      `${front}${exercise}\n\n\`\`\`ts check\ncheck("b", true);\n\`\`\`\n\n${ends}`,
      "has two checks",
    ],
    ["front matter that is no YAML", "---\ntitle: XOR: the end\n---\n", "lesson bad: front matter: "],
    ["an exercise without a hint", `${front}${exercise.replace(/```md[^`]*```/, "")}${ends}`, "lacks its hint"],
    ["a check of nothing", `${front}\`\`\`ts check\n\`\`\`\n${ends}`, "a check follows no cell"],
    ["no notes", `${front}${cell}## What you can do now\n\n- A\n`, 'has no section "Teacher\'s notes"'],
    ["no Keras", `${front}${ends.replace(/```python[^`]*```/, "")}`, "compares no program with Keras"],
  ])("refuses %s", (_, text, fault) => {
    expect(() => parseLesson("bad", text)).toThrow(`lesson bad: `);
    expect(() => parseLesson("bad", text)).toThrow(fault);
  });
});

describe("a mistake in a lesson", () => {
  const [lesson] = lessons;
  const [cell] = cellsOf(lesson!) as [Cell];
  const exercise = cellsOf(lesson!).find(({ kind }) => kind === "exercise") as Exercise;
  const prose = (text: string): Prose => ({ kind: "prose", tokens: markdown.lexer(text) });

  test.each<[string, Lesson["blocks"][number], string]>([
    ["in a cell", { ...cell, code: "let a;\nlet b = ;" }, "block 1, line 2, column 9: Unexpected token"],
    ["in a formula", prose("Take $\\fraq{1}{2}$."), "formula $\\fraq{1}{2}$: Undefined control sequence: \\fraq"],
    ["in a formula in lines of its own", prose("$$\nx^\n$$\n"), "formula $$x^$$: "],
    ["in a formula of a hint", { ...exercise, hint: "Use $\\sum_{i$." }, "formula $\\sum_{i$: "],
  ])("%s is named with its file and its place", (_, block, fault) => {
    const broken = { ...lesson!, name: "broken", blocks: [block] };
    const make = () => lessonPage(broken, { head: "", number: undefined, before: undefined, after: undefined });
    expect(make).toThrow(`demos/course/lessons/broken.md: ${fault}`);
    expect(make).not.toThrow("Please report this");
  });
});

test("a formula may go on in the next line, and amounts of money are none", () => {
  const html = markdown.parse("Take $x +\ny$ for $5, or $6 and $7.", { async: false });
  expect(html.match(/<math/g)).toHaveLength(1);
  expect(html).toContain("for $5, or $6 and $7.");
});

test("columns of numbers stand on the right, words on the left", () => {
  const html = markdown.parse("| what | n |\n| --- | --- |\n| 2 dogs | −1,000 |\n| cats | 5 % |", { async: false });
  expect(html).toContain('<th>what</th><th class="number">n</th>');
  expect(html).toContain('<td>2 dogs</td><td class="number">−1,000</td>');
});

test("imports of an exercise stay in its block, as calls", () => {
  const code =
    'import { a, b as c, type T } from "tilegrad";\nimport * as all from "tilegrad/nn";\nimport type { U } from "x";\na(c);';
  expect(importsAsCalls(code)).toBe(
    'const { a, b: c } = await import("tilegrad");\ntype T = import("tilegrad").T;\nconst all = await import("tilegrad/nn");\ntype U = import("x").U;\na(c);',
  );
  const lesson = { ...lessons[0]!, blocks: cellsOf(lessons.find(({ name }) => name === "neuron")!).slice(-1) };
  const exercise = { ...lesson.blocks[0]!, code: 'import { relu } from "tilegrad";\nconst f = relu;' };
  expect(programOf({ ...lesson, blocks: [exercise as Exercise] })).toContain(
    '{\n  const { relu } = await import("tilegrad");\n  const f = relu;\n',
  );
});

test("links lead from the file of a lesson to those of pages", () => {
  expect(linkOf("xor.md#exercise-nand")).toBe("xor.html#exercise-nand");
  expect(linkOf("../../playground/#loss=mse")).toBe("../playground/#loss=mse");
  expect(linkOf("../../guides/data.md#texts")).toBe("../guides/data.html#texts");
  expect(linkOf("../course/lessons/xor.md")).toBe("../course/xor.html");
  expect(linkOf("../kernels")).toBe("../kernels/");
  expect(linkOf("../examples/react")).toMatch(/^https:\/\/github\.com\/.*\/demos\/examples\/react$/);
  expect(linkOf("https://example.org/a.md")).toBe("https://example.org/a.md");
  expect(idOf("Exercise: XOR from steps")).toBe("exercise-xor-from-steps");
});
