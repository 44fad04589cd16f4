import { FormatError, noSuch } from "../errors.ts";
import type { TensorProto } from "./model.ts";

/**
 * The bytes of a weight that lies in another file. Nothing is read from a disk: the caller has passed the files, and a
 * path that leaves their folder is refused.
 */
export function externalBytes(
  what: string,
  { external }: TensorProto,
  files: Readonly<Record<string, Uint8Array>>,
): Uint8Array {
  const path = external?.get("location") ?? "";
  if (path === "" || path.split(/[\\/]/).includes("..") || /^([\\/]|[a-z]+:)/i.test(path))
    throw new FormatError(`${what} lies in "${path}", which is not a path inside the model's folder`);
  const file = Object.hasOwn(files, path) ? files[path] : undefined;
  if (!file) throw new FormatError(`${what}: ${noSuch("file", path, Object.keys(files))}: pass it in \`files\``);
  const offset = Number(external!.get("offset") ?? 0);
  const length = Number(external!.get("length") ?? file.length - offset);
  if (![offset, length].every((n) => Number.isSafeInteger(n) && n >= 0) || offset + length > file.length) {
    throw new FormatError(`${what} is ${length} bytes from ${offset} on in "${path}", which has ${file.length}`);
  }
  return file.subarray(offset, offset + length);
}
