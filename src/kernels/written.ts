import { AttributeError, refuse } from "../errors.ts";
import type { Written } from "./call.ts";
import { hintOf } from "./slips.ts";
import { meanings } from "./words.ts";

/* User-written WGSL: its names, its declarations, and its own line numbers in compiler errors. */

/** Op names for which passes, or the trainer, have special rules. */
const known =
  "input variable constant full expand reshape permute slice matmul add sub mul div cast sum neg detach evaluated concat pad foreach fused copy castAll iota uniform normal randint";

/** Names of functions and buffers around a user's text, and of functions of elementwise ops. */
const ours = /^(kernel\d+|put|finish|watched\d*|largest\d*|op_\w+)$|_(data\d*|data_put|data_store|with\d+|body)$/;

/** The names that a user-made op declares; each must be unique. */
export class Names {
  readonly #op: string;
  readonly #taken = meanings();

  /** @param kind the function that makes the op, for messages. */
  constructor(kind: string, name: string) {
    this.#op = `${kind} ${name}`;
    checkIdentifier(kind, "name", name);
    if (known.split(" ").includes(name) || name in {})
      throw new AttributeError(`${kind}: name "${name}" is taken: a built-in op has this name`);
  }

  /** Refuses a name that is invalid or taken. @param what kind of name, for the error. */
  check(name: string, what: string): void {
    checkIdentifier(this.#op, what, name);
    const other =
      this.#taken.get(name) ?? (what !== "buffer" && ours.test(name) ? "a name in tilegrad's kernels" : undefined);
    if (other !== undefined) throw new AttributeError(`${this.#op}: ${what} "${name}" is taken: it is ${other}`);
  }

  /** Checks a name and marks it as taken. */
  take(name: string, what: string): void {
    this.check(name, what);
    this.#taken.set(name, /^[aeiou]/.test(what) ? `an ${what}` : `a ${what}`);
  }
}

function checkIdentifier(op: string, what: string, name: unknown): void {
  const fits = typeof name === "string" && /^[A-Za-z_]\w*$/.test(name) && name !== "_" && !name.startsWith("__");
  if (!fits) refuse(op, what, name, "a WGSL name: letters, digits and _, starting with a letter");
}

interface Token {
  readonly text: string;
  readonly at: number;
}

/** The words and symbols of a text, without comments. */
function tokensOf(text: string): Token[] {
  const found: Token[] = [];
  const pattern = /\/\/.*|\/\*|[\p{L}_][\p{L}\p{N}_]*|\d[\w.]*|\S/gu;
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
    const [word] = match;
    if (word === "/*") pattern.lastIndex = endOfComment(text, match.index);
    else if (!word.startsWith("//")) found.push({ text: word, at: match.index });
  }
  return found;
}

/** The position after a block comment. Block comments may be nested. */
function endOfComment(text: string, from: number): number {
  const ends = /\/\*|\*\//g;
  ends.lastIndex = from;
  let depth = 0;
  for (let match = ends.exec(text); match; match = ends.exec(text)) {
    depth += match[0] === "/*" ? 1 : -1;
    if (depth === 0) return ends.lastIndex;
  }
  return text.length;
}

/** Line and column: `line 2, column 5`. */
function placeOf(text: string, at: number): string {
  const before = text.slice(0, at).split("\n");
  return `line ${before.length}, column ${before.at(-1)!.length + 1}`;
}

const closing: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

/** Refuses text that is empty or has unbalanced brackets, which would change the code around it. */
export function checkText(op: string, what: string, text: string): void {
  if (typeof text !== "string" || !/\S/.test(text)) refuse(op, what, text, "WGSL");
  const open: Token[] = [];
  for (const token of tokensOf(text)) {
    if (closing[token.text]) open.push(token);
    if (!Object.values(closing).includes(token.text)) continue;
    const last = open.pop();
    if (!last || closing[last.text] !== token.text) {
      const against = last ? `"${last.text}" of ${placeOf(text, last.at)}` : "nothing";
      throw new AttributeError(`${op}: ${what}, ${placeOf(text, token.at)}: "${token.text}" closes ${against}`);
    }
  }
  const [left] = open;
  if (left) throw new AttributeError(`${op}: ${what}, ${placeOf(text, left.at)}: "${left.text}" is never closed`);
}

/** Whether a text calls a function. */
export function calls(text: string, name: string): boolean {
  const tokens = tokensOf(text);
  return tokens.some((token, i) => token.text === name && tokens[i + 1]?.text === "(");
}

/** Whether a word occurs in a text. */
export const names = (text: string, word: string): boolean => tokensOf(text).some(({ text }) => text === word);

/** A declaration in a text. */
export interface Declared {
  readonly name: string;
  readonly text: string;
}

/** The declarations in a text. */
export function declarationsOf(op: string, text: string): Declared[] {
  if (!/\S/.test(text)) return [];
  checkText(op, "functions", text);
  const found: Declared[] = [];
  let start: number | undefined;
  let kind = "";
  let name = "";
  let depth = 0;
  let end = 0;
  for (const [i, token] of tokensOf(text).entries()) {
    const { text: word, at } = token;
    if (start === undefined) {
      if (word === ";") continue;
      [name, start, kind] = [nameAt(op, text, i), beginning(text, end, at), word];
    }
    if (closing[word]) depth++;
    else if (Object.values(closing).includes(word)) depth--;
    const braces = kind === "fn" || kind === "struct";
    if (depth > 0 || word !== (braces ? "}" : ";")) continue;
    end = at + 1;
    found.push({ name, text: text.slice(start, end) });
    start = undefined;
  }
  if (start !== undefined) throw new AttributeError(`${op}: functions, ${placeOf(text, start)}: ${name} has no end`);
  return found;
}

/** The name of the declaration that starts at token `i`. */
function nameAt(op: string, text: string, i: number): string {
  const [first, second, third, fourth, fifth] = tokensOf(text).slice(i, i + 5);
  if (["fn", "struct", "alias", "const"].includes(first!.text) && second) return second.text;
  if (first!.text === "var" && second?.text === "<" && third?.text === "private" && fourth?.text === ">" && fifth)
    return fifth.text;
  throw new AttributeError(
    `${op}: functions, ${placeOf(text, first!.at)}: "${first!.text}" is not fn, struct, alias, const or var<private>`,
  );
}

/** Where a declaration begins, including its indentation and the comment lines right above it. */
const beginning = (text: string, from: number, at: number): number =>
  at - text.slice(from, at).match(/(?:(?<=^|\n)(?:[ \t]*\/\/.*\n)*[ \t]*)?$/)![0].length;

/** All printed declarations of user-made ops, by name: one name never has two meanings. */
const printed = new Map<string, string>();

/**
 * Finds a free name for an op in printed WGSL, `op_swish` or `op_swish2`: one whose declarations do not conflict with
 * those of another op. No name of ours begins with `op_`, so neither a kernel nor the printer takes it for its own.
 * @param declare the op's declarations under a name.
 * @param isUsed whether the user's text has a name, perhaps as a local one.
 */
export function claim(
  name: string,
  declare: (name: string) => readonly Declared[],
  isUsed: (name: string) => boolean,
): readonly Declared[] {
  for (let k = 1; ; k++) {
    const all = declare(`op_${name}${k === 1 ? "" : k}`);
    if (!all.every(({ name, text }) => !isUsed(name) && (printed.get(name) ?? text) === text)) continue;
    for (const { name, text } of all) printed.set(name, text);
    return all;
  }
}

/** A part of a text that the user wrote. */
export interface Own {
  /** Its name in the definition: `wgsl`, `functions`. */
  readonly what: string;
  readonly text: string;
}

/**
 * Finds errors in user-written WGSL by compiling a text that contains little else, with the user's lines intact.
 * @param tensors names of the op's tensors, each with a hint for a user who indexes it like an array.
 */
export const written = (
  op: string,
  tensors: ReadonlyMap<string, string>,
  text: () => readonly (string | Own)[],
): Written => ({
  async faults(errorsIn) {
    const parts = text();
    const lengths = parts.map((part) => (typeof part === "string" ? part : part.text).split("\n").length);
    const errors = await errorsIn(parts.map((part) => (typeof part === "string" ? part : part.text)).join("\n"));
    return errors.map(({ lineNum, linePos, message }) => {
      let first = 1;
      let i = 0;
      while (i < parts.length - 1 && first + lengths[i]! <= lineNum) first += lengths[i++]!;
      const [at, own, next] = [lineNum - first, parts[i]!, parts[i + 1]];
      const [said] = message.trim().split("\n");
      const shown = (own: Own, line: number, column: number) =>
        faultAt({ op, own, line, column, said: said!, tensors });
      if (typeof own !== "string") return shown(own, at, linePos);
      // An error in the text around it is reported at the nearest end of the user's part.
      if (next && typeof next !== "string") return shown(next, 0, 1);
      const before = parts.slice(0, i).findLast((part) => typeof part !== "string") as Own | undefined;
      return before ? shown(before, Number.POSITIVE_INFINITY, 1) : `  ${op}: ${said}`;
    });
  },
});

/** An error in a user's text. */
interface Fault {
  readonly op: string;
  readonly own: Own;
  /** Of the text, from 0; the column counts from 1. */
  readonly line: number;
  readonly column: number;
  readonly said: string;
  readonly tensors: ReadonlyMap<string, string>;
}

/**
 * An error with its line, a mark below, and a hint if it is a common slip. An error past the end or in a blank line is
 * moved to the nearest word.
 */
function faultAt({ op, own: { what, text }, line, column, said, tensors }: Fault): string {
  const lines = text.split("\n");
  const full = lines.flatMap((text, i) => (/\S/.test(text) ? [i] : []));
  const at = full.find((i) => i >= line) ?? full.at(-1)!;
  const whole = lines[at]!;
  const shown = whole.trim();
  const margin = whole.indexOf(shown);
  const place = at === line ? Math.max(column, margin + 1) : line > at ? margin + shown.length + 1 : margin + 1;
  const mark = `${" ".repeat(place - 1 - margin)}^`;
  const hint = hintOf({ line: shown, said, tensors });
  return `  ${op}: ${what}, line ${at + 1}, column ${place}: ${said}\n    ${shown}\n    ${mark}${hint ? `\n    ${hint}` : ""}`;
}
