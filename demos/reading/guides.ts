import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Token, Tokens } from "marked";
import { escaped } from "../course/build/highlight.ts";
import { madeOf, markdown } from "../course/build/markdown.ts";
import { withNames } from "../reference/build/names.ts";
import { wordsOf } from "../search/build/sections.ts";
import { readingPage } from "./frame.ts";
import type { Pages } from "./pages.ts";

const root = join(import.meta.dirname, "../..");
const folder = join(root, "demos/guides");

export interface Guide {
  readonly name: string;
  readonly title: string;
  /** Its group in the README. */
  readonly group: string;
  /** What the README calls it. */
  readonly words: string;
  readonly tokens: readonly Token[];
}

/** All guides, in the order and the groups of the README, which a test holds to naming all of them. */
export function readGuides(): Guide[] {
  const [, table] = /\n## Guides\n(.*?)\n## /s.exec(readFileSync(join(root, "README.md"), "utf8"))!;
  return [...table!.matchAll(/^\| ([^|]*\w) \| (.*) \|$/gm)].flatMap(([, group, links]) =>
    [...links!.matchAll(/\[([^\]]*)\]\(demos\/guides\/([\w-]+)\.md\)/g)].map(([, words, name]) => {
      const [first, ...tokens] = markdown.lexer(readFileSync(join(folder, `${name}.md`), "utf8"));
      if (first?.type !== "heading") throw new Error(`guide ${name}: begins with no title`);
      return { name: name!, title: (first as Tokens.Heading).text, group: group!, words: words!, tokens };
    }),
  );
}

/** The first sentence of a guide's text. */
function aboutOf({ tokens, title }: Guide): string {
  const text = wordsOf(tokens.find(({ type }) => type === "paragraph") ?? { type: "text", raw: "", text: title });
  return /^.*?[^.]{2}[.:](?=\s|$)(?<![( ]\w\.)/s.exec(text)?.[0].replace(/\s+/g, " ").replace(/:$/, ".") ?? text;
}

function guidePage(guide: Guide): string {
  return readingPage({
    title: guide.title,
    description: `${aboutOf(guide)} A guide to tilegrad, with programs that run.`,
    home: { href: "./", words: "Guides" },
    body: madeOf(`demos/guides/${guide.name}.md`, () => markdown.parser([...guide.tokens])),
  });
}

function listPage(guides: readonly Guide[]): string {
  const groups = [...new Set(guides.map(({ group }) => group))].map((group) => {
    const items = guides.filter((guide) => guide.group === group);
    return `<h2>${escaped(group)}</h2>
<ul class="list">
${items.map((guide) => `<li><a href="${guide.name}.html">${escaped(guide.title)}</a> <p>${escaped(aboutOf(guide))}</p></li>`).join("\n")}
</ul>`;
  });
  return readingPage({
    title: "Guides",
    description: "How to do one thing with tilegrad, guide by guide: each has programs to copy, which tests run.",
    home: { href: "../", words: "tilegrad demos" },
    lead: "How to do one thing, guide by guide. Each has programs to copy, which tests run.",
    body: groups.join("\n"),
  });
}

export const guidePages: Pages = {
  folder: "guides",
  sources: folder,
  names: () => ["index", ...readGuides().map(({ name }) => name)],
  page(name, isBuilt) {
    const guides = readGuides();
    const guide = guides.find((guide) => guide.name === name);
    const html = guide ? guidePage(guide) : name === "index" ? listPage(guides) : undefined;
    return html === undefined ? undefined : withNames(html, isBuilt);
  },
};
