/** An element of XML, or of HTML written as XML. */
export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: (Element | string)[];
}

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };

/**
 * Reads well-formed markup: every element closed, every attribute quoted, no entity but the five of XML.
 * @param voids names of elements without content, such as HTML's `meta`.
 * @throws Error where it is not well-formed.
 */
export function parse(text: string, voids: readonly string[] = []): Element {
  const root: Element = { name: "", attributes: {}, children: [] };
  const open = [root];
  const token = /<!doctype html>|<(\/?)([\w-]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>|([^<]+)/gy;
  while (token.lastIndex < text.length) {
    const at = token.lastIndex;
    const match = token.exec(text);
    if (!match) throw new Error(`not well-formed at ${at}: ${text.slice(at, at + 60)}`);
    const [, closes, name, attributes = "", empty, words] = match;
    if (words) open.at(-1)!.children.push(plain(words));
    else if (closes) {
      if (open.pop()!.name !== name) throw new Error(`</${name}> at ${at} closes another element`);
    } else if (name) {
      const pairs = [...attributes.matchAll(/([\w:-]+)="([^"]*)"/g)].map(([, key, value]) => [key, plain(value!)]);
      const element = { name, attributes: Object.fromEntries(pairs), children: [] };
      open.at(-1)!.children.push(element);
      if (!empty && !voids.includes(name)) open.push(element);
    }
  }
  if (open.length > 1) throw new Error(`<${open.at(-1)!.name}> is not closed`);
  return root;
}

function plain(words: string): string {
  return words.replace(/&([^;]*;?)/g, (all, name: string) => {
    const character = entities[name.slice(0, -1)];
    if (!name.endsWith(";") || character === undefined) throw new Error(`not an entity: ${all}`);
    return character;
  });
}

/** All elements of a name, in order. */
export const all = (element: Element, name: string): Element[] =>
  element.children.flatMap((child) =>
    typeof child === "string" ? [] : [...(child.name === name ? [child] : []), ...all(child, name)],
  );

/** The words inside an element. */
export const wordsOf = ({ children }: Element): string =>
  children.map((child) => (typeof child === "string" ? child : wordsOf(child))).join("");
