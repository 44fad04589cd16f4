import { AttributeError, refuse } from "../errors.ts";
import type { Written } from "./call.ts";
import { meanings } from "./words.ts";

/*
 * WGSL that users write: its names, its declarations, and its own lines in the errors of compilers.
 */

/** Op names that passes treat by rules of their own. */
const known =
  "input variable constant full expand reshape permute slice matmul add sub mul div cast sum neg detach evaluated concat pad foreach fused copy castAll";

/** The names of an op that a user makes, each given once. */
export class Names {
  readonly #op: string;
  readonly #taken = meanings();

  /** @param kind what makes the op, for messages. */
  constructor(kind: string, name: string) {
    this.#op = `${kind} ${name}`;
    checkIdentifier(kind, "name", name);
    if (known.split(" ").includes(name) || name in {})
      throw new AttributeError(
        `${kind}: name "${name}" is taken: it is an op that tilegrad's passes know by this name`,
      );
  }

  /** Refuses a name that is none, or is taken. @param what it names, in words. */
  check(name: string, what: string): void {
    checkIdentifier(this.#op, what, name);
    const other = this.#taken.get(name);
    if (other !== undefined) throw new AttributeError(`${this.#op}: ${what} "${name}" is taken: it is ${other}`);
  }

  /** The same, and notes the name. */
  take(name: string, what: string): void {
    this.check(name, what);
    this.#taken.set(name, /^[aeiou]/.test(what) ? `an ${what}` : `a ${what}`);
  }
}

function checkIdentifier(op: string, what: string, name: unknown): void {
  const fits = typeof name === "string" && /^[A-Za-z_]\w*$/.test(name) && name !== "_" && !name.startsWith("__");
  if (!fits) refuse(op, what, name, "a name as in WGSL: letters, digits and _, beginning with a letter");
}

interface Token {
  readonly text: string;
  readonly at: number;
}

/** The words and signs of a text, without its comments. */
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

/** The place behind a block comment. Such comments may hold others. */
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

/** `line 2, column 5` */
function placeOf(text: string, at: number): string {
  const before = text.slice(0, at).split("\n");
  return `line ${before.length}, column ${before.at(-1)!.length + 1}`;
}

const closing: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

/** Refuses anything but a text with words in it, whose brackets close: what stands around it stays outside. */
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

/** Something that a text declares. */
export interface Declared {
  readonly name: string;
  readonly text: string;
}

/** The declarations of a text, one by one. */
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

/** The name of the declaration that begins with token number `i`. */
function nameAt(op: string, text: string, i: number): string {
  const [first, second, third, fourth, fifth] = tokensOf(text).slice(i, i + 5);
  if (["fn", "struct", "alias", "const"].includes(first!.text) && second) return second.text;
  if (first!.text === "var" && second?.text === "<" && third?.text === "private" && fourth?.text === ">" && fifth)
    return fifth.text;
  throw new AttributeError(
    `${op}: functions, ${placeOf(text, first!.at)}: "${first!.text}" begins no fn, struct, alias, const or var<private>`,
  );
}

/** Where a declaration begins, its indentation and the lines of comments right above it included. */
const beginning = (text: string, from: number, at: number): number =>
  at - text.slice(from, at).match(/(?:(?<=^|\n)(?:[ \t]*\/\/.*\n)*[ \t]*)?$/)![0].length;

/** Printed declarations of all ops that were made, by name: two ops never give one name two meanings. */
const printed = new Map<string, string>();

/**
 * The first name for an op in printed texts, `swish` or `swish2`, under which it declares nothing that another op declares otherwise.
 * @param declare what the op would declare under a name.
 */
export function claim(name: string, declare: (name: string) => readonly Declared[]): readonly Declared[] {
  for (let k = 1; ; k++) {
    const all = declare(k === 1 ? name : `${name}${k}`);
    if (!all.every(({ name, text }) => (printed.get(name) ?? text) === text)) continue;
    for (const { name, text } of all) printed.set(name, text);
    return all;
  }
}

/** A part of a text that is a user's own. */
export interface Own {
  /** What the user calls it: `wgsl`, `functions`. */
  readonly what: string;
  readonly text: string;
}

/** Finds the faults of what a user wrote by a text that holds it line by line, apart from all else in its kernels. */
export const written = (op: string, text: () => readonly (string | Own)[]): Written => ({
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
      if (typeof own !== "string") return faultAt(op, own, at, linePos, said!);
      // What is amiss around it shows at its beginning, or at its end.
      if (next && typeof next !== "string") return faultAt(op, next, 0, 1, said!);
      const before = parts.slice(0, i).findLast((part) => typeof part !== "string") as Own | undefined;
      return before ? faultAt(op, before, Number.POSITIVE_INFINITY, 1, said!) : `  ${op}: ${said}`;
    });
  },
});

/** A fault in words, with its line and a mark below. Beyond the text, or in a blank line, it is at the nearest word before it, or behind it. */
function faultAt(op: string, { what, text }: Own, line: number, column: number, said: string): string {
  const lines = text.split("\n");
  const full = lines.flatMap((text, i) => (/\S/.test(text) ? [i] : []));
  const at = full.find((i) => i >= line) ?? full.at(-1)!;
  const whole = lines[at]!;
  const shown = whole.trim();
  const margin = whole.indexOf(shown);
  const place = at === line ? Math.max(column, margin + 1) : line > at ? margin + shown.length + 1 : margin + 1;
  const mark = `${" ".repeat(place - 1 - margin)}^`;
  return `  ${op}: ${what}, line ${at + 1}, column ${place}: ${said}\n    ${shown}\n    ${mark}`;
}
