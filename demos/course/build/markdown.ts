import katex from "katex";
import { Marked, type TokenizerAndRendererExtension, type Tokens } from "marked";
import { isNumeric } from "../page/columns.ts";
import { highlighted } from "./highlight.ts";

/** A formula as MathML, which browsers draw by themselves. @throws Error that quotes it if it has a mistake. */
function formula(tex: string, displayMode: boolean): string {
  try {
    return katex.renderToString(tex, { output: "mathml", displayMode, throwOnError: true });
  } catch (cause) {
    const message = (cause as Error).message.replace(/^KaTeX parse error: /, "");
    throw new Error(`formula ${displayMode ? `$$${tex}$$` : `$${tex}$`}: ${message}`, { cause });
  }
}

/** `$x^2$` inside of a paragraph, also where a line ends in it. */
const inline: TokenizerAndRendererExtension = {
  name: "formula",
  level: "inline",
  start: (text) => text.indexOf("$"),
  tokenizer(text) {
    const [raw, tex] = /^\$(?!\s)((?:\\\$|[^$])+?)(?<!\s)\$(?!\d)/.exec(text) ?? [];
    return raw === undefined ? undefined : { type: "formula", raw, tex };
  },
  renderer: ({ tex }) => formula(tex as string, false),
};

/** `$$ … $$` in lines of its own. */
const block: TokenizerAndRendererExtension = {
  name: "formulaBlock",
  level: "block",
  start: (text) => text.indexOf("$$"),
  tokenizer(text) {
    const [raw, tex] = /^\$\$\n?(.+?)\n?\$\$(?:\n|$)/s.exec(text) ?? [];
    return raw === undefined ? undefined : { type: "formulaBlock", raw, tex };
  },
  renderer: ({ tex }) =>
    `<div class="formula" tabindex="0" role="group" aria-label="Formula">${formula(tex as string, true)}</div>\n`,
};

/** What is made of a file. @throws Error that names the file. */
export function madeOf<T>(file: string, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    throw new Error(`${file}: ${(cause as Error).message}`, { cause });
  }
}

/** Where a link of a lesson's or a guide's file leads in its page. */
export const linkOf = (href: string): string =>
  href
    .replace(/^((?:\.\.\/\.\.\/guides\/|\.\.\/course\/lessons\/)?[\w-]+)\.md(?=#|$)/, "$1.html")
    .replace(/^\.\.\/course\/lessons\//, "../course/")
    .replace(/^\.\.\/(examples\/.*)$/, "https://github.com/tilegrad/tilegrad/tree/main/demos/$1")
    .replace(/^\.\.\/([\w-]+)$/, "../$1/")
    .replace(/^\.\.\/\.\.\//, "../");

/** The name of a heading in links. */
export const idOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, "")
    .replaceAll(" ", "-");

/** The Markdown of lessons: that of GitHub, with formulas and highlighted code. */
export const markdown = new Marked({
  extensions: [inline, block],
  renderer: {
    heading({ tokens, depth, text }) {
      return `<h${depth} id="${idOf(text)}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
    },
    link({ href, tokens }) {
      return `<a href="${linkOf(href)}">${this.parser.parseInline(tokens)}</a>`;
    },
    table({ header, rows }) {
      const row = (cells: readonly Tokens.TableCell[], tag: string): string => {
        const html = cells.map(({ tokens }, i) => {
          const isRight = isNumeric(rows.map((row) => row[i]!.text));
          return `<${tag}${isRight ? ' class="number"' : ""}>${this.parser.parseInline(tokens)}</${tag}>`;
        });
        return `<tr>${html.join("")}</tr>`;
      };
      return `<div class="table" tabindex="0" role="region" aria-label="Table"><table><thead>${row(header, "th")}</thead><tbody>
${rows.map((cells) => row(cells, "td")).join("\n")}
</tbody></table></div>\n`;
    },
    code: ({ text, lang }) => `<pre tabindex="0"><code>${highlighted(text, lang === "ts")}</code></pre>\n`,
  },
});
