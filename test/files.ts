/**
 * Reads a file in Node and in a page alike, so that one test file serves both.
 * @param path absolute, or relative to the root of the repository
 */
export async function readFile(path: string): Promise<Uint8Array> {
  if (typeof window === "undefined") {
    const { readFile } = await import("node:fs/promises");
    const { resolve } = await import("node:path");
    const bytes = await readFile(resolve(import.meta.dirname, "..", path));
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  const response = await fetch(path.startsWith("/") ? `/@fs${path}` : `/${path}`);
  // Vite serves a page for unknown paths.
  if (!response.ok || response.headers.get("content-type")?.startsWith("text/html")) {
    throw new Error(`cannot read ${path}: ${response.status} ${response.statusText}`);
  }
  return new Uint8Array(await response.arrayBuffer());
}

/**
 * Folder of the reference cases: `GOLDEN_DIR`, by default the ones in this repository. Vite puts it into
 * `import.meta.env`, also in a page; a runtime without Vite has no such object.
 */
export const goldenDir: string =
  (import.meta.env as ImportMetaEnv | undefined)?.GOLDEN_DIR ?? globalThis.process?.env.GOLDEN_DIR ?? "test/golden";
