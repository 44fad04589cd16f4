import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { charTokenizer, padSequences, tokenizerFrom, windows, wordTokenizer } from "../../src/data/text/index.ts";
import { wordsOf } from "../../src/data/text/segments.ts";
import { AttributeError, ShapeError } from "../../src/errors.ts";

const isNew = <T>(item: T, at: number, list: readonly T[]): boolean => list.indexOf(item) === at;

describe("charTokenizer", () => {
  test("gives characters ids in the order of their code points", () => {
    const tokenizer = charTokenizer("hello 😀\uFF5E");
    expect(Array.from({ length: tokenizer.size }, (_, id) => tokenizer.token(id)).join("")).toBe(" ehlo\uFF5E😀");
    expect(tokenizer.encode("hole")).toStrictEqual(Int32Array.of(2, 4, 3, 1));
    expect(tokenizer.decode([2, 1, 3, 3, 4, 0, 6])).toBe("hello 😀");
  });

  test("takes a vocabulary, and special tokens before it", () => {
    const tokenizer = charTokenizer(["b", "a"], { special: ["pad", "unknown", "begin", "end"] });
    expect(tokenizer.special).toEqual({ pad: 0, unknown: 1, begin: 2, end: 3 });
    const ids = tokenizer.encode("abx", { begin: true, end: true });
    expect(ids).toStrictEqual(Int32Array.of(2, 5, 4, 1, 3));
    expect(tokenizer.decode([...ids, 0, 0])).toBe("ab<unknown>");
    expect([tokenizer.token(0), tokenizer.token(5), tokenizer.id("a"), tokenizer.id("z")]).toEqual([
      "<pad>",
      "a",
      5,
      1,
    ]);
  });

  test("takes graphemes for characters on request", () => {
    const family = "👨‍👩‍👧";
    const accent = "e\u0301";
    const text = `${family}${accent}e`;
    expect(charTokenizer(text).size).toBe(6);
    const tokenizer = charTokenizer(text, { unit: "grapheme" });
    expect(tokenizer.size).toBe(3);
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    expect(tokenizerFrom(JSON.parse(JSON.stringify(tokenizer.state))).encode(text)).toEqual(tokenizer.encode(text));
    expect(() => charTokenizer([accent])).toThrow("charTokenizer: source[0] is");
    expect(charTokenizer([accent], { unit: "grapheme" }).size).toBe(1);
  });

  test("keeps graphemes whole wherever a long text is cut to segment it", () => {
    const whole = new Intl.Segmenter(undefined, { granularity: "grapheme" });
    const odd = [
      "e\u0301\u0323",
      "👨‍👩‍👧👍🏽",
      "🇩🇪🇫🇷🇯🇵🇩",
      "\r\n\n\r",
      "\u1100\u1161\u11a8",
      "क्षि",
      "\u0600x\u0600é",
      "e\u{1d167}",
      "\ud83d\u0301\udc68",
      "ำก",
      "x".concat("\u0301".repeat(9000)),
    ].join("");
    const tokenizer = charTokenizer(
      Array.from(whole.segment(odd), ({ segment }) => segment)
        .concat("a")
        .filter(isNew),
      {
        unit: "grapheme",
      },
    );
    for (let before = 4096 - odd.length + 9000; before <= 4096; before++) {
      const text = "a".repeat(before) + odd;
      const expected = Array.from(whole.segment(text), ({ segment }) => tokenizer.id(segment));
      expect(tokenizer.encode(text)).toStrictEqual(Int32Array.from(expected));
    }
    expect(() => tokenizer.encode(`${"a".repeat(5000)}?`)).toThrow('"?", at 5000,');
  });

  test.each([
    ["e\u0301", "grapheme", ["e\u0301"]],
    ["日本", "grapheme", ["日", "本"]],
    ["e\u0301 ab ", "word", ["ab", "e\u0301"]],
    ["日本\n", "word", ["日本"]],
  ] as const)("segments a long text of %j by %s in pieces, each character about once", (part, unit, tokens) => {
    const text = part.repeat(30_000 / part.length);
    const segment = vi.spyOn(Intl.Segmenter.prototype, "segment");
    const tokenizer = unit === "word" ? wordTokenizer(text, { locale: "ja" }) : charTokenizer(text, { unit });
    const lengths = segment.mock.calls.map(([piece]) => piece.length);
    segment.mockRestore();
    expect(tokenizer.state.tokens).toEqual(tokens);
    expect(Math.max(...lengths)).toBeLessThan(4200);
    expect(lengths.reduce((a, b) => a + b)).toBeLessThan(1.01 * text.length);
  });

  test("finds the words of a long text as if it were not cut", () => {
    const whole = new Intl.Segmenter("ja", { granularity: "word" });
    const parts = [
      "東京に行きました。",
      "don't",
      " ",
      " ",
      "\n",
      "\r\n",
      "\u0301x",
      "3.5 a.b",
      " \u00a0",
      " \u200d1",
      "a b",
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...parts), { minLength: 3000, maxLength: 4000, size: "max" }), (list) => {
        const text = list.join("");
        const expected = Array.from(whole.segment(text), ({ segment, index }) => ({ text: segment, at: index }));
        expect([...wordsOf(whole, text)]).toEqual(expected);
      }),
      { numRuns: 10 },
    );
  });

  test.each(["codePoint", "grapheme"] as const)("gives back every text, by %s", (unit) => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1 }), (text) => {
        const tokenizer = charTokenizer(text, { unit });
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      }),
    );
  });

  test("says which character it does not know, and where", () => {
    const tokenizer = charTokenizer("abc");
    expect(() => tokenizer.encode("abz")).toThrow(AttributeError);
    expect(() => tokenizer.encode("abz")).toThrow(
      'Tokenizer.encode: "z", at 2, is not in the vocabulary of 3 tokens; add it, or make the tokenizer with special: ["unknown"]',
    );
    expect(() => tokenizer.id("z")).toThrow('Tokenizer.id: "z" is not in the vocabulary');
    expect(() => tokenizer.encode("a", { begin: true })).toThrow('the tokenizer has no special token "begin"');
    expect(() => tokenizer.decode([0, 3])).toThrow(
      "Tokenizer.decode: ids[1] is 3, expected a whole number from 0 to 2",
    );
    expect(() => tokenizer.decode([0.5])).toThrow(AttributeError);
  });

  test("knows no special tokens by their names in texts", () => {
    const tokenizer = wordTokenizer(["<pad> pad"]);
    expect([...tokenizer.encode("<pad>")].includes(0)).toBe(false);
    expect(tokenizer.decode(tokenizer.encode("< pad >"))).toBe("< pad >");
  });
});

describe("wordTokenizer", () => {
  const texts = ["The cat sat.", "The dog didn't sit!", "a cat"];

  test("gives words ids by frequency, then by code point", () => {
    const tokenizer = wordTokenizer(texts);
    const tokens = Array.from({ length: tokenizer.size }, (_, id) => tokenizer.token(id));
    expect(tokens).toEqual(["<pad>", "<unknown>", "The", "cat", "!", ".", "a", "didn't", "dog", "sat", "sit"]);
    expect(tokenizer.encode("The cat ran.")).toStrictEqual(Int32Array.of(2, 3, 1, 5));
    expect(tokenizer.decode([0, 2, 3, 1, 5])).toBe("The cat <unknown> .");
  });

  test("limits the vocabulary by size and by count", () => {
    expect(wordTokenizer(texts, { size: 4 }).state.tokens).toEqual(["The", "cat"]);
    expect(wordTokenizer(texts, { minCount: 2 }).state.tokens).toEqual(["The", "cat"]);
    expect(wordTokenizer(texts, { minCount: 2 }).encode("dog")).toStrictEqual(Int32Array.of(1));
  });

  test("takes capitals as small letters on request, in every script", () => {
    const tokenizer = wordTokenizer("Straße STRASSE Ärger ärger Δ δ", { lowercase: true });
    expect(tokenizer.state.tokens).toEqual(["ärger", "δ", "strasse", "straße"]);
    expect(tokenizer.encode("ÄRGER")).toEqual(tokenizer.encode("ärger"));
  });

  test("finds words with accents, digits and apostrophes, and takes other signs one by one", () => {
    const tokenizer = wordTokenizer("l’été 2024: naïve—no?! 3.5 हिन्दी", { special: [] });
    expect([...tokenizer.state.tokens].sort()).toEqual(
      ["!", ".", "2024", "3", "5", ":", "?", "l’été", "naïve", "no", "हिन्दी", "—"].sort(),
    );
  });

  test("finds words of languages without spaces", () => {
    const tokenizer = wordTokenizer("東京に行きました", { locale: "ja", special: [] });
    expect(tokenizer.size).toBeGreaterThan(2);
    expect(tokenizer.state.tokens).toContain("東京");
  });

  test("is saved as JSON and made again", () => {
    const tokenizer = wordTokenizer(texts, { lowercase: true, special: ["pad", "unknown", "end"] });
    const again = tokenizerFrom(JSON.parse(JSON.stringify(tokenizer.state)));
    expect(again.encode("THE bird sat.", { end: true })).toEqual(tokenizer.encode("the bird sat.", { end: true }));
    expect(again.state).toEqual(tokenizer.state);
  });

  test.each<[string, () => unknown, string]>([
    ["no words", () => wordTokenizer([" "]), "wordTokenizer: texts is "],
    ["other things than texts", () => wordTokenizer([1] as never), "texts[0] is 1, expected a text"],
    ["too small a vocabulary", () => wordTokenizer("a", { size: 2 }), "size is 2, expected a whole number from 3"],
    ["an unknown language", () => wordTokenizer("a", { locale: "no language" }), 'locale is "no language"'],
    ["unknown special tokens", () => wordTokenizer("a", { special: ["mask" as "pad"] }), 'special[0] is "mask"'],
    ["a token twice", () => charTokenizer(["a", "a"]), 'source[1] is "a"'],
    ["several characters", () => charTokenizer(["ab"]), 'source[0] is "ab", expected one character'],
    ["a state that is none", () => tokenizerFrom({} as never), "tokenizerFrom: splitting is missing"],
  ])("refuses %s", (_, call, message) => {
    expect(call).toThrow(AttributeError);
    expect(call).toThrow(message);
  });
});

describe("padSequences", () => {
  const sequences = [[1, 2, 3], [4], Int32Array.of(5, 6)];

  test("fills to the longest, with a mask", () => {
    const { ids, mask, lengths } = padSequences(sequences);
    expect(ids).toStrictEqual({ data: Int32Array.of(1, 2, 3, 4, 0, 0, 5, 6, 0), shape: [3, 3] });
    expect(mask).toStrictEqual({ data: Int32Array.of(1, 1, 1, 1, 0, 0, 1, 1, 0), shape: [3, 3] });
    expect(lengths).toStrictEqual(Int32Array.of(3, 1, 2));
  });

  test.each([
    ["right", "right", [1, 2, 4, -100, 5, 6], [1, 1, 1, 0, 1, 1]],
    ["left", "right", [1, 2, -100, 4, 5, 6], [1, 1, 0, 1, 1, 1]],
    ["right", "left", [2, 3, 4, -100, 5, 6], [1, 1, 1, 0, 1, 1]],
    ["left", "left", [2, 3, -100, 4, 5, 6], [1, 1, 0, 1, 1, 1]],
  ] as const)("fills %s and cuts %s, with a value of its own", (side, cut, ids, mask) => {
    const padded = padSequences(sequences, { length: 2, side, cut, value: -100 });
    expect([...padded.ids.data]).toEqual(ids);
    expect([...padded.mask.data]).toEqual(mask);
    expect([...padded.lengths]).toEqual([2, 1, 2]);
  });

  test("takes empty sequences, but not only these", () => {
    expect([...padSequences([[], [7]]).mask.data]).toEqual([0, 1]);
    expect([...padSequences([[]], { length: 2 }).ids.data]).toEqual([0, 0]);
    expect(() => padSequences([[]])).toThrow(ShapeError);
    expect(() => padSequences([])).toThrow("sequences is [], expected at least one");
    expect(() => padSequences([[1, 0.5]])).toThrow("padSequences: sequences[0][1] is 0.5, expected a whole number");
  });
});

describe("windows", () => {
  const ids = [0, 1, 2, 3, 4, 5, 6, 7];

  test("are side by side, and y is one token later", () => {
    expect(windows(ids, { length: 3 })).toStrictEqual({
      x: { data: Int32Array.of(0, 1, 2, 3, 4, 5), shape: [2, 3] },
      y: { data: Int32Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3] },
    });
  });

  test("overlap with a smaller stride, and use every token with stride 1", () => {
    const { x, y } = windows(ids, { length: 3, stride: 1 });
    expect(x.shape).toEqual([5, 3]);
    expect([...x.data.slice(-3), ...y.data.slice(-3)]).toEqual([4, 5, 6, 5, 6, 7]);
    expect(windows(ids, { length: 7 }).x.shape).toEqual([1, 7]);
  });

  test.each([2.5, 2 ** 40, Number.NaN])("refuse the id %s, as padSequences does", (id) => {
    const message = `[1] is ${id}, expected a whole number of 32 bits`;
    expect(() => windows([1, id, 2], { length: 1 })).toThrow(new AttributeError(`windows: ids${message}`));
    expect(() => windows([1, id], { length: 1 })).toThrow(`windows: ids${message}`);
    expect(() => padSequences([[1, id, 2]])).toThrow(`padSequences: sequences[0]${message}`);
  });

  test("need a token after the last", () => {
    expect(() => windows(ids, { length: 8 })).toThrow(ShapeError);
    expect(() => windows(ids, { length: 8 })).toThrow("ids has 8 tokens, expected more than the length of a window, 8");
  });
});
