import { join } from "node:path";
import { escaped } from "../../course/build/highlight.ts";
import { readingPage } from "../../reading/frame.ts";
import type { Pages } from "../../reading/pages.ts";
import { linkNames } from "./docs.ts";
import { ItemPages } from "./item.ts";
import { Kind } from "./reflection.ts";
import { type Item, type Reference, readReference, readShelves, type Shelf } from "./shelf.ts";

/** Names as a list of links, in the order of the alphabet. */
function namesOf(items: readonly Item[], page: string): string {
  const link = ({ name, anchor }: Item): string => `<a href="${page}#${escaped(anchor)}">${escaped(name)}</a>`;
  return [...items]
    .sort((a, b) => a.name.localeCompare(b.name, "en"))
    .map(link)
    .join(" ");
}

const isType = ({ reflection: { kind } }: Item): boolean => kind === Kind.interface || kind === Kind.alias;

/** The names of a page: what one calls, and types. */
function contents(items: readonly Item[], page = ""): string {
  const own = items.filter(({ isPublic }) => isPublic);
  const row = (words: string, list: readonly Item[]) =>
    list.length ? `<p class="names"><span>${words}</span> ${namesOf(list, page)}</p>` : "";
  return (
    row(
      "Functions and classes",
      own.filter((item) => !isType(item)),
    ) + row("Types", own.filter(isType))
  );
}

function shelfPage(shelf: Shelf, reference: Reference): string {
  const items = reference.items.filter((item) => item.shelf === shelf);
  const pages = new ItemPages(reference);
  const ordered = [...items.filter(({ isPublic }) => isPublic), ...items.filter(({ isPublic }) => !isPublic)];
  const aliases = reference.aliases.filter((alias) => alias.shelf === shelf);
  const also = aliases.flatMap(({ name, target }) => {
    const href = reference.hrefOf(target);
    return href ? [`<a href="${href}">${escaped(name)}</a>`] : [];
  });
  const body = `${contents(items)}
${also.length ? `<p class="names"><span>Exported here too</span> ${also.join(" ")}</p>` : ""}
${ordered.map((item) => pages.html(item)).join("\n")}`;
  return readingPage({
    title: shelf.title,
    description: `Reference of ${shelf.entry}: ${shelf.about}`,
    home: { href: "./", words: "Reference" },
    lead: `${escaped(shelf.about[0]!.toUpperCase() + shelf.about.slice(1))} <code class="import">import { … } from "${shelf.entry}"</code>`,
    body: linkNames(body, reference.find, ""),
  });
}

function listPage(reference: Reference): string {
  const section = (shelf: Shelf): string => {
    const items = reference.items.filter((item) => item.shelf === shelf);
    return `<h3><a href="${shelf.name}.html">${escaped(shelf.title)}</a></h3>
<p>${escaped(shelf.about[0]!.toUpperCase() + shelf.about.slice(1))}</p>
${contents(items, `${shelf.name}.html`)}`;
  };
  const isMain = ({ entry }: Shelf): boolean => entry === "tilegrad";
  return readingPage({
    title: "Reference",
    description:
      "Every name that tilegrad exports: how it is called, what it means, its defaults, its errors, its source.",
    home: { href: "../", words: "tilegrad demos" },
    lead: "Every name that tilegrad exports: how it is called, what it means, its defaults, its errors, its source.",
    body: `<h2>tilegrad</h2>
${reference.shelves.filter(isMain).map(section).join("\n")}
<h2>Other entries</h2>
${reference.shelves
  .filter((shelf) => !isMain(shelf))
  .map(section)
  .join("\n")}`,
  });
}

export const referencePages: Pages = {
  folder: "reference",
  sources: join(import.meta.dirname, "../../../src"),
  names: () => ["index", ...readShelves().map(({ name }) => name)],
  page(name) {
    if (!this.names().includes(name)) return undefined;
    return readReference().then((reference) => {
      const shelf = reference.shelves.find((shelf) => shelf.name === name);
      return shelf ? shelfPage(shelf, reference) : listPage(reference);
    });
  },
};
