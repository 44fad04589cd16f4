import { FormatError, quoted } from "../errors.ts";
import { unusable } from "../graph/host.ts";

/** Bytes of a file: from `fetch` (an ArrayBuffer), from Node (a Buffer), or any other view of a buffer. */
export type Bytes = ArrayBufferLike | ArrayBufferView;

const awaited: Readonly<Record<string, string>> = {
  Promise: "await it",
  Response: "pass await response.arrayBuffer()",
  Blob: "pass await blob.arrayBuffer()",
  File: "pass await file.arrayBuffer()",
};

/**
 * The bytes as a plain Uint8Array over the same memory.
 * @param name of the file in error messages.
 * @throws FormatError for anything but bytes, and for detached or resizable buffers.
 */
export function bytesOf(source: Bytes, name: string): Uint8Array {
  const fail = (fault: string): never => {
    throw new FormatError(`${name}: ${fault}`);
  };
  const kind = Object.prototype.toString.call(source).slice(8, -1);
  const view: ArrayBufferView | undefined = ArrayBuffer.isView(source) ? source : undefined;
  if (!view && kind !== "ArrayBuffer" && kind !== "SharedArrayBuffer") {
    const help = awaited[kind];
    return fail(`is ${quoted(source)}, expected the file's bytes (${help ?? "a Uint8Array or an ArrayBuffer"})`);
  }
  const buffer = view?.buffer ?? (source as ArrayBufferLike);
  const fault = unusable(buffer);
  if (fault) return fail(fault);
  return new Uint8Array(buffer, view?.byteOffset, view?.byteLength);
}

/** The first bytes of well-known formats, one Latin-1 character per byte, and their descriptions. */
const beginnings: readonly (readonly [name: string, ...begins: (string | RegExp)[]])[] = [
  ["gzip-compressed: decompress it first, for instance with DecompressionStream", "\x1f\x8b"],
  ["compressed: decompress it first", "\x28\xb5\x2f\xfd", "BZh", "\xfd7zXZ"],
  ["a zip archive, as torch.save writes (.pt, .pth) and numpy.savez (.npz)", "PK\x03\x04", "PK\x05\x06"],
  ["a Python pickle, as old versions of torch.save wrote (.pt, .pth)", "\x80\x02", "\x80\x03", "\x80\x04", "\x80\x05"],
  ["a NumPy array (.npy)", "\x93NUMPY"],
  ["an HDF5 file, as Keras writes (.h5): tilegrad/keras reads those", "\x89HDF"],
  ["a GGUF model of llama.cpp", "GGUF", "ggml", "ggjt"],
  ["a TensorFlow Lite model", /^.{4}TFL3/s],
  ["a pointer to a file in Git LFS, not the file itself: run git lfs pull", "version https://git-lfs"],
  ["a page of HTML or XML: is the address right?", /^(\xef\xbb\xbf)?\s*<(!doctype|html|head|\?xml|!--)/i],
  ["an IDX file, as of MNIST", ...[8, 9, 11, 12, 13, 14].map((code) => `\0\0${String.fromCharCode(code)}`)],
  ["JSON", /^(\xef\xbb\xbf)?\s*[[{]\s*["[{\]}\d-]/],
  ["a safetensors file", /^.{8}\{["\s}]/s],
  // The version and producer fields of Protocol Buffers.
  ["an ONNX model", ...Array.from({ length: 20 }, (_, version) => `\x08${String.fromCharCode(version)}\x12`)],
];

/** What format a file seems to have, for the end of a message; "" if unknown. */
export function seemsToBe(bytes: Uint8Array): string {
  const start = String.fromCharCode(...bytes.subarray(0, 64));
  const fits = (begin: string | RegExp) => (typeof begin === "string" ? start.startsWith(begin) : begin.test(start));
  const [name] = beginnings.find(([, ...begins]) => begins.some(fits)) ?? [];
  return name ? `; it seems to be ${name}` : "";
}
