import { describe, expect, test } from "vitest";
import { encoderFrom, parseCsv, streamCsv, tableEncoder, tableFromRows } from "../../src/data/csv/index.ts";
import { AttributeError, ShapeError } from "../../src/errors.ts";

const table = parseCsv(`age,income,city,bought
20,100,a,yes
30,,b,no
,300,b,no
70,500,,yes
`);
const test1 = parseCsv("age,income,city,bought\n,200,b,no\n40,,,yes\n", { types: table.types });

const x = (values: number[][]) => ({
  data: Float32Array.from(values.flat()),
  shape: [values.length, values[0]!.length],
});

describe("tableEncoder", () => {
  test("makes features and labels", () => {
    const whole = table.dropMissing();
    expect(whole.dataset({ x: ["age", "city"], y: "bought", price: ["income"], age: "age" })).toStrictEqual({
      x: x([[20, 1, 0]]),
      y: { data: Int32Array.of(1), shape: [1] },
      price: x([[100]]),
      age: { data: Float32Array.of(20), shape: [1] },
    });
  });

  test("names the features", () => {
    const { features } = tableEncoder(
      table,
      { x: ["age", { column: "city", indicator: true }], y: "bought" },
      { missing: "mean" },
    );
    expect(features).toEqual({ x: ["age", "city=a", "city=b", "city missing"], y: ["bought"] });
  });

  test.each([
    ["mean", 40, 300],
    ["median", 30, 300],
    ["mostFrequent", 20, 100],
  ] as const)("fills with the %s of the table it is made from, also another table", (missing, age, income) => {
    const encoder = tableEncoder(table, { x: ["age", "income"] }, { missing });
    expect(encoder.apply(table).x).toStrictEqual(
      x([
        [20, 100],
        [30, income],
        [age, 300],
        [70, 500],
      ]),
    );
    expect(encoder.apply(test1).x).toStrictEqual(
      x([
        [age, 200],
        [40, income],
      ]),
    );
  });

  test("finds the most frequent of very many numbers", () => {
    const rows = Array.from({ length: 150_000 }, (_, i) => ({ a: i === 0 ? null : Math.max(7, i) + 0.5 }));
    const { x } = tableFromRows(rows).dataset({ x: [{ column: "a", missing: "mostFrequent" }] });
    expect([...x.data.slice(0, 9)]).toEqual([7.5, 7.5, 7.5, 7.5, 7.5, 7.5, 7.5, 7.5, 8.5]);
  });

  test("fills categories with the most frequent, and marks what was missing", () => {
    const encoder = tableEncoder(
      table,
      { x: ["city"], codes: { column: "city", missing: "mostFrequent" } },
      {
        missing: "mean",
        indicator: true,
      },
    );
    const { x: filled, codes } = encoder.apply(table);
    expect(filled).toStrictEqual(
      x([
        [1, 0, 0],
        [0, 1, 0],
        [0, 1, 0],
        [0, 1, 1],
      ]),
    );
    expect(codes).toStrictEqual({ data: Int32Array.of(0, 1, 1, 1), shape: [4] });
  });

  test("takes categories as codes on request, for an embedding", () => {
    const encoder = tableEncoder(table.dropMissing(["city"]), { x: ["city", "city"] }, { categories: "integer" });
    expect(encoder.apply(table.take([1])).x).toStrictEqual(x([[1, 1]]));
  });

  test("normalises numbers, but not categories, by the table it is made from", () => {
    const encoder = tableEncoder(table, { x: ["age", "city"] }, { missing: "mean", normalize: "standard" });
    const { data } = encoder.apply(table).x;
    const ages = [0, 3, 6, 9].map((i) => data[i]!);
    expect(ages.reduce((a, b) => a + b)).toBeCloseTo(0, 5);
    expect(ages.reduce((a, b) => a + b * b, 0) / 4).toBeCloseTo(1, 5);
    expect([...data.filter((_, i) => i % 3 > 0)]).toEqual([1, 0, 0, 1, 0, 1, 0, 1]);
    const scaled = tableEncoder(table, { x: [{ column: "age", missing: "median", normalize: "minMax" }] });
    expect([...scaled.apply(test1).x.data]).toEqual([(30 - 20) / 50, (40 - 20) / 50].map(Math.fround));
  });

  test("gives the codes of its own categories, whatever those of the table", () => {
    const encoder = tableEncoder(table, { y: "city" }, {});
    const other = parseCsv("city\nb\n");
    expect(other.categories("city").data).toStrictEqual(Int32Array.of(0));
    expect(tableEncoder(table.dropMissing(), { y: "city" }).apply(other).y.data).toStrictEqual(Int32Array.of(1));
    expect(() => encoder.apply(parseCsv("city\nb\nz\n"))).toThrow(
      'TableEncoder.apply: row 1 of the table (the first is row 0), column "city" is "z", expected one of "a", "b", as in the table',
    );
  });

  test("is saved as JSON and made again", () => {
    const encoder = tableEncoder(
      table,
      { x: ["age", "income", "city"], y: "bought" },
      { missing: "median", normalize: "standard", indicator: true },
    );
    const again = encoderFrom<{ x: string[]; y: string }>(JSON.parse(JSON.stringify(encoder.state)));
    expect(again.apply(test1)).toStrictEqual(encoder.apply(test1));
    expect(again.features).toEqual(encoder.features);
  });

  test("makes one-hot labels of a single column on request", () => {
    const whole = table.dropMissing(["city"]).take([0, 1]);
    expect(whole.dataset({ y: { column: "city", categories: "oneHot" } }).y).toStrictEqual(
      x([
        [1, 0],
        [0, 1],
      ]),
    );
  });

  test("keeps whole numbers whole, alone", () => {
    const numbers = parseCsv("label\n3\n0\n");
    expect(numbers.dataset({ y: "label" }).y).toStrictEqual({ data: Int32Array.of(3, 0), shape: [2] });
  });
});

describe("rows to predict for", () => {
  const spec = { x: ["age", "city"], y: "bought" };
  const encoder = tableEncoder(table, spec, { missing: "mean", unknown: "ignore" });

  test("need no target: the array is left out", () => {
    const again = encoderFrom<typeof spec>(JSON.parse(JSON.stringify(encoder.state)));
    expect(again.apply(parseCsv("age,city\n30,a\n", { types: again.types.x }))).toStrictEqual({ x: x([[30, 1, 0]]) });
    expect(() => encoder.apply(parseCsv("age,bought\n30,yes\n"))).toThrow('there is no column "city"');
    expect(() => encoder.apply(parseCsv("other\n30\n"))).toThrow('there is no column "age"');
  });

  test("may have nothing but a gap in a column", () => {
    const text = "age,city\n,b\n";
    for (const row of [parseCsv(text), parseCsv(text, { types: encoder.types.x })])
      expect(encoder.apply(row).x).toStrictEqual(x([[40, 0, 1]]));
    expect(encoder.apply(parseCsv("age,city\n20,\n")).x).toStrictEqual(x([[20, 0, 1]]));
  });

  test("are read by the types of the encoder", async () => {
    expect(encoder.types).toEqual({ x: { age: "f32", city: "text" }, y: { bought: ["no", "yes"] } });
    const numbers = tableEncoder(parseCsv("n,m\n1,16777217\n2,3\n"), { x: ["n"], y: "m" });
    expect(numbers.types).toEqual({ x: { n: "f64" }, y: { m: "f64" } });
    expect(numbers.apply(parseCsv("m\n16777217\n", { types: numbers.types.y })).y.data).toStrictEqual(
      Int32Array.of(16777217),
    );
    const found: number[][] = [];
    for await (const part of streamCsv(["age,city\n1,zz\n2,a\n"], { types: encoder.types.x }))
      found.push([...encoder.apply(part).x.data]);
    expect(found).toEqual([[1, 0, 0, 2, 1, 0]]);
    expect(() => encoder.apply(parseCsv("age,city\nold,a\n"))).toThrow(
      'column "age" holds categories, expected numbers, as in the table that the encoder was made from: to read another file in the same way, pass types: encoder.types.x',
    );
  });

  test("may have a category that is new, if that is ignored", () => {
    expect(encoder.apply(parseCsv("age,city\n1,zz\n")).x).toStrictEqual(x([[1, 0, 0]]));
    expect(() => tableEncoder(table, spec, { missing: "mean" }).apply(parseCsv("age,city\n1,zz\n"))).toThrow(
      'is "zz", expected one of "a", "b", as in the table that the encoder was made from, or { unknown: "ignore" }',
    );
    expect(() => tableEncoder(table, { x: ["city"] }, { unknown: "ignore", categories: "integer" })).toThrow(
      'column "city" has unknown "ignore" and categories "integer", expected "oneHot"',
    );
  });

  test("come as objects, too", () => {
    const rows = tableFromRows(
      [
        { age: 31, city: "b" },
        { age: null, city: "a", more: true },
      ],
      { types: encoder.types.x },
    );
    expect(encoder.apply(rows)).toStrictEqual({
      x: x([
        [31, 0, 1],
        [40, 1, 0],
      ]),
    });
    expect(rows.types).toEqual({ age: "f32", city: "text", more: ["true"] });
    expect(tableFromRows([{ n: 1 }, { n: Number.NaN }, { n: "2.5" }]).numbers("n").data).toStrictEqual(
      Float32Array.of(1, Number.NaN, 2.5),
    );
    const refused: [rows: unknown, message: string][] = [
      [[{ city: "a" }], 'no row has "age", which is in types: where it is not known, write null'],
      [[{ age: "old", city: "a" }], 'tableFromRows: row 0, "age" is "old", expected a number'],
      [[{ age: Infinity, city: "a" }], "tableFromRows: rows[0].age is Infinity, expected a text, a finite number"],
      [[{ age: 1e39, city: "a" }], 'tableFromRows: row 0, "age" is 1e+39, expected a number of at most 3.4e38'],
      [[{ age: {}, city: "a" }], "rows[0].age is"],
      [[], "rows is [], expected at least one row"],
      [[1], "rows[0] is 1, expected"],
    ];
    expect(() => tableFromRows([{ a: 1 }], { types: { a: "float" as "f32" } })).toThrow('types.a is "float", expected');
    for (const [given, message] of refused)
      expect(() => tableFromRows(given as [], { types: encoder.types.x })).toThrow(message);
  });
});

describe("tableEncoder refuses", () => {
  test.each<[string, () => unknown, string]>([
    [
      "missing values that nothing replaces",
      () => table.dataset({ x: ["age"] }),
      'column "age" has 1 missing value, the first in row 2 of the table (the first is row 0); expected none: fill them',
    ],
    ["unknown columns", () => tableEncoder(table, { x: ["Age"] }), 'there is no column "Age" (did you mean "age"?)'],
    ["an empty list", () => tableEncoder(table, { x: [] }), "tableEncoder: x is [], expected at least one column"],
    ["other options", () => tableEncoder(table, { x: ["age"] }, { fill: 1 } as object), 'no option "fill"'],
    ["other ways", () => tableEncoder(table, { x: ["age"] }, { missing: "zero" as "mean" }), 'missing is "zero"'],
    ["other things", () => tableEncoder({} as never, { x: ["age"] }), "the first argument is not a table"],
    [
      "a column of texts",
      () => tableEncoder(parseCsv("n\na", { types: { n: "text" } }), { x: ["n"] }),
      'column "n" holds texts',
    ],
    [
      "a column without a value",
      () => tableEncoder(parseCsv("n,m\n,1\n", { types: { n: "f32" } }), { x: ["n"] }, { missing: "mean" }),
      "expected",
    ],
    [
      "a table with other types",
      () => tableEncoder(table, { x: ["age"] }, { missing: "mean" }).apply(parseCsv("age\nold\n")),
      'column "age" holds categories, expected numbers, as in the table',
    ],
    [
      "a table without the column",
      () => tableEncoder(table, { x: ["age"] }, { missing: "mean" }).apply(parseCsv("b\n1\n")),
      'TableEncoder.apply: there is no column "age", only "b"',
    ],
    [
      "a state that is none",
      () => encoderFrom({ x: 1 } as never),
      "encoderFrom: x is 1, expected the state of an array",
    ],
  ])("%s", (_, call, message) => {
    expect(call).toThrow(AttributeError);
    expect(call).toThrow(message);
  });

  test("a table without rows", () => {
    expect(() => tableEncoder(table.take([]), { x: ["age"] })).toThrow(ShapeError);
  });
});
