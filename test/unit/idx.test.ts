import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseIdx } from "../../src/data/index.ts";
import { FormatError } from "../../src/errors.ts";

/** An IDX file, byte by byte: type code, sizes, data. */
function idx(code: number, sizes: number[], data: number[]): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * sizes.length + data.length);
  bytes.set([0, 0, code, sizes.length]);
  sizes.forEach((size, axis) => {
    new DataView(bytes.buffer).setUint32(4 + 4 * axis, size);
  });
  bytes.set(data, 4 + 4 * sizes.length);
  return bytes;
}

describe("parseIdx reads", () => {
  test.each([
    ["u8", 8, [2, 3], [0, 1, 2, 253, 254, 255], new Uint8Array([0, 1, 2, 253, 254, 255])],
    ["i8", 9, [2], [0x80, 0x7f], new Int8Array([-128, 127])],
    ["i16", 11, [2], [0x01, 0x02, 0xff, 0xfe], new Int16Array([258, -2])],
    ["i32", 12, [1, 1], [0xff, 0xff, 0xff, 0x00], new Int32Array([-256])],
    ["f32", 13, [2], [0x3f, 0xc0, 0, 0, 0xc0, 0, 0, 0], new Float32Array([1.5, -2])],
    ["f64", 14, [1], [0x3f, 0xf8, 0, 0, 0, 0, 0, 0], new Float64Array([1.5])],
  ])("%s, big-endian", (_, code, sizes, data, expected) => {
    expect(parseIdx(idx(code, sizes, data))).toStrictEqual({ shape: sizes, data: expected });
  });

  test("no samples", () => {
    expect(parseIdx(idx(8, [0, 28, 28], []))).toStrictEqual({ shape: [0, 28, 28], data: new Uint8Array() });
  });

  test("a file at an odd offset of a larger buffer", () => {
    const file = idx(12, [1], [0, 0, 1, 0]);
    const larger = new Uint8Array(file.length + 3);
    larger.set(file, 3);
    expect(parseIdx(larger.subarray(3)).data).toStrictEqual(new Int32Array([256]));
  });

  test("into memory of its own, also from Node's Buffer", () => {
    for (const file of [idx(8, [1], [7]), Buffer.from(idx(8, [1], [7]))]) {
      const { data } = parseIdx(file);
      file.fill(0);
      expect(data).toStrictEqual(new Uint8Array([7]));
      expect(data.buffer.byteLength).toBe(1);
    }
  });
});

describe("parseIdx refuses", () => {
  test.each([
    ["nothing at all", new Uint8Array(), "t.idx: is empty, expected an IDX file"],
    ["half a magic number", new Uint8Array([0, 0, 8]), "too short: 3 bytes"],
    ["another format", new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 0]), "bad magic number 89 50 4e 47"],
    ["a gzip file", new Uint8Array([0x1f, 0x8b, 8, 0]), "gzip"],
    ["an unknown type", idx(10, [1], [0]), "unknown type code 0x0a"],
    ["rank 0", idx(8, [], [1]), "rank 0"],
    ["sizes cut off", idx(8, [1, 1], []).subarray(0, 11), "too short: 11 bytes, the header of rank 2 alone takes 12"],
    ["truncated data", idx(12, [2, 2], [1, 2, 3]), "sizes [2, 2] need 16 bytes of data, the file has 3"],
    ["trailing bytes", idx(8, [2], [1, 2, 3, 4, 5]), "has 3 trailing bytes"],
    ["sizes beyond any file", idx(8, [0xffffffff, 0xffffffff], [1]), "overflow"],
    ["sizes beyond any file, of wide values", idx(14, [0x200000, 0x80000000], [1]), "overflow"],
  ])("%s", (_, bytes, message) => {
    expect(() => parseIdx(bytes, "t.idx")).toThrow(FormatError);
    expect(() => parseIdx(bytes, "t.idx")).toThrow(message);
  });

  test("any truncation, and only with a FormatError for any bytes", () => {
    const file = idx(11, [2, 2], [0, 1, 0, 2, 0, 3, 0, 4]);
    for (let length = 0; length < file.length; length++) {
      expect(() => parseIdx(file.subarray(0, length))).toThrow(FormatError);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.boolean(), (bytes, plausible) => {
        if (plausible) bytes.set([0, 0].slice(0, bytes.length));
        try {
          const { shape, data } = parseIdx(bytes);
          expect(data.length).toBe(shape.reduce((a, b) => a * b, 1));
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
    );
  });
});
