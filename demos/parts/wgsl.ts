import { HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { tags } from "@lezer/highlight";

/** Words of WGSL: www.w3.org/TR/WGSL, "Keyword Summary", and the types. */
const keywords =
  /^(?:alias|break|case|const|const_assert|continue|continuing|default|diagnostic|discard|else|enable|false|fn|for|if|let|loop|override|requires|return|struct|switch|true|var|while)$/;
const types =
  /^(?:bool|[fiu]32|f16|vec[234][fiuh]?|mat[234]x[234][fh]?|array|atomic|ptr|function|private|workgroup|uniform|storage|read|write|read_write)$/;

interface State {
  /** How many block comments are open. */
  depth: number;
}

/** Colours for WGSL: comments, numbers, attributes, keywords, types, calls. */
const language = StreamLanguage.define<State>({
  name: "wgsl",
  startState: () => ({ depth: 0 }),
  token(stream, state) {
    if (state.depth > 0 || stream.match("/*")) {
      if (state.depth === 0) state.depth = 1;
      while (!stream.eol() && state.depth > 0) {
        if (stream.match("/*")) state.depth++;
        else if (stream.match("*/")) state.depth--;
        else stream.next();
      }
      return "comment";
    }
    if (stream.eatSpace()) return null;
    if (stream.match("//")) {
      stream.skipToEnd();
      return "comment";
    }
    if (stream.match(/^@\w+/)) return "meta";
    if (stream.match(/^(?:0[xX][\da-fA-F.]+(?:[pP][+-]?\d+)?|\.?\d[\d.]*(?:[eE][+-]?\d+)?)[iufh]?/)) return "number";
    const word = stream.match(/^[\p{L}_][\p{L}\p{N}_]*/u);
    if (Array.isArray(word)) {
      if (keywords.test(word[0])) return "keyword";
      if (types.test(word[0])) return "typeName";
      return stream.match(/^\s*\(/, false) ? "function" : null;
    }
    stream.next();
    return null;
  },
  tokenTable: { function: tags.function(tags.variableName) },
  languageData: { commentTokens: { line: "//", block: { open: "/*", close: "*/" } } },
});

const colors = HighlightStyle.define([
  { tag: tags.comment, class: "wgsl-comment" },
  { tag: [tags.number, tags.meta], class: "wgsl-number" },
  { tag: tags.keyword, class: "wgsl-keyword" },
  { tag: tags.typeName, class: "wgsl-type" },
  { tag: tags.function(tags.variableName), class: "wgsl-call" },
]);

/** WGSL for CodeMirror. */
export const wgsl = [language, syntaxHighlighting(colors)];
