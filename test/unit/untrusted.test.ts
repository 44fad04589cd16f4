import { runInNewContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { parseIdx } from "../../src/data/index.ts";
import { FormatError } from "../../src/errors.ts";
import { parseSafetensors, serializeSafetensors } from "../../src/io/index.ts";
import { damaged, mutant, sequence } from "../mutants.ts";

/* Untrusted files: bytes in every form that hosts provide, files of other formats, damaged files. */

/** Newer hosts have this. */
type Growable = new (bytes: number, options: { maxByteLength: number }) => ArrayBufferLike;

const text = (letters: string): Uint8Array<ArrayBuffer> => Uint8Array.from(letters, (letter) => letter.charCodeAt(0));

const weights = serializeSafetensors(
  [
    ["0.weight", { dtype: "F32", shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
    ["0.bias", { dtype: "I64", shape: [], data: BigInt64Array.of(7n) }],
  ],
  { format: "pt" },
);
const digits = text("\0\0\x08\x02\0\0\0\x02\0\0\0\x03abcdef");

const readers = {
  parseSafetensors: { read: parseSafetensors, file: weights, kind: "safetensors" },
  parseIdx: { read: parseIdx, file: digits, kind: "IDX" },
} as const;

describe.each(Object.values(readers))("of a $kind file", ({ read, file, kind }) => {
  const sound = read(file);

  const within = new Uint8Array(file.length + 10);
  within.set(file, 5);
  const shared = new Uint8Array(new SharedArrayBuffer(file.length));
  shared.set(file);
  const realm = runInNewContext("Uint8Array.from(bytes)", { bytes: [...file] });

  test.each<[string, Parameters<typeof read>[0]]>([
    ["an ArrayBuffer, as fetch gives", file.buffer],
    ["a view that begins later", within.subarray(5, -5)],
    ["a DataView that begins later", new DataView(within.buffer, 5, file.length)],
    ["Node's Buffer, from a pool that others use", Buffer.from(file)],
    ["clamped bytes", new Uint8ClampedArray(file)],
    ["shared memory", shared],
    ["a SharedArrayBuffer", shared.buffer],
    ["an array of another realm", realm],
    ["a buffer of another realm", realm.buffer],
  ])("bytes are accepted as %s", (_, bytes) => {
    expect(read(bytes)).toStrictEqual(sound);
  });

  const detached = file.slice();
  structuredClone(detached, { transfer: [detached.buffer] });
  const resizable = new (ArrayBuffer as Growable)(file.length, { maxByteLength: 1000 });
  const growable = new (SharedArrayBuffer as Growable)(file.length, { maxByteLength: 1000 });

  test.each<[string, unknown, string]>([
    ["detached bytes", detached, "lies in a detached buffer"],
    ["a detached buffer", detached.buffer, "lies in a detached buffer"],
    ["a resizable buffer", resizable, "lies in a resizable buffer, expected one of fixed length"],
    ["bytes of a resizable buffer", new Uint8Array(resizable), "lies in a resizable buffer"],
    ["a growable shared buffer", growable, "lies in a resizable buffer"],
    ["nothing", undefined, "is undefined, expected the file's bytes"],
    ["null", null, "is null, expected the file's bytes"],
    ["text", "abc", 'is "abc", expected the file\'s bytes (a Uint8Array or an ArrayBuffer)'],
    ["a list", [1, 2], "is [1, 2], expected"],
    ["a promise", Promise.resolve(file), "is a Promise, expected the file's bytes (await it)"],
    ["a response", new Response(""), "is a Response, expected the file's bytes (pass await response.arrayBuffer())"],
    ["a blob", new Blob([]), "is a Blob, expected the file's bytes (pass await blob.arrayBuffer())"],
  ])("%s is refused", (_, bytes, message) => {
    expect(() => read(bytes as Uint8Array, "f")).toThrow(FormatError);
    expect(() => read(bytes as Uint8Array, "f")).toThrow(`f: ${message}`);
  });

  test.each<[string, Uint8Array, string]>([
    ["an empty file", new Uint8Array(), "is empty, expected"],
    ["a gzip file", gzipSync(file), "gzip-compressed: decompress it first"],
    ["a checkpoint of torch.save", text(`PK\x03\x04${"\0".repeat(22)}archive/data.pkl`), "torch.save"],
    ["an old checkpoint of torch.save", text("\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."), "Python pickle"],
    ["a page", text("<!DOCTYPE html>\n<html><head><title>404</title></head></html>"), "HTML"],
    ["a page without a declaration", text("\n<html lang=en>\n<body>Not found</body></html>"), "HTML"],
    ["JSON", text('{ "error": "not found" }'), "it seems to be JSON"],
    ["a list in JSON", text("[1, 2, 3, 4, 5, 6]"), "it seems to be JSON"],
    ["an array of NumPy", text("\x93NUMPY\x01\0v\0{'descr': '<f4', 'shape': (2,)}"), "NumPy array (.npy)"],
    ["a model of Keras", text("\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0"), "HDF5"],
    ["a model of ONNX", text("\x08\x07\x12\x07pytorch\x1a\x052.1.0"), "ONNX"],
    ["a model of llama.cpp", text("GGUF\x03\0\0\0\0\0\0\0"), "GGUF"],
    ["a pointer of Git LFS", text("version https://git-lfs.github.com/spec/v1\noid sha256:00"), "git lfs pull"],
  ])("%s is recognised", (_, bytes, message) => {
    expect(() => read(bytes, "f")).toThrow(FormatError);
    expect(() => read(bytes, "f")).toThrow(message);
  });

  const [other] = Object.values(readers).filter((reader) => reader.kind !== kind);

  test("the other format is recognised", () => {
    expect(() => read(other!.file, "f")).toThrow(
      `; it seems to be ${kind === "IDX" ? "a safetensors" : "an IDX"} file`,
    );
  });

  test("damaged copies give a short FormatError, or are read completely", () => {
    const draw = sequence(17);
    let refused = 0;
    for (let i = 0; i < 1500; i++) {
      try {
        const found = read(damaged(file, draw));
        if ("data" in found) expect(found.data.length).toBe(found.shape.reduce((a, b) => a * b, 1));
        else expect(parseSafetensors(serializeSafetensors(found.tensors, found.metadata))).toStrictEqual(found);
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
        expect((error as Error).message.length).toBeLessThan(400);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(500);
  });
});

/** A safetensors file with some header, whose length may differ from the original's. */
function withHeader(header: string, data: Uint8Array): Uint8Array {
  const written = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + written.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(written.length), true);
  bytes.set(written, 8);
  bytes.set(data, 8 + written.length);
  return bytes;
}

describe("a safetensors header", () => {
  const header = {
    __metadata__: { format: "pt" },
    a: { dtype: "F32", shape: [2, 3], data_offsets: [0, 24] },
    b: { dtype: "U8", shape: [4], data_offsets: [24, 28] },
  };
  const data = new Uint8Array(28);

  test("of another structure gives a short FormatError, or is read completely", () => {
    const draw = sequence(3);
    let refused = 0;
    for (let i = 0; i < 1500; i++) {
      const { value, at } = mutant(header, draw);
      try {
        const { tensors } = parseSafetensors(withHeader(JSON.stringify(value), data));
        for (const { shape, data } of tensors.values()) expect(data.length).toBe(shape.reduce((a, b) => a * b, 1));
      } catch (error) {
        expect(error, at).toBeInstanceOf(FormatError);
        expect((error as Error).message.length, at).toBeLessThan(400);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(700);
  });

  const many = 100_000;
  const long = "n".repeat(many);

  test.each<[string, string, string]>([
    ["nested lists", `{"a":${"[".repeat(many)}${"]".repeat(many)}}`, "nested deeper than 128"],
    [
      "a shape of nested lists",
      `{"a":{"dtype":"U8","shape":${"[".repeat(100)}${"]".repeat(100)},"data_offsets":[0,0]}}`,
      "shape is [[…]]",
    ],
    ["nested objects", `${'{"a":'.repeat(many)}1${"}".repeat(many)}`, "nested deeper than 128"],
    ["a long name", `{"${long}":{}}`, 'n…": has no dtype'],
    ["a long name twice", `{"${long}":{},"${long}":{}}`, 'n…" twice in one object'],
    ["a long dtype", `{"a":{"dtype":"${long}","shape":[],"data_offsets":[0,0]}}`, 'n…", expected one of F64'],
    [
      "a long shape",
      `{"a":{"dtype":"U8","shape":[${"1,".repeat(many)}1],"data_offsets":[0,0]}}`,
      "1, …] of U8 takes 1 bytes",
    ],
    ["a long number", `{"a":${"9".repeat(many)}}`, "expected a value at character 5"],
    ["a number of odd characters", `{"a":1${"-".repeat(many)}}`, "expected a value at character 5"],
    [
      "a string without an end",
      `{"${long}`,
      "expected the closing quote of a string at character 100002, it ends there",
    ],
    ["long metadata", `{"__metadata__":{"${long}":["${long}"]}}`, "expected a string"],
    ["spaces without an end", `{"a"${" ".repeat(many)}`, "expected : at character"],
  ])("with %s is refused with a short message", (_, header, message) => {
    const parse = () => parseSafetensors(withHeader(header, new Uint8Array()), "f");
    expect(parse).toThrow(FormatError);
    expect(parse).toThrow(message);
    expect(parse).toThrow(/^.{0,400}$/s);
  });

  test("of 100 MB and more is refused unread", () => {
    const bytes = new Uint8Array(16);
    new DataView(bytes.buffer).setBigUint64(0, 100_000_001n, true);
    expect(() => parseSafetensors(bytes)).toThrow("header length is 100000001 bytes, at most 100000000 are allowed");
  });
});
