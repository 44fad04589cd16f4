import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { describe, expect, test } from "vitest";
import { lessonPage } from "../../demos/course/build/html.ts";
import { readLessons } from "../../demos/course/build/shelf.ts";
import { guidePages } from "../../demos/reading/guides.ts";
import { linkNames } from "../../demos/reference/build/docs.ts";
import { withNames } from "../../demos/reference/build/names.ts";
import { referencePages } from "../../demos/reference/build/pages.ts";
import { readReference, readShelves } from "../../demos/reference/build/shelf.ts";

/* Pages that are made of docstrings, and the links between them, the guides and the lessons. */

const root = join(import.meta.dirname, "../..");
const reference = await readReference();

/** Every page to read, by its address in the site. */
const pages = new Map<string, string>();
for (const made of [guidePages, referencePages])
  for (const name of made.names()) pages.set(`${made.folder}/${name}.html`, (await made.page(name, true))!);
for (const lesson of readLessons()) {
  const html = lessonPage(lesson, { head: "", number: undefined, before: undefined, after: undefined });
  pages.set(`course/${lesson.name}.html`, await withNames(html, true));
}
const idsOf = new Map(
  [...pages].map(([address, html]) => [address, [...html.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => unescaped(id!))]),
);
const folders = readdirSync(join(root, "demos"));

function unescaped(html: string): string {
  return html.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&amp;", "&");
}

describe.each([...pages.keys()])("%s", (address) => {
  test("has links that lead somewhere, each id once, and no inline styles", () => {
    const html = pages.get(address)!;
    expect(html).not.toMatch(/<style|\sstyle=/);
    const ids = idsOf.get(address)!;
    expect(ids).toEqual([...new Set(ids)]);
    const dead = [...html.matchAll(/<a\s[^>]*?href="([^"]*)"/g)].flatMap(([, href]) => {
      const [path, anchor] = unescaped(href!).split("#") as [string, string?];
      if (/^https:/.test(path) || /\.(ts|json)$/.test(path)) return [];
      const to = path === "" ? address : posix.join(posix.dirname(address), path);
      const page = pages.get(to.endsWith("/") ? `${to}index.html` : to);
      if (page === undefined) return to === "./" || folders.includes(to.replace(/\/$/, "")) ? [] : [href];
      const there = idsOf.get(to.endsWith("/") ? `${to}index.html` : to)!;
      return anchor && !there.includes(anchor) ? [href] : [];
    });
    expect(dead).toEqual([]);
  });
});

describe("the reference", () => {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    exports: Record<string, { types?: string }>;
  };
  const entries = Object.entries(exports).filter(([name, { types }]) => types && name !== "./bundle");

  test.each(entries.map(([name]) => name))("has every value that %s exports", async (name) => {
    const path = exports[name]!.types!.replace("./dist/", "").replace(/\.d\.ts$/, ".ts");
    const values = Object.keys((await import(join(root, path))) as object);
    const entry = name.replace(/^\./, "tilegrad");
    const known = [
      ...reference.items.filter(({ shelf, isPublic }) => shelf.entry === entry && isPublic),
      ...reference.aliases.filter(({ shelf }) => shelf.entry === entry),
    ].map(({ name }) => name.split(".")[0]);
    expect(values.filter((value) => !known.includes(value))).toEqual([]);
  });

  test("has a page for every entry that says what it is about, and a line of source for every name", () => {
    for (const { about } of readShelves()) expect(about).toMatch(/^\S.*\.$/);
    for (const [name] of entries)
      expect(readShelves().map(({ entry }) => entry)).toContain(name.replace(/^\./, "tilegrad"));
    for (const { reflection, name } of reference.items) {
      const { fileName, line } = reflection.sources![0]!;
      const text = readFileSync(join(root, fileName), "utf8").split("\n")[line - 1]!;
      expect(text, `${name} at ${fileName}:${line}`).toContain(name.split(".").at(-1));
    }
  });

  test("shows how to call a layer, with its options, their defaults and its source", () => {
    const html = pages.get("reference/nn.html")!;
    const [linear] = /<section class="item" id="linear">.*?<\/section>/s.exec(html)!;
    expect(linear).toContain("linear(inputs: number, outputs: number, options: ");
    expect(linear).toContain('<a href="nn.html#LinearOptions">LinearOptions</a> = {}');
    expect(linear).toMatch(/blob\/main\/src\/nn\/layers\.ts#L\d+">src\/nn\/layers\.ts:\d+</);
    const [options] = /<section class="item" id="LinearOptions">.*?<\/section>/s.exec(html)!;
    expect(options).toMatch(/<code>bias\?: boolean<\/code><\/dt><dd><p>Whether to add a bias; default true\./);
    expect(pages.get("reference/engine.html")).toMatch(
      /id="Engine\.compile".*<em>throws<\/em>.*errors\.html#LimitError/s,
    );
  });

  test("links names in texts only where they are exactly names", () => {
    const link = (html: string) => linkNames(html, reference.find);
    expect(link("<code>nn.linear</code>")).toBe(
      '<a class="name" href="../reference/nn.html#linear"><code>nn.linear</code></a>',
    );
    expect(link("<code>Engine.create()</code>")).toContain("engine.html#Engine.create");
    for (const same of ["<code>linear</code>", "<code>nn.linear(2, 3)</code>", "<pre><code>nn.linear</code></pre>"])
      expect(link(same)).toBe(same);
    expect([...pages.values()].filter((html) => html.includes('class="name"')).length).toBeGreaterThan(20);
  });
});
