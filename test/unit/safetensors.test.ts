import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AttributeError, DTypeError, FormatError, ShapeError } from "../../src/errors.ts";
import { parseSafetensors, type SafetensorsTensor, serializeSafetensors, toFloat32 } from "../../src/io/index.ts";

/**
 * Makes a file from its header (text, or an object to write as JSON) and its data. It adds no padding.
 */
function file(header: unknown, data: ArrayLike<number> = []): Uint8Array {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

const u8 = (begin: number, end: number) => ({ dtype: "U8", shape: [end - begin], data_offsets: [begin, end] });

const all: [string, SafetensorsTensor][] = [
  ["f64", { dtype: "F64", shape: [1], data: new Float64Array([Math.PI]) }],
  ["f32", { dtype: "F32", shape: [2, 2], data: new Float32Array([1, -0, Number.NaN, Number.POSITIVE_INFINITY]) }],
  ["f16", { dtype: "F16", shape: [1], data: new Uint16Array([0x3c00]) }],
  ["bf16", { dtype: "BF16", shape: [1], data: new Uint16Array([0x3f80]) }],
  ["i64", { dtype: "I64", shape: [1], data: new BigInt64Array([-(2n ** 63n)]) }],
  ["i32", { dtype: "I32", shape: [], data: new Int32Array([-5]) }],
  ["i16", { dtype: "I16", shape: [1], data: new Int16Array([-300]) }],
  ["i8", { dtype: "I8", shape: [1], data: new Int8Array([-3]) }],
  ["u64", { dtype: "U64", shape: [1], data: new BigUint64Array([2n ** 64n - 1n]) }],
  ["u32", { dtype: "U32", shape: [1], data: new Uint32Array([2 ** 32 - 1]) }],
  ["u16", { dtype: "U16", shape: [1], data: new Uint16Array([65535]) }],
  ["u8", { dtype: "U8", shape: [3, 0], data: new Uint8Array() }],
  ["bool", { dtype: "BOOL", shape: [2], data: new Uint8Array([1, 0]) }],
];

describe("parseSafetensors reads", () => {
  const golden = resolve(import.meta.dirname, "../golden/trajectories/mlp.init.safetensors");

  test("a state_dict that PyTorch wrote, and serializeSafetensors writes it back to the byte", () => {
    const bytes = new Uint8Array(readFileSync(golden));
    const { tensors, metadata } = parseSafetensors(bytes, "mlp.init.safetensors");
    expect([...tensors].map(([name, { dtype, shape }]) => [name, dtype, shape])).toStrictEqual([
      ["0.bias", "F32", [32]],
      ["0.weight", "F32", [32, 20]],
      ["2.bias", "F32", [5]],
      ["2.weight", "F32", [5, 32]],
    ]);
    expect(metadata).toStrictEqual({ format: "pt" });
    const bias = tensors.get("0.bias")?.data as Float32Array;
    expect(bias.length).toBe(32);
    expect(bias[0]).toBe(new DataView(bytes.buffer, bytes.byteOffset).getFloat32(8 + 0x128, true));
    expect(Math.max(...bias.map(Math.abs))).toBeLessThan(1 / Math.sqrt(20));
    expect(serializeSafetensors(tensors, metadata)).toStrictEqual(bytes);
  });

  test("a file written out byte by byte", () => {
    const header = '{"a":{"dtype":"I16","shape":[2],"data_offsets":[0,4]}} ';
    expect(parseSafetensors(file(header, [1, 2, 0xff, 0xff])).tensors.get("a")).toStrictEqual({
      dtype: "I16",
      shape: [2],
      data: new Int16Array([0x0201, -1]),
    });
  });

  test("tensors at odd offsets, in another order than the header, in a buffer that begins before the file", () => {
    const bytes = file(
      {
        late: { dtype: "F32", shape: [], data_offsets: [1, 5] },
        early: u8(0, 1),
      },
      [7, 0, 0, 0xc0, 0x3f],
    );
    const larger = new Uint8Array(bytes.length + 3);
    larger.set(bytes, 3);
    const { tensors } = parseSafetensors(larger.subarray(3));
    expect([...tensors.keys()]).toStrictEqual(["late", "early"]);
    expect(tensors.get("late")?.data).toStrictEqual(new Float32Array([1.5]));
    larger.fill(0);
    expect(tensors.get("early")?.data).toStrictEqual(new Uint8Array([7]));
  });

  test("Node's Buffer, whose slices share memory, into memory of its own", () => {
    const bytes = Buffer.from(file({ a: u8(0, 1), b: { dtype: "I16", shape: [1], data_offsets: [1, 3] } }, [7, 1, 2]));
    const { tensors } = parseSafetensors(bytes);
    bytes.fill(0);
    expect(tensors.get("a")?.data).toStrictEqual(new Uint8Array([7]));
    expect(tensors.get("b")?.data).toStrictEqual(new Int16Array([0x0201]));
  });

  test("names in the order of the file, also those that JavaScript would sort or mistake", () => {
    const names = ["2", "10", "1", "__proto__", "constructor", "", 'quote " and \\', "Ä😀", "a:b{c}[d],"];
    const tensors = names.map((name, i): [string, SafetensorsTensor] => [
      name,
      { dtype: "U8", shape: [1], data: new Uint8Array([i]) },
    ]);
    const parsed = parseSafetensors(serializeSafetensors(tensors)).tensors;
    expect([...parsed.keys()]).toStrictEqual(names);
    expect([...parsed.values()].map(({ data }) => Number(data[0]))).toStrictEqual(names.map((_, i) => i));
  });

  test("no tensors, and only metadata", () => {
    expect(parseSafetensors(file("{}"))).toStrictEqual({ tensors: new Map(), metadata: {} });
    expect(parseSafetensors(file({ __metadata__: { a: "b" } })).metadata).toStrictEqual({ a: "b" });
  });

  test("empty tensors, wherever they lie", () => {
    const { tensors } = parseSafetensors(file({ a: u8(0, 1), start: u8(0, 0), end: u8(1, 1) }, [7]));
    expect([...tensors.values()].map(({ data }) => data.length)).toStrictEqual([1, 0, 0]);
  });

  test("unknown fields, which it ignores", () => {
    expect(parseSafetensors(file({ a: { ...u8(0, 1), note: [{}] } }, [1])).tensors.size).toBe(1);
  });
});

describe("parseSafetensors refuses", () => {
  const tooLong = file("{}");
  new DataView(tooLong.buffer).setBigUint64(0, 3n, true);
  const huge = file("{}");
  huge.fill(0xff, 0, 8);
  const entry = (fields: string) =>
    file(`{"a":{"dtype":"U8",${fields}${fields.includes("offsets") ? "" : ',"data_offsets":[0,1]'}}}`, [1]);

  test.each<[string, Uint8Array, string]>([
    ["nothing at all", new Uint8Array(), "w.st: is empty, expected a safetensors file"],
    ["half a length", new Uint8Array(7), "too short: 7 bytes"],
    ["a header longer than the file", tooLong, "header length is 3 bytes, but only 2 follow"],
    ["a header longer than allowed", huge, "header length is 18446744073709551615 bytes, at most 100000000"],
    ["a header of no bytes", file(""), "begin with {"],
    ["a header that is not UTF-8", file("{}").fill(0xff, 9), "not UTF-8"],
    ["a byte order mark", file("\ufeff{}"), "begin with {"],
    ["a header that is not JSON", file("{,}"), "header is not JSON"],
    ["text after the object", file("{}x"), "header is not JSON"],
    ["an array", file("[]"), "not a JSON object"],
    ["spaces before the object", file(" {}"), "begin with {"],
    ["a name twice", file('{"a":{},"\\u0061":{}}'), 'the key "a" twice'],
    ["a field twice", file('{"a":{"dtype":"U8","dtype":"I8"}}'), 'the key "dtype" twice'],
    ["a metadata key twice", file('{"__metadata__":{"k":"1","k" : "2"}}'), 'the key "k" twice'],
    ["an entry that is not an object", file({ a: [1] }), 'tensor "a": is [1], expected an object'],
    ["an entry that is null", file({ a: null }), 'tensor "a": is null, expected an object'],
    ["no dtype", file({ a: { shape: [], data_offsets: [0, 1] } }), 'tensor "a": has no dtype'],
    ["no shape", file({ a: { dtype: "U8", data_offsets: [0, 1] } }), "has no shape"],
    ["no offsets", file({ a: { dtype: "U8", shape: [] } }), "has no data_offsets"],
    ["an unknown dtype", file({ a: { ...u8(0, 1), dtype: "F7" } }, [1]), 'dtype is "F7", expected one of F64, F32'],
    ["a dtype that every object has", file({ a: { ...u8(0, 1), dtype: "toString" } }, [1]), 'dtype is "toString"'],
    ["a dtype that is not text", file({ a: { ...u8(0, 1), dtype: ["U8"] } }, [1]), 'dtype is ["U8"]'],
    ["a negative size", file({ a: { ...u8(0, 1), shape: [-1] } }, [1]), "shape is [-1]"],
    ["minus zero", file('{"a":{"dtype":"U8","shape":[-0],"data_offsets":[0,0]}}'), "expected an array of integers"],
    ["half a size", file({ a: { ...u8(0, 1), shape: [0.5] } }, [1]), "shape is [0.5]"],
    [
      "a size beyond exact integers",
      file('{"a":{"dtype":"U8","shape":[9007199254740993],"data_offsets":[0,0]}}'),
      "shape is [9007199254740993], expected",
    ],
    ["a size with an exponent", entry('"shape":[1e0]'), "shape is [1e0], expected an array of integers"],
    ["a size with a point", entry('"shape":[1.0]'), "shape is [1.0], expected"],
    ["an offset with an exponent", entry('"shape":[1],"data_offsets":[0,1E0]'), "data_offsets is [0, 1E0], expected"],
    ["a negative zero among offsets", entry('"shape":[1],"data_offsets":[-0,1]'), "data_offsets is [-0, 1], expected"],
    ["sizes whose product overflows", entry(`"shape":[${"9007199254740991,".repeat(30)}0]`), "takes NaN bytes"],
    ["a shape that is not an array", file({ a: { ...u8(0, 1), shape: "1" } }, [1]), 'shape is "1"'],
    ["one offset", file({ a: { ...u8(0, 1), data_offsets: [0] } }, [1]), "data_offsets is [0]"],
    ["a negative offset", file({ a: { ...u8(0, 1), data_offsets: [-1, 0] } }, [1]), "data_offsets is [-1, 0]"],
    ["descending offsets", file({ a: { ...u8(0, 1), data_offsets: [1, 0] } }, [1]), "[1, 0] descend"],
    ["offsets outside the file", file({ a: u8(0, 3) }, [1, 2]), "[0, 3] exceed the 2 bytes of data"],
    ["too many bytes for the shape", file({ a: { ...u8(0, 2), shape: [1] } }, [1, 2]), "[1] of U8 takes 1 bytes"],
    ["too few bytes for the dtype", file({ a: { ...u8(0, 1), dtype: "F32" } }, [1]), "[1] of F32 takes 4 bytes"],
    ["overlap", file({ a: u8(0, 2), b: u8(1, 3) }, [1, 2, 3]), 'tensor "b": data_offsets [1, 3] overlap those of "a"'],
    ["the same bytes twice", file({ a: u8(0, 1), b: u8(0, 1) }, [1]), "overlap"],
    ["a hole at the beginning", file({ a: u8(1, 2) }, [1, 2]), "hole: bytes 0 to 1"],
    ["a hole between", file({ a: u8(0, 1), b: u8(2, 3) }, [1, 2, 3]), "hole: bytes 1 to 2"],
    ["bytes after the last tensor", file({ a: u8(0, 1) }, [1, 2, 3]), "2 trailing bytes: the last tensor ends at 1"],
    ["metadata that is not an object", file({ __metadata__: "x" }), '__metadata__ is "x", expected an object'],
    ["metadata that is null", file({ __metadata__: null }), "__metadata__ is null, expected an object"],
    ["metadata that is not text", file({ __metadata__: { epoch: 3 } }), '__metadata__ "epoch" is 3, expected a string'],
    ["half a character", file('{"\\ud800":{}}'), "not valid Unicode"],
  ])("%s", (_, bytes, message) => {
    expect(() => parseSafetensors(bytes, "w.st")).toThrow(FormatError);
    expect(() => parseSafetensors(bytes, "w.st")).toThrow(message);
  });

  const bytes = serializeSafetensors(all, { format: "pt", note: "a {brace}" });

  test("every truncation", () => {
    for (let length = 0; length < bytes.length; length++) {
      expect(() => parseSafetensors(bytes.subarray(0, length))).toThrow(FormatError);
    }
  });

  test("damaged files or reads them completely; nothing else ever happens", () => {
    const flip = fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }));
    let refused = 0;
    fc.assert(
      fc.property(fc.array(flip, { minLength: 1, maxLength: 3 }), (flips) => {
        const damaged = bytes.slice();
        for (const [at, mask] of flips) damaged[at] = damaged[at]! ^ mask;
        try {
          const { tensors, metadata } = parseSafetensors(damaged);
          expect(parseSafetensors(serializeSafetensors(tensors, metadata))).toStrictEqual({ tensors, metadata });
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
          refused++;
        }
      }),
      { numRuns: 2000 },
    );
    expect(refused).toBeGreaterThan(1000);
  });

  test("deep nesting without running out of stack", () => {
    expect(() => parseSafetensors(file(`{"a":${"[".repeat(200_000)}${"]".repeat(200_000)}}`))).toThrow(FormatError);
  });
});

describe("serializeSafetensors", () => {
  test("keeps every dtype, order and metadata", () => {
    const metadata = { format: "pt", "10": "ten", note: 'a "quote"\n' };
    const parsed = parseSafetensors(serializeSafetensors(new Map(all), metadata));
    expect([...parsed.tensors]).toStrictEqual(all);
    expect(parsed.metadata).toStrictEqual(metadata);
  });

  test("writes the bytes that the format requires", () => {
    const bytes = serializeSafetensors([["a", { dtype: "I16", shape: [2], data: new Int16Array([1, -2]) }]]);
    const header = '{"a":{"dtype":"I16","shape":[2],"data_offsets":[0,4]}}';
    expect(bytes).toStrictEqual(file(header.padEnd(56), [1, 0, 0xfe, 0xff]));
  });

  test("begins the data at a multiple of 8 and aligns every tensor to its elements", () => {
    for (let length = 0; length < 17; length++) {
      const bytes = serializeSafetensors([["x".repeat(length), all[1]![1]]]);
      expect(Number(new DataView(bytes.buffer).getBigUint64(0, true)) % 8).toBe(0);
    }
    const bytes = serializeSafetensors([all[12]!, all[6]!, all[0]!, all[5]!]);
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    expect(Object.keys(header)).toStrictEqual(["bool", "i16", "f64", "i32"]);
    const begins = Object.values<{ data_offsets: number[] }>(header).map((entry) => entry.data_offsets[0]);
    expect(begins).toStrictEqual([14, 12, 0, 8]);
  });

  test("writes the part of a buffer that a view covers", () => {
    const data = new Float32Array([1, 2, 3]).subarray(1, 2);
    const { tensors } = parseSafetensors(serializeSafetensors([["a", { dtype: "F32", shape: [1], data }]]));
    expect(tensors.get("a")?.data).toStrictEqual(new Float32Array([2]));
  });

  test("gives the same bytes for the same tensors, and reads back the same tensors", () => {
    const tensor = fc
      .tuple(fc.float32Array({ maxLength: 12 }), fc.boolean())
      .map(([data, row]): SafetensorsTensor => ({ dtype: "F32", shape: row ? [1, data.length] : [data.length], data }));
    const name = fc.string({ unit: "grapheme" }).filter((text) => text !== "__metadata__");
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(name, tensor), { selector: ([text]) => text }), (tensors) => {
        const bytes = serializeSafetensors(tensors);
        expect(serializeSafetensors(new Map(tensors))).toStrictEqual(bytes);
        expect([...parseSafetensors(bytes).tensors]).toStrictEqual(tensors);
      }),
    );
  });

  test("refuses what the format cannot represent", () => {
    const data = new Float32Array(2);
    const one = (name: string, tensor: unknown) => () => serializeSafetensors([[name, tensor as SafetensorsTensor]]);
    expect(one("a", { dtype: "F32", shape: [3], data })).toThrow('tensor "a": shape [3] does not fit its 2 values');
    expect(one("a", { dtype: "F32", shape: [-1, -2], data })).toThrow(ShapeError);
    expect(one("a", { dtype: "I32", shape: [2], data })).toThrow("I32 takes an Int32Array, not a Float32Array");
    expect(one("a", { dtype: "F32", shape: [2], data: [1, 2] })).toThrow("not [1, 2]");
    expect(one("a", { dtype: "f32", shape: [2], data })).toThrow(DTypeError);
    expect(one("__metadata__", { dtype: "F32", shape: [2], data })).toThrow("reserved");
    expect(one("\ud800", { dtype: "F32", shape: [2], data })).toThrow(AttributeError);
    expect(() => serializeSafetensors([all[0]!, all[0]!])).toThrow('tensor "f64": the name is given twice');
    expect(() => serializeSafetensors([], { epoch: 3 as unknown as string })).toThrow('metadata "epoch" is 3');
  });
});

describe("toFloat32", () => {
  const convert = (dtype: string, data: unknown) => [...toFloat32({ dtype, shape: [], data } as SafetensorsTensor)];

  test("reads halves: normal, subnormal, signed zero, infinite, NaN", () => {
    const bits = [0x3c00, 0xc000, 0x3555, 0x7bff, 0x0400, 0x0001, 0x03ff, 0x8000, 0x7c00, 0xfc00, 0x7e00];
    const [infinity, nan] = [Number.POSITIVE_INFINITY, Number.NaN];
    expect(convert("F16", new Uint16Array(bits))).toStrictEqual([
      1,
      -2,
      0.333251953125,
      65504,
      2 ** -14,
      2 ** -24,
      1023 * 2 ** -24,
      -0,
      infinity,
      -infinity,
      nan,
    ]);
  });

  test("reads bfloat16 as the upper half of a float32", () => {
    const bits = [0x3f80, 0xc040, 0x8000, 0xff80, 0x7fc0];
    expect(convert("BF16", new Uint16Array(bits))).toStrictEqual([1, -3, -0, Number.NEGATIVE_INFINITY, Number.NaN]);
  });

  test("converts integers, doubles and booleans", () => {
    expect(convert("I64", new BigInt64Array([-7n, 2n ** 40n]))).toStrictEqual([-7, 2 ** 40]);
    expect(convert("U64", new BigUint64Array([2n ** 64n - 1n]))).toStrictEqual([2 ** 64]);
    expect(convert("I8", new Int8Array([-128]))).toStrictEqual([-128]);
    expect(convert("F64", new Float64Array([0.1]))).toStrictEqual([Math.fround(0.1)]);
    expect(convert("BOOL", new Uint8Array([0, 1, 2]))).toStrictEqual([0, 1, 1]);
  });

  test("copies float32", () => {
    const data = new Float32Array([1]);
    const copy = toFloat32({ dtype: "F32", shape: [1], data });
    expect(copy).toStrictEqual(data);
    expect(copy.buffer).not.toBe(data.buffer);
  });
});
