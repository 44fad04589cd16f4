import { seemsToBe } from "../data/bytes.ts";
import { FormatError, refuse, TilegradError } from "../errors.ts";

/** A file that never changes. */
export interface DataFile {
  /** Name within its folder. */
  readonly name: string;
  readonly bytes: number;
  /** SHA-256 of its content, in hexadecimal. */
  readonly sha256: string;
}

/** How far loading has got. */
export interface LoadingProgress {
  /** Bytes of all files that have arrived, unpacked. */
  readonly loaded: number;
  /** Bytes of all files. */
  readonly total: number;
}

/** Where a page gets a file from. */
export interface Origin {
  readonly baseUrl: string | URL;
  readonly suffix: string;
  readonly cache: boolean;
  readonly signal: AbortSignal | undefined;
  /** Called with the number of bytes that have just arrived. */
  readonly arrived: (bytes: number) => void;
}

/** Name of the cache in the browser. */
const cacheName = "tilegrad datasets";

/** A file from the page's server or the browser's cache, unpacked if it is gzipped. */
export async function fetched(dataset: string, file: DataFile, origin: Origin): Promise<Uint8Array<ArrayBuffer>> {
  const { baseUrl, suffix, cache, signal, arrived } = origin;
  const url = addressOf(dataset, baseUrl, file.name + suffix);
  const store = cache ? await globalThis.caches?.open(cacheName) : undefined;
  const kept = await store?.match(url);
  if (kept) {
    const bytes = new Uint8Array(await kept.arrayBuffer());
    if (await isSound(bytes, file)) {
      arrived(bytes.length);
      return bytes;
    }
    await store!.delete(url);
  }
  const bytes = await download(`${dataset}: ${url}`, file, url, signal, arrived);
  await check(`${dataset}: ${url}`, bytes, file);
  await store?.put(url, new Response(bytes));
  return bytes;
}

function addressOf(dataset: string, baseUrl: string | URL, name: string): string {
  try {
    return new URL(name, new URL(String(baseUrl).replace(/\/?$/, "/"), globalThis.location?.href)).href;
  } catch {
    return refuse(dataset, "baseUrl", String(baseUrl), "the address of a folder, outside pages a complete one");
  }
}

async function download(
  name: string,
  file: DataFile,
  url: string,
  signal: AbortSignal | undefined,
  arrived: (bytes: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  let count = 0;
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  try {
    const response = await fetch(url, signal ? { signal } : {});
    if (!response.ok || !response.body) throw new TilegradError(`the server answered ${response.status}`);
    const reader = (await unpacked(response.body)).getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      chunks.push(next.value);
      count += next.value.length;
      arrived(next.value.length);
      if (count > file.bytes) await reader.cancel();
    }
  } catch (error) {
    signal?.throwIfAborted();
    const part = count > 0 ? `stopped after ${count} of ${file.bytes} bytes` : "did not arrive";
    throw new TilegradError(
      `${name}: ${part}: ${(error as Error).message}; call again to try again (with cache: true, complete files are kept)`,
      { cause: error },
    );
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

/** Unpacks gzip, which the first two bytes show: some servers unpack such files themselves. */
async function unpacked(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const reader = body.getReader();
  const early: Uint8Array<ArrayBuffer>[] = [];
  const first: number[] = [];
  while (first.length < 2) {
    const { done, value } = await reader.read();
    if (done) break;
    early.push(value);
    first.push(...value.subarray(0, 2));
  }
  const whole = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const next = early.length > 0 ? { done: false, value: early.shift()! } : await reader.read();
      if (next.done) controller.close();
      else controller.enqueue(next.value!);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return first[0] === 0x1f && first[1] === 0x8b ? whole.pipeThrough(new DecompressionStream("gzip")) : whole;
}

/** Refuses other content than the file's. @param name of the file in the message. */
export async function check(name: string, bytes: Uint8Array<ArrayBuffer>, file: DataFile): Promise<void> {
  if (await isSound(bytes, file)) return;
  const found = bytes.length === file.bytes ? "other content" : `${bytes.length} bytes`;
  throw new FormatError(
    `${name}: has ${found}, expected ${file.bytes} bytes with SHA-256 ${file.sha256.slice(0, 16)}…${seemsToBe(bytes)}`,
  );
}

/** Without `crypto.subtle`, as on pages of plain HTTP, only the length is compared. */
async function isSound(bytes: Uint8Array<ArrayBuffer>, file: DataFile): Promise<boolean> {
  if (bytes.length !== file.bytes) return false;
  if (!globalThis.crypto?.subtle) return true;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") === file.sha256;
}
