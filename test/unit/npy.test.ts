import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import type { TypedArray } from "../../src/data/index.ts";
import { type NpyDType, parseNpy, parseNpz, serializeNpy, serializeNpz } from "../../src/data/npy/index.ts";
import { AttributeError, DTypeError, FormatError, LimitError, ShapeError } from "../../src/errors.ts";
import { damaged, sequence } from "../mutants.ts";

/* Files written by NumPy 1.24, in Base64, by `numpy.lib.format.write_array`, `savez` and `savez_compressed`. */
const written = JSON.parse(readFileSync(join(import.meta.dirname, "numpy.json"), "utf8")) as Record<string, string>;
const file = (name: string): Uint8Array => Buffer.from(written[name]!, "base64");

const npy = (header: string, data: number[] = [], version = 1): Uint8Array => {
  const text = new TextEncoder().encode(header);
  const length = version === 1 ? [text.length & 255, text.length >> 8] : [text.length & 255, text.length >> 8, 0, 0];
  return Uint8Array.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0, ...length, ...text, ...data]);
};

describe("parseNpy reads what NumPy writes", () => {
  test.each<[string, number[], TypedArray, NpyDType]>([
    ["f4", [3, 2], Float32Array.of(1.5, -2, 3, 4, 5, 6), "f32"],
    ["f8 F", [2, 3, 4], Float32Array.from({ length: 24 }, (_, i) => i), "f64"],
    [">f8 F", [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6.5), "f64"],
    [">i4", [3], Int32Array.of(1, -2, 2 ** 31 - 1), "i32"],
    ["f2", [4], Float32Array.of(1, -0.0999755859375, 65504, Number.POSITIVE_INFINITY), "f16"],
    ["bool", [2, 2], Uint8Array.of(1, 0, 0, 1), "bool"],
    ["i8", [], Int32Array.of(-7), "i64"],
    ["u8", [2], Uint32Array.of(2 ** 32 - 1, 0), "u64"],
    ["v2", [3], Int16Array.of(1, 2, 3), "i16"],
    ["v3", [3], Uint8Array.of(1, 2, 255), "u8"],
    ["empty", [0, 3], new Float32Array(0), "f32"],
  ])("%s", (name, shape, data, dtype) => {
    expect(parseNpy(file(name))).toStrictEqual({ shape, data, dtype });
  });

  test("with all 64 bits on request", () => {
    expect(parseNpy(file(">f8 F"), { exact: true }).data).toStrictEqual(Float64Array.of(1, 2, 3, 4, 5, 6.5));
    expect(parseNpy(file("i8"), { exact: true }).data).toStrictEqual(BigInt64Array.of(-7n));
    expect(parseNpy(file("u8"), { exact: true }).data).toStrictEqual(BigUint64Array.of(2n ** 32n - 1n, 0n));
  });

  test("of Python 2, and with the keys in another order", () => {
    const header = "{'shape': (2L, 1L), 'fortran_order': False, 'descr': '|u1'}\n";
    expect(parseNpy(npy(header, [7, 8]))).toStrictEqual({ shape: [2, 1], data: Uint8Array.of(7, 8), dtype: "u8" });
  });

  test("at an odd offset, into memory of its own", () => {
    const larger = new Uint8Array(file("f4").length + 3);
    larger.set(file("f4"), 3);
    const { data } = parseNpy(larger.subarray(3));
    larger.fill(0);
    expect(data[0]).toBe(1.5);
    expect(data.buffer.byteLength).toBe(24);
  });
});

describe("parseNpy refuses", () => {
  const good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
  test.each<[string, Uint8Array, string]>([
    ["nothing", new Uint8Array(), "a.npy: is empty, expected an npy file"],
    ["an archive", file("npz"), "begins with 50 4b 03 04 2d 00, expected 93 4e 55 4d 50 59 of an npy file; it seems"],
    ["half a header", file("f4").subarray(0, 8), "too short: 8 bytes"],
    ["a cut header", file("f4").subarray(0, 90), "truncated: its header takes 128 bytes, the file has 90"],
    ["another version", npy(good, [], 4), "has version 4.0, expected 1 to 3"],
    ["a header that lies about its length", npy(good, [], 1).fill(255, 8, 10), "header takes 65545 bytes"],
    ["missing values", file("f4").subarray(0, -1), "sizes [3, 2] of f32 need 24 bytes of data, the file has 23"],
    ["trailing values", npy(good, new Array(9).fill(0)), "has 1 trailing byte: sizes [2] of f32 need 8 bytes"],
    ["sizes that lie", npy(good.replace("2,", "99999999,")), "need 399999996 bytes of data, the file has 0"],
    ["sizes that overflow", npy(good.replace("2,", `${2 ** 40}, ${2 ** 40}`)), "overflow"],
    ["sizes that hide overflow", npy(good.replace("2,", `${10 ** 20}, 0`)), "overflow"],
    ["endless axes", npy(good.replace("2,", "1,".repeat(65))), "has 65 axes, NumPy allows 64"],
    ["a missing key", npy(good.replace("'shape': (2,), ", "")), "the header is"],
    ["a key twice", npy(good.replace("'shape'", "'descr': '<f4', 'shape'")), "the header is"],
    ["another key", npy(good.replace("'shape'", "'more': True, 'shape'")), "the header is"],
    ["code", npy(good.replace("(2,)", "exit()")), "the header is"],
    ["JSON", npy('{"descr": "<f4"}'), "the header is"],
    ["texts", file("U"), `has elements of type "'<U2'", texts; expected booleans, integers or real numbers`],
    ["complex numbers", file("c8"), "complex numbers; expected"],
    ["records", file("rec"), "records; expected"],
    ["objects", file("O"), "Python objects, which only Python can read; expected"],
    ["unusual floats", npy(good.replace("<f4", "<f16")), "floats of an unusual size"],
    ["no byte order", npy(good.replace("<f4", "|f4")), "has elements of type"],
  ])("%s", (_, bytes, message) => {
    expect(() => parseNpy(bytes, { name: "a.npy" })).toThrow(FormatError);
    expect(() => parseNpy(bytes, { name: "a.npy" })).toThrow(message);
  });

  test("integers beyond 32 bits, unless they are to stay", () => {
    const big = serializeNpy({ data: BigInt64Array.of(1n, -(2n ** 31n) - 1n), shape: [2] });
    expect(() => parseNpy(big, { name: "a.npy" })).toThrow(
      "a.npy: value 1 is -2147483649, which i32 does not hold: read it with { exact: true }",
    );
    expect(parseNpy(big, { exact: true }).data[1]).toBe(-(2n ** 31n) - 1n);
  });
});

test("options are checked", () => {
  expect(() => parseNpy(file("f4"), { exakt: true } as object)).toThrow('parseNpy: there is no option "exakt"');
  expect(() => parseNpz(file("npz"), { maxBytes: 0 })).toThrow("parseNpz: maxBytes is 0, expected a whole number");
  expect(() => parseNpz(Promise.resolve() as never)).toThrow("npz data: is a Promise, expected the file's bytes");
});

describe("serializeNpy", () => {
  test.each<[string, TypedArray]>([
    ["f32", Float32Array.of(1.5, -0, Number.NaN)],
    ["f64", Float64Array.of(0.1, 2, 3)],
    ["u8", Uint8Array.of(1, 2, 3)],
    ["i64", BigInt64Array.of(1n, -2n, 2n ** 62n)],
    ["u16", Uint16Array.of(1, 2, 65535)],
  ])("writes %s that parseNpy reads back", (dtype, data) => {
    const read = parseNpy(serializeNpy({ data, shape: [3, 1] }), { exact: true });
    expect(read).toStrictEqual({ dtype, data, shape: [3, 1] });
  });

  test("gives bytes as the format asks", () => {
    const bytes = serializeNpy({ data: Uint8Array.of(7), shape: [1] });
    expect(bytes.length).toBe(129);
    expect(Buffer.from(bytes).toString("latin1")).toBe(
      `\x93NUMPY\x01\0v\0${"{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }".padEnd(117)}\n\x07`,
    );
  });

  test("rounds to f16, and makes masks", () => {
    const f16 = serializeNpy({ data: Float32Array.of(1 / 3, 7e4), shape: [2] }, { dtype: "f16" });
    expect(parseNpy(f16)).toStrictEqual({
      dtype: "f16",
      shape: [2],
      data: Float32Array.of(0.333251953125, Number.POSITIVE_INFINITY),
    });
    const mask = serializeNpy({ data: Int32Array.of(-1, 0), shape: [2] }, { dtype: "bool" });
    expect(parseNpy(mask)).toStrictEqual({ dtype: "bool", shape: [2], data: Uint8Array.of(1, 0) });
  });

  test("writes part of a larger buffer, and Node's bytes", () => {
    const data = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
    expect(parseNpy(serializeNpy({ data, shape: [2] })).data).toStrictEqual(Float32Array.of(2, 3));
    expect(parseNpy(serializeNpy({ data: Buffer.from([1, 2]), shape: [2] })).data).toStrictEqual(Uint8Array.of(1, 2));
  });

  test("refuses what no file could hold", () => {
    expect(() => serializeNpy({ data: new Float32Array(3), shape: [2] })).toThrow(ShapeError);
    expect(() => serializeNpy({ data: new Float32Array(1), shape: new Array(65).fill(1) })).toThrow(
      "serializeNpy: shape has 65 axes, NumPy allows 64",
    );
    expect(() => serializeNpy({ data: [1, 2] as never, shape: [2] })).toThrow(DTypeError);
    expect(() => serializeNpy({ data: Int32Array.of(1), shape: [1] }, { dtype: "f16" })).toThrow(AttributeError);
  });
});

describe("npz", () => {
  test("of NumPy is read, stored and deflated", () => {
    const stored = parseNpz(file("npz"));
    expect([...stored.keys()]).toEqual(["x", "y"]);
    expect(stored.get("x")).toStrictEqual({ shape: [2, 2], dtype: "f32", data: Float32Array.of(1, 2, 3, 4) });
    expect(stored.get("y")).toStrictEqual({ shape: [2], dtype: "i64", data: Int32Array.of(0, 1) });
    const deflated = parseNpz(file("npz compressed"));
    expect(deflated.get("x")!.data).toStrictEqual(new Float32Array(300));
    expect(deflated.get("y")!.data).toStrictEqual(Int32Array.from({ length: 100 }, (_, i) => i));
  });

  test("is written and read back, whatever the names", () => {
    const names = ["x", "layer.0/weight", "__proto__", "größe", "a b"];
    fc.assert(
      fc.property(fc.uniqueArray(fc.constantFrom(...names), { minLength: 1 }), fc.boolean(), (chosen, compress) => {
        const arrays = Object.fromEntries(chosen.map((name, i) => [name, { data: Float32Array.of(i, i), shape: [2] }]));
        const read = parseNpz(serializeNpz(arrays, { compress }));
        expect([...read].map(([name, { data }]) => [name, data[0]])).toEqual(chosen.map((name, i) => [name, i]));
      }),
    );
  });

  test("is the same for the same arrays, and smaller if compressed", () => {
    const arrays = { x: { data: new Float32Array(1000), shape: [1000] } };
    expect(serializeNpz(arrays)).toStrictEqual(serializeNpz(arrays));
    expect(serializeNpz(arrays, { compress: true }).length).toBeLessThan(400);
    expect(serializeNpz(arrays).length).toBeGreaterThan(4000);
  });

  test.each<[string, Uint8Array, string]>([
    ["nothing", new Uint8Array(), "a.npz: is empty, expected a zip archive"],
    ["one array", file("f4"), "does not begin with PK, expected a zip archive; it seems to be a NumPy array (.npy)"],
    ["half an archive", file("npz").subarray(0, 300), "truncated: a zip archive has a directory at its end"],
    ["a text inside", zipSync({ "read.me": new Uint8Array(200) }), 'a.npz: "read.me": begins with 00 00'],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => parseNpz(bytes, { name: "a.npz" })).toThrow(FormatError);
    expect(() => parseNpz(bytes, { name: "a.npz" })).toThrow(message);
  });

  test("refuses a bomb before it unpacks", () => {
    const bomb = serializeNpz({ x: { data: new Uint8Array(2 ** 22), shape: [2 ** 22] } }, { compress: true });
    expect(bomb.length).toBeLessThan(6000);
    expect(() => parseNpz(bomb, { maxBytes: 2 ** 20 })).toThrow(LimitError);
    expect(() => parseNpz(bomb, { maxBytes: 2 ** 20 })).toThrow(/unpacks to 4194\d{3} bytes, maxBytes is 1048576/);
    expect(parseNpz(bomb).get("x")!.shape).toEqual([2 ** 22]);
  });

  test("refuses names that zip archives cannot hold", () => {
    const x = { data: new Uint8Array(1), shape: [1] };
    expect(() => serializeNpz({ "": x })).toThrow('serializeNpz: arrays has the name "", expected letters');
    const longest = "é".repeat(32_765);
    expect([...parseNpz(serializeNpz({ [longest]: x })).keys()]).toEqual([longest]);
    expect(() => serializeNpz({ [`${longest}é`]: x })).toThrow(LimitError);
    expect(() => serializeNpz({ [`${longest}é`]: x })).toThrow(/the name "é+…", whose file has a name of 65536 bytes/);
  });

  /** Where the directory's only entry begins. */
  const entryAt = (bytes: Uint8Array): number => Buffer.from(bytes).indexOf("PK\x01\x02", "latin1");

  test.each<[string, number, string]>([
    ["smaller", 200, "does not unpack to the 200 bytes announced"],
    ["larger", 5000, "does not unpack to the 5000 bytes announced"],
    ["huge", 900_000_000, "bytes that cannot unpack to 900000000"],
  ])("refuses a size that lies: %s", (_, size, message) => {
    const bytes = serializeNpz({ x: { data: new Uint8Array(1000), shape: [1000] } }, { compress: true });
    new DataView(bytes.buffer).setUint32(entryAt(bytes) + 24, size, true);
    expect(() => parseNpz(bytes, { name: "a.npz" })).toThrow(FormatError);
    expect(() => parseNpz(bytes, { name: "a.npz" })).toThrow(`a.npz: "x.npy" `);
    expect(() => parseNpz(bytes, { name: "a.npz" })).toThrow(message);
  });

  test("notices one bit of damage by the checksum", () => {
    const bytes = serializeNpz({ x: { data: Float32Array.of(1, 2), shape: [2] } });
    bytes[entryAt(bytes) - 2]! ^= 1;
    expect(() => parseNpz(bytes)).toThrow('"x.npy" is damaged: its checksum does not fit');
  });

  test("of sizes beyond 32 bits has them elsewhere", () => {
    // An archive in the form for large ones: sizes and offset in an extra field, a second record at the end.
    const plain = serializeNpz({ x: { data: Float32Array.of(1, 2), shape: [2] } });
    const at = entryAt(plain);
    const end = plain.length - 22;
    const entry = new Uint8Array(end - at + 28);
    entry.set(plain.subarray(at, end));
    const view = new DataView(entry.buffer);
    const sizes = [24, 20, 42].map((field) => view.getUint32(field, true));
    for (const field of [24, 20, 42]) view.setUint32(field, 0xffffffff, true);
    view.setUint16(30, 28, true);
    view.setUint16(end - at, 1, true);
    view.setUint16(end - at + 2, 24, true);
    for (const [i, size] of sizes.entries()) view.setBigUint64(end - at + 4 + 8 * i, BigInt(size), true);
    const tail = new DataView(new ArrayBuffer(76 + 22));
    tail.setUint32(0, 0x06064b50, true);
    tail.setBigUint64(32, 1n, true);
    tail.setBigUint64(48, BigInt(at), true);
    tail.setUint32(56, 0x07064b50, true);
    tail.setBigUint64(64, BigInt(at + entry.length), true);
    tail.setUint32(76, 0x06054b50, true);
    tail.setUint16(76 + 10, 0xffff, true);
    const bytes = Uint8Array.from([...plain.subarray(0, at), ...entry, ...new Uint8Array(tail.buffer)]);
    expect(parseNpz(bytes).get("x")!.data).toStrictEqual(Float32Array.of(1, 2));
  });
});

test.each([
  ["npy", file("f4"), parseNpy],
  ["npz", file("npz compressed"), parseNpz],
] as const)("damaged copies of %s give a short FormatError, or are read completely", (_, sound, read) => {
  const draw = sequence(17);
  let refused = 0;
  for (let i = 0; i < 1500; i++) {
    try {
      const found = read(damaged(sound, draw));
      for (const { data, shape } of found instanceof Map ? found.values() : [found]) {
        expect(data.length).toBe(shape.reduce((a, b) => a * b, 1));
      }
    } catch (error) {
      expect(String(error)).toMatch(/^(FormatError|LimitError)/);
      expect((error as Error).message.length).toBeLessThan(400);
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(500);
});
