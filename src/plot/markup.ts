/*
 * SVG and HTML as text. Users' words pass through `escaped`, and nothing else may put them into a document.
 */

/** A piece of SVG or HTML, in which users' words are escaped. */
export type Markup = string & { readonly markup: never };

/** Joins pieces. */
export const joined = (parts: readonly Markup[]): Markup => parts.join("") as Markup;

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/**
 * Words for an element or an attribute of XML or HTML. What XML forbids even when escaped (control characters, halves of
 * a surrogate pair) becomes U+FFFD.
 */
export const escaped = (words: string): Markup =>
  words
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML forbids
    .replace(/[\0-\x08\v\f\x0e-\x1f\x7f-\x9f\ufffe\uffff]|\p{Surrogate}/gu, "\ufffd")
    .replace(/[&<>"']/g, (character) => entities[character]!) as Markup;

export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** Attributes that are `undefined` are left out. Numbers are rounded to hundredths. */
const written = (attributes: Attributes): string =>
  Object.entries(attributes)
    .map(([key, value]) => {
      if (value === undefined) return "";
      return ` ${key}="${typeof value === "number" ? rounded(value) : escaped(value)}"`;
    })
    .join("");

/** An element of SVG. */
export function tag(name: string, attributes: Attributes, ...children: readonly Markup[]): Markup {
  const content = joined(children);
  return (
    content ? `<${name}${written(attributes)}>${content}</${name}>` : `<${name}${written(attributes)}/>`
  ) as Markup;
}

/** An element of HTML, where an empty one is closed, too. */
export const element = (name: string, attributes: Attributes, ...children: readonly Markup[]): Markup =>
  `<${name}${written(attributes)}>${joined(children)}</${name}>` as Markup;

export const rounded = (value: number): string => String(Math.round(100 * value) / 100 + 0);
