import { describe, expect, test } from "vitest";
import { parseHash, printHash } from "../../demos/parts/hash.ts";
import type { Window } from "../../demos/text/corpus.ts";
import { arrange } from "../../demos/text/page/arrange.ts";
import { verdicts } from "../../demos/text/page/examiner.ts";
import { ignored } from "../../demos/text/page/ignored.ts";
import { materialOf } from "../../demos/text/page/material.ts";
import { byDistance } from "../../demos/text/page/memory.ts";
import { shortcoming } from "../../demos/text/page/own.ts";
import { writesAfter } from "../../demos/text/page/pace.ts";
import { fields } from "../../demos/text/page/settings.ts";
import { tagMaterial } from "../../demos/text/page/tags.ts";
import { powers, ticks } from "../../demos/text/page/ticks.ts";
import { drawn } from "../../demos/text/page/writer.ts";

const list = Array.from({ length: 60 }, (_, i) => `N${"abcdefghij"[i % 10]}${"klmnop"[Math.floor(i / 10)]}`);

describe("an address of the page of texts", () => {
  const initial = parseHash(fields, "");

  test("holds what differs from the initial settings, a text too, and gives it back", () => {
    expect(printHash(fields, initial)).toBe("");
    const changed = { ...initial, source: "own", own: "Über 海 & more\n~?>", temperature: 12 } as const;
    const hash = printHash(fields, changed);
    expect(hash).toMatch(/^source=own&temperature=12&own=[\w-]+$/);
    expect(parseHash(fields, `#${hash}`)).toEqual(changed);
  });

  test.each(["model=chess", "hidden=0", "temperature=21", "own=!", "own=_w", `own=${"A".repeat(40_000)}`])(
    "ignores %.20s",
    (hash) => expect(parseHash(fields, hash)).toEqual(initial),
  );
});

describe("a list of names", () => {
  const material = materialOf(list.join("\r\n"), 16, 3);
  const { tokenizer, window, start } = material;

  test("is read line by line: each starts after a line end and ends with one", () => {
    expect(material.lines).toBe(true);
    expect(window).toEqual({ batch: 16, length: 4 });
    const { x, y } = material.at(0);
    const column = (values: Int32Array) => Array.from({ length: 4 }, (_, t) => values[t * 16]!);
    const name = column(y).slice(0, 3);
    expect(list).toContain(tokenizer.decode(name));
    expect(column(y)[3]).toBe(start);
    expect(column(x)).toEqual([start, ...name]);
  });

  test("is shuffled for each epoch by the seed, and the same names are held out for every seed", () => {
    const names = (of: typeof material, from: number) =>
      Array.from({ length: of.batches }, (_, i) => tokenizer.decode(of.at(from + i).x)).join();
    expect(names(materialOf(list.join("\n"), 16, 3), 0)).toBe(names(material, 0));
    expect(names(material, material.batches)).not.toBe(names(material, 0));
    const other = materialOf(list.join("\n"), 16, 4);
    expect(names(other, 0)).not.toBe(names(material, 0));
    expect(other.validation).toEqual(material.validation);
    expect(material.validationWindow.batch).toBe(6);
  });

  test("leaves out what comes after the end of a line", () => {
    const { at } = materialOf([...list, "Anthony"].join("\n"), 54, 1);
    const { x, y } = at(0);
    const short = y.filter((label) => label === ignored).length;
    expect(short).toBeGreaterThanOrEqual(53 * 4);
    expect(x.length).toBe(54 * 8);
  });
});

describe("a text to look into", () => {
  const { tokenizer } = materialOf("abc\n".repeat(500), 4, 1);
  const start = tokenizer.id("\n");

  /** The character read last at each place of the text, and its row; "–" where the network does not read. */
  const read = (text: string, lines: boolean, window: Window) => {
    const { x, places } = arrange(text, { tokenizer, lines, start }, window);
    return Array.from(places, (place) =>
      place < 0 ? "–" : `${tokenizer.token(x[place]!).replace("\n", "¶")}${place % window.batch}`,
    ).join(" ");
  };

  test("has a row for each line where lines are texts of their own, and leaves out what does not fit", () => {
    expect(read("ab\ncabc", true, { length: 4, batch: 2 })).toBe("¶0 a0 b0 ¶1 c1 a1 b1 –");
    expect(read("a\nb\nc", true, { length: 4, batch: 2 })).toBe("¶0 a0 ¶1 b1 – –");
  });

  test("goes on in the next row where it is one text, with characters that are unknown", () => {
    expect(read("abca?", false, { length: 3, batch: 3 })).toBe("¶0 a0 b0 c1 a1 ¶1");
  });
});

test("gradients are averaged by their distance from each text's label", () => {
  const y = Int32Array.of(ignored, 5, ignored, ignored, 5, ignored); // [3, 2]: the ends are t = 2 and t = 0
  expect(byDistance(Float32Array.of(1, 20, 2, 0, 4, 0), y, { length: 3, batch: 2 })).toEqual([12]);
  expect(
    byDistance(Float32Array.of(1, 0, 2, 0, 4, 20), Int32Array.of(ignored, ignored, ignored, ignored, 5, 5), {
      length: 3,
      batch: 2,
    }),
  ).toEqual([12, 1, 0.5]);
});

test("a running text is read in streams, and a guess by frequency costs its entropy", () => {
  const material = materialOf("abab".repeat(1000), 8, 1);
  expect(material.lines).toBe(false);
  expect(material.window).toEqual({ batch: 8, length: 40 });
  expect(material.batches).toBe(11);
  expect(material.baseline).toBeCloseTo(1, 5);
  expect(material.at(11)).toEqual(material.at(0));
  const { x, y } = material.at(0);
  expect([x[0], y[0], x[8]]).toEqual([0, 1, 1]);
});

test("a text that is too short is refused with its length", () => {
  expect(shortcoming(" a \n b ")).toMatch(/^The text has 3 characters/);
  expect(shortcoming("x".repeat(1000))).toBeUndefined();
  expect(shortcoming(list.join("\n"))).toBeUndefined();
  expect(shortcoming(Array.from({ length: 100 }, () => "same").join("\n"))).toMatch(/499 characters/);
});

test("the network writes often at first", () => {
  const steps = Array.from({ length: 1300 }, (_, step) => step).filter(writesAfter);
  expect(steps).toEqual([0, 10, 20, 50, 100, 200, 400, 800, 1200]);
});

test("a character is drawn by its share at a temperature", () => {
  const logits = Float32Array.of(0, Math.log(3), -Infinity);
  expect([0, 0.2, 0.3, 0.99].map((chance) => drawn(logits, 1, chance))).toEqual([0, 0, 1, 1]);
  expect([0.05, 0.15].map((chance) => drawn(logits, 0.5, chance))).toEqual([0, 1]); // shares 1 and 9
  expect([0, 0.99].map((chance) => drawn(logits, 0, chance))).toEqual([1, 1]);
});

test("axes have round numbers", () => {
  expect(ticks(4.6, 5)).toEqual([0, 1, 2, 3, 4]);
  expect(ticks(1, 2)).toEqual([0, 0.5, 1]);
  expect(powers(1e-7, 1, 6)).toEqual([1, 1e-2, 1e-4, 1e-6]);
});

describe("names to tag", () => {
  const letters = "abcdefghij";
  const names = (head: string) =>
    Array.from({ length: 100 }, (_, i) => `${head}${letters[i % 10]}${letters[Math.floor(i / 10)]}`);
  const material = tagMaterial(
    [...names("F"), "Thomas"].join("\n"),
    [...names("L"), "Thomas", "Mc Coy"].join("\r\n"),
    32,
    1,
  );

  test("are labelled character by character, in either order", () => {
    const { x, y } = material.at(0);
    expect(new Set(material.heldOut.map(({ text }) => text.replaceAll(/[a-z]/g, "")))).toEqual(
      new Set(["F", "L", "F L", "L F"]),
    );
    const { tokenizer, window } = material;
    for (let n = 0; n < window.batch; n++) {
      const column = Array.from({ length: window.length }, (_, t) => t * window.batch + n);
      const text = tokenizer.decode(column.map((i) => x[i]!));
      const wanted = [...text].map((character, t) => {
        if (!/[a-zA-Z]/.test(character)) return ignored;
        return text
          .slice(0, t + 1)
          .match(/[FL]/g)!
          .at(-1) === "L"
          ? 1
          : 0;
      });
      expect(column.map((i) => y[i]!)).toEqual(wanted);
    }
  });

  test("are held out, and none is both", () => {
    const seen = Array.from({ length: material.batches }, (_, i) => material.tokenizer.decode(material.at(i).x)).join(
      "",
    );
    expect(seen).not.toContain("T");
    const held = new Set(material.heldOut.flatMap(({ text }) => text.split(" ")));
    expect(held.size).toBeLessThanOrEqual(20);
    const lines = Array.from({ length: material.batches }, (_, i) => material.at(i)).flatMap(({ x }) =>
      Array.from({ length: 32 }, (_, n) =>
        material.tokenizer
          .decode(Array.from({ length: 20 }, (_, t) => x[t * 32 + n]!))
          .trim()
          .split(" "),
      ),
    );
    expect(lines.flat().filter((name) => held.has(name))).toEqual([]);
    expect(material.baseline).toBeCloseTo(1, 1);
  });

  test("are right if their characters together say so", () => {
    const labels = [0, 0, ignored, 1, 1];
    expect(verdicts({ labels, last: [0.4, 0.3, 0, 0.4, 0.9] })).toEqual([true, true]);
    expect(verdicts({ labels, last: [0.4, 0.9, 0, 0.4, 0.5] })).toEqual([false, false]);
  });
});
