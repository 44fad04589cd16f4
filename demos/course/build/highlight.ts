import { highlightCode, tagHighlighter, tags } from "@lezer/highlight";
import { parser } from "@lezer/javascript";

/** Classes of code, for the text of a page and for its editor. */
export const classes = [
  { tag: tags.comment, class: "code-comment" },
  { tag: [tags.string, tags.special(tags.string), tags.regexp], class: "code-string" },
  { tag: [tags.number, tags.bool, tags.null], class: "code-number" },
  {
    tag: [tags.keyword, tags.modifier, tags.operatorKeyword, tags.controlKeyword, tags.definitionKeyword],
    class: "code-keyword",
  },
  { tag: tags.typeName, class: "code-type" },
  { tag: [tags.function(tags.variableName), tags.function(tags.propertyName)], class: "code-call" },
];

const highlighter = tagHighlighter(classes);
const typescript = parser.configure({ dialect: "ts" });

export const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[character]!);

/** Code as HTML. */
export function highlighted(code: string, isTypeScript: boolean): string {
  if (!isTypeScript) return escaped(code);
  let html = "";
  const put = (text: string, names: string): void => {
    html += names ? `<span class="${names}">${escaped(text)}</span>` : escaped(text);
  };
  highlightCode(code, typescript.parse(code), highlighter, put, () => {
    html += "\n";
  });
  return html;
}
