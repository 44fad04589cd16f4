import { FormatError, refuse } from "../../errors.ts";

/** Bytes or texts, one after the other. */
type Chunk = Uint8Array | string;

/** Where a text may come from. */
export type TextSource = Response | Blob | ReadableStream<Chunk> | AsyncIterable<Chunk> | Iterable<Chunk>;

/**
 * The pieces of a text.
 * @param encoding of bytes, as TextDecoder knows it.
 * @throws FormatError for a failed response, or bytes that are not in the encoding.
 */
export async function* piecesOf(
  op: string,
  source: TextSource,
  { name, encoding }: { readonly name: string; readonly encoding: string },
): AsyncGenerator<string, void, undefined> {
  const decoder = decoderOf(op, encoding);
  const decode = (bytes?: Uint8Array): string => {
    try {
      return decoder.decode(bytes, { stream: bytes !== undefined });
    } catch {
      throw new FormatError(`${name}: is not in ${encoding}; pass its encoding, such as { encoding: "windows-1252" }`);
    }
  };
  for await (const chunk of chunksOf(op, source, name)) {
    if (typeof chunk !== "string" && !ArrayBuffer.isView(chunk)) {
      refuse(op, "a piece of the source", chunk, "a text or a Uint8Array");
    }
    yield typeof chunk === "string" ? chunk : decode(chunk);
  }
  yield decode();
}

function decoderOf(op: string, encoding: string): TextDecoder {
  try {
    return new TextDecoder(encoding, { fatal: true });
  } catch {
    return refuse(op, "encoding", encoding, 'a name that TextDecoder knows, such as "utf-8" or "windows-1252"');
  }
}

function chunksOf(op: string, source: TextSource, name: string): AsyncIterable<Chunk> | Iterable<Chunk> {
  const { body, stream, getReader } = Object(source);
  if (typeof source === "string") return [source];
  if (body !== undefined && "ok" in Object(source)) {
    const { ok, status, url } = source as Response;
    if (!ok || !body)
      throw new FormatError(`${name}: the answer of ${url || "the server"} is ${status}, expected a file`);
    return chunksOf(op, body, name);
  }
  if (typeof stream === "function" && !getReader) return chunksOf(op, (source as Blob).stream(), name);
  if (typeof getReader === "function") return read(source as ReadableStream<Chunk>);
  if (Symbol.asyncIterator in Object(source) || Symbol.iterator in Object(source)) return source as Iterable<Chunk>;
  return refuse(op, "source", source, "a Response, a Blob, a stream or an iterable of texts or bytes");
}

/** Not every browser lets `for await` read a stream. */
async function* read(stream: ReadableStream<Chunk>): AsyncGenerator<Chunk, void, undefined> {
  const reader = stream.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    await reader.cancel();
  }
}
