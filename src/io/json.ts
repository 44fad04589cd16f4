import { quoted } from "../errors.ts";

/** A number that is not a plain integer, as the text writes it: `1.5`, `1e3`, `-0`, or one beyond 2⁵³. */
export class Literal {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** JSON for file headers: objects keep the order of their keys, and integers are distinct from other numbers. */
export type Json = null | boolean | number | string | Literal | readonly Json[] | JsonObject;
export type JsonObject = ReadonlyMap<string, Json>;

/** The same depth as Hugging Face's reader. */
const mostDeep = 128;

/**
 * Parses JSON from an untrusted file, as strictly as `JSON.parse`. Also refuses duplicate keys in one object and
 * nesting beyond 128. Runs in time linear in the length of the text.
 *
 * @throws SyntaxError that says what is wrong, and where: "is not JSON: …".
 */
export function parseJson(text: string): Json {
  let at = 0;
  let depth = 0;

  const fail = (expected: string): never => {
    const found = at < text.length ? `found ${quoted(text.slice(at, at + 12))}` : "it ends there";
    throw new SyntaxError(`is not JSON: expected ${expected} at character ${at}, ${found}`);
  };

  /** Skips white space and returns the code of the next character; NaN at the end. */
  const peek = (): number => {
    for (; ; at++) {
      const code = text.charCodeAt(at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return code;
    }
  };

  const string = (): string => {
    const start = at;
    let escaped = false;
    for (at++; ; at++) {
      const code = text.charCodeAt(at);
      if (code === quote) break;
      if (!(code >= 0x20)) return fail("the closing quote of a string");
      if (code === backslash) {
        escaped = true;
        at++;
      }
    }
    at++;
    if (!escaped) return text.slice(start + 1, at - 1);
    try {
      return JSON.parse(text.slice(start, at)) as string;
    } catch {
      at = start;
      return fail("a string with valid escapes");
    }
  };

  /** Parses comma-separated items up to the closing bracket. */
  const items = (close: number, item: () => void): void => {
    if (++depth > mostDeep) throw new SyntaxError(`is nested deeper than ${mostDeep} at character ${at}`);
    at++;
    if (peek() !== close) {
      item();
      for (; peek() === comma; item()) at++;
    }
    if (peek() !== close) fail(`, or ${String.fromCharCode(close)}`);
    at++;
    depth--;
  };

  const object = (): JsonObject => {
    const found = new Map<string, Json>();
    items(0x7d, () => {
      if (peek() !== quote) fail("a key");
      const key = string();
      if (found.has(key)) throw new SyntaxError(`has the key ${quoted(key)} twice in one object`);
      if (peek() !== 0x3a) fail(":");
      at++;
      found.set(key, value());
    });
    return found;
  };

  const array = (): Json[] => {
    const found: Json[] = [];
    items(0x5d, () => found.push(value()));
    return found;
  };

  const value = (): Json => {
    const code = peek();
    if (code === quote) return string();
    if (code === 0x7b) return object();
    if (code === 0x5b) return array();
    const start = at;
    while (isOfWord(text.charCodeAt(at))) at++;
    const word = text.slice(start, at);
    if (Object.hasOwn(words, word)) return words[word as keyof typeof words];
    at = start;
    if (word.length > longestNumber || !numeral.test(word)) return fail("a value");
    at += word.length;
    const number = Number(word);
    return Number.isSafeInteger(number) && plain.test(word) ? number : new Literal(word);
  };

  const whole = value();
  if (!Number.isNaN(peek())) fail("the end");
  return whole;
}

const [quote, backslash, comma] = [0x22, 0x5c, 0x2c];
const words = { true: true, false: false, null: null } as const;
const numeral = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const plain = /^(?:0|-?[1-9]\d*)$/;

/** Most characters of a number; no real one has more. */
const longestNumber = 400;

/** Letters, digits and the other characters of numbers: +, - and the point. */
const isOfWord = (code: number): boolean =>
  (code >= 0x30 && code <= 0x39) ||
  (code >= 0x61 && code <= 0x7a) ||
  code === 0x45 ||
  (code >= 0x2b && code <= 0x2e && code !== comma);
