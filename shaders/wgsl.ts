import { wgsl as preprocess } from "wgsl-preprocessor/wgsl-preprocessor.js";

/** A value interpolated into WGSL: text, a number, a condition of `#if`, or lines to join. */
export type Hole = string | number | boolean | readonly string[];

const conditional = /#(if|elif)\s*$/;

/**
 * Template tag for WGSL with `#if ${condition}` … `#elif ${condition}` … `#else` … `#endif`. It checks interpolated
 * values before the preprocessor and rejects `undefined`, NaN, booleans outside conditions and `#else if`, which would
 * print silently. Lists are joined by line breaks. A value on its own line takes that line's indentation; common
 * indentation is removed. Interpolated text is not parsed again, so fragments compose.
 */
export function wgsl(strings: TemplateStringsArray, ...holes: readonly Hole[]): string {
  for (const text of strings) if (/#else\s+if/.test(text)) throw new Error("wgsl: write #elif, not #else if");
  const values = holes.map((hole, i) => {
    const before = strings[i]!;
    const line = before.slice(before.lastIndexOf("\n") + 1);
    const where = `hole ${i} after "${line.trim()}"`;
    if (conditional.test(before)) {
      if (typeof hole !== "boolean") throw new Error(`wgsl: ${where} is a condition, but is ${typeof hole}`);
      return hole;
    }
    const below = (text: string): string => (/\S/.test(line) ? text : text.replaceAll("\n", `\n${line}`));
    if (typeof hole === "string") return below(hole);
    if (typeof hole === "number" && Number.isFinite(hole)) return String(hole);
    if (Array.isArray(hole) && hole.every((text) => typeof text === "string")) return below(hole.join("\n"));
    throw new Error(`wgsl: ${where} is ${String(hole)}, expected text, a finite number or a list of texts`);
  });
  return tidy(dedented(preprocess(strings, ...values)));
}

/** Text for each i from 0 to n − 1: an unrolled loop. */
export const each = (n: number, text: (i: number) => string | readonly string[]): string[] =>
  Array.from({ length: n }, (_, i) => text(i)).flat();

/** Removes the indentation common to all lines. */
function dedented(text: string): string {
  const margins = text.split("\n").flatMap((line) => (/\S/.test(line) ? line.search(/\S/) : []));
  const margin = Math.min(...margins);
  return Number.isFinite(margin) && margin > 0
    ? text.replaceAll(`\n${" ".repeat(margin)}`, "\n").replace(/^ +/, "")
    : text;
}

/**
 * Removes the blank lines left by empty values and branches not taken, so that generated kernels read like hand-written
 * ones.
 */
const tidy = (text: string): string =>
  `${text
    .replace(/[ \t]+$/gm, "")
    .replace(/\n{2,}/g, "\n")
    .trim()}\n`;

/** Lines of text, indented. */
export const indented = (lines: readonly string[], by = 2): string[] => lines.map((line) => " ".repeat(by) + line);
