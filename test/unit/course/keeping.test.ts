import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Content, Means } from "../../../demos/course/page/content.ts";
import { type KeptText, kept, placed } from "../../../demos/course/page/keeping.ts";
import { type CellState, Session } from "../../../demos/course/page/session.ts";

/*
 * What a reader has written is kept when the lesson changes: it goes with its cell, or is shown as a text for an older one.
 */

describe("a text of the reader", () => {
  const text = (number: number, code: string, text: string): KeptText => ({ number, code, text });

  test.each<[string, string[], KeptText[], string[], string[][]]>([
    ["stays in its cell", ["a", "b"], [text(2, "b", "mine")], ["a", "mine"], [[], []]],
    ["goes with its cell", ["new", "a", "b"], [text(2, "b", "mine")], ["new", "a", "mine"], [[], [], []]],
    ["is for an older version", ["a", "b+"], [text(2, "b", "mine")], ["a", "b+"], [[], ["mine"]]],
    ["of a cell that is gone is at the last one", ["a"], [text(3, "c", "mine")], ["a"], [["mine"]]],
    ["without its cell's code is for an older version", ["a"], [text(1, "", "mine")], ["a"], [["mine"]]],
    [
      "finds its cell among equal ones by number",
      ["a", "a", "a"],
      [text(2, "a", "second"), text(1, "a", "first")],
      ["first", "second", "a"],
      [[], [], []],
    ],
    [
      "gives way to a second one for the same cell",
      ["a"],
      [text(1, "a", "one"), text(1, "a", "two")],
      ["one"],
      [["two"]],
    ],
  ])("%s", (_, codes, texts, now, older) => {
    const places = placed(codes, texts);
    expect(places.map(({ text }) => text)).toEqual(now);
    expect(places.map(({ older }) => older.map(({ text }) => text))).toEqual(older);
  });
});

describe("a lesson", () => {
  let store: Map<string, string>;
  beforeEach(() => {
    store = new Map();
    vi.stubGlobal("localStorage", {
      getItem: (key: string) => store.get(key) ?? null,
      setItem: (key: string, value: string) => store.set(key, value),
    });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  /** The lesson with these cells; those that end with ? are exercises. */
  function open(...codes: string[]): Session {
    const compiled = { edits: [], defines: [], free: [], imports: [] };
    const cells = codes.map((code, i) => ({
      number: i + 1,
      code,
      compiled,
      ...(code.endsWith("?") ? { check: { ...compiled, code: "" } } : {}),
    }));
    const content: Content = { name: "lesson", title: "A lesson", cells };
    return new Session(content, {} as Means);
  }
  const textsOf = ({ cells }: Session) => cells.map(({ text }) => text.value);
  const olderOf = (cell: CellState) => cell.older.value.map(({ text }) => text);

  test("keeps what the reader wrote, while cells come, change and go", () => {
    const first = open("a", "b", "c?");
    first.edit(first.cells[1]!, "my b");
    first.edit(first.cells[2]!, "my c");
    expect(textsOf(open("a", "b", "c?"))).toEqual(["a", "my b", "my c"]);

    const second = open("a", "new", "b+", "c?");
    expect(textsOf(second)).toEqual(["a", "new", "b+", "my c"]);
    expect(second.cells.map(olderOf)).toEqual([[], ["my b"], [], []]);
    // Other work drops nothing.
    second.edit(second.cells[0]!, "my a");
    second.reset(second.cells[3]!);
    expect(open("a", "new", "b+", "c?").cells.map(olderOf)).toEqual([[], ["my b"], [], []]);
    // When the old version comes back, so does the text.
    expect(textsOf(open("a", "b", "c?"))).toEqual(["my a", "my b", "c?"]);
  });

  test("gives an older text back, and swaps it with what stands there", () => {
    const before = open("a");
    before.edit(before.cells[0]!, "old");
    const session = open("a+");
    const [cell] = session.cells as [CellState];
    session.edit(cell, "new");
    session.takeOlder(cell, cell.older.value[0]!);
    expect([cell.text.value, olderOf(cell)]).toEqual(["old", ["new"]]);
    const again = open("a+").cells[0]!;
    expect([again.text.value, olderOf(again)]).toEqual(["old", ["new"]]);

    session.discardOlder(cell, cell.older.value[0]!);
    expect(olderOf(open("a+").cells[0]!)).toEqual([]);
    session.reset(cell);
    expect(textsOf(open("a+"))).toEqual(["a+"]);
  });

  test("remembers solved exercises where they are now", () => {
    const first = open("a", "b?", "c?");
    first.solved.value = new Set([3]);
    first.edit(first.cells[0]!, "my a");
    expect([...open("a", "b?", "new", "c?").solved.value]).toEqual([4]);
  });

  test("takes what older pages have kept, by number", () => {
    store.set(
      "tilegrad-course/lesson",
      JSON.stringify({ texts: { 1: "mine", x: "odd" }, solved: [2, 1], isDone: true }),
    );
    const session = open("a", "b?");
    expect(session.cells.map(olderOf)).toEqual([["mine"], []]);
    expect([...session.solved.value]).toEqual([2]);
    expect(kept("lesson").isDone).toBe(true);
  });

  test.each(["no JSON", "null", '{"texts":[1,null,{"number":"1"}],"solved":7}'])("bears %s in its place", (text) => {
    store.set("tilegrad-course/lesson", text);
    expect(textsOf(open("a"))).toEqual(["a"]);
  });
});
