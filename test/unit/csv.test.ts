import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type CsvOptions, parseCsv, readCsv, streamCsv, type Table } from "../../src/data/csv/index.ts";
import { AttributeError, FormatError, ShapeError } from "../../src/errors.ts";

/** A table as plain lists. */
const lists = ({ columns }: Table) =>
  Object.fromEntries(
    [...columns].map(([name, column]) => [
      name,
      column.type === "category"
        ? Array.from(column.data, (code) => column.categories[code])
        : Array.from(column.data as ArrayLike<unknown>),
    ]),
  );

const read = (text: string, options?: CsvOptions) => lists(parseCsv(text, options));

describe("parseCsv reads", () => {
  test("numbers, whole numbers, categories and missing values", () => {
    const table = parseCsv("id,mass,species\n1,3.5,Adelie\n2,NA,Gentoo\n3,4,\n4,5e3,Adelie\n");
    expect(table.rows).toBe(4);
    expect(table.column("id")).toStrictEqual({ type: "i32", data: Int32Array.of(1, 2, 3, 4), missing: 0 });
    expect(table.column("mass")).toStrictEqual({
      type: "f32",
      data: Float32Array.of(3.5, Number.NaN, 4, 5000),
      missing: 1,
    });
    expect(table.column("species")).toStrictEqual({
      type: "category",
      data: Int32Array.of(0, 1, -1, 0),
      categories: ["Adelie", "Gentoo"],
      missing: 1,
    });
    expect(table.types).toEqual({ id: "i32", mass: "f32", species: ["Adelie", "Gentoo"] });
  });

  test.each<[string, string, Record<string, unknown[]>, CsvOptions?]>([
    ["quotes", 'a,b\n"x, ""y""","1"\n"z",2\n', { a: ['x, "y"', "z"], b: [1, 2] }],
    ["line breaks in quotes", 'a,b\n"x\ny",1\n"z",2\n', { a: ["x\ny", "z"], b: [1, 2] }],
    ["Windows' line ends", 'a,b\r\n"x",1\r\ny,2\r\n', { a: ["x", "y"], b: [1, 2] }],
    ["old Macs' line ends", "a,b\rx,1\ry,2", { a: ["x", "y"], b: [1, 2] }],
    ["mixed line ends", "a,b\r\nx,1\ny,2\rz,3", { a: ["x", "y", "z"], b: [1, 2, 3] }],
    ["no line end at the end", "a,b\nx,1", { a: ["x"], b: [1] }],
    ["a byte order mark", "\uFEFFa,b\n1,2", { a: [1], b: [2] }],
    ["a byte order mark before a quote", '\uFEFF"a",b\n1,2', { a: [1], b: [2] }],
    ["spaces around fields", ' a , b\n "x" , 1\n', { a: ['"x"'], b: [1] }],
    ["blank lines", "a,b\n\n1,2\n   \n3,4\n\n", { a: [1, 3], b: [2, 4] }],
    ["semicolons", "a;b\n1,5;2\n", { a: ["1,5"], b: [2] }],
    ["decimal commas", "a;b\n1,5;2\n-0,25;3\n", { a: [1.5, -0.25], b: [2, 3] }, { decimal: "," }],
    ["tabs", "a\tb\n1\t2,5\n", { a: [1], b: ["2,5"] }],
    ["a delimiter that is rarer", "a,b|c\n1,2|3\n", { "a,b": ["1,2"], c: [3] }, { delimiter: "|" }],
    ["comments", "# by hand\na,b\n1,2\n# more\n3,4\n", { a: [1, 3], b: [2, 4] }, { comment: "#" }],
    ["a delimiter after a comment that has others", "# a; b; c\n\na,b\n1,2\n", { a: [1], b: [2] }, { comment: "#" }],
    ["a delimiter after blank lines", "\n \na;b\n1;2\n", { a: [1], b: [2] }],
    ["a delimiter after a line break in quotes", '"a\nx";b\n1;2\n', { "a\nx": [1], b: [2] }],
    ["no header", "1,x\n2,y\n", { n: [1, 2], s: ["x", "y"] }, { header: ["n", "s"] }],
    ["some columns, in another order", "a,b,c\n1,2,3\n", { c: [3], a: [1] }, { columns: ["c", "a"] }],
    ["numbers as categories", "zip\n0123\n99\n", { zip: ["0123", "99"] }, { types: { zip: "category" } }],
    ["other texts for missing values", "a\n1\n-999\n", { a: [1, Number.NaN] }, { missing: ["-999"] }],
    ["an unnamed column", ",a\n0,5\n", { "column 1": [0], a: [5] }],
    ["only a header", "a,b\n", { a: [], b: [] }],
    ["many signs", "a\n+1\n-.5\n2.\n1E-3\n", { a: [1, -0.5, 2, Math.fround(0.001)] }],
    ["hexadecimal numbers and Infinity as names", "a\n0x10\nInfinity\n", { a: ["0x10", "Infinity"] }],
    ["a column without values", "a,b\n1,\n2,\n", { a: [1, 2], b: [undefined, undefined] }],
    ["emoji and other scripts", "näme,b\n😀,1\n漢字,2\n", { näme: ["😀", "漢字"], b: [1, 2] }],
    ["names of objects", "__proto__,constructor\n1,2\n", JSON.parse('{"__proto__":[1],"constructor":[2]}')],
  ])("%s", (_, text, expected, options) => {
    expect(read(text, options)).toEqual(expected);
  });

  test("checks long lists of names in one go", () => {
    const reads = (n: number): number => {
      let count = 0;
      const names = new Proxy(
        Array.from({ length: n }, (_, i) => `c${i}`),
        {
          get(list, key, receiver) {
            if (typeof key === "string" && /^\d+$/.test(key)) count++;
            return Reflect.get(list, key, receiver);
          },
        },
      );
      expect(parseCsv(names.map(() => "1").join(","), { header: names, columns: names }).columns.size).toBe(n);
      return count;
    };
    expect(reads(400)).toBeLessThanOrEqual(2 * reads(200));
  });

  test("categories in a fixed order, so that another file gets the same codes", () => {
    const first = parseCsv("s\nb\na\nb\n");
    const second = parseCsv("s\nb\n", { types: first.types });
    expect(second.column("s")).toMatchObject({ data: Int32Array.of(1), categories: ["a", "b"] });
    expect(JSON.parse(JSON.stringify(first.types))).toEqual({ s: ["a", "b"] });
  });

  test("free texts, if most differ", () => {
    const rows = Array.from({ length: 30 }, (_, i) => `note ${i},${i % 3 ? "x" : "y"}`);
    const table = parseCsv(["note,kind", ...rows].join("\n"));
    expect(table.column("note")).toMatchObject({ type: "text", missing: 0 });
    expect(table.column("note").data[7]).toBe("note 7");
    expect(table.column("kind").type).toBe("category");
  });

  test("whole numbers that turn out to be others, or missing, after the first thousand", () => {
    const { data, type, missing } = parseCsv(`a,b\n${"1,2\n".repeat(1500)}2.5,3\nNA,4\n`).column("a");
    expect([type, missing, data.length, data[0], data[1500]]).toEqual(["f32", 1, 1502, 1, 2.5]);
  });

  test("f64 where f32 would round", () => {
    const table = parseCsv("t\n1700000000123\n", { types: { t: "f64" } });
    expect(table.column("t").data).toStrictEqual(Float64Array.of(1700000000123));
  });

  test("any table that is written by the rules, in pieces of any size", async () => {
    const field = fc.string({ unit: fc.constantFrom("a", "7", ",", ";", '"', "\n", " ", "é", "😀", ".") });
    const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(field, field), { minLength: 1, maxLength: 8 }),
        fc.constantFrom("\n", "\r\n"),
        fc.integer({ min: 1, max: 9 }),
        async (rows, end, size) => {
          const text = ["a,b", ...rows.map((row) => row.map(quoted).join(","))].join(end);
          const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
            text.slice(i * size, (i + 1) * size),
          );
          const options = { types: { a: "text", b: "text" }, missing: [], delimiter: "," } as const;
          const expected = { a: rows.map(([a]) => a.trim()), b: rows.map(([, b]) => b.trim()) };
          expect(read(text, options)).toEqual(expected);
          expect(lists(await readCsv(pieces, options))).toEqual(expected);
        },
      ),
    );
  });
});

test("parseCsv reads the largest numbers of each type, and texts that look like larger ones", () => {
  const text = "a,b,c,d\n3.4028235e38,1.7976931348623157e308,1e999,1e-999\n";
  expect(read(text, { types: { b: "f64", c: "text" } })).toEqual({
    a: [3.4028234663852886e38],
    b: [Number.MAX_VALUE],
    c: ["1e999"],
    d: [0],
  });
});

test("parseCsv takes 200,000 columns", () => {
  const names = Array.from({ length: 2e5 }, (_, i) => `c${i}`);
  const table = parseCsv(`${names.join()}\n${names.map((_, i) => i).join()}\n`);
  expect(table.names).toEqual(names);
  expect(table.column("c199999").data).toEqual(Int32Array.of(199_999));
  expect(() => parseCsv(`${names.join()},c7\n`)).toThrow('two columns are called "c7"');
});

describe("parseCsv refuses", () => {
  test.each<[string, string, string, CsvOptions?]>([
    ["nothing", "", "t.csv: is empty, expected a row with the names of the columns"],
    ["blank lines alone", "\n \n", "t.csv: is empty"],
    ["too few fields", "a,b\n1,2\n3\n", "t.csv: row 3 has 1 field, expected 2"],
    ["too many fields", "a,b\n1,2,3\n", "t.csv: row 2 has 3 fields, expected 2"],
    ["two columns of one name", "a,b,a\n1,2,3\n", 't.csv: two columns are called "a": rename one'],
    [
      "a text among numbers",
      `a\n${"1\n".repeat(1500)}x\n`,
      't.csv: row 1502, column "a" is "x", expected a number, as in the first 1000 rows',
    ],
    [
      "a text where a number is stated",
      "a,b\n1,x\n",
      'row 2, column "b" is "x", expected a number',
      { types: { b: "f32" } },
    ],
    ["a fraction in i32", "b\n1.5\n", 'row 2, column "b" is "1.5", expected a whole number', { types: { b: "i32" } }],
    ["a gap in i32", "b,c\n,1\n", "expected a whole number: a column with missing values", { types: { b: "i32" } }],
    [
      "an unknown category",
      "s\na\nc\n",
      'row 3, column "s" is "c", expected one of "a", "b"',
      { types: { s: ["a", "b"] } },
    ],
    [
      "thousands",
      "n;m\n1.234,5;0\n",
      'is "1.234,5", expected a number with a decimal comma',
      { decimal: ",", types: { n: "f32" } },
    ],
    ["more than f32 holds", "n\n1\n1e39\n", 'row 3, column "n" is "1e39", expected a number of at most 3.4e38, or f64'],
    ["less than f32 holds", "n\n-3.5E38\n", 'row 2, column "n" is "-3.5E38"', { types: { n: "f32" } }],
    ["39 digits", `n\n${"9".repeat(39)}\n`, 'row 2, column "n" is "9', { types: { n: "f32" } }],
    ["a fraction of it", "n\n9,5e38\n", 'row 2, column "n" is "9,5e38"', { decimal: ",", delimiter: ";" }],
    ["more after the first thousand", `n\n${"1\n".repeat(1500)}1e39\n`, 'row 1502, column "n" is "1e39"'],
    ["more than f64 holds", "n\n1e309\n", "expected a number of at most 1.8e308", { types: { n: "f64" } }],
    ["an open quote", 'a,b\n1,2\n"3,4\n5,6\n', "t.csv: row 3 has a quote that is not closed"],
    ["text after a quote", 'a,b\n"1"x,2\n', "t.csv: row 2 has text after a closing quote"],
    [
      "a column that is not there",
      "Age,b\n1,2\n",
      'there is no column "age" (did you mean "Age"?)',
      { columns: ["age"] },
    ],
    ["a type for a column that is not there", "a\n1\n", 'there is no column "b", only "a"', { types: { b: "f32" } }],
  ])("%s", (_, text, message, options) => {
    expect(() => parseCsv(text, { name: "t.csv", ...options })).toThrow(FormatError);
    expect(() => parseCsv(text, { name: "t.csv", ...options })).toThrow(message);
  });

  test("a quote that swallows the file, before memory runs out", () => {
    const text = `a,b\n"${"x,1\n".repeat(2 ** 23)}`;
    expect(() => parseCsv(text)).toThrow(
      "row 2 is longer than 16777216 characters: is there a quote that is not closed?",
    );
  });
});

describe("readCsv", () => {
  const text = "näme,b\r\nx,1\r\ny,2\r\n";
  const bytes = new TextEncoder().encode(text);
  const expected = { näme: ["x", "y"], b: [1, 2] };

  async function* eachByte() {
    for (const byte of bytes) yield Uint8Array.of(byte);
  }

  test.each<[string, () => Parameters<typeof readCsv>[0]]>([
    ["a text", () => text],
    ["a Response", () => new Response(text)],
    ["a Blob", () => new Blob([bytes])],
    ["a stream of bytes", () => new Blob([bytes]).stream()],
    ["a list of texts", () => ["näme,", "b\r", "\nx,1\r\ny,2"]],
    ["bytes one by one", eachByte],
  ])("reads %s", async (_, source) => {
    expect(lists(await readCsv(source()))).toEqual(expected);
  });

  test("reads other encodings, and says if it is another", async () => {
    const latin = Uint8Array.from("näme\n1", (letter) => letter.charCodeAt(0));
    expect(lists(await readCsv([latin], { encoding: "windows-1252" }))).toEqual({ näme: [1] });
    await expect(readCsv([latin], { name: "t.csv" })).rejects.toThrow("t.csv: is not in utf-8; pass its encoding");
    await expect(readCsv([latin], { encoding: "klingon" })).rejects.toThrow('readCsv: encoding is "klingon"');
  });

  test("refuses failed responses and other things", async () => {
    await expect(readCsv(new Response("no", { status: 404 }))).rejects.toThrow("is 404, expected a file");
    await expect(readCsv(7 as never)).rejects.toThrow(AttributeError);
    await expect(readCsv([7] as never)).rejects.toThrow("a piece of the source is 7, expected a text or a Uint8Array");
    await expect(readCsv([new Uint8Array([0xff])])).rejects.toThrow(FormatError);
  });
});

test("a long record in small pieces is read in time that grows with its length", async () => {
  // Looked at from its beginning for each piece, it would take 2,000 times as long.
  const record = "x,1\n".repeat(2 ** 18);
  const pieces = ['a,b\n"', ...Array.from({ length: 4096 }, (_, i) => record.slice(256 * i, 256 * (i + 1))), '",7\n'];
  expect(lists(await readCsv(pieces, { types: { a: "text" } }))).toEqual({ a: [record.trim()], b: [7] });
});

describe("streamCsv", () => {
  const rows = Array.from({ length: 2500 }, (_, i) => `${i},${i % 2 ? "odd" : "even"}\n`);
  const pieces = ["n,kind\n", ...rows];

  test("gives tables with the same codes", async () => {
    const tables: Table[] = [];
    for await (const table of streamCsv(pieces, { rows: 1000, types: { kind: ["odd", "even"] } })) tables.push(table);
    expect(tables.map(({ rows }) => rows)).toEqual([1000, 1000, 500]);
    expect(Array.from(tables[2]!.numbers("n").data).slice(0, 2)).toEqual([2000, 2001]);
    expect(Array.from(tables[2]!.categories("kind").data).slice(0, 2)).toEqual([1, 0]);
  });

  test("wants categories to be listed, and whole numbers of rows", async () => {
    await expect(streamCsv(pieces).next()).rejects.toThrow('column "kind" holds categories: list them in types');
    await expect(streamCsv(pieces, { rows: 0 }).next()).rejects.toThrow(
      "streamCsv: rows is 0, expected a whole number",
    );
    expect(() => parseCsv("a\n1", { rows: 7 } as object)).toThrow('parseCsv: there is no option "rows"');
  });
});

describe("a table", () => {
  const table = parseCsv("age,city,note\n1,a,x\n,b,y\n3,,z\n4,a,\n", { types: { note: "text" } });

  test("gives rows in any order, and counts what they miss", () => {
    const taken = table.take([3, 1, 1]);
    expect(lists(taken)).toEqual({
      age: [4, Number.NaN, Number.NaN],
      city: ["a", "b", "b"],
      note: [undefined, "y", "y"],
    });
    expect([...taken.columns.values()].map(({ missing }) => missing)).toEqual([2, 0, 1]);
    expect(() => table.take([4])).toThrow(ShapeError);
    expect(() => table.take([4])).toThrow("rows[0] is 4, expected a whole number from 0 to 3");
  });

  test("gives columns of a known kind", () => {
    expect(table.numbers("age").data[3]).toBe(4);
    expect(table.categories("city").categories).toEqual(["a", "b"]);
    expect(table.texts("note").data[1]).toBe("y");
    expect(() => table.categories("age")).toThrow('Table.categories: column "age" holds numbers, expected categories');
    expect(() => table.numbers("note")).toThrow('Table.numbers: column "note" holds texts, expected numbers');
    expect(() => table.texts("city")).toThrow(AttributeError);
  });

  test("drops rows with missing values, of all or of some columns", () => {
    expect(lists(table.dropMissing())).toEqual({ age: [1], city: ["a"], note: ["x"] });
    expect(lists(table.dropMissing(["age"])).age).toEqual([1, 3, 4]);
    expect(() => table.dropMissing(["Age"])).toThrow('there is no column "Age" (did you mean "age"?)');
  });
});
